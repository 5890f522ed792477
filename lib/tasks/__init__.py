"""Tasks: what a network learns, as pairs of inputs and targets made from images.

    base            class `Task`, registry, functions
    metrics         scores of outputs against targets
    pixels          uint8 images and float32 pixels
    reconstruction  the image from itself
    denoising       the image from a noisy one
    colorization    color from gray; YUV
    completion      the missing half

Each task's module holds one subclass of `Task`, which registers itself. Settings are any object with the
attributes of `TaskSettings`, such as `lib.config.hyperparameters.Hyperparameters`:

>>> import numpy as np
>>> from types import SimpleNamespace
>>> from lib.tasks import make_pair, task_shapes
>>> settings = SimpleNamespace(task="complete", missing="right", seed=0)
>>> task_shapes(settings, (28, 28, 1))
((28, 14, 1), (28, 14, 1))
>>> inputs, targets = make_pair(settings, np.zeros((2, 28, 28, 1), np.uint8), np.random.default_rng(0))
>>> inputs.shape, inputs.dtype
((2, 28, 14, 1), dtype('float32'))
"""

# The order of these imports is the order in which tasks are offered.
from lib.tasks.reconstruction import Reconstruction  # isort: skip
from lib.tasks.denoising import Denoising  # isort: skip
from lib.tasks.colorization import Colorization  # isort: skip
from lib.tasks.completion import Completion  # isort: skip
from lib.tasks.base import (
    TASKS,
    ImageShape,
    Task,
    get_task,
    image_shape,
    make_inference_pair,
    make_pair,
    task_shapes,
    to_pictures,
)

__all__ = [
    "TASKS",
    "Colorization",
    "Completion",
    "Denoising",
    "ImageShape",
    "Reconstruction",
    "Task",
    "get_task",
    "image_shape",
    "make_inference_pair",
    "make_pair",
    "task_shapes",
    "to_pictures",
]
