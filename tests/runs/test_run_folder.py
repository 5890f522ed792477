"""python -m pytest tests/runs/test_run_folder.py"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from unittest import mock

import pytest

from lib.common import filesystem
from lib.common.errors import RunFailed, UserError
from lib.config.hyperparameters import Hyperparameters
from lib.runs import run_folder
from lib.runs.records import (
    differing_hyperparameters,
    list_records,
    list_saved_models,
    load_record,
    metric_points,
)
from tests.harness.terminal_session import PROJECT

HP = Hyperparameters(dataset="digits", layers=2)


def test_a_new_run_has_its_answers_and_its_record():
    run = run_folder.Run.create(None, HP, "digits")
    assert run.folder.parent == Path("models")
    assert run.folder.name.endswith("-digits-reconstruct")
    assert Hyperparameters.from_json(json.loads((run.folder / "answers.json").read_text()), "") == HP
    record = load_record(run.folder)
    assert (record["program"], record["status"], record["command"]) == (
        "autoencoder",
        "running",
        HP.command(),
    )
    assert run.files() == ["answers.json", "run.json"]  # the lock goes with the checkpoint


def test_two_runs_of_one_second_do_not_meet():
    folders = {run_folder.Run.create(None, HP, "digits").folder for _ in range(5)}
    assert len(folders) == 5


def test_an_existing_run_is_never_overwritten():
    run_folder.Run.create("models/mine", HP, "digits")
    with pytest.raises(UserError, match="models/mine: is not empty, and a run is never overwritten"):
        run_folder.Run.create("models/mine", HP, "digits")
    Path("models/file").write_text("")
    with pytest.raises(UserError, match="models/file: cannot be made"):
        run_folder.Run.create("models/file", HP, "digits")


def test_a_broken_write_leaves_the_old_record(monkeypatch):
    run = run_folder.Run.create("models/mine", HP, "digits")
    with pytest.raises(TypeError):
        run.update(metrics=object())
    assert load_record(run.folder)["status"] == "running"


def test_records_that_cannot_be_read():
    Path("models/mine").mkdir(parents=True)
    with pytest.raises(UserError, match=r"run\.json: no such file"):
        load_record(Path("models/mine"))
    for text, words in (
        ("{", "cannot be read as JSON"),
        ("[1]", "is no record of a run"),
        ("{}", "is no record of a run"),
    ):
        Path("models/mine/run.json").write_text(text)
        with pytest.raises(UserError, match=words):
            load_record(Path("models/mine"))
    assert list_records() == []


def test_saved_models_are_listed_newest_first():
    for age, name in enumerate(("new", "old", "search-x/winner-0003", "small", "search-x/trial-0003")):
        run = run_folder.Run.create(f"models/{name}", HP, "digits")
        run.update(
            dataset={"name": "d", "shape": [9 - 4 * (name == "small"), 9, 1]}, metrics={"test_mse": 0.5}
        )
        (run.folder / "autoencoder.h5").write_bytes(run_folder.HDF5)
        os.utime(run.folder / "autoencoder.h5", (1000 - age, 1000 - age))
    models = list_saved_models((9, 9, 1))
    assert list(models) == [
        f"models/{name}/autoencoder.h5" for name in ("new", "old", "search-x/winner-0003")
    ]
    assert models["models/new/autoencoder.h5"] == "d, reconstruct, 2 layers, 32 kernels, test MSE 0.50000"


STRANGE = [None, True, -1, 10**400, 1e999, "\x1b[31m\ud800\n", [], [[]], {}, {"a": [1]}, [1, "a"]]


def test_saved_models_among_nonsense():
    for name in ("good", "bad"):
        run_folder.Run.create(f"models/{name}", HP, "digits")
        Path(f"models/{name}/autoencoder.h5").write_bytes(run_folder.HDF5)
    record = load_record(Path("models/good")) | {
        "dataset": {"name": "d", "shape": [9, 9, 1]},
        "metrics": {"test_mse": 0.5},
    }
    run_folder.write_json(Path("models/good/run.json"), record)
    parts = {
        "name": "dataset",
        "test_mse": "metrics",
        "kernels": "hyperparameters",
        "task": "hyperparameters",
    }
    for part, section in parts.items():
        for strange in STRANGE:
            for changed in (strange, record[section] | {part: strange}):
                Path("models/bad/run.json").write_text(json.dumps(record | {section: changed}))
                models = list_saved_models((9, 9, 1))
                assert "models/good/autoencoder.h5" in models
                assert all(what.isprintable() for what in models.values())


def test_a_record_that_is_a_pipe_is_not_waited_for():
    Path("models/pipe").mkdir(parents=True)
    os.mkfifo("models/pipe/run.json")
    with pytest.raises(UserError, match=r"models/pipe/run\.json: is no file; a run folder holds one"):
        load_record(Path("models/pipe"))
    assert list_records() == []


def test_a_further_run_takes_the_next_free_name():
    run_folder.Run.create("models/mine", HP, "digits")
    Path("models/mine-2").mkdir()
    assert run_folder.Run.create("models/mine", HP, "digits", numbered=True).folder == Path("models/mine-3")


def test_a_run_that_finds_no_room_is_refused_by_its_folder(monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        RunFailed,
        match=r"models/mine/answers.json: cannot be written \(No space left on device\); free some space",
    ):
        run_folder.Run.create("models/mine", HP, "digits")
    assert not list(Path("models/mine").glob("*.json"))
    run_folder.close_record(Path("models/mine"), "failed", "nor can that be written, and nobody cares")


def test_what_is_finished_needs_no_checkpoint():
    run = run_folder.Run.create("models/mine", HP, "digits")
    assert (run.folder / "checkpoint" / "lock").is_file()
    run.finish()
    assert load_record(run.folder)["status"] == "finished"
    assert not (run.folder / "checkpoint").exists()


def killed(folder: str, *others: str) -> Path:
    """A run whose process is gone."""
    script = (
        f"from tests.runs.test_run_folder import *; runs.Run.create({folder!r}, HP, "
        f"'digits').update(**dict({', '.join(others)}))"
    )
    subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(PROJECT)}, check=True)
    return Path(folder)


def test_a_run_that_nobody_is_at_any_more_was_interrupted():
    folder = killed("models/mine")
    assert json.loads((folder / "run.json").read_text())["status"] == "running"
    record = load_record(folder)
    assert (record["status"], record["error"]) == ("interrupted", "its process was killed")
    assert list_records()[0][1]["status"] == "interrupted"


def test_a_run_goes_on_where_nobody_is_at_it_and_the_images_are_the_same():
    folder = killed("models/mine", "dataset={'sha256': 'abc'}", "metrics={'test_mse': 1.0}")
    (folder / "autoencoder.partial.h5").write_bytes(b"half")
    with pytest.raises(
        UserError, match=r"models/mine: began with other images than those that its data set holds now"
    ):
        run_folder.Run.reopen(folder, "def")
    assert (folder / "autoencoder.partial.h5").exists()
    run = run_folder.Run.reopen(folder, "abc")
    assert load_record(folder)["status"] == "running"
    assert not {"metrics", "error"} & set(run.record)
    assert not (folder / "autoencoder.partial.h5").exists()
    with pytest.raises(UserError, match="models/mine: another process is training this run"):
        run_folder.Run.reopen(folder, "abc")


def at_once(script: str, count: int = 20) -> list[tuple[int, str]]:
    """So many processes that do the same: the exit status of each, and what it said on standard error."""
    words, environment = (
        [sys.executable, "-c", f"from tests.runs.test_run_folder import *; {script}"],
        os.environ | {"PYTHONPATH": str(PROJECT)},
    )
    many = [subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(count)]
    return [(process.communicate()[1], process.returncode)[::-1] for process in many]


def test_of_twenty_that_want_one_folder_one_gets_it():
    found = at_once("runs.Run.create('models/one', HP, 'digits')")
    assert sorted(status for status, _ in found) == [0] + [1] * 19
    assert sum("models/one: is not empty, and a run is never overwritten" in said for _, said in found) == 19
    assert json.loads(Path("models/one/run.json").read_text())["program"] == "autoencoder"


def test_twenty_sessions_share_one_folder():
    """Each makes three runs, writes to each, lists all and copies one, as fast as it can."""
    work = "[run.update(metrics={'test_mse': n}) for n in range(5)]; run.finish(); runs.recorded()"
    script = f"""
