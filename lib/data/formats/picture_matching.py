"""Matching of degraded and clean pictures in two folders, by their paths without suffixes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from lib.common.errors import UserError
from lib.data.formats.deep_pictures import read_header
from lib.data.formats.picture_cache import DAMAGED, entry_name, load_entry, store_entry
from lib.data.formats.picture_files import name_below
from lib.data.formats.picture_fit import PictureFit, describe_skipped
from lib.data.formats.picture_lists import PictureFolder, list_pictures
from lib.data.formats.picture_threads import map_pictures
from lib.tasks.settings import ImageShape

Size = tuple[int, int]
Header = tuple[ImageShape, str]  # of `read_header`
Pair = tuple[int, int]  # positions of a degraded and of a clean picture among the files of their parts


@dataclass(frozen=True)
class PairedFolders:
    """Two folders of pictures.

    Attributes:
        inputs_path: the folder of the degraded pictures.
        targets_path: the folder of the clean ones.
        inputs: the degraded pictures.
        targets: the clean pictures.
        pairs: of each part, training and test set, by rising position of the degraded picture.
        notes: sentences for the user about pictures that are in no pair.
    """

    inputs_path: Path
    targets_path: Path
    inputs: PictureFolder
    targets: PictureFolder
    pairs: list[list[Pair]]
    notes: tuple[str, ...]


def match_folders(inputs_path: Path, targets_path: Path, fit: PictureFit) -> PairedFolders:
    """Return the pictures of two folders with their pairs.

    Args:
        inputs_path: the folder of the degraded pictures.
        targets_path: the folder of the clean ones.
        fit: how pictures become images.

    Raises:
        UserError: more pictures are in no pair than `fit` allows, or a folder cannot be read.
    """
    inputs, targets = list_pictures(inputs_path), list_pictures(targets_path)
    if len(inputs.parts) != len(targets.parts):
        one, other = (inputs_path, targets_path) if inputs.test else (targets_path, inputs_path)
        raise UserError(f"{one}: has a training and a test set, {other} has not; give both the same folders")
    pairs, unmatched, count = [], [], 0
    for input_part, target_part in zip(inputs.parts, targets.parts, strict=True):
        own = index_by_name(inputs_path, input_part.files)
        others = index_by_name(targets_path, target_part.files)
        pairs.append([(position, others[key]) for key, position in own.items() if key in others])
        unmatched += [input_part.files[own[key]] for key in own if key not in others]
        unmatched += [target_part.files[others[key]] for key in others if key not in own]
        count += len(own) + len(others) - len(pairs[-1])
    if not all(pairs):
        raise UserError(
            f"{targets_path}: no picture has the name of one in {inputs_path}, such as {unmatched[0].name}; "
            "give clean pictures the names of the degraded ones (suffixes may differ)"
        )
    folders = f"{inputs_path} and {targets_path}"
    notes = describe_skipped(folders, "names are in one folder only", unmatched, count, fit)
    if not _fit_each_other(inputs, targets, fit):
        distorted = _find_distorted(inputs, targets, pairs, fit)
        pairs = [
            [pair for pair in part if pair not in bad] for part, bad in zip(pairs, distorted, strict=True)
        ]
        files = [
            inputs.parts[part].files[own] for part, bad in enumerate(distorted) for own, _ in sorted(bad)
        ]
        what = "pairs have two sizes" if fit.patches else "pairs have two proportions of height to width"
        count -= len(unmatched)
        notes += describe_skipped(folders, what, files, count, fit)
    return PairedFolders(inputs_path, targets_path, inputs, targets, pairs, notes)


def index_by_name(folder: Path, files: Sequence[Path]) -> dict[str, int]:
    """Return the position of each picture by its path below the folder, without suffix.

    Raises:
        UserError: two pictures differ only in the suffix.
    """
    positions: dict[str, int] = {}
    for position, file in enumerate(files):
        name = name_below(folder, file)
        if name in positions:
            other = files[positions[name]]
            raise UserError(f"{other} and {file.name}: differ only in the suffix; rename or remove one")
        positions[name] = position
    return positions


# --- sizes


def _match(header: Header | UserError, other: Header | UserError, fit: PictureFit) -> bool:
    """Whether the pictures of a pair match as `_matches` says, or one cannot be opened."""
    if isinstance(header, UserError) or isinstance(other, UserError):
        return True
    return _matches(header[0], other[0], fit)


def _matches(size: ImageShape | Size, other: ImageShape | Size, fit: PictureFit) -> bool:
    """Whether two pictures of these sizes show the same place at each pixel of their images.

    One size is the other times a factor, up to the rounding of sides to pixels; for patches they are equal.
    """
    if fit.size is None:
        return True
    if fit.patches:
        return size[:2] == other[:2]
    (height, width), (small_height, small_width) = sorted((size[:2], other[:2]), reverse=True)
    is_proportional = abs(height * small_width - width * small_height) <= max(height, width)
    return is_proportional or fit.mode == "stretch"


def _fit_each_other(inputs: PictureFolder, targets: PictureFolder, fit: PictureFit) -> bool:
    """Whether the surveys of two folders show that the pictures of each pair match."""
    sizes = [*chain.from_iterable(folder.survey(fit.use_cache).sizes for folder in (inputs, targets))]
    return all(_matches(sizes[0], size, fit) for size in sizes)


def _find_distorted(
    inputs: PictureFolder, targets: PictureFolder, pairs: list[list[Pair]], fit: PictureFit
) -> list[set[Pair]]:
    """The pairs of each part whose pictures do not match."""
    name = entry_name(inputs.digest, "distorted pairs", targets.digest, bool(fit.patches))
    if fit.use_cache and (entry := load_entry(name)):
        with suppress(*DAMAGED):
            return [{(int(own), int(other)) for own, other in part} for part in entry.content["pairs"]]
    start, distorted = time.monotonic(), []
    for input_part, target_part, part in zip(inputs.parts, targets.parts, pairs, strict=True):
        own_sizes = map_pictures(read_header, [input_part.files[own] for own, _ in part])
        other_sizes = map_pictures(read_header, [target_part.files[other] for _, other in part])
        sizes = zip(part, own_sizes, other_sizes, strict=True)
        distorted.append({pair for pair, (_, own), (_, other) in sizes if not _match(own, other, fit)})
    if fit.use_cache:
        store_entry(name, time.monotonic() - start, {"pairs": [sorted(part) for part in distorted]})
    return distorted
