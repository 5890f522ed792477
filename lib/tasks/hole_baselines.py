"""Baselines of holes: the nearest known pixel, biharmonic inpainting, nearest neighbors on known pixels.

Inputs are images with the mask as their last channel, 1 where a pixel is missing.
"""

import numpy as np

from lib.tasks.baselines import Method, TrainingSample, baseline, missing_packages
from lib.tasks.halves import NEIGHBORS

NEIGHBOR_IMAGES = 5_000  # training images among which neighbors are searched
BIHARMONIC_PIXELS = 1 << 20  # missing ones that are solved for in all, under a minute
MAX_BIHARMONIC_IMAGES = 2000


def split_mask(inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return images (n, height, width, channels) and masks, bool (n, height, width)."""
    return inputs[..., :-1], inputs[..., -1] > 0.5


@baseline("nearest known pixel")
def nearest_border(sample: TrainingSample) -> Method:
    from scipy.ndimage import distance_transform_edt

    def repeat_nearest(inputs: np.ndarray) -> np.ndarray:
        images, masks = split_mask(inputs)
        outputs = np.empty_like(images)
        for output, image, mask in zip(outputs, images, masks, strict=True):
            rows, columns = distance_transform_edt(mask, return_distances=False, return_indices=True)
            output[:] = image[rows, columns]
        return outputs

    return repeat_nearest


def _biharmonic_images(sample: TrainingSample) -> int:
    """The number of test images that are inpainted: the time of one grows with the pixels of its hole."""
    missing = split_mask(sample.inputs[:100])[1].sum(axis=(1, 2)).mean()
    return max(1, min(MAX_BIHARMONIC_IMAGES, round(BIHARMONIC_PIXELS / missing)))


@baseline("biharmonic inpainting", max_images=_biharmonic_images)
def biharmonic(sample: TrainingSample) -> Method | None:
    try:
        from skimage.restoration import inpaint_biharmonic
    except ImportError:
        sample.note(missing_packages("biharmonic inpainting", "scikit-image"))
        return None

    def inpaint(inputs: np.ndarray) -> np.ndarray:
        images, masks = split_mask(inputs)
        pairs = zip(images.astype(np.float64), masks, strict=True)
        outputs = [inpaint_biharmonic(image, mask, channel_axis=-1) for image, mask in pairs]
        return np.clip(outputs, 0, 1).astype(np.float32)

    return inpaint


@baseline(
    "mean of 15 nearest neighbors on the known pixels",
    counts=lambda sample: {"images": min(NEIGHBOR_IMAGES, len(sample.targets))},
)
def known_neighbors(sample: TrainingSample) -> Method:
    shape = sample.targets.shape[1:]
    images = sample.targets[:NEIGHBOR_IMAGES].reshape(-1, np.prod(shape))
    squares = np.square(images)
    count = min(NEIGHBORS, len(images))

    def average(inputs: np.ndarray) -> np.ndarray:
        given, masks = split_mask(inputs)
        known = np.broadcast_to(~masks[..., None], given.shape).reshape(len(given), -1).astype(np.float32)
        # |known (image - given)|², without the term that is the same for all images
        distances = known @ squares.T - 2 * given.reshape(len(given), -1) @ images.T
        nearest = np.argpartition(distances, count - 1, axis=1)[:, :count]
        return np.stack([images[rows].mean(axis=0) for rows in nearest]).reshape(-1, *shape)

    return average
