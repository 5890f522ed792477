"""Tasks: what a network learns, as pairs of inputs and targets made from images.

    base            class `Task`; tasks by name
    registry        finding and listing tasks
    pairs           inputs and targets of images
    fixed_maps      fixed linear maps in networks
    baselines       class `Baseline`, baselines of several tasks
    metrics         scores of outputs against targets
    detection_metrics  scores of detectors
    regularization_metrics  scores of regularized codes
    compression_metrics  bits of latent codes
    detection_baselines  trivial detectors
    structural_similarity  SSIM, MS-SSIM
    settings        settings that tasks read
    augmentation    random changes of training images
    predictions     outputs beside targets; errors
    pixels          uint8 images and float32 pixels
    display         channels that figures show
    reconstruction  the image from itself
    denoising       the image from a noisy one
    colorization    color from gray; YUV
    completion      the missing half or hole
    halves          halves of images; their baselines
    holes           holes: kinds, drawing, masks
    hole_baselines  baselines of holes
    restoration     clean from degraded pictures
    degradation     noise, blur, JPEG, low resolution
    image_filters   filters as baselines
    anomaly         defects of pictures, by their repair
    simulated_defects  defects drawn into normal pictures
    error_maps      errors at each place
    code_distances  distances of latent codes
    classification  name and baselines of the other program

Each task's module holds one subclass of `Task`, which registers itself; all modules of this package are
imported, so that a new file is enough for a new task. Settings are any object with the
attributes of `TaskSettings`, such as `lib.config.hyperparameters.Hyperparameters`:

>>> import numpy as np
>>> from types import SimpleNamespace
>>> from lib.tasks import get_task, make_pair
>>> settings = SimpleNamespace(task="complete", missing="right", seed=0)
>>> get_task(settings).shapes(settings, (28, 28, 1))
((28, 14, 1), (28, 14, 1))
>>> inputs, targets = make_pair(settings, np.zeros((2, 28, 28, 1), np.uint8), np.random.default_rng(0))
>>> inputs.shape, inputs.dtype
((2, 28, 14, 1), dtype('float32'))
"""

from lib.common.discovery import import_modules
from lib.tasks.base import TASKS, Task
from lib.tasks.pairs import make_fixed_pair, make_inference_pair, make_pair
from lib.tasks.registry import default_task, find_task, get_task, list_tasks
from lib.tasks.settings import ImageShape

import_modules("lib.tasks")

__all__ = [
    "TASKS",
    "ImageShape",
    "Task",
    "default_task",
    "find_task",
    "get_task",
    "list_tasks",
    "make_fixed_pair",
    "make_inference_pair",
    "make_pair",
]
