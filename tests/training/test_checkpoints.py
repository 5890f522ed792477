"""python -m pytest tests/training/test_checkpoints.py (that a training goes on as if nothing had been:
tests/training/test_trainer.py)
"""

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


def learned(units: int = 3):
    model, best = compiled(units)
    model.fit(np.ones((8, 4)), np.ones((8, units)), validation_split=0.5, verbose=0, callbacks=[best])
    return model, best


HISTORY = {"loss": [0.5], "val_loss": [0.25], "seconds": [1.0]}


def test_all_that_a_step_changes_comes_back(tmp_path):
    model, best = learned()
    Checkpoint(tmp_path, "phase").write(model, best, HISTORY)
    twin, fresh = compiled()
    checkpoint = Checkpoint(tmp_path, "phase")
    assert (checkpoint.epochs, checkpoint.over) == (1, False)
    assert checkpoint.restore(twin, [fresh]) == HISTORY
    assert (fresh.best, fresh.best_epoch) == (0.25, 0)
    pairs = [*zip(twin.variables, model.variables, strict=True)]
    pairs += zip(twin.optimizer.variables, model.optimizer.variables, strict=True)
    pairs += zip(fresh.best_weights, best.best_weights, strict=True)
    assert (
        len(pairs) == 3 + 6 + 2
    )  # with the generator of the dropout, and Adam's iteration and learning rate
    for mine, other in pairs:
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(mine), keras.ops.convert_to_numpy(other))


def test_without_a_folder_or_a_file_there_is_nothing(tmp_path):
    model, best = learned()
    for folder in (None, tmp_path):
        checkpoint = Checkpoint(folder, "phase")
        assert (checkpoint.epochs, checkpoint.restore(model, [best])) == (0, {})
    Checkpoint(None, "phase").write(model, best, HISTORY)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_file_and_that_of_another_network_are_refused(tmp_path):
    model, best = learned()
    Checkpoint(tmp_path, "phase").write(model, best, HISTORY)
    other, fresh = compiled(units=2)
    with pytest.raises(
        UserError, match=r"phase.npz: is of another network; delete it, and its phase begins anew"
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
            UserError, match=r"phase.npz: cannot be read \(.*\); delete it, and its phase begins anew"
        ):
            Checkpoint(tmp_path, "phase")


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    model, best = learned()
    Checkpoint(tmp_path, "phase").write(model, best, HISTORY)
    before = (tmp_path / "checkpoint" / "phase.npz").read_bytes()

    def full(*args, **content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(RunFailed, match=r"phase.npz: cannot be written \(No space left on device\)"):
        Checkpoint(tmp_path, "phase").write(model, best, HISTORY)
    assert (tmp_path / "checkpoint" / "phase.npz").read_bytes() == before
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["phase.npz"]
