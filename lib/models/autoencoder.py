"""Keras models from a plan: encoder, decoder, and the autoencoder that joins them."""

import keras
import numpy as np
from keras import layers, ops

from lib.config.architecture import Architecture, LayerSpec
from lib.config.hyperparameters import Hyperparameters
from lib.models.fixed_layers import map_axis, mirror_columns, mix_channels
from lib.models.initialization import initialize_as_identity
from lib.models.vae import KLDivergence, Sampling
from lib.tasks.colorization import RGB_FROM_YUV
from lib.tasks.completion import cut_axis, sees_mirror_image

# Keras's default of 0.99 leaves the moving averages far behind in the few hundred steps of a short training.
MOMENTUM = 0.9
LEAKY_SLOPE = 0.01  # report D's
RECONSTRUCTION, KL, LABELS = "reconstruction", "kl", "labels"  # outputs in training, where there are several
IDENTITY, HE = "identity", "he_normal"


def build_autoencoder(plan: Architecture) -> keras.Model:
    """The plan as a Keras model named `autoencoder`, made of the models `encoder` and `decoder`.

    Takes and gives float32 of shape (batch, height, width, channels), 0 to 1 (UV: ±0.615). The encoder's
    first output is the code: the means, where it is variational, and then the logarithms of the variances are
    the second; with skip connections the maps that the decoder joins follow, and are its inputs after the
    code.
    """
    encoder, decoder = _build_encoder(plan), _build_decoder(plan)
    for number, units in enumerate(plan.hp.feedback, 1):
        encoder = _add_feedback(encoder, decoder, units, plan.hp, f"feedback_{number}")
    inputs = keras.Input(plan.input, name="image")
    found = encoder(inputs)
    outputs = _decode(decoder, found[0] if plan.hp.variational else found, inputs, plan)
    model = keras.Model(inputs, outputs, name="autoencoder")
    if initializer_of(plan.hp) == IDENTITY:
        initialize_as_identity(encoder)
        initialize_as_identity(decoder)
    return model


def build_training_model(autoencoder: keras.Model, plan: Architecture, classes: int = 0) -> keras.Model:
    """The model that learns: the autoencoder itself, or one of its encoder and decoder that has further
    outputs.

    For a VAE it draws its codes, and gives the KL divergence. With a `label_weight` it gives the probability
    of each of the `classes`, found from the code, or from its maps' means (Iizuka, Simo-Serra and Ishikawa,
    "Let there be Color!", 2016): what tells the classes apart helps to know what is in a picture.
    """
    hp = plan.hp
    if not (hp.variational or hp.label_weight):
        return autoencoder
    encoder, decoder = autoencoder.get_layer("encoder"), autoencoder.get_layer("decoder")
    inputs = keras.Input(plan.input, name="image")
    found = encoder(inputs)
    code = found[0] if len(encoder.outputs) > 1 else found
    outputs = {}
    if hp.variational:
        z_mean, z_log_var = found
        outputs[KL] = KLDivergence(name="divergence")(z_mean, z_log_var)
        found = Sampling(hp.seed, name="sampling")(z_mean, z_log_var)
    outputs[RECONSTRUCTION] = _decode(decoder, found, inputs, plan)
    if hp.label_weight:
        seen = layers.GlobalAveragePooling2D(name="means")(code) if len(code.shape) > 2 else code
        outputs[LABELS] = layers.Dense(classes, activation="softmax", name="classes")(seen)
    return keras.Model(inputs, outputs, name="trainer")


def autoencoder_for_inference(autoencoder: keras.Model, plan: Architecture) -> keras.Model:
    """What is saved and scored of an autoencoder: itself, or with `hp.tta` a model of the same encoder and
    decoder that gives the mean of the picture they make of an image and of that, mirrored back, which they
    make of its mirror image.
    """
    if not plan.hp.tta:
        return autoencoder
    inputs, picture = autoencoder.inputs[0], autoencoder.outputs[0]
    seen = mirror_columns(inputs, "image")
    found = autoencoder.get_layer("encoder")(seen)
    other = _decode(
        autoencoder.get_layer("decoder"), found[0] if plan.hp.variational else found, seen, plan, "_mirrored"
    )
    pictures = [picture, mirror_columns(other, "picture")]
    return keras.Model(inputs, layers.Average(name="mean_picture")(pictures), name=autoencoder.name)


