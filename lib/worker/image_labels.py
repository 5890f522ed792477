"""Labels for conditional autoencoders: of the images that they are applied to, and of those they generate."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lib.common.errors import UserError, printable

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
        known = {str(number): number for number in range(self.count)} | self._by_name
        if (whole := ",".join(texts)) in known:  # a name with commas
            texts = (whole,)
        for text in texts:
            if text not in known:
                raise self._unknown(str(self.path), text)
        return np.array([known[text] for text in texts], np.int32)

    def of_images(self, labels: np.ndarray | None, classes: tuple[str, ...], source: str) -> np.ndarray:
        """Return the labels of images as numbers of the model's classes, int32 (n,).

        Classes with names are matched by these, and numbers that are names of all their classes.

        Args:
            labels: of the images, integers (n,), or None.
            classes: the name of each label; empty where unknown.
            source: the images, for messages.

        Raises:
            UserError: the images have no labels, or those of other classes.
        """
        if labels is None:
            raise UserError(
                f"{source}: labels are missing, which the conditional model {self.path} needs; use a data "
                f"set with labels, or one folder per class"
            )
        values, positions = np.unique(labels, return_inverse=True)
        names = dict(enumerate(classes))
        texts = [names.get(value, str(value)) for value in values.tolist()]
        if classes != self.names and (classes or self._by_name.keys() >= {*texts}):
            for text in texts:
                if text not in self._by_name:
                    raise self._unknown(source, text)
            values = np.array([self._by_name[text] for text in texts])
        elif len(unknown := values[(values < 0) | (values >= self.count)]):
            raise self._unknown(source, str(unknown[0]))
        return values.astype(np.int32)[positions]

    @property
    def _by_name(self) -> dict[str, int]:
        return dict(zip(reversed(self.names), reversed(range(self.count)), strict=True))

    def _unknown(self, source: str, name: str) -> UserError:
        return UserError(f"{source}: {printable(name)} is no class of the model; its classes are {self}")


def positions_by_label(labels: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each label that occurs, and the positions where it does."""
    for label in np.unique(labels).tolist():
        yield label, np.flatnonzero(labels == label)
