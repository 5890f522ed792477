"""Memory and arithmetic of a training, estimated from its architecture: no model is built."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from lib.common.formatting import format_gigabytes
from lib.config.architecture import Architecture, describe_architecture
from lib.config.layer_specs import LayerSpec, WeightedSpec
from lib.config.layer_specs.convolutions import TransposedConvolution
from lib.config.patch_layers import PASSES, patch_layers

FLOAT_BYTES = 4
PROCESS_BYTES = 800_000_000  # Keras and TensorFlow, without a network
NOTABLE_BYTES = 2_000_000_000  # of memory; less is not mentioned
WEIGHT_COPIES = 6  # weights, gradients, two moments, the best epoch's weights, and one more while they change
BATCH_COPIES = 4  # of inputs and targets, which are drawn ahead
LARGEST_COPIES = 3  # of the largest feature map: its gradients, and the padded input of its convolution
TRAINING_FACTOR = 3  # operations of a step for each one of a prediction: those of two gradients are added


@dataclass(frozen=True)
class MemoryEstimate:
    """Memory that a training needs, in bytes.

    Args:
        constant: process, weights, gradients and state of the optimizer.
        per_image: feature maps and gradients of an image of a batch.
    """

    constant: int
    per_image: int

    def of_batch(self, batch_size: int) -> int:
        """Return the memory with batches of a size."""
        return self.constant + batch_size * self.per_image

    def largest_batch(self, memory: int) -> int:
        """Return the largest power of two that is a batch size for so much memory; 0 if there is none."""
        images = (memory - self.constant) // max(self.per_image, 1)
        return 1 << (images.bit_length() - 1) if images > 0 else 0


def estimate_memory(architecture: Architecture) -> MemoryEstimate:
    """Return the memory of a training on a CPU, in float32.

    What a step of backpropagation keeps is counted: of each layer with weights its output, that of its
    normalization and that of its activation; of other layers their output. docs/networks.md compares it with
    measured memory.
    """
    layers = _layers(architecture)
    values = sum(_kept_values(layer) for layer in layers) + _discriminator_values(architecture)
    largest = max((prod(layer.output_shape) for layer in layers), default=0)
    images = prod(architecture.input_shape) + prod(architecture.target_shape)
    per_image = values + LARGEST_COPIES * largest + BATCH_COPIES * images
    constant = PROCESS_BYTES + WEIGHT_COPIES * FLOAT_BYTES * architecture.parameters
    return MemoryEstimate(constant, FLOAT_BYTES * per_image)


def _discriminator_values(architecture: Architecture) -> int:
    """What a discriminator of patches keeps of an image: convolutions and activations of all passes."""
    if not architecture.hp.adversarial_weight:
        return 0
    convolutions = patch_layers(architecture.target_shape)
    return PASSES * sum(2 * layer.channels * prod(layer.sides) for layer in convolutions)


def operations_per_image(architecture: Architecture) -> int:
    """Return the multiplications and additions of a training step, for each image of the batch."""
    products = sum(_products(layer) for layer in _layers(architecture) if isinstance(layer, WeightedSpec))
    return 2 * TRAINING_FACTOR * products


def describe_plan(architecture: Architecture) -> str:
    """Return the architecture in one line, with the memory of its training where that is notable."""
    needed = estimate_memory(architecture).of_batch(architecture.hp.batch_size)
    memory = f" · about {format_gigabytes(needed)} of memory" if needed >= NOTABLE_BYTES else ""
    return describe_architecture(architecture) + memory


def _layers(architecture: Architecture) -> list[LayerSpec]:
    """All layers; the decoder's count once more for each step of feedback."""
    path = architecture.linear_path
    passes = 1 + len(architecture.feedback)
    layers = [*architecture.encoder, *architecture.decoder * passes]
    if path:
        layers += [*path.encoder, *path.decoder]
    for step in architecture.feedback:
        layers += [step.hidden, step.correction]
    return layers


def _kept_values(layer: LayerSpec) -> int:
    copies = 1
    if isinstance(layer, WeightedSpec):
        copies += bool(layer.normalization) + (layer.activation != "linear") + layer.dropout
    return copies * prod(layer.output_shape)


def _products(layer: WeightedSpec) -> int:
    """Multiplications of a layer: each weight of a convolution is used once per position."""
    shape = layer.input_shape if isinstance(layer, TransposedConvolution) else layer.output_shape
    return layer.kernel_parameters * prod(shape[:-1])