def _decode(decoder: keras.Model, found, inputs, plan: Architecture, side: str = ""):
    outputs = decoder(found)
    return _add_residual(inputs, outputs, plan, side) if plan.hp.residual else outputs


def _build_encoder(plan: Architecture) -> keras.Model:
    hp, inputs = plan.hp, keras.Input(plan.input, name="image")
    *hidden, last = plan.encoder
    seen = _mirror_given_half(inputs, plan, "encoder") if sees_mirror_image(hp) else inputs
    maps = _apply_layers(seen, hidden, hp, "encoder")
    code = _apply_layers(maps[-1], [last], hp, "encoder", len(hidden))[-1]
    if plan.linear:
        kernel, stride = plan.linear
        linear = layers.Conv2D(plan.latent[2], kernel, strides=stride, padding="same", name="linear_encoder")(
            seen
        )
        code = layers.Add(name="code_sum")([code, linear])
    if hp.variational:
        variances = _weighted_layer(last, hp, "z_log_var", "zeros")(maps[-1])  # so that σ begins at 1
        return keras.Model(inputs, [code, variances], name="encoder")
    # maps[0] is the image, so that of layer n is maps[n + 1].
    joined = [maps[source + 1] for source in plan.joined]
    return keras.Model(inputs, [code, *joined] if joined else code, name="encoder")


def _add_feedback(
    encoder: keras.Model, decoder: keras.Model, units: int, hp: Hyperparameters, name: str
) -> keras.Model:
    """The encoder, to whose code a fully connected layer adds a correction: it sees the image, what the
    decoder leaves over of it, and the code (iterative amortized inference: Marino, Yue and Mandt 2018).
    """
    inputs, code = encoder.input, encoder.output
    left = layers.Subtract(name=f"left_{name}")([inputs, decoder(code)])
    flat = [
        layers.Flatten(name=f"flatten_{what}_{name}")(x) for what, x in (("left", left), ("image", inputs))
    ]
    x = layers.Concatenate(name=f"seen_{name}")([*flat, code])
    shared = dict(kernel_regularizer=keras.regularizers.L2(hp.l2) if hp.l2 else None)
    x = layers.Dense(units, use_bias=False, kernel_initializer=HE, name=f"fc_{name}", **shared)(x)
    x = _activation_layer(hp.activation, f"activation_{name}")(
        layers.LayerNormalization(name=f"norm_{name}")(x)
    )
    step = layers.Dense(code.shape[-1], kernel_initializer="zeros", name=f"step_{name}", **shared)(x)
    return keras.Model(inputs, layers.Add(name=f"sum_{name}")([code, step]), name="encoder")


def _build_decoder(plan: Architecture) -> keras.Model:
    code = keras.Input(plan.latent, name="code")
    joined = [
        keras.Input(plan.encoder[source].output, name=f"map_{n}") for n, source in enumerate(plan.joined, 1)
    ]
    *made, outputs = _apply_layers(code, plan.decoder, plan.hp, "decoder", joined=joined)
    if plan.hp.pca:  # the layers saw the image that the components make, and found what to add to it
        image = next(x for x in made if tuple(x.shape[1:]) == plan.target)
        outputs = layers.Add(name="output_sum")([outputs, image])
    if plan.linear:
        kernel, stride = plan.linear
        size = plan.decoder[-1].output
        linear = layers.Conv2DTranspose(
            size[2], kernel, strides=stride, padding="same", name="linear_decoder"
        )(code)
        linear = layers.Cropping2D(
            ((0, linear.shape[1] - size[0]), (0, linear.shape[2] - size[1])), name="linear_crop"
        )(linear)
        outputs = layers.Add(name="output_sum")([outputs, linear])
    return keras.Model([code, *joined] if joined else code, outputs, name="decoder")


def _apply_layers(x, steps, hp: Hyperparameters, half: str, start: int = 0, joined=()) -> list:
    """The layers of one half after one another: the tensor that went in, then what each gave."""
    found, joined = [x], list(joined)
    for number, step in enumerate(steps, start + 1):
        name = f"{half}_{number}"  # unlike any other in the whole model: .h5 files tell weights apart by name
        if step.has_weights:
            begun = "zeros" if step.zeroed else initializer_of(hp)
            x = _weighted_layer(step, hp, f"{step.kind}_{name}", HE if begun == IDENTITY else begun)(x)
            if step.normalized:
                x = layers.BatchNormalization(momentum=MOMENTUM, name=f"norm_{name}")(x)
            x = _activation_layer(step.activation, f"activation_{name}")(x)
            if step.dropout:
                x = layers.Dropout(hp.dropout, seed=hp.seed + number, name=f"dropout_{name}")(x)
        elif step.kind == "join":
            x = layers.Concatenate(name=f"join_{name}")([x, joined.pop(0)])
        else:
            x = _reshaping_layer(step, x.shape, f"{step.kind}_{name}")(x)
        found.append(x)
    return found


