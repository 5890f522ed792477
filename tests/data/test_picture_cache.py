"""Cache of decoded pictures. python -m pytest tests/data/test_picture_cache.py"""

import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.data.formats import picture_cache, picture_decoding, picture_fit
from lib.data.formats.picture_cache import cache_folder
from lib.data.formats.picture_fit import PictureFit
from lib.data.formats.registry import peek_source, read_source

FOLDER = Path("p")
FIT = PictureFit((6, 5))


@pytest.fixture(autouse=True)
def _stored(monkeypatch):
    """What takes no time is stored, too, and nothing is known from an earlier test."""
    monkeypatch.setattr(picture_cache, "MIN_SECONDS", 0.0)
    monkeypatch.setattr(picture_fit, "_surveys", {})


@pytest.fixture
def decoded(monkeypatch):
    """The files that are decoded."""
    files: list[Path] = []
    load = picture_decoding.load_fitted

    def load_and_note(file, **options):
        files.append(file)
        return load(file, **options)

    monkeypatch.setattr(picture_decoding, "load_fitted", load_and_note)
    return files


def draw(count: int = 12) -> None:
    rng = np.random.default_rng(0)
    for number in range(count):
        file = FOLDER / "ab"[number % 2] / f"{number:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8 + number % 3, 9), np.uint8)).save(file)
    broken = FOLDER / "a" / "00.png"
    broken.write_bytes(broken.read_bytes()[:45])


def same(first, second) -> bool:
    return (
        np.array_equal(first.train.images, second.train.images)
        and first.train.labels.tolist() == second.train.labels.tolist()
        and first.notes == second.notes
    )


def test_a_second_run_decodes_nothing_and_reads_the_same(decoded):
    draw()
    first = read_source(FOLDER, FIT)
    assert len(decoded) == 12
    second = read_source(FOLDER, FIT)
    assert len(decoded) == 12
    assert same(first, second)
    assert isinstance(second.train.images.base, np.memmap) or isinstance(second.train.images, np.memmap)
    assert cache_folder().is_relative_to(os.environ["XDG_CACHE_HOME"])


def test_another_picture_size_or_mode_is_another_entry(decoded):
    draw()
    read_source(FOLDER, FIT)
    for fit in (PictureFit((5, 6)), PictureFit((6, 5), "pad"), PictureFit((6, 5), color="rgb")):
        decoded.clear()
        read_source(FOLDER, fit)
        assert len(decoded) == 12
    decoded.clear()
    Image.new("L", (9, 9), 7).save(FOLDER / "b" / "01.png")
    assert 7 in read_source(FOLDER, FIT).train.images[:, 0, 0, 0]
    assert len(decoded) == 12


def test_without_the_cache_nothing_is_written_or_read(decoded):
    draw()
    for _ in range(2):
        read_source(FOLDER, PictureFit((6, 5), use_cache=False))
    assert len(decoded) == 24
    assert not cache_folder().exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[:-1]),
        lambda file: file.unlink(),
        lambda file: file.write_text("[1, 2]"),
        lambda file: file.write_text('{"shapes": [[1]], "kept": ["x"], "broken": 3, "remarks": {}}'),
    ],
)
@pytest.mark.parametrize("suffix", ["json", "npy"])
def test_a_damaged_entry_is_made_again(damage, suffix):
    draw()
    first = read_source(FOLDER, FIT)
    for file in cache_folder().glob(f"*.{suffix}"):
        damage(file)
    picture_fit._surveys.clear()
    assert same(first, read_source(FOLDER, FIT))


def test_an_entry_of_other_pictures_is_not_believed():
    draw()
    first = read_source(FOLDER, FIT)
    for file in cache_folder().glob("*.json"):
        content = json.loads(file.read_text())
        if "kept" in content:
            file.write_text(json.dumps(content | {"kept": [number + 5 for number in content["kept"]]}))
    assert same(first, read_source(FOLDER, FIT))


def test_the_entries_unused_for_longest_are_removed(monkeypatch):
    draw()
    read_source(FOLDER, FIT)
    old = {file.stem for file in cache_folder().glob("*.npy")}
    for file in cache_folder().iterdir():
        os.utime(file, (1, 1))
    (cache_folder() / f"x.1{picture_cache.PARTIAL_MARK}.npy").touch()
    os.utime(cache_folder() / f"x.1{picture_cache.PARTIAL_MARK}.npy", (1, 1))
    monkeypatch.setattr(picture_cache, "MAX_BYTES", 900)
    read_source(FOLDER, PictureFit((5, 6)))
    names = {file.stem for file in cache_folder().iterdir()}
    assert not names & old
    assert not any(picture_cache.PARTIAL_MARK in name for name in names)
    assert len(list(cache_folder().glob("*.npy"))) == 1


def test_a_cache_that_cannot_be_written_is_no_error(monkeypatch):
    draw()
    Path("file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", "file")
    assert len(read_source(FOLDER, FIT).train) == 11


def _read_shape(_: int) -> tuple[int, ...]:
    picture_cache.MIN_SECONDS = 0.0
    return read_source(FOLDER, FIT).train.images.shape


def test_several_processes_use_it_at_once():
    draw()
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert set(pool.map(_read_shape, range(12), chunksize=1)) == {(11, 6, 5, 1)}
    assert peek_source(FOLDER, FIT).shape == (6, 5, 1)
    assert len(list(cache_folder().glob("*.npy"))) == 1
