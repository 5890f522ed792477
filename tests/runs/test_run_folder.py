"""Run folders and run records, also with several processes. python -m pytest tests/runs/test_run_folder.py"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from unittest import mock

import pytest

from lib.common.errors import RunFailed, UserError
from lib.common.filesystem import write_json
from lib.config.hyperparameters import AutoencoderHyperparameters, Hyperparameters
from lib.runs import records, run_folder
from lib.runs.records import (
    differing_hyperparameters,
    list_records,
    list_saved_models,
    load_record,
    metric_points,
)
from lib.runs.resume import describe_progress
from lib.runs.run_entries import list_entries
from tests.harness.nesting import nested_folders
from tests.harness.recorded_runs import record_run
from tests.harness.terminal_session import PROJECT

HP = AutoencoderHyperparameters(dataset="digits", layers=2)


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
    assert run.list_files() == ["answers.json", "run.json"]  # the lock goes with the checkpoint


def test_runs_created_in_the_same_second_get_folders_of_their_own():
    folders = {run_folder.Run.create(None, HP, "digits").folder for _ in range(5)}
    assert len(folders) == 5


def test_an_existing_run_is_never_overwritten():
    run_folder.Run.create("models/mine", HP, "digits")
    with pytest.raises(UserError, match="models/mine: is not empty, and runs are never overwritten"):
        run_folder.Run.create("models/mine", HP, "digits")
    Path("models/file").write_text("")
    with pytest.raises(UserError, match="models/file: cannot be created"):
        run_folder.Run.create("models/file", HP, "digits")


def test_a_broken_write_leaves_the_old_record(monkeypatch):
    run = run_folder.Run.create("models/mine", HP, "digits")
    with pytest.raises(TypeError):
        run.update(metrics=object())
    assert load_record(run.folder)["status"] == "running"


def test_unreadable_records_are_refused():
    Path("models/mine").mkdir(parents=True)
    with pytest.raises(UserError, match=r"run\.json: no such file"):
        load_record(Path("models/mine"))
    for text, words in (
        ("{", "cannot be read as JSON"),
        ("[1]", "is not a run record"),
        ("{}", "is not a run record"),
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
        (run.folder / "autoencoder.h5").write_bytes(run_folder.HDF5_SIGNATURE)
        os.utime(run.folder / "autoencoder.h5", (1000 - age, 1000 - age))
    models = list_saved_models((9, 9, 1))
    assert list(models) == [
        f"models/{name}/autoencoder.h5" for name in ("new", "old", "search-x/winner-0003")
    ]
    assert models["models/new/autoencoder.h5"] == "d, reconstruct, 2 layers, 32 kernels, test MSE 0.50000"


WRONG_VALUES = [None, True, -1, 10**400, 1e999, "\x1b[31m\ud800\n", [], [[]], {}, {"a": [1]}, [1, "a"]]


def test_saved_models_are_listed_among_invalid_records():
    for name in ("good", "bad"):
        run_folder.Run.create(f"models/{name}", HP, "digits")
        Path(f"models/{name}/autoencoder.h5").write_bytes(run_folder.HDF5_SIGNATURE)
    record = load_record(Path("models/good")) | {
        "dataset": {"name": "d", "shape": [9, 9, 1]},
        "metrics": {"test_mse": 0.5},
    }
    write_json(Path("models/good/run.json"), record)
    parts = {
        "name": "dataset",
        "test_mse": "metrics",
        "kernels": "hyperparameters",
        "task": "hyperparameters",
    }
    for part, section in parts.items():
        for wrong in WRONG_VALUES:
            for changed in (wrong, record[section] | {part: wrong}):
                Path("models/bad/run.json").write_text(json.dumps(record | {section: changed}))
                models = list_saved_models((9, 9, 1))
                assert "models/good/autoencoder.h5" in models
                assert all(description.isprintable() for description in models.values())


def test_a_classifier_stopped_in_phase_1_has_the_model_of_that_phase():
    folder = record_run("c", program="classification")
    (folder / "classifier-head.h5").touch()
    assert run_folder.main_model_file(folder) == "classifier-head.h5"
    (folder / "classifier.h5").touch()
    assert run_folder.main_model_file(folder) == "classifier.h5"


def test_pictures_for_a_model_are_resized_as_in_its_training():
    assert records.trained_fit(record_run("padded", fit="pad")) == "pad"
    made_up = record_run("made-up")
    write_json(made_up / "run.json", {"status": "finished", "hyperparameters": {"fit": ["pad"]}})
    assert records.trained_fit(made_up) == "crop"
    assert records.trained_fit(Path("nowhere")) == "crop"
    assert records.trained_shape(made_up) == records.trained_shape(Path("nowhere")) == ()


def test_a_record_that_is_a_pipe_is_refused():
    Path("models/pipe").mkdir(parents=True)
    os.mkfifo("models/pipe/run.json")
    with pytest.raises(UserError, match=r"models/pipe/run\.json: is a pipe, a socket or a device"):
        load_record(Path("models/pipe"))
    assert list_records() == []


def test_a_further_run_takes_the_next_free_name():
    run_folder.Run.create("models/mine", HP, "digits")
    Path("models/mine-2").mkdir()
    assert run_folder.Run.create("models/mine", HP, "digits", numbered=True).folder == Path("models/mine-3")


def test_a_full_disk_is_reported_with_the_file(monkeypatch):
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


def test_a_finished_run_has_no_checkpoint():
    run = run_folder.Run.create("models/mine", HP, "digits")
    assert (run.folder / "checkpoint" / "lock").is_file()
    run.finish()
    assert load_record(run.folder)["status"] == "finished"
    assert not (run.folder / "checkpoint").exists()


def create_killed_run(folder: str, *changes: str) -> Path:
    """Create a run in a process that ends without closing it; `changes` are keyword arguments of `update`."""
    script = (
        f"from tests.runs.test_run_folder import *; run_folder.Run.create({folder!r}, HP, "
        f"'digits').update({', '.join(changes)})"
    )
    subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(PROJECT)}, check=True)
    return Path(folder)


def test_a_killed_run_is_shown_as_interrupted():
    folder = create_killed_run("models/mine")
    assert json.loads((folder / "run.json").read_text())["status"] == "running"
    record = load_record(folder)
    assert (record["status"], record["error"]) == ("interrupted", "the process was killed")
    assert list_records()[0][1]["status"] == "interrupted"


def test_a_run_is_reopened_unless_it_is_locked_or_its_images_have_changed():
    folder = create_killed_run("models/mine", "dataset={'sha256': 'abc'}", "metrics={'test_mse': 1.0}")
    (folder / "autoencoder.partial.h5").write_bytes(b"half")
    with pytest.raises(UserError, match=r"models/mine: the data set has changed since this run started"):
        run_folder.Run.reopen(folder, "def")
    assert (folder / "autoencoder.partial.h5").exists()
    run = run_folder.Run.reopen(folder, "abc")
    assert load_record(folder)["status"] == "running"
    assert not {"metrics", "error"} & set(run.record)
    assert not (folder / "autoencoder.partial.h5").exists()
    with pytest.raises(UserError, match="models/mine: another process is training this run"):
        run_folder.Run.reopen(folder, "abc")


FORKS = """
import multiprocessing, traceback
from tests.runs.test_run_folder import *

