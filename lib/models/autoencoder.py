"""Autoencoders as Keras models: encoder, decoder, and the models that join them."""

import keras
from keras import layers

from lib.config.architecture import Architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.layer_specs import LayerSpec, WeightedSpec
from lib.config.layer_specs.base import BATCH, LAYER
from lib.config.parallel_layers import FeedbackStep
from lib.models.fixed_layers import map_axis, mirror_columns
from lib.models.initialization import initialize_as_identity
from lib.models.label_input import join_label, label_input
from lib.models.layer_names import LINEAR_DECODER, LINEAR_ENCODER, frozen_layer_number, layer_name
from lib.models.output_joins import add_residual, keep_known
from lib.models.quantizer import quantize
from lib.tasks import get_task

# Keras's default of 0.99 leaves the moving averages far behind in the few hundred steps of a short training.
MOMENTUM = 0.9
LEAKY_SLOPE = 0.01  # as in report D
IDENTITY, HE = "identity", "he_normal"  # initializers


def build_autoencoder(architecture: Architecture) -> keras.Model:
    """Build the autoencoder of an architecture.

    Args:
        architecture: the layers, as `plan_architecture` returns them.

    Returns:
        Keras model `autoencoder` of the models `encoder` and `decoder`, from the task's inputs to outputs,
        float32 (n, height, width, channels) in 0..1 (U and V: ±0.615). The encoder's first output is the
        latent code (n, *latent_shape). A variational encoder returns the mean as code, then the logarithm of
        the variance. With skip connections the feature maps that the decoder joins follow; they are the
        decoder's inputs after the code. Conditional models have the label, integers (n,), as their last
        input.
    """
    encoder, decoder = _build_encoder(architecture), _build_decoder(architecture)
    for number, step in enumerate(architecture.feedback, 1):
        encoder = _add_feedback(encoder, decoder, step, architecture.hp, f"feedback_{number}")
    inputs = model_inputs(architecture)
    outputs = _reconstruct(encoder, decoder, inputs, architecture)
    model = keras.Model(inputs, outputs, name="autoencoder")
    if kernel_initializer(architecture.hp) == IDENTITY:
        initialize_as_identity(encoder)
        initialize_as_identity(decoder)
    return model


def autoencoder_for_inference(autoencoder: keras.Model, architecture: Architecture) -> keras.Model:
    """Return the model that is saved and evaluated, with test-time augmentation if `hp.tta`.

    Args:
        autoencoder: model of `build_autoencoder`.
        architecture: its architecture.

    Returns:
        With `hp.tta` a model that shares the weights; its output is the mean of the reconstruction of an
        image and the reconstruction of its mirror image, mirrored back. Else `autoencoder` itself.
    """
    if not architecture.hp.tta:
        return autoencoder
    encoder, decoder = autoencoder.get_layer("encoder"), autoencoder.get_layer("decoder")
    inputs, outputs = autoencoder.inputs[0], autoencoder.outputs[0]
    mirrored_inputs = mirror_columns(inputs, "image")
    mirrored_outputs = _reconstruct(encoder, decoder, mirrored_inputs, architecture, "_mirrored")
    mean = layers.Average(name="mean_picture")([outputs, mirror_columns(mirrored_outputs, "picture")])
    return keras.Model(inputs, mean, name=autoencoder.name)


def _reconstruct(
    encoder: keras.Model, decoder: keras.Model, inputs, architecture: Architecture, suffix: str = ""
):
    """Encode and decode inputs, by the mean of a variational code."""
    encoded = encoder(inputs)
    if architecture.hp.variational:
        encoded = encoded[0]
    return decode(decoder, encoded, inputs, architecture, suffix)


def decode(decoder: keras.Model, encoded, inputs, architecture: Architecture, suffix: str = ""):
    """Return outputs for codes, with feature maps where there are skip connections, or with labels.

    Args:
        decoder: decodes codes.
        encoded: codes, a list with feature maps where there are any.
        inputs: of the whole model.
        architecture: of the model.
        suffix: ends the names of layers.
    """
    if architecture.hp.conditional:
        return decoder([encoded, inputs[1]])
    outputs = decoder(encoded)
    if architecture.hp.residual:
        outputs = add_residual(inputs, outputs, architecture, suffix)
    return keep_known(inputs, outputs, architecture, suffix) if architecture.fixed_maps.known else outputs


