"""Residual blocks: two convolutions beside a shortcut (He et al., "Deep residual learning", 2016).

The shortcut is the block's input, or where the shape changes a linear projection of it. No activation follows
the sum. The second convolution starts with an output of zero, so that a deep network starts as its shortcuts.
"""

from lib.config.layer_specs import LayerStack, WeightedSpec
from lib.config.layer_specs.convolutions import BlockConvolution, Projection
from lib.config.layer_specs.resizing import Sum, Upsampling


def end_block(
    stack: LayerStack, kernel_size: tuple[int, int], reduction: int = 1, enlargement: int = 1
) -> None:
    """Add the second convolution, the shortcut and the sum after the first convolution of a block.

    Args:
        stack: its last layer is the first convolution.
        kernel_size: of the second convolution.
        reduction: by which the first convolution makes the feature map smaller.
        enlargement: by which it makes the feature map larger.
    """
    first = stack.layers[-1]
    assert isinstance(first, WeightedSpec)
    size = {"outputs": first.outputs, "normalization": first.normalization}
    stack.add(BlockConvolution, kernel_size=kernel_size, zero_initialized=True, **size)
    length = len(stack.layers)
    # Feature maps are projected while they are small; the kernel of a projection covers all pixels.
    block_input = 3  # places before the shortcut's first layer, or the sum
    back = block_input
    if reduction > 1 or first.input_shape[2] != first.outputs:
        stack.add(Projection, kernel_size=(reduction, reduction), stride=reduction, back=back, **size)
        back = 1
    if enlargement > 1:
        stack.add(Upsampling, enlargement, back=back)
    count = len(stack.layers) - length
    stack.add(Sum, count + 1 if count else block_input)