for numbered in (False, True, False):
    run = runs.Run.create('models/mine' if numbered else None, HP, 'digits', numbered); {work}
(run.folder / 'autoencoder.h5').write_bytes(b'weights')
try: runs.save_as(run.folder, 'the-one')
except UserError as error: assert 'exists already' in str(error)
"""
    assert [said for status, said in at_once(f"exec({script!r})", 20) if status] == []
    recorded = list_records()
    assert len(recorded) == 61
    assert all(
        record["metrics"] == {"test_mse": 4} and record["status"] == "finished" for _, record in recorded
    )
    assert (Path("models/the-one") / "autoencoder.h5").read_bytes() == b"weights"
    assert not [path for path in Path("models").iterdir() if path.name.startswith(".")]


def test_runs_are_listed_while_folders_come_and_go():
    """A copy is made in a folder beside the runs, which is gone when the copy is there."""
    run_folder.Run.create("models/mine", HP, "digits").finish()
    over = threading.Event()

    def come_and_go():
        while not over.is_set():
            tempfile.TemporaryDirectory(prefix=".copy-", dir="models").cleanup()

    others = [threading.Thread(target=come_and_go) for _ in range(3)]
    for other in others:
        other.start()
    try:
        found = {len(list_records()) for _ in range(1000)}
    finally:
        over.set()
        for other in others:
            other.join()
    assert found == {1}


def test_a_run_that_finishes_while_somebody_looks_is_finished():
    run = run_folder.Run.create("models/mine", HP, "digits")
    with mock.patch.object(filesystem, "taken", side_effect=lambda path: run.finish()):
        assert load_record(run.folder)["status"] == "finished"


def test_a_run_whose_process_is_gone_is_closed_once():
    run = run_folder.Run.create("models/mine", HP, "digits")
    run_folder.close_record(run.folder, "failed", "killed")
    assert load_record(run.folder)["error"] == "killed"
    run_folder.close_record(run.folder, "interrupted", "later")
    assert load_record(run.folder)["status"] == "failed"
    run_folder.close_record(Path("models/none"), "failed", "nothing there is nothing to close")


def test_save_as():
    run = run_folder.Run.create("models/mine", HP, "digits")
    (run.folder / "autoencoder.h5").write_bytes(b"weights")
    assert run_folder.copy_run(run.folder, "best") == Path("models/best")
    assert Path("models/best/run.json").read_bytes() == Path("models/mine/run.json").read_bytes()
    assert run_folder.copy_run(run.folder, "given/away.h5").read_bytes() == b"weights"
    for taken in ("best", "given/away.h5"):
        with pytest.raises(UserError, match="exists already; choose another name"):
            run_folder.copy_run(run.folder, taken)
    with (
        pytest.raises(UserError, match="exists already"),
        mock.patch.object(run_folder, "free_name", Path),
    ):  # made just now
        run_folder.copy_run(run.folder, "models/best")
    with pytest.raises(UserError, match="a name is needed"):
        run_folder.copy_run(run.folder, " ")
    with pytest.raises(UserError, match="cannot be written"):
        run_folder.copy_run(run.folder, "given/away.h5/below.h5")


def test_what_differs_and_the_points_to_draw():
    records = [
        {
            "hyperparameters": Hyperparameters(layers=layers, kernels=kernels).to_json(),
            "metrics": {"test_mse": mse},
        }
        for layers, kernels, mse in ((2, 16, 0.1), (2, 8, 0.3), (2, 32, 0.2))
    ]
    assert differing_hyperparameters(records) == ["kernels"]
    assert metric_points(records, ["kernels"], "test_mse") == {
        "kernels": [("8", 0.3), ("16", 0.1), ("32", 0.2)]
    }