def _build_encoder(architecture: Architecture) -> keras.Model:
    hp, inputs = architecture.hp, model_inputs(architecture)
    *hidden_specs, code_spec = architecture.encoder
    fixed = architecture.fixed_maps.encoder
    image = inputs[0] if hp.conditional else inputs
    x = map_axis(image, *fixed, "encoder") if fixed else image
    if hp.conditional:
        x = join_label(x, inputs[1], architecture.classes, "encoder")
    feature_maps = _apply_layers(x, hidden_specs, hp, "encoder")
    code = _apply_layers(feature_maps[-1], [code_spec], hp, "encoder", first_number=len(hidden_specs) + 1)[1]
    if architecture.linear_path:
        linear = _apply_linearly(x, architecture.linear_path.encoder, LINEAR_ENCODER)
        code = layers.Add(name="code_sum")([code, linear])
    if hp.variational:
        assert isinstance(code_spec, WeightedSpec)
        # Zeros, so that σ starts at 1.
        log_variance = _make_layer(code_spec, hp, "z_log_var", "zeros")(feature_maps[-1])
        return keras.Model(inputs, [code, log_variance], name="encoder")
    if hp.quantization:
        code = quantize(code, hp.quantization)
    skips = [feature_maps[source + 1] for source in architecture.skip_sources]
    return keras.Model(inputs, [code, *skips] if skips else code, name="encoder")


def _add_feedback(
    encoder: keras.Model, decoder: keras.Model, step: FeedbackStep, hp: AutoencoderHyperparameters, name: str
) -> keras.Model:
    """Extend an encoder by one step of iterative amortized inference (Marino, Yue and Mandt, 2018).

    Fully connected layers compute a correction of the code from the image, the residual that the decoder
    leaves of it, and the code itself.
    """
    inputs, code = encoder.input, encoder.output
    residual = layers.Subtract(name=f"left_{name}")([inputs, decoder(code)])
    flat_residual = layers.Flatten(name=f"flatten_left_{name}")(residual)
    flat_image = layers.Flatten(name=f"flatten_image_{name}")(inputs)
    x = layers.Concatenate(name=f"seen_{name}")([flat_residual, flat_image, code])
    x = _apply_weighted(x, step.hidden, hp, f"fc_{name}", name, HE)
    correction = _make_layer(step.correction, hp, f"step_{name}", "zeros")(x)
    return keras.Model(inputs, layers.Add(name=f"sum_{name}")([code, correction]), name="encoder")


def _build_decoder(architecture: Architecture) -> keras.Model:
    code = keras.Input(architecture.latent_shape, name="code")
    skips = [
        keras.Input(architecture.encoder[source].output_shape, name=f"map_{number}")
        for number, source in enumerate(architecture.skip_sources, 1)
    ]
    x, inputs = code, [code, *skips] if skips else code
    if architecture.hp.conditional:
        label = label_input()
        x, inputs = join_label(code, label, architecture.classes, "decoder"), [code, label]
    tensors = _apply_layers(x, architecture.decoder, architecture.hp, "decoder", skips=skips)
    outputs = tensors[-1]
    if architecture.hp.pca:
        # The frozen layer and the reshape after it give the image of the components; the other layers learn a
        # correction of it.
        image = tensors[frozen_layer_number(architecture.decoder) + 1]
        outputs = layers.Add(name="output_sum")([outputs, image])
    if architecture.linear_path:
        linear = _apply_linearly(code, architecture.linear_path.decoder, LINEAR_DECODER)
        outputs = layers.Add(name="output_sum")([outputs, linear])
    return keras.Model(inputs, outputs, name="decoder")


def model_inputs(architecture: Architecture):
    """Return the input of images, or a list of it and the input of labels for a conditional autoencoder.

    Args:
        architecture: of the autoencoder.
    """
    image = keras.Input(architecture.input_shape, name="image")
    return [image, label_input()] if architecture.hp.conditional else image


def _apply_linearly(x, specs: tuple[LayerSpec, ...], name: str):
    """The linear path's part of the code or of the output; `name` is that of the layer with weights."""
    for spec in specs:
        x = make_layer(spec, name if isinstance(spec, WeightedSpec) else f"linear_{spec.name}")(x)
    return x


