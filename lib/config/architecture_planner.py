"""Computation of an `Architecture` from hyperparameters, with integers alone: no model is built.

The prompts show the sizes and the number of parameters before a training starts, error messages name the
largest value that fits, and `lib.models.autoencoder` builds the Keras model from the result.
"""

from math import prod

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.config.architecture import Architecture
from lib.config.conditioning import labeled_shape
from lib.config.decoder_planner import plan_decoder, plan_decoder_convolutions
from lib.config.encoder_planner import (
    KernelTooLarge,
    largest_fitting_kernel,
    plan_dense_code,
    plan_encoder,
    require_effects,
)
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.layer_specs import LayerStack
from lib.config.layer_specs.dense import Dense
from lib.config.layer_specs.resizing import Flatten, Reshape
from lib.config.parallel_layers import plan_feedback, plan_linear_path
from lib.tasks import ImageShape, get_task


def plan_architecture(hp: AutoencoderHyperparameters, image: ImageShape, classes: int = 0) -> Architecture:
    """The architecture of an autoencoder for images of one shape.

    The decoder mirrors the encoder (report C): as many convolutions, the same kernels in reverse order,
    upsampling where the encoder reduces the feature map, and the target's exact size at the end. Without
    given strides and pools the first convolutions have a stride of 2 (on MNIST, with 3×3 kernels, strides
    reached half the error of pools after three epochs).

    Args:
        hp: hyperparameters of the program `autoencoder`.
        image: (height, width, channels) of the data set's images.
        classes: number of classes, for a conditional autoencoder; without it its parameters are counted
            without those of the labels.

    Raises:
        UserError: a kernel or a pool is larger than the feature map before it (the message names the largest
            value that works), or the task cannot be done with such images.
    """
    task = get_task(hp)
    input_shape, target_shape = task.shapes(hp, image)
    maps = task.fixed_maps(hp, input_shape, target_shape)
    whole_input = maps.encoder.apply_to_shape(input_shape) if maps.encoder else input_shape
    encoder_input = labeled_shape(whole_input) if hp.conditional else whole_input
    try:
        convolutions, stages = plan_encoder(hp, encoder_input)
    except KernelTooLarge as reason:
        raise UserError(f"{reason}; the maximum is {largest_fitting_kernel(hp, encoder_input)}") from None
    require_effects(hp, convolutions)
    feature_map = convolutions.shape
    if hp.pca:
        encoder, decoder = _plan_pca(hp, input_shape)
        decoder.extend(convolutions.layers)
        plan_decoder_convolutions(hp, decoder, stages, target_shape)
        return Architecture(hp, input_shape, target_shape, (*encoder.layers,), (*decoder.layers,))
    encoder = convolutions
    if hp.latent_dim is not None:
        plan_dense_code(hp, encoder)
    channels = maps.join.matrix.shape[0] - input_shape[2] if maps.join else target_shape[2]
    code = labeled_shape(encoder.shape) if hp.conditional else encoder.shape
    decoder = plan_decoder(hp, code, stages, feature_map, (*target_shape[:2], channels))
    stride = prod(stage.factor for stage in stages)
    return Architecture(
        hp,
        input_shape,
        target_shape,
        (*encoder.layers,),
        (*decoder.layers,),
        plan_linear_path(hp, stride, encoder_input, encoder.shape, decoder.shape),
        plan_feedback(hp, input_shape, encoder.shape),
        classes if hp.conditional else 0,
    )


def _plan_pca(hp: AutoencoderHyperparameters, image: ImageShape) -> tuple[LayerStack, LayerStack]:
    """Frozen dense layers from the image to its principal components, and back."""
    size, components = prod(image), hp.latent_dim or 0
    if components > size:
        raise UserError(
            f"latent size {components:,} is too large for PCA: images of {format_shape(image)} have at most "
            f"{size:,} components"
        )
    encoder = LayerStack(image)
    encoder.add(Flatten)
    encoder.add(Dense, outputs=components, frozen=True)
    decoder = LayerStack(encoder.shape)
    decoder.add(Dense, outputs=size, frozen=True)
    decoder.add(Reshape, image)
    return encoder, decoder
