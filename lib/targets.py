"""The sizes that go into each task and come out of it, from whole numbers alone."""

from lib.errors import UserError
from lib.files import by
from lib.hyperparameters import Hyperparameters

ImageShape = tuple[int, int, int]  # (height, width, channels)
Shape = tuple[int, ...]  # that, or (units,)


def mirrors(hp: Hyperparameters) -> bool:
    """Whether the encoder sees the given half turned to where the missing one is: what is symmetric then lies at the same
    place in the maps that skip connections join, and in what the output is added to."""
    return hp.task == "complete" and (hp.skip or hp.residual)


def pair(hp: Hyperparameters, image: ImageShape) -> tuple[ImageShape, ImageShape]:
    """The shapes of input and target of the task. Raises `UserError` for images that it cannot be done with."""
    height, width, channels = image
    if hp.task == "colorize":
        if channels != 3:
            raise UserError(f"colorize needs colour images; these are {by(image)}")
        return (height, width, 1), (height, width, 2 if hp.colour_differences else 3)
    if hp.task == "complete":
        axis, count = given_half(hp, image)
        rest = image[axis] - count
        if axis == 0:
            return (count, width, channels), (rest, width, channels)
        return (height, count, channels), (height, rest, channels)
    return image, image


def whole(hp: Hyperparameters | None, given: ImageShape, made: ImageShape) -> ImageShape:
    """The shape of the images of a task with this input and target: the inverse of `pair`. `hp` is `None` where unknown."""
    if hp is not None and hp.task == "colorize":
        return (*given[:2], 3)
    if hp is not None and hp.task == "complete":
        if cut_axis(hp) == 0:
            return (given[0] + made[0], *given[1:])
        return (given[0], given[1] + made[1], *given[2:])
    return given


def cut_axis(hp: Hyperparameters) -> int:
    """The axis along which `complete` cuts an image in two: 0 for rows, 1 for columns."""
    return 0 if hp.missing in ("top", "bottom") else 1


def given_half(hp: Hyperparameters, image: ImageShape) -> tuple[int, int]:
    """The axis along which an image is cut in two (0: rows, 1: columns), and how many of them are given."""
    axis = cut_axis(hp)
    if image[axis] < 2:
        raise UserError(f"complete: an image of {by(image)} has no two halves")
    return axis, image[axis] // 2