def _apply_layers(
    x, specs, hp: AutoencoderHyperparameters, network: str, first_number: int = 1, skips=()
) -> list:
    """Apply the layers of the network `encoder` or `decoder` one after another.

    Returns:
        `x` and the output of each layer, so that with `first_number` 1 item n is that of layer n.
    """
    tensors, skips = [x], iter(skips)
    for number, spec in enumerate(specs, first_number):
        name = layer_name(network, number, spec)
        if isinstance(spec, WeightedSpec):
            initializer = _random_initializer(spec, hp)
            x = _apply_weighted(tensors[-spec.back], spec, hp, name, f"{network}_{number}", initializer)
            if spec.dropout:
                seed = hp.seed + number
                x = layers.Dropout(hp.dropout, seed=seed, name=f"dropout_{network}_{number}")(x)
        else:
            inputs = [tensors[-spec.back]]
            if spec.source >= 0:
                inputs.append(next(skips))
            if spec.addend:
                inputs.append(tensors[-spec.addend])
            x = make_layer(spec, name)(inputs if len(inputs) > 1 else inputs[0])
        tensors.append(x)
    return tensors


def _apply_weighted(
    x, spec: WeightedSpec, hp: AutoencoderHyperparameters, name: str, suffix: str, initializer: str
):
    """Apply a layer with its normalization and activation; `suffix` ends the names of these."""
    x = _make_layer(spec, hp, name, initializer)(x)
    if spec.normalization == BATCH:
        scale = "zeros" if spec.zero_initialized else "ones"
        norm = layers.BatchNormalization(momentum=MOMENTUM, gamma_initializer=scale, name=f"norm_{suffix}")
        x = norm(x)
    elif spec.normalization == LAYER:
        x = layers.LayerNormalization(name=f"norm_{suffix}")(x)
    return _activation_layer(spec.activation, f"activation_{suffix}")(x)


def _make_layer(
    spec: WeightedSpec, hp: AutoencoderHyperparameters, name: str, initializer: str
) -> layers.Layer:
    regularizer = keras.regularizers.L2(hp.l2) if hp.l2 and not spec.frozen else None
    return make_layer(spec, name, kernel_initializer=initializer, kernel_regularizer=regularizer)


def make_layer(spec: LayerSpec, name: str, **options) -> layers.Layer:
    """Return the Keras layer of a spec.

    Args:
        spec: its Keras class and arguments.
        name: name of the layer.
        options: more arguments of the Keras class.
    """
    return getattr(layers, spec.keras_class)(name=name, **spec.arguments, **options)


def _random_initializer(spec: WeightedSpec, hp: AutoencoderHyperparameters) -> str:
    """Keras's initializer of a layer; the identity is set later, by `initialize_as_identity`."""
    if spec.zero_initialized and not spec.normalization:
        return "zeros"
    name = kernel_initializer(hp)
    return HE if name == IDENTITY else name


def kernel_initializer(hp: AutoencoderHyperparameters) -> str:
    """Return the name of the kernel initializer; by default the identity where outputs resemble the input.

    That is the case where the code is feature maps (or the decoder starts from the image of a PCA), unless
    the task says otherwise.
    """
    keeps_maps = hp.latent_dim is None or hp.pca
    resembles_input = keeps_maps and get_task(hp).targets_resemble_inputs
    return hp.initializer or (IDENTITY if resembles_input else HE)


def _activation_layer(activation: str, name: str) -> layers.Layer:
    if activation == "leaky_relu":
        return layers.LeakyReLU(LEAKY_SLOPE, name=name)
    return layers.Activation(activation, name=name)


def code_only(encoder: keras.Model) -> keras.Model:
    """Return an encoder whose only output is the code (of a variational one the mean).

    Args:
        encoder: model whose first output is the code (n, …); feature maps and variances may follow.

    Returns:
        Keras model with the same inputs and weights.
    """
    if len(encoder.outputs) == 1:
        return encoder
    inputs = encoder.inputs if len(encoder.inputs) > 1 else encoder.inputs[0]
    return keras.Model(inputs, encoder.outputs[0], name="encoder")
