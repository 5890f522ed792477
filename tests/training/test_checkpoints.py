"""Checkpoint files. That a resumed training computes the same numbers is tested in test_trainer.py.

python -m pytest tests/training/test_checkpoints.py
"""

import json
import tempfile
import tracemalloc
import zipfile
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest

from lib.common.errors import RunFailed, UserError
from lib.training.checkpoints import Checkpoint


def compiled(units: int = 3) -> tuple[keras.Model, keras.callbacks.EarlyStopping]:
    keras.utils.set_random_seed(units)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dropout(0.5, seed=1)(keras.layers.Dense(units)(inputs)))
    model.compile("adam", "mse")
    best = keras.callbacks.EarlyStopping(restore_best_weights=True)
    best.set_model(model)
    best.on_train_begin()
    return model, best


def fitted(units: int = 3):
    model, best = compiled(units)
    model.fit(np.ones((8, 4)), np.ones((8, units)), validation_split=0.5, verbose=0, callbacks=[best])
    return model, best


HISTORY = {"loss": [0.5], "val_loss": [0.25], "seconds": [1.0]}


def test_a_checkpoint_restores_all_variables_and_early_stopping(tmp_path):
    model, best = fitted()
    Checkpoint(tmp_path, "phase").write(model, best, HISTORY)
    restored, fresh = compiled()
    checkpoint = Checkpoint(tmp_path, "phase")
    assert (checkpoint.epochs, checkpoint.finished) == (1, False)
    assert checkpoint.restore(restored, [fresh]) == HISTORY
    assert (fresh.best, fresh.best_epoch) == (0.25, 0)
    pairs = [*zip(restored.variables, model.variables, strict=True)]
    pairs += zip(restored.optimizer.variables, model.optimizer.variables, strict=True)
    pairs += zip(fresh.best_weights, best.best_weights, strict=True)
    assert (
        len(pairs) == 3 + 6 + 2
    )  # with the generator of the dropout, and Adam's iteration and learning rate
    for variable, other in pairs:
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), keras.ops.convert_to_numpy(other))


def test_without_a_folder_or_a_file_nothing_is_restored(tmp_path):
    model, best = fitted()
    for folder in (None, tmp_path):
        checkpoint = Checkpoint(folder, "phase")
        assert (checkpoint.epochs, checkpoint.restore(model, [best])) == (0, {})
    Checkpoint(None, "phase").write(model, best, HISTORY)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_file_and_one_of_another_network_are_refused(tmp_path):
    model, best = fitted()
    Checkpoint(tmp_path, "phase").write(model, best, HISTORY)
    other, fresh = compiled(units=2)
    with pytest.raises(
        UserError, match=r"phase.npz: belongs to another network; delete it to restart the phase"
    ):
        Checkpoint(tmp_path, "phase").restore(other, [fresh])
    path = tmp_path / "checkpoint" / "phase.npz"
    content = path.read_bytes()
    renamed = content.replace(*(word.encode("utf-32-le") for word in ("history", "mystery")))
    version = content.index(b"PK\1\2") + 6  # of the zip format, which a reader must know
    newer = content[:version] + b"\xff" + content[version + 1 :]
    for broken in (b"", content[:100], content[:-30], b"PK" + content[40:], renamed, newer):
        path.write_bytes(broken)
        with pytest.raises(
            UserError, match=r"phase.npz: .*cannot be read.* \(.*\); delete it to restart the phase"
        ):
            Checkpoint(tmp_path, "phase")


def test_a_failed_write_leaves_the_previous_checkpoint(tmp_path, monkeypatch):
    model, best = fitted()
    Checkpoint(tmp_path, "phase").write(model, best, HISTORY)
    before = (tmp_path / "checkpoint" / "phase.npz").read_bytes()

    def raise_disk_full(*args, **arrays):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", raise_disk_full)
    with pytest.raises(RunFailed, match=r"phase.npz: cannot be written \(No space left on device\)"):
        Checkpoint(tmp_path, "phase").write(model, best, HISTORY)
    assert (tmp_path / "checkpoint" / "phase.npz").read_bytes() == before
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["phase.npz"]


