"""Names and paths of data sets: where their files are, their headers, and a list of the available ones."""

from dataclasses import replace
from pathlib import Path

from lib.common.errors import UserError, printable
from lib.common.formatting import format_channels
from lib.data.formats.base import Header, exists
from lib.data.formats.cifar import Cifar10Format
from lib.data.formats.idx_folder import PUBLISHED_NAME, holds_mnist
from lib.data.formats.picture_fit import AS_THEY_ARE, PictureFit
from lib.data.formats.registry import is_published_folder, peek_source, read_source, require_no_fit
from lib.data.named_datasets import DATA_FOLDER, NAMED_DATASETS

MIN_IMAGES = 10  # enough to be split into three sets


def peek(name_or_path: str, fit: PictureFit = AS_THEY_ARE) -> Header:
    """Return the header of a data set, quickly.

    Args:
        name_or_path: a name of `NAMED_DATASETS`, or the path of a file or folder.
        fit: how the pictures of a folder become images.

    Raises:
        UserError: there is no such data set, it is invalid, or its images cannot have another size.
    """
    path, named = locate(name_or_path), NAMED_DATASETS.get(name_or_path)
    if path is not None:
        header = peek_source(path, fit)
        return header if named is None else replace(header, class_counts=named.equal_shares(header.count))
    assert named is not None
    header = replace(named.header, class_counts=named.equal_shares(named.header.count))
    hint = f"; use ./{name_or_path} for the folder" if Path(name_or_path).is_dir() else ""
    require_no_fit(name_or_path, header, fit, hint)
    return header


def require_trainable(name_or_path: str, fit: PictureFit = AS_THEY_ARE) -> None:
    """Raise `UserError` unless a data set can be trained on, judged by its header."""
    count = peek(name_or_path, fit).count
    if count < MIN_IMAGES:
        raise UserError(
            f"{name_or_path}: {count} image{'s are' if count > 1 else ' is'} not enough; "
            f"the minimum is {MIN_IMAGES}"
        )


def require_readable(name_or_path: str, fit: PictureFit = AS_THEY_ARE) -> None:
    """Raise `UserError` unless a data set can be trained on, after reading all of it but pictures."""
    require_trainable(name_or_path, fit)
    path = locate(name_or_path)
    if path is not None and (path.is_file() or is_published_folder(path)):
        read_source(path)


def locate(name_or_path: str) -> Path | None:
    """Return the path of a data set, or None for a named one without files here.

    A name of `NAMED_DATASETS` is never a path: a folder of that name is given as `./mnist`.

    Raises:
        UserError: there is no such name, file or folder.
    """
    if name_or_path in NAMED_DATASETS:
        folders = (DATA_FOLDER / folder for folder in NAMED_DATASETS[name_or_path].search_folders)
        return next((path for path in folders if _holds_dataset(path)), None)
    path = Path(name_or_path)
    if not exists(path):
        names = ", ".join(NAMED_DATASETS)
        raise UserError(f"{name_or_path}: no such file or folder; the named data sets are {names}")
    return path


def _holds_dataset(path: Path) -> bool:
    return path.is_file() or (path.is_dir() and (holds_mnist(path) or Cifar10Format.recognizes(path)))


def offered_datasets() -> dict[str, str]:
    """Return a line of text for each data set that can be chosen, by its name or path.

    First come the bundled ones, then published ones with files below `DATA_FOLDER`, then other files and
    folders there that can be read, at last published ones that have to be downloaded.
    """
    offered = {name: named.description for name, named in NAMED_DATASETS.items() if named.load_bundled}
    published = {name: path for name in NAMED_DATASETS if (path := locate(name)) is not None}
    offered |= {name: f"{NAMED_DATASETS[name].description}; in {path}" for name, path in published.items()}
    for path in sorted(DATA_FOLDER.iterdir()) if DATA_FOLDER.is_dir() else []:
        belongs_to_published = path in published.values() or (
            DATA_FOLDER in published.values() and _is_published_file(path)
        )
        if belongs_to_published or path.name.startswith(".") or path.suffix == ".md":
            continue
        try:
            header = peek_source(path)
        except UserError:
            continue
        height, width, channels = header.shape
        offered[str(path)] = f"{header.count:,} images, {height}×{width} {format_channels(channels)}"
    absent = {name: named for name, named in NAMED_DATASETS.items() if name not in offered}
    places = {name: "Keras downloads it" if needs_download(name) else "in Keras's cache" for name in absent}
    return offered | {name: f"{named.description}; {places[name]}" for name, named in absent.items()}


def needs_download(name: str) -> bool:
    """Return whether a name is that of a published data set with files neither here nor in Keras's cache."""
    named = NAMED_DATASETS.get(name)
    return named is not None and locate(name) is None and bool(named.missing_cache_files)


def _is_published_file(path: Path) -> bool:
    return PUBLISHED_NAME.fullmatch(path.name) is not None


def short_name(name_or_path: str) -> str:
    """Return a name for folders and tables: that of the data set, or the file's without its suffixes.

    MNIST's published files are named after their folder where this is the name of a data set.
    """
    if name_or_path in NAMED_DATASETS:
        return name_or_path
    path = Path(printable(name_or_path))
    stem = path.name.split(".")[0] or path.resolve().name
    if not _is_published_file(path):
        return stem
    folder_name = path.resolve().parent.name
    return folder_name if folder_name in NAMED_DATASETS else stem.split("-idx")[0]
