"""Checkpoint files. That a resumed training computes the same numbers is tested in test_trainer.py.

python -m pytest tests/training/test_checkpoints.py
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
