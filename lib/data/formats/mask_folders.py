"""The folder of the masks of defects: the one that the user names, or one in the folder of the data set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from lib.config.hyperparameters import Hyperparameters
from lib.data.formats.picture_files import TEST_NAMES, TRAIN_NAMES

FOLDER_NAMES = ("ground_truth", "masks")  # that are looked for, in lower case


class MaskFolder(NamedTuple):
    """A folder of masks, and whether the user has named it."""

    path: Path
    is_named: bool


def find_mask_folder(hp: Hyperparameters) -> MaskFolder | None:
    """Return the folder of the masks of defects of a run; None where there is none.

    Without a name it is `ground_truth` or `masks`, whatever the capitals, in the folder of the training or
    the test images or in the one that holds the test images, unless this is the name of a normal class.
    """
    data = hp.defect_data
    if data is None:
        return None
    if data.masks is not None:
        return MaskFolder(Path(data.masks), is_named=True)
    for folder in _folders(hp):
        subfolders = {path.name.lower(): path for path in _subfolders(folder)}
        for name in FOLDER_NAMES:
            if name in subfolders and subfolders[name].name not in (data.normal or ()):
                return MaskFolder(subfolders[name], is_named=False)
    return None


def _folders(hp: Hyperparameters) -> Iterator[Path]:
    for name in (hp.dataset, hp.testset):
        if name and os.path.isdir(name):
            yield Path(name)
    if hp.testset and os.path.isdir(hp.testset) and Path(hp.testset).name not in ("", os.pardir):
        yield Path(hp.testset).parent


def _subfolders(folder: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(
            path for path in folder.iterdir() if path.name.lower() in FOLDER_NAMES and path.is_dir()
        )
    return []


def ignored_folders(hp: Hyperparameters) -> tuple[str, ...]:
    """Return folders, without links, whose pictures are none of the data set even where they lie in it."""
    folder = find_mask_folder(hp)
    if folder is None or (folder.is_named and folder.path.name.lower() in (*TRAIN_NAMES, *TEST_NAMES)):
        return ()  # the pictures themselves, which are refused as masks
    return (os.path.realpath(folder.path),)
