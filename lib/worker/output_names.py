"""Names of the pictures that jobs write, by those of the pictures that they belong to, and of models."""

import itertools
import os
from collections.abc import Collection, Sequence
from pathlib import Path

MAX_NAME_BYTES = 255  # of a file, on all common file systems


def output_names(paths: Sequence[Path], kept_suffixes: Collection[str] = ()) -> list[Path]:
    """Return the paths with the suffix .png, no two alike, and none that of a folder of another.

    Of files whose names differ only in their suffixes, the first is named so; the others keep their suffix
    before .png, or begin with a number.

    Args:
        paths: of the pictures, no two alike.
        kept_suffixes: in lower case; paths with one of these stay as they are.
    """
    kept = {path for path in paths if path.suffix.lower() in kept_suffixes}
    names, taken = [], kept.union(*(path.parents for path in paths))
    for path in paths:
        name = path
        if path not in kept:
            stems = itertools.chain(
                (path.stem, path.name), (f"{number} {path.name}" for number in itertools.count(2))
            )
            name = next(name for stem in stems if (name := _png_name(path, stem)) not in taken)
            taken.add(name)
        names.append(name)
    return names


def _png_name(path: Path, stem: str) -> Path:
    return path.with_name(os.fsdecode(os.fsencode(stem)[: MAX_NAME_BYTES - 4]) + ".png")


def model_names(paths: Sequence[Path]) -> list[str]:
    """Return the name of each model's folder, numbered where two are the same."""
    names = [path.resolve().parent.name for path in paths]
    if len(set(names)) == len(names):
        return names
    return [f"{number} {name}" for number, name in enumerate(names, 1)]
