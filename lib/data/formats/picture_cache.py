"""Cache on disk of what was read from folders of pictures, so that a second run begins at once.

An entry is a JSON file, and a .npy file of images beside it, both named by a digest of the pictures' paths,
sizes and times of change and of the settings. Several processes may use the cache at once: entries are
written atomically and never changed, and one that is missing or damaged is made again.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lib.common.errors import RunFailed, UserError
from lib.common.filesystem import PARTIAL_MARK, atomic_write, make_folder, write_json
from lib.common.reading import read_json

VERSION = 3  # of the entries; raise it when the same pictures and settings lead to other images
MAX_BYTES = 20_000_000_000  # of all entries; the ones that were not used for longest are removed first
MIN_SECONDS = 1.0  # what takes less time to make is not stored
MAX_CONTENT_BYTES = 1 << 28
PARTIAL_SECONDS = 86_400  # after which an unfinished file was left by a process that ended
FAILURES = (OSError, EOFError, ValueError, UserError, RunFailed)
DAMAGED = (KeyError, TypeError, ValueError, AttributeError)  # raised for content of another form


class CacheEntry(NamedTuple):
    """An entry: its JSON content, and its images where it has some, memory mapped."""

    content: dict[str, Any]
    images: np.ndarray | None = None


def cache_folder() -> Path:
    """Return the folder of the cache: `latent-lab/pictures` in the user's cache folder (XDG_CACHE_HOME)."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base, "latent-lab", "pictures")


def digest_files(files: Sequence[Path]) -> str:
    """Return a digest of the paths, sizes and times of change of files."""
    digest = hashlib.sha256(os.fsencode(os.getcwd()))  # that relative paths begin at
    for file in files:
        try:
            status = os.stat(file)
        except OSError:
            continue
        digest.update(os.fsencode(file) + f"\0{status.st_size} {status.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def entry_name(files_digest: str, *settings: object) -> str:
    """Return the name of the entry of files, by `digest_files`, that are read with some settings."""
    return hashlib.sha256(repr((VERSION, files_digest, *settings)).encode()).hexdigest()[:32]


def load_entry(name: str, has_images: bool = False) -> CacheEntry | None:
    """Return the entry of a name; None where there is none, or it is damaged.

    Args:
        name: as `entry_name` returns it.
        has_images: whether it must have images, uint8 or uint16 (n, height, width, channels).
    """
    path = cache_folder() / f"{name}.json"
    try:
        content = read_json(path, MAX_CONTENT_BYTES)
        images = np.load(path.with_suffix(".npy"), mmap_mode="r", allow_pickle=False) if has_images else None
    except FAILURES:
        return None
    if not isinstance(content, dict) or (images is not None and images.dtype not in (np.uint8, np.uint16)):
        return None
    with suppress(OSError):
        os.utime(path)  # the time of its last use
    return CacheEntry(content, images)


def store_entry(name: str, seconds: float, content: dict[str, Any], images: np.ndarray | None = None) -> None:
    """Store an entry, unless it was made quickly, is too large, or cannot be written, which is no error.

    Args:
        name: as `entry_name` returns it.
        seconds: the time that making it took.
        content: what JSON can hold.
        images: uint8 or uint16 (n, height, width, channels).
    """
    size = 0 if images is None else images.nbytes
    if seconds < MIN_SECONDS or size > MAX_BYTES // 2:
        return
    with suppress(*FAILURES):
        folder = make_folder(cache_folder())
        folder.chmod(0o700)
        if shutil.disk_usage(folder).free < 2 * size:
            return
        path = folder / f"{name}.json"
        if images is not None:
            with atomic_write(path.with_suffix(".npy"), fsync=False) as partial:
                np.save(partial, images)
        write_json(path, content)
        _remove_oldest(folder)


def _remove_oldest(folder: Path) -> None:
    """Remove the entries that were not used for longest until the others fit, and unfinished files."""
    sizes: dict[str, int] = {}
    used: dict[str, float] = {}
    for file in _scan(folder):
        if PARTIAL_MARK in file.name:
            if time.time() - file.stat().st_mtime > PARTIAL_SECONDS:
                os.unlink(file)
            continue
        stem = file.name.partition(".")[0]
        sizes[stem] = sizes.get(stem, 0) + file.stat().st_size
        used[stem] = max(used.get(stem, 0), file.stat().st_mtime)
    total = sum(sizes.values())
    for stem in sorted(sizes, key=lambda stem: used[stem]):
        if total <= MAX_BYTES:
            return
        total -= sizes[stem]
        for suffix in (".json", ".npy"):
            with suppress(OSError):
                os.unlink(folder / f"{stem}{suffix}")


def _scan(folder: Path) -> Iterable[os.DirEntry]:
    with os.scandir(folder) as entries:
        return list(entries)
