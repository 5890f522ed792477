"""Labels for conditional autoencoders: of the images that they are applied to, and of those they generate."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lib.common.errors import UserError, printable
from lib.data.splits import Subset
from lib.data.user_images import UserImages

MAX_LISTED = 12  # classes in a message


class ModelClasses:
    """The classes of a conditional autoencoder.

    Args:
        path: of the model, for messages.
        count: number of classes.
        names: of the classes; of another number than `count` where the file has none.
    """

    def __init__(self, path: Path, count: int, names: tuple[str, ...]):
        self.path, self.count = path, count
        self.names = names if len(names) == count else tuple(map(str, range(count)))

    def __str__(self) -> str:
        shown = ", ".join(map(printable, self.names[:MAX_LISTED]))
        return shown + (f" and {self.count - MAX_LISTED} more" if self.count > MAX_LISTED else "")

    def numbers(self, texts: tuple[str, ...]) -> np.ndarray:
        """Return the numbers of classes, int32 (n,), that are given by their names or numbers.

        Raises:
            UserError: one is not a class of the model.
        """
        known = {str(number): number for number in range(self.count)} | dict(
            zip(self.names, range(self.count), strict=True)
        )
        for text in texts:
            if text not in known:
                raise UserError(f"{self.path}: has no class {printable(text)}; its classes are {self}")
        return np.array([known[text] for text in texts], np.int32)

    def of_user_images(self, images: UserImages) -> np.ndarray:
        """Return the labels of images, int32 (n,); those with names are matched by these.

        Raises:
            UserError: the images have no labels, or those of other classes.
        """
        if images.labels is None:
            raise self._missing(images.source)
        names = dict(enumerate(images.classes))
        values, positions = np.unique(images.labels, return_inverse=True)
        texts = tuple(names.get(value, str(value)) for value in values.tolist())
        return self.numbers(texts)[positions]

    def of_subset(self, subset: Subset, source: str) -> np.ndarray:
        """Return the labels of images of a data set, int32 (n,). Raises as `of_user_images` does."""
        if not subset.labeled:
            raise self._missing(source)
        labels = subset.labels
        if len(unknown := labels[(labels < 0) | (labels >= self.count)]):
            raise UserError(f"{source}: label {int(unknown[0])} is no class of {self.path}: {self}")
        return labels.astype(np.int32)

    def _missing(self, source: str) -> UserError:
        return UserError(
            f"{source}: has no labels, which the conditional model {self.path} needs; use a data set with "
            f"labels, or one folder per class"
        )


def positions_by_label(labels: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each label that occurs, and the positions where it does."""
    for label in np.unique(labels).tolist():
        yield label, np.flatnonzero(labels == label)
