"""Lists of the pictures in a folder: classes, training and test sets, and the files that are ignored."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from lib.common.errors import UserError, printable
from lib.data.formats.base import explain_read_errors
from lib.data.formats.picture_cache import digest_files
from lib.data.formats.picture_files import PICTURE_SUFFIXES, TEST_NAMES, TRAIN_NAMES
from lib.data.formats.picture_fit import PictureSurvey, survey_pictures

# Files and folders that systems, cameras and servers put beside pictures; in lower case. Like names that
# begin with a dot, they are never counted.
IGNORED_NAMES = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "$recycle.bin"}
MAX_DEPTH = 20  # levels of folders
MAX_ENTRIES = 2_000_000  # files and folders
# Like TRAIN_NAMES and TEST_NAMES.
VALIDATION_NAMES = {"val", "valid", "validation"}
SET_ENDINGS = ("set", "data", "images")
MAX_SUFFIX_LENGTH = 8  # of files that are counted by their suffix
SHOWN_KINDS, SHOWN_CLASSES = 6, 3  # in one note


@dataclass(frozen=True)
class PictureList:
    """Picture files with their labels.

    Attributes:
        files: paths, sorted.
        labels: int64 (n,), or None.
        classes: the class name of each label, printable and unique; empty without labels.
        label_error: why there are no labels, as a sentence, where folders look like classes; empty otherwise.
    """

    files: tuple[Path, ...]
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    label_error: str = ""

    def __len__(self) -> int:
        return len(self.files)

    def count_classes(self, each: int) -> dict[str, int]:
        """Return the number of images by class, with `each` of a picture; empty without labels."""
        if self.labels is None:
            return {}
        numbers, counts = np.unique(self.labels, return_counts=True)
        return {
            self.classes[number]: count * each
            for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)
        }


@dataclass(frozen=True)
class PictureFolder:
    """The pictures in a folder.

    Attributes:
        train: those of its training set, or all.
        test: those of its test set, where it has one.
        notes: sentences for the user: parts, files left out, labels that are missing.
    """

    train: PictureList
    test: PictureList | None = None
    notes: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[PictureList, ...]:
        """The training set, or all pictures, and the test set where there is one."""
        return (self.train, self.test) if self.test else (self.train,)

    @property
    def files(self) -> tuple[Path, ...]:
        """All pictures, those of the training set first."""
        return self.train.files + (self.test.files if self.test else ())

    def survey(self, use_cache: bool, report: Callable[[int], None] = lambda count: None) -> PictureSurvey:
        """Return the sizes and colors of the pictures, as `survey_pictures` does."""
        return survey_pictures(self.files, self.digest, report, use_cache)

    @cached_property
    def digest(self) -> str:
        """The digest of all pictures, by which the cache knows them."""
        return digest_files(self.files)


def list_pictures(folder: Path, ignored: Collection[str] = ()) -> PictureFolder:
    """Return the pictures in a folder and its subfolders, with their classes and parts.

    A class is a subfolder, with all pictures below it. Where subfolders are called train and test (or val),
    the classes are the folders in these; of val and test, val belongs to the training set.

    Args:
        folder: the folder.
        ignored: folders without links that are not entered, and not counted either.

    Raises:
        UserError: there are no pictures, or too many files, or a folder cannot be listed.
    """
    scan = _Scan(folder, ignored)
    pictures, subfolders = scan.list_folder(_Place.of(folder))
    train_places, test_places, notes = _find_parts(folder, subfolders)
    if train_places:
        scan.left_out["folder next to train and test"] += (
            len(subfolders) - len(train_places) - len(test_places)
        )
        scan.left_out["picture next to train and test"] += len(pictures)
        train, test = scan.list_classes(train_places), scan.list_classes(test_places)
    else:
        train, test = scan.list_subfolders(pictures, subfolders), []
    left_out = scan.describe_left_out()
    if not train:
        suffixes = " ".join(sorted(PICTURE_SUFFIXES))
        where = train_places[0].path if train_places else folder
        others = f"; found {left_out}" if left_out else ""
        raise UserError(f"{where}: no images ({suffixes}) here or in the subfolders{others}")
    if left_out:
        notes.append(f"{folder}: ignored: {left_out}")
    train_list, test_list = _with_labels(folder, train, test, notes)
    return PictureFolder(train_list, test_list if test else None, tuple(map(printable, notes)))


# --- files


@dataclass(frozen=True)
class _Place:
    """A folder in a tree that may have links.

    Attributes:
        path: its path, with links.
        real: its path without links.
        above: paths without links of all folders that it lies in; a link to one of them leads in a circle.
        depth: its level below the first one.
    """

    path: Path
    real: str
    above: frozenset[str]
    depth: int

    @classmethod
    def of(cls, folder: Path) -> "_Place":
        real = os.path.realpath(folder)
        return cls(folder, real, frozenset(map(str, Path(real).parents)), 0)

    def child(self, entry: os.DirEntry) -> "_Place":
        real = os.path.realpath(entry.path) if entry.is_symlink() else os.path.join(self.real, entry.name)
        return _Place(Path(entry.path), real, self.above | {self.real}, self.depth + 1)


_Labeled = tuple[Path, str | None]  # a picture and the folder that is its class


def _sort(found: list[_Labeled]) -> list[_Labeled]:
    """Return pictures in the order of their paths, faster than paths are compared."""
    return sorted(found, key=lambda item: item[0].parts)


class _Scan:
    """A walk through the folders below one, which counts by kind what it leaves out."""

    def __init__(self, root: Path, ignored: Collection[str] = ()):
        self.root, self.ignored = root, ignored
        self.left_out: Counter[str] = Counter()
        self._entry_count = 0

    def list_folder(self, place: _Place) -> tuple[list[Path], list[_Place]]:
        """Return the pictures and the subfolders of a folder."""
        pictures, subfolders = [], []
        with explain_read_errors(place.path), os.scandir(place.path) as entries:
            for entry in entries:
                self._entry_count += 1
                if self._entry_count > MAX_ENTRIES:
                    raise UserError(
                        f"{self.root}: more than {MAX_ENTRIES:,} files and folders; use a smaller folder"
                    )
                if _is_ignored(entry.name):
                    continue
                kind = _kind_of(entry)
                if kind == "picture":
                    pictures.append(Path(entry.path))
                    continue
                if kind == "folder":
                    child = place.child(entry)
                    if child.real in self.ignored:
                        continue
                    kind = self._obstacle(child)
                    if not kind:
                        subfolders.append(child)
                        continue
                self.left_out[kind] += 1
        return pictures, sorted(subfolders, key=lambda place: place.path)

    @staticmethod
    def _obstacle(place: _Place) -> str:
        """Return why a folder is not entered, or ""."""
        if place.real in place.above:
            return "circular link"
        return f"folder below level {MAX_DEPTH}" if place.depth > MAX_DEPTH else ""

    def list_subfolders(self, pictures: list[Path], subfolders: list[_Place]) -> list[_Labeled]:
        """Return the pictures of a folder and those at any level below it, sorted, with their classes."""
        found: list[_Labeled] = [(file, None) for file in pictures]
        for place in subfolders:
            below = [(file, place.path.name) for file in self._walk(place)]
            self.left_out["folder without pictures"] += not below
            found += below
        return _sort(found)

    def list_classes(self, places: list[_Place]) -> list[_Labeled]:
        return _sort([found for place in places for found in self.list_subfolders(*self.list_folder(place))])

    def _walk(self, place: _Place) -> Iterator[Path]:
        pictures, subfolders = self.list_folder(place)
        yield from pictures
        for subfolder in subfolders:
            yield from self._walk(subfolder)

    def describe_left_out(self) -> str:
        counts = [(kind, count) for kind, count in self.left_out.most_common() if count]
        others = sum(count for _, count in counts[SHOWN_KINDS:])
        shown = counts[:SHOWN_KINDS] + ([("other", others)] if others else [])
        return ", ".join(f"{count:,} {kind}" for kind, count in shown)


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in IGNORED_NAMES


def _kind_of(entry: os.DirEntry) -> str:
    """Return "folder", "picture", or the kind of something that is left out; nothing is opened for it."""
    try:
        if entry.is_dir():
            return "folder"
        if not entry.is_file():
            return "pipe or device" if os.path.exists(entry.path) else "broken link"
        suffix = os.path.splitext(entry.name)[1].lower()
        if suffix in PICTURE_SUFFIXES:
            return "picture" if entry.stat().st_size else "empty"
    except OSError:  # a link to itself
        return "broken link"
    is_plain = suffix.isprintable() and " " not in suffix and len(suffix) <= MAX_SUFFIX_LENGTH
    return suffix if suffix and is_plain else "other file"


# --- parts and classes


def _find_parts(folder: Path, subfolders: list[_Place]) -> tuple[list[_Place], list[_Place], list[str]]:
    """Return the folders of the training set, those of the test set, and notes; none without parts."""
    train, validation, test = (
        [place for place in subfolders if _part_name(place.path.name) in names]
        for names in (TRAIN_NAMES, VALIDATION_NAMES, TEST_NAMES)
    )
    if not train or (not (validation or test) and len(subfolders) > 1):
        return [], [], []  # a class may be called train
    if not test:
        test, validation = validation, []
    train += validation
    names = [" and ".join(place.path.name for place in places) for places in (train, test)]
    note = f"{folder}: the training set is {names[0]}"
    note += f", the test set is {names[1]}" if test else ""
    note += "; --split draws the validation set from the training set" if validation else ""
    return train, test, [note]


def _part_name(name: str) -> str:
    name = name.lower()
    for ending in SET_ENDINGS:
        name = name.removesuffix(ending)
    return name.rstrip(" _-")


def _with_labels(
    folder: Path, train: list[_Labeled], test: list[_Labeled], notes: list[str]
) -> tuple[PictureList, PictureList]:
    """Return training and test pictures with the same numbers for the same classes, and add notes."""
    own, others = ({name for _, name in found if name is not None} for found in (train, test))
    names = (*sorted(own), *sorted(others - own))
    numbers = {name: number for number, name in enumerate(names)}
    shown = printable_names(names)
    lists = [
        _label(folder, train, numbers, shown[: len(own)], notes),
        _label(folder, test, numbers, shown, notes),
    ]
    if all(part.labels is not None for part in lists):
        if others - own:
            notes.append(f"{folder}: only the test set contains {_name_classes(sorted(others - own))}")
        if own - others:
            notes.append(f"{folder}: the test set does not contain {_name_classes(sorted(own - others))}")
    return lists[0], lists[1]


def _label(
    folder: Path, found: list[_Labeled], numbers: dict[str, int], classes: tuple[str, ...], notes: list[str]
) -> PictureList:
    files = tuple(file for file, _ in found)
    loose = [file for file, name in found if name is None]
    if len(loose) == len(found):
        return PictureList(files)
    if loose:
        them = "them" if len(loose) > 1 else "it"
        others = f" and {len(loose) - 1:,} other{'s' if len(loose) > 2 else ''}" if len(loose) > 1 else ""
        lie = f"{loose[0]}{others} {'are' if len(loose) > 1 else 'is'} outside the class folders"
        error = printable(f"{folder}: has no labels, because {lie}; move {them} into a class folder")
        notes.append(error)
        return PictureList(files, label_error=error)
    return PictureList(files, np.array([numbers[name] for _, name in found if name is not None]), classes)


def printable_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return names without characters that cannot be printed; those that are alike then are numbered."""
    printed: dict[str, int] = {}  # how many names have come out so
    unique: dict[str, None] = {}
    for name in map(printable, names):
        numbered = name
        while numbered in unique:
            printed[name] = printed.get(name, 1) + 1
            numbered = f"{name} ({printed[name]})"
        unique[numbered] = None
    return tuple(unique)


def _name_classes(names: list[str]) -> str:
    shown = ", ".join(names[:SHOWN_CLASSES])
    others = f" and {len(names) - SHOWN_CLASSES:,} more" if len(names) > SHOWN_CLASSES else ""
    return f"the class{'es' if len(names) > 1 else ''} {shown}{others}"
