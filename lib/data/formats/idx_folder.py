"""Folders with the IDX files of MNIST and of the data sets that follow it, under their published names."""

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lib.common.errors import UserError, printable
from lib.data.formats.base import Format, Header, Source, explain_read_errors
from lib.data.formats.idx import IdxFormat, read_idx_labels
from lib.data.formats.labels import Labels, label_notes, with_labels

# train-images-idx3-ubyte, t10k-labels.idx1-ubyte.gz, emnist-letters-test-images-idx3-ubyte,
# qmnist-train-labels-idx2-int.gz …
PUBLISHED_NAME = re.compile(
    r"(?P<prefix>.*?)(?P<part>train|t10k|test)[-_](?P<content>images|labels)"
    r"([-_.]idx\d?)?([-_.](ubyte|int))?(\.gz)?",
    re.IGNORECASE,
)
INNER_FOLDERS = ("raw", "gzip")  # of torchvision's folders, and of EMNIST's archive
MAX_ENTRIES = 500  # of a folder that is searched for such files
MAX_SUBFOLDERS = 20
_MERGED = (*string.digits, *string.ascii_uppercase, *"abdefghnqrt")
# The classes of EMNIST's data sets, by the beginning of the names of their files (Cohen et al., 2017).
EMNIST_CLASSES = {
    "emnist-byclass-": (*string.digits, *string.ascii_uppercase, *string.ascii_lowercase),
    "emnist-bymerge-": _MERGED,
    "emnist-balanced-": _MERGED,
    "emnist-letters-": tuple(string.ascii_uppercase),
    "emnist-digits-": tuple(string.digits),
    "emnist-mnist-": tuple(string.digits),
}

Files = dict[tuple[str, str], Path]  # by "train" or "test", and "images" or "labels"


@dataclass(frozen=True)
class PublishedFiles:
    """The files of a data set in a folder, and what its names begin with: nothing, emnist-letters- or so."""

    prefix: str
    files: Files

    def read(self, part: str) -> Source:
        """Return the images of "train" or "test", with their labels where there is a file of them."""
        path = self.files[part, "images"]
        source = IdxFormat.read(path)
        labels_path = self.files.get((part, "labels"))
        if labels_path is None:
            return source
        labeled = with_labels(source.train, path.name, lambda: self._read_labels(labels_path), labels_path)
        return Source(labeled, notes=source.notes + label_notes(labeled))

    def _read_labels(self, path: Path) -> Labels:
        labels = read_idx_labels(path)
        classes = EMNIST_CLASSES.get(self.prefix, ())
        # Those of the letters are numbered from 1 on.
        return Labels(labels.numbers - (self.prefix == "emnist-letters-"), classes)


class IdxFolderFormat(Format):
    """A folder with MNIST's four files, or such files of EMNIST, QMNIST and others, plain or gzipped.

    They may lie in a folder below it, as torchvision has them in MNIST/raw.
    """

    order = 10

    @staticmethod
    def recognizes(path: Path) -> bool:
        return path.is_dir() and bool(_find_folders(path))

    @staticmethod
    def peek(path: Path) -> Header:
        published, _ = _find_files(path)
        train = IdxFormat.peek(published.files["train", "images"])
        test = published.files.get(("test", "images"))
        labeled = ("train", "labels") in published.files
        return Header(train.shape, train.count, IdxFormat.peek(test).count if test else 0, labeled)

    @staticmethod
    def read(path: Path) -> Source:
        published, notes = _find_files(path)
        train = published.read("train")
        if ("test", "images") not in published.files:
            return Source(train.train, notes=notes + train.notes)
        test = published.read("test")
        return Source(train.train, test.train, tuple(dict.fromkeys(notes + train.notes + test.notes)))


def holds_mnist(folder: Path) -> bool:
    """Return whether a folder itself holds training images under MNIST's own names."""
    return "" in _list_sets(folder)


def _find_files(path: Path) -> tuple[PublishedFiles, tuple[str, ...]]:
    """Return the files of the data set in a folder, and notes. Raises `UserError` where it has several."""
    folders = _find_folders(path)
    if len(folders) > 1:
        listed = ", ".join(printable(folder.relative_to(path).as_posix()) for folder in folders)
        raise UserError(f"{path}: contains several data sets ({listed}); use a folder with one of them")
    sets = _list_sets(folders[0])
    prefix = "" if "" in sets else next(iter(sets))
    names = [printable(name.rstrip("-_")) for name in sets if name != prefix]
    if prefix and names:
        listed = ", ".join([printable(prefix.rstrip("-_")), *names])
        raise UserError(
            f"{folders[0]}: contains files of several data sets ({listed}); move those of one into a "
            "separate folder, or pass its files with -d and -t"
        )
    notes = (f"{folders[0]}: the files of {', '.join(names)} were ignored",) if names else ()
    return PublishedFiles(prefix, sets[prefix]), notes


def _find_folders(path: Path) -> list[Path]:
    """Return the folders with published files: the folder itself, or else those below it."""
    if _list_sets(path):
        return [path]
    subfolders = sorted(entry for entry in _entries(path) if entry.is_dir() and entry.name[0] != ".")
    if len(subfolders) > MAX_SUBFOLDERS:
        return []
    inner = [folder / name for folder in (path, *subfolders) for name in INNER_FOLDERS]
    candidates = dict.fromkeys((*subfolders, *(folder for folder in inner if folder.is_dir())))
    return [folder for folder in candidates if _list_sets(folder)]


def _list_sets(folder: Path) -> dict[str, Files]:
    """Return the published files of a folder by what their names begin with; all have training images."""
    sets: dict[str, Files] = {}
    for path in _published_files(folder):
        if match := PUBLISHED_NAME.fullmatch(path.name):
            part = "train" if match["part"].lower() == "train" else "test"
            files = sets.setdefault(match["prefix"].lower(), {})
            files.setdefault((part, match["content"].lower()), path)
    return {prefix: files for prefix, files in sorted(sets.items()) if ("train", "images") in files}


def _published_files(folder: Path) -> Iterator[Path]:
    """Yield the files with published names, plain ones first; one may lie in a folder of its own name."""
    for path in sorted(_entries(folder), key=lambda path: (path.suffix.lower() == ".gz", path.name)):
        if not PUBLISHED_NAME.fullmatch(path.name):
            continue
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from (inner for inner in sorted(_entries(path)) if inner.is_file())


def _entries(folder: Path) -> list[Path]:
    """Return the entries of a folder; none of one that has very many, as a class of pictures may."""
    if not folder.is_dir():
        return []
    with explain_read_errors(folder):
        entries = list(islice(folder.iterdir(), MAX_ENTRIES + 1))
    return entries if len(entries) <= MAX_ENTRIES else []
