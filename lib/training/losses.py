"""Reconstruction losses that Keras does not have: by structural similarity, and Charbonnier's.

Each takes targets and outputs, float32 (n, height, width, channels), and returns losses per pixel or per
image, as `lib.training.phases.pixel_loss` describes them.
"""

from keras import ops

from lib.tasks.structural_similarity import compare, ssim_window

CHARBONNIER_EPSILON = 1e-3  # errors below it, of pixels in 0..1, are squared
SSIM_WEIGHT = 0.1  # of 1 - SSIM beside the squared error


def charbonnier(targets, outputs):
    """√(error² + 0.001²), a smooth absolute error (Charbonnier et al. 1994), (n, height, width)."""
    return ops.mean(ops.sqrt(ops.square(outputs - targets) + CHARBONNIER_EPSILON**2), axis=-1)


def structural_dissimilarity(targets, outputs):
    """1 − SSIM (Wang et al. 2004), (n, 1, 1).

    Outputs are compared as if they were clipped to 0..1, with the gradient that they have without: a pixel
    that is out of range can then come back.
    """
    clipped = outputs + ops.stop_gradient(ops.clip(outputs, 0, 1) - outputs)
    planes = [ops.transpose(images, (0, 3, 1, 2)) for images in (clipped, targets)]
    window = max(1, ssim_window(*outputs.shape[1:3]))
    luminance, structure = compare(planes[0], planes[1], window, ops)
    return ops.mean(1 - luminance * structure, axis=(1, 2, 3))[:, None, None]


def squared_error_and_dissimilarity(targets, outputs):
    """Squared error plus 0.1 · (1 − SSIM), (n, height, width)."""
    errors = ops.mean(ops.square(outputs - targets), axis=-1)
    return errors + SSIM_WEIGHT * structural_dissimilarity(targets, outputs)