def work(start, errors):
    start.wait()
    try:
        exec(sys.argv[1], globals())
    except Exception:
        errors.put(traceback.format_exc())
    else:
        errors.put("")

fork = multiprocessing.get_context("fork")
start, errors = fork.Barrier(20), fork.SimpleQueue()
for _ in range(20):
    fork.Process(target=work, args=(start, errors)).start()
print(json.dumps([errors.get() for _ in range(20)]))
"""


def run_in_parallel(script: str) -> list[str]:
    """Run a script in twenty processes at once; return the traceback of each, empty where there is none."""
    words = [sys.executable, "-c", FORKS, script]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    return json.loads(subprocess.run(words, env=environment, stdout=subprocess.PIPE, check=True).stdout)


def test_of_twenty_processes_one_gets_the_folder():
    errors = run_in_parallel("run_folder.Run.create('models/one', HP, 'digits')")
    message = "models/one: is not empty, and runs are never overwritten"
    assert sorted(message in error for error in errors) == [False] + [True] * 19
    assert errors.count("") == 1
    assert json.loads(Path("models/one/run.json").read_text())["program"] == "autoencoder"


def test_twenty_processes_share_the_models_folder():
    """Each creates three runs, writes to each, lists all and copies one."""
    work = "[run.update(metrics={'test_mse': n}) for n in range(5)]; run.finish(); list_records()"
    script = f"""
for numbered in (False, True, False):
    run = run_folder.Run.create('models/mine' if numbered else None, HP, 'digits', numbered); {work}