def _weighted_layer(step: LayerSpec, hp: Hyperparameters, name: str, initializer: str) -> layers.Layer:
    shared = dict(
        use_bias=not step.normalized,
        kernel_initializer=initializer,
        name=name,
        kernel_regularizer=keras.regularizers.L2(hp.l2) if hp.l2 and not step.fixed else None,
        trainable=not step.fixed,
    )
    if step.kind == "dense":
        return layers.Dense(step.output[0], **shared)
    kind = layers.Conv2DTranspose if step.kind == "transpose" else layers.Conv2D
    return kind(step.output[2], step.kernel_size, strides=step.stride, padding=step.padding, **shared)


def initializer_of(hp: Hyperparameters) -> str:
    """What `auto` means: a copy is a good beginning where maps are the code, and what is wanted is much like
    the input.
    """
    copies = (hp.latent_dim is None or hp.pca) and hp.task != "complete"
    return hp.initializer or (IDENTITY if copies else HE)


def _reshaping_layer(step: LayerSpec, before: tuple, name: str) -> layers.Layer:
    """What only moves numbers about."""
    if step.kind == "pool":
        return layers.MaxPooling2D(2, padding="same", name=name)
    if step.kind == "upsample":
        return layers.UpSampling2D(step.stride, name=name)
    if step.kind == "flatten":
        return layers.Flatten(name=name)
    if step.kind == "reshape":
        return layers.Reshape(step.output, name=name)
    rows, columns = abs(before[1] - step.output[0]), abs(before[2] - step.output[1])
    kind = layers.ZeroPadding2D if step.kind == "pad" else layers.Cropping2D
    return kind(((0, rows), (0, columns)), name=name)


def _activation_layer(kind: str, name: str) -> layers.Layer:
    return (
        layers.LeakyReLU(LEAKY_SLOPE, name=name)
        if kind == "leaky_relu"
        else layers.Activation(kind, name=name)
    )


def _add_residual(inputs, outputs, plan: Architecture, side: str):
    """Input plus what the network found: noise to take away, color differences that leave the brightness as
    it is, or what in the missing half is not the mirror image of the given one.
    """
    if plan.hp.task != "colorize":
        start = _mirror_given_half(inputs, plan, f"output{side}") if plan.hp.task == "complete" else inputs
        # Cut off at 0 and 1: black stays black whatever is added below it, so that only what can be seen is
        # learned.
        total = layers.Add(name=f"residual{side}")([start, outputs])
        return layers.ReLU(max_value=1.0, name=f"clip{side}")(total)
    yuv = layers.Concatenate(name=f"yuv{side}")([inputs, outputs])
    return mix_channels(yuv, RGB_FROM_YUV, f"rgb{side}")


def _mirror_given_half(inputs, plan: Architecture, name: str):
    """The given half as its mirror image, of the missing half's size (an odd row or column more repeats the
    outermost).
    """
    axis = cut_axis(plan.hp)
    given, wanted = plan.input[axis], plan.target[axis]
    # The place that touches the middle is the first of a half on the right, the last of one on the left.
    places = np.arange(wanted) if plan.hp.missing in ("right", "bottom") else np.arange(wanted)[::-1]
    matrix = np.eye(given, dtype=np.float32)[:, np.maximum(given - 1 - places, 0)]
    if plan.hp.missing in ("left", "top"):
        matrix = matrix[::-1]
    return map_axis(inputs, axis, matrix, name)


def code_only(encoder: keras.Model) -> keras.Model:
    """An encoder that gives its code and nothing else: its first output."""
    if len(encoder.outputs) == 1:
        return encoder
    return keras.Model(encoder.inputs[0], encoder.outputs[0], name="encoder")


def mean_output_loss(targets, outputs):
    """The loss of an output (n, 1) that is a loss already, for each image; its targets are zeros."""
    return ops.mean(outputs, axis=-1)