@cache
def content() -> bytes:
    """A checkpoint of a fitted model."""
    with tempfile.TemporaryDirectory() as folder:
        Checkpoint(Path(folder), "phase").write(*fitted(), HISTORY)
        return Path(folder, "checkpoint", "phase.npz").read_bytes()


def saved(folder: Path) -> Path:
    path = folder / "checkpoint" / "phase.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(content())
    return path


def rewrite(path: Path, state: dict | None = None, **arrays) -> None:
    """Change the state in a checkpoint, or some of its arrays."""
    with np.load(path) as file:
        content = dict(file) | arrays
    content["state"] = np.array(json.dumps(json.loads(str(content["state"])) | (state or {})))
    np.savez(path, **content)


@pytest.mark.parametrize(
    "history",
    [
        *([], {}, "loss", {"loss": 1}, {"loss": [0.5], "seconds": [1.0], "val_loss": 0.5}),
        *({"loss": [0.5], "seconds": []}, {"loss": [0.5], "seconds": [0.0]}, {"loss": [], "seconds": []}),
        *({"loss": ["a"], "seconds": [1.0]}, {"loss": [[1.0]], "seconds": [1.0]}, {"loss": [0.5]}),
        *({"loss": [float("nan")], "seconds": [1.0]}, {"loss": [None], "seconds": [1.0]}),
    ],
)
def test_a_history_of_another_shape_is_refused(tmp_path, history):
    path = saved(tmp_path)
    rewrite(path, {"history": history})
    with pytest.raises(UserError, match=r"phase.npz: cannot be read \(the history .*\); delete it to"):
        Checkpoint(tmp_path, "phase")


@pytest.mark.parametrize(
    "state", [{"variables": 10**9}, {"variables": "x"}, {"best": -1.5}, {"variables": None}, {"best": [2]}]
)
def test_numbers_of_arrays_that_it_does_not_hold_are_refused(tmp_path, state):
    path = saved(tmp_path)
    rewrite(path, state)
    with pytest.raises(UserError, match="delete it to restart the phase"):
        Checkpoint(tmp_path, "phase")


@pytest.mark.parametrize(
    "array", [np.zeros((9, 9), np.float32), np.full((4, 3), "text"), np.array(1j), np.array([True, None])]
)
@pytest.mark.parametrize("name", ["variable_0", "best_0"])
def test_arrays_that_do_not_fit_are_refused(tmp_path, name, array):
    path = saved(tmp_path)
    rewrite(path, **{name: array})
    restored, fresh = compiled()
    with pytest.raises(UserError, match="delete it to restart the phase"):
        Checkpoint(tmp_path, "phase").restore(restored, [fresh])


def test_a_small_file_takes_little_memory(tmp_path):
    path = saved(tmp_path)
    with np.load(path) as file:
        content = dict(file)
    np.savez_compressed(path, **content | {"variable_0": np.zeros(1 << 28, np.uint8)})
    assert path.stat().st_size < 1 << 19
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=r"its arrays declare more bytes than it contains.*; delete it"):
            Checkpoint(tmp_path, "phase")
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()


def test_a_header_that_announces_much_takes_little_memory(tmp_path):
    path = saved(tmp_path)
    header = repr({"descr": "<f4", "fortran_order": False, "shape": (1 << 25,)}).encode()
    array = b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header
    with np.load(path) as file:
        content = dict(file)
    del content["variable_0"]
    np.savez(path, **content, padding=np.zeros(1 << 20, np.uint8))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("variable_0.npy", array)
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=r"variable_0 declares more bytes than it contains.*; delete it"):
            Checkpoint(tmp_path, "phase")
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()


def test_arrays_that_share_their_bytes_are_refused(tmp_path):
    path = saved(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        for n in range(100):
            info = zipfile.ZipInfo(f"extra_{n}.npy")
            for name in ("header_offset", "CRC", "compress_size", "file_size", "compress_type"):
                setattr(info, name, getattr(archive.getinfo("variable_0.npy"), name))
            archive.filelist.append(info)
            archive.NameToInfo[info.filename] = info
        archive._didModify = True
    with pytest.raises(UserError, match="delete it to restart the phase"):
        Checkpoint(tmp_path, "phase")
