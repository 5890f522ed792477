"""The model that is trained: an autoencoder with the outputs that its losses need."""

from typing import Any

import keras
from keras import layers, ops

from lib.config.architecture import Architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.models.autoencoder import decode, model_inputs
from lib.models.importance_sampling import build_importance_model
from lib.models.patch_discriminator import discriminate
from lib.models.quantizer import StraightThrough, encoder_before_rounding
from lib.models.regularizers import PENALTY_FACTOR, CodeRegularizer, GradientFactor, make_regularizer

RECONSTRUCTION, LABELS = "reconstruction", "labels"  # outputs of a training model with several


def build_training_model(
    autoencoder: keras.Model, architecture: Architecture, classes: int = 0
) -> keras.Model:
    """Build the model that is trained: the autoencoder, or its encoder and decoder with more outputs.

    With a regularization the penalty of the code is an output, too; a VAE samples its codes. With a
    `label_weight` a softmax layer on the code, or on the means of its feature maps, predicts the class as an
    auxiliary task (Iizuka, Simo-Serra and Ishikawa, "Let there be Color!", 2016). A quantized code gets a
    gradient. With an `adversarial_weight` the targets are the last input, and a discriminator tells them from
    the outputs.

    Args:
        autoencoder: model of `build_autoencoder`, which shares its weights with the result.
        architecture: its architecture.
        classes: number of classes, needed for a `label_weight`.

    Returns:
        `autoencoder` itself where none of these applies; else a model with a dict of outputs:
        `RECONSTRUCTION` (n, height, width, channels), those of the regularizer and of `discriminate`, (n, 1)
        each, and `LABELS` (n, classes), probabilities; or with the reconstruction as its only output. With
        several `importance_samples` the outputs are those of `build_importance_model`.
    """
    hp = architecture.hp
    regularizer = make_regularizer(hp)
    if not (regularizer or hp.label_weight or hp.quantize or hp.adversarial_weight):
        return autoencoder
    encoder, decoder = autoencoder.get_layer("encoder"), autoencoder.get_layer("decoder")
    inputs = model_inputs(architecture)
    if hp.quantization:
        half_width = hp.quantization.half_width.tolist()
        encoded = StraightThrough(half_width, name="straight_through")(
            encoder_before_rounding(encoder)(inputs)
        )
    else:
        encoded = encoder(inputs)
    if hp.importance_samples > 1:
        z_mean, z_log_var = encoded
        return build_importance_model(inputs, z_mean, z_log_var, decoder, hp.importance_samples, hp.seed)
    code = encoded[0] if len(encoder.outputs) > 1 else encoded
    outputs: dict = {}
    if regularizer:
        encoded, outputs = _regularize(regularizer, keras.tree.flatten(encoded), hp)
    outputs[RECONSTRUCTION] = decode(decoder, encoded, inputs, architecture)
    all_inputs = keras.tree.flatten(inputs)
    if hp.adversarial_weight:
        all_inputs.append(keras.Input(architecture.target_shape, name="target"))
        outputs |= discriminate(outputs[RECONSTRUCTION], all_inputs[-1], hp)
    if hp.label_weight:
        features = layers.GlobalAveragePooling2D(name="means")(code) if len(code.shape) > 2 else code
        outputs[LABELS] = layers.Dense(classes, activation="softmax", name="classes")(features)
    only_reconstruction = len(outputs) == 1
    return keras.Model(
        all_inputs if len(all_inputs) > 1 else inputs,
        outputs[RECONSTRUCTION] if only_reconstruction else outputs,
        name="trainer",
    )


def _regularize(
    regularizer: CodeRegularizer, encoded: list, hp: AutoencoderHyperparameters
) -> tuple[Any, dict[str, Any]]:
    """The code that is decoded, and the outputs of a regularizer; a warm-up begins without its gradient.

    A regularizer that learns keeps its own gradient, and the encoder has none.
    """
    if not hp.beta_warmup:
        return regularizer.regularize(encoded)
    factor = GradientFactor(0.0, name=PENALTY_FACTOR)
    if regularizer.learns:
        (code,) = encoded
        return code, regularizer.regularize([factor(code)])[1]
    code, outputs = regularizer.regularize(encoded)
    return code, outputs | {regularizer.name: factor(outputs[regularizer.name])}


def mean_output_loss(targets, outputs):
    """Keras loss function for an output that is a loss itself, such as the KL divergence.

    Args:
        targets: ignored.
        outputs: loss of each image, shape (n, 1).

    Returns:
        Loss of each image, shape (n,).
    """
    return ops.mean(outputs, axis=-1)