(run.folder / 'autoencoder.h5').write_bytes(b'weights')
try: run_folder.copy_run(run.folder, 'the-one')
except UserError as error: assert 'exists already' in str(error)
"""
    assert run_in_parallel(script) == [""] * 20
    listed = list_records()
    assert len(listed) == 61
    assert all(
        record["metrics"] == {"test_mse": 4} and record["status"] == "finished" for _, record in listed
    )
    assert (Path("models/the-one") / "autoencoder.h5").read_bytes() == b"weights"
    assert not [path for path in Path("models").iterdir() if path.name.startswith(".")]


def test_runs_are_listed_while_folders_come_and_go():
    """A run is copied in a staging folder next to the runs, which vanishes when the copy is complete."""
    run_folder.Run.create("models/mine", HP, "digits").finish()
    done = threading.Event()

    def create_and_delete():
        while not done.is_set():
            tempfile.TemporaryDirectory(prefix=".copy-", dir="models").cleanup()

    threads = [threading.Thread(target=create_and_delete) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        counts = {len(list_records()) for _ in range(1000)}
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert counts == {1}


def test_a_run_that_finishes_during_reading_is_finished():
    run = run_folder.Run.create("models/mine", HP, "digits")
    with mock.patch.object(records, "is_locked", side_effect=lambda path: run.finish()):
        assert load_record(run.folder)["status"] == "finished"


def test_the_record_of_a_run_is_closed_once():
    run = run_folder.Run.create("models/mine", HP, "digits")
    run_folder.close_record(run.folder, "failed", "killed")
    assert load_record(run.folder)["error"] == "killed"
    run_folder.close_record(run.folder, "interrupted", "later")
    assert load_record(run.folder)["status"] == "failed"
    run_folder.close_record(Path("models/none"), "failed", "nothing there is nothing to close")


def test_runs_are_copied_under_free_names():
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
        mock.patch.object(run_folder, "require_free_name", Path),  # as if created just after that check
    ):
        run_folder.copy_run(run.folder, "models/best")
    with pytest.raises(UserError, match="enter a name"):
        run_folder.copy_run(run.folder, " ")
    with pytest.raises(UserError, match="cannot be written"):
        run_folder.copy_run(run.folder, "given/away.h5/below.h5")


def test_differing_hyperparameters_and_metric_points():
    run_records = [
        {
            "hyperparameters": AutoencoderHyperparameters(layers=layers, kernels=kernels).to_json(),
            "metrics": {"test_mse": mse},
        }
        for layers, kernels, mse in ((2, 16, 0.1), (2, 8, 0.3), (2, 32, 0.2))
    ]
    assert differing_hyperparameters(run_records) == ["kernels"]
    assert metric_points(run_records, ["kernels"], "test_mse") == {
        "kernels": [("8", 0.3), ("16", 0.1), ("32", 0.2)]
    }


@pytest.mark.parametrize("output", [None, "models/mine"])
def test_a_broken_link_in_place_of_the_folder_above_is_named(output):
    Path("models").symlink_to("nowhere/below")
    with pytest.raises(UserError, match=r"^models: cannot be created \(File exists\); a file or a broken"):
        run_folder.Run.create(output, HP, "digits")


def test_a_broken_link_in_place_of_the_folder_is_not_followed():
    Path("models").mkdir()
    Path("models/mine").symlink_to("elsewhere")
    with pytest.raises(UserError, match=r"models/mine: cannot be created \(File exists\)"):
        run_folder.Run.create("models/mine", HP, "digits")
    assert run_folder.new_output_folder(None, Path("models/mine")) == Path("models/mine-2")


@pytest.mark.parametrize("output", ["a\0b", "a" * 300, "x/" * 2500])
def test_names_that_no_folder_can_have_are_refused(output):
    with pytest.raises(UserError, match="cannot be created"):
        run_folder.Run.create(output, HP, "digits")


def test_a_record_that_is_too_large_is_not_read():
    run_folder.Run.create("models/mine", HP, "digits")
    os.truncate("models/mine/run.json", 1 << 30)
    with pytest.raises(UserError, match=r"models/mine/run\.json: more than"):
        load_record(Path("models/mine"))
    assert list_records() == []


def test_runs_are_found_in_folders_of_any_depth():
    with nested_folders(1100, record='{"status": "finished"}'):
        entries, unreadable = list_entries(Path())
    assert (len(entries), unreadable) == (1100, [])


@pytest.mark.parametrize("history", [{}, {"head": [1]}, {"head": {"loss": [1]}}, {"loss": [1, 2]}])
def test_the_progress_of_any_history_is_described(history):
    run = run_folder.Run.create("models/mine", HP, "digits")
    run.update(history=history)
    assert describe_progress(run.folder, HP).startswith("after epoch ")
