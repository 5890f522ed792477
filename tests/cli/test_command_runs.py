"""The command `runs`. python -m pytest tests/cli/test_command_runs.py"""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from lib.cli import command_runs, jobs
from lib.common.errors import UserError
from lib.common.filesystem import write_json
from lib.runs import records, run_entries
from lib.worker.messages import Compared
from tests.harness.recorded_runs import damaged_records, listed_names, record_run
from tests.harness.terminal_session import PROJECT


def test_both_programs_runs_in_one_table_however_deep(call_runs):
    record_run("small", 0.0125, layers=2)
    record_run("sweep/trial-1", 0.0225)
    record_run("labels", 0.875, program="classification")
    for program in ("autoencoder", "classification"):
        status, out, err = call_runs(program=program)
        assert (status, err) == (0, "")
        assert listed_names(out) == ["small", "sweep/trial-1", "labels"]
    small, _, labels = (line for line in out.splitlines() if line.startswith("│"))
    for words in (
        "★",
        "reconstruct",
        "digits",
        "MSE 0.01250",
        "PCA 0.02000",
        "1,234",
        "2026-03-01",
        "finished",
    ):
        assert words in small
    for words in ("★", "classify", "accuracy 0.8750", "logistic regression 0.7500", "2 + 2"):
        assert words in labels
    assert "3 runs below models" in out


def test_names_in_a_pipe_are_whole(call_runs):
    name = "a-name-that-is-longer-than-any-terminal-" * 5
    record_run(name)
    assert listed_names(call_runs()[1]) == [name]


def test_names_of_any_length_leave_a_table_that_can_be_read(call_runs):
    text = "x" * 500_000
    folder = record_run("long")
    record_run("short")
    record = json.loads((folder / "run.json").read_text())
    record |= {"task": text, "status": text, "dataset": {"name": text}, "error": text}
    record["hyperparameters"] |= {text: text}
    (folder / "run.json").write_text(json.dumps(record))
    for words in ([], ["--diff", "long", "short"], ["--dataset", "none"]):
        status, out, _ = call_runs(*words)
        assert status == 0
        assert len(out) < 100_000
    assert text in call_runs("--json")[1]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_terminal_that_is_narrow_shows_less_but_the_whole_name_and_score(width):
    record_run("20260301-120000-fashion-mnist-reconstruct", 0.0125)
    display = command_runs.Display()
    display.out = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    entries, _ = run_entries.list_entries(Path("models"))
    display.out.print(command_runs.runs_table(display, entries, set(), "learning_rate"))
    lines = display.out.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert "".join(listed_names("\n".join(lines))) == "20260301-120000-fashion-mnist-reconstruct"
    assert "MSE 0.01250" in "".join(lines)
    assert "0.005" in "".join(lines)  # what it is sorted by
    assert ("started" in "".join(lines)) == (width == 200)


def test_runs_that_are_not_finished_are_marked_in_a_table_of_any_width(call_runs):
    record_run("stopped", 0.001, status="interrupted")
    assert "! not finished" not in call_runs("--status", "finished")[1]
    out = call_runs()[1]
    assert "│ ! │ stopped" in out
    assert "; ! not finished" in out


def test_the_best_is_that_of_its_task_data_set_and_their_settings():
    record_run("b", 0.02)
    record_run("c", 0.01)
    record_run("other-data", 0.03, dataset="photos")
    record_run("vae", 0.05, regularization="kl", latent_dim=2)
    record_run("noise-3", 0.04, task="denoise", noise=0.3)
    record_run("noise-9", 0.08, task="denoise", noise=0.9)
    record_run("stopped", 0.001, status="interrupted")
    record_run("broken", 0.001, status="failed")
    record_run("labels", 0.8, program="classification")
    record_run("more-labels", 0.9, program="classification")
    entries, _ = run_entries.list_entries(Path("models"))
    best = {members[0].name for members in run_entries.rank_entries(entries).values()}
    assert best == {"c", "other-data", "vae", "noise-3", "noise-9", "more-labels"}
    assert {entry.task_label for entry in entries} >= {"reconstruct VAE", "denoise 0.3", "denoise 0.9"}


def test_who_is_best_does_not_depend_on_the_filter(call_runs):
    record_run("b", 0.02)
    record_run("c", 0.01)
    assert "★ │" not in call_runs("--only", "b")[1]


def test_sorting(call_runs):
    for name, score, layers in (("b", 0.02, 2), ("a", 0.01, 10), ("c", 0.03, 3)):
        record_run(name, score, layers=layers)
    record_run("running", None, status="running", layers=4)
    record_run("labels", 0.9, program="classification")
    assert listed_names(call_runs()[1]) == ["b", "a", "c", "running", "labels"]
    assert listed_names(call_runs("--sort", "name")[1]) == ["a", "b", "c", "labels", "running"]
    assert listed_names(call_runs("--sort", "score")[1]) == ["a", "b", "c", "labels", "running"]
    assert listed_names(call_runs("--sort", "score", "--reverse")[1])[-1] == "running"
    assert listed_names(call_runs("--sort", "time", "--reverse")[1])[0] == "labels"
    assert listed_names(call_runs("--sort", "layers")[1]) == ["b", "c", "running", "a", "labels"]
    assert listed_names(call_runs("--sort", "test_accuracy")[1])[0] == "labels"
    assert "learning rate" in call_runs("--sort", "learning-rate")[1]


def test_filters(call_runs):
    record_run("a")
    record_run("noisy", task="denoise")
    record_run("photos", dataset="photos")
    record_run("stopped", status="interrupted")
    record_run("labels", 0.9, program="classification")
    assert listed_names(call_runs("--task", "denoise")[1]) == ["noisy"]
    assert (
        listed_names(call_runs("--task", "classify")[1])
        == listed_names(call_runs("--program", "classification")[1])
        == ["labels"]
    )
    assert listed_names(call_runs("--dataset", "photos")[1]) == ["photos"]
    assert listed_names(call_runs("--status", "interrupted")[1]) == ["stopped"]
    assert listed_names(call_runs("--last", "2")[1]) == ["stopped", "labels"]
    assert listed_names(call_runs("--last", "1", "--task", "reconstruct")[1]) == ["stopped"]
    assert listed_names(call_runs("--only", "lab", "models/a", "--sort", "date")[1]) == ["a", "labels"]
    status, out, _ = call_runs("--task", "colorize")
    assert (status, out.startswith("No run matches (5 runs searched below models)")) == (0, True)
    with pytest.raises(UserError, match="--last must be a whole number"):
        call_runs("--last", "0")


def test_no_runs_is_no_error(call_runs):
    status, out, _ = call_runs(program="classification")
    assert (status, out) == (
        0,
        "No runs below models yet: train one with python classification.py, or "
        "python classification.py -d digits --yes.\n",
    )
    assert call_runs("--json")[:2] == (0, "[]\n")
    with pytest.raises(UserError, match="nowhere: no such folder"):
        call_runs("nowhere")


def test_records_that_cannot_be_read_are_counted_and_named(call_runs):
    record_run("good")
    for name, text in (
        ("half", '{"status": "fin'),
        ("list", "[1]"),
        ("deep", "[" * 100_000),
        ("other", "{}"),
    ):
        Path(f"models/{name}").mkdir()
        Path(f"models/{name}/run.json").write_text(text)
    status, out, err = call_runs()
    assert (status, listed_names(out)) == (0, ["good"])
    assert err.startswith(
        "4 records cannot be read and are ignored: models/deep/run.json, models/half/run.json"
    )
    assert err.count("\n") == 1


def test_records_with_invalid_values_are_counted_and_named(call_runs):
    for name, change in (("list", {"hyperparameters": [1, 2]}), ("null", {"history": None}), ("good", {})):
        record = records.load_record(folder := record_run(name))
        write_json(folder / "run.json", record | change)
    assert call_runs()[2] == (
        "2 records have an invalid value: list: hyperparameters must be an object, not [1, 2]; null: history "
        "must be an object, not None\n"
    )


@pytest.mark.parametrize("program", ["autoencoder", "classification"])
def test_no_record_however_edited_is_a_traceback(call_runs, program):
    folder = record_run("whole", 0.5, program=program)
    changed = damaged_records(json.loads((folder / "run.json").read_text()))
    for number, record in enumerate(changed):
        Path(f"models/{number:04}").mkdir()
        Path(f"models/{number:04}/run.json").write_text(json.dumps(record))
    status, out, err = call_runs("--json")
    listing = json.loads(out, parse_constant=pytest.fail)
    absent = [record for record in changed if "status" not in record]
    assert (status, len(listing)) == (0, len(changed) + 1 - len(absent))
    assert err.startswith(f"{len(absent)} record")
    entries, _ = run_entries.list_entries(Path("models"))
    for key in {*run_entries.SORT_KEYS, *(key for entry in entries for key in entry.value_keys())}:
        assert len(run_entries.sort_entries(entries, key, reverse=True)) == len(entries)
    status, out, _ = call_runs("--last", "100")
    assert (status, "\x1b" in out) == (0, False)
    for entry in entries[::20]:
        command_runs.show_difference(command_runs.Display(), entry, entries[-1])


def test_an_older_record_shows_what_it_lacks_as_a_dash(call_runs):
    Path("models/old").mkdir(parents=True)
    Path("models/old/run.json").write_text('{"status": "finished"}')
    row = next(line for line in call_runs("--sort", "learning-rate")[1].splitlines() if line.startswith("│"))
    assert [cell.strip() for cell in row.split("│")[1:-1]] == ["", "old", *["–"] * 9, "finished", "–"]


def test_json_holds_the_records(call_runs):
    record_run("b", 0.02)
    record_run("a", 0.01)
    listing = json.loads(call_runs("--json", "--sort", "score")[1])
    assert [(run["folder"], run["best"], run["score"]) for run in listing] == [
        ("models/a", True, 0.01),
        ("models/b", False, 0.02),
    ]
    assert listing[0]["hyperparameters"]["layers"] == 5


def test_what_differs_between_two_runs(call_runs):
    record_run("first", 0.02, layers=2)
    record_run("second", 0.01, layers=3, activation="silu")
    status, out, _ = call_runs("--diff", "fir", "models/second")
    rows = {
        cells[0]: cells[1:]
        for line in out.splitlines()
        if len(cells := [cell.strip() for cell in line.split("│")]) == 4
    }
    assert status == 0
    assert rows["layers"] == ["2", "3", ""]
    assert rows["activation"] == ["relu", "silu", ""]
    assert rows["test mse"] == ["0.02", "0.01", "-50.0 %"]
    assert rows["test psnr"] == ["17", "20", "+3.0 dB"]
    assert "epochs" not in rows
    assert "The runs do not differ" in call_runs("--diff", "first", "first")[1]


def test_the_names_of_runs(call_runs):
    for name in ("deep/a-1", "a-10", "a-11", "b"):
        record_run(name)
    entries, _ = run_entries.list_entries(Path("models"))

    def found_name(name):
        return run_entries.find_entry(name, entries, Path("models")).name

    assert (
        found_name("a-1"),
        found_name("b"),
        found_name("10"),
        found_name("models/a-10/"),
        found_name("deep"),
    ) == (
        "deep/a-1",
        "b",
        "a-10",
        "a-10",
        "deep/a-1",
    )
    with pytest.raises(UserError, match=r"a-: matches 3 runs \(deep/a-1, a-10, a-11\)"):
        found_name("a-")
    with pytest.raises(UserError, match="z: no run below models matches"):
        found_name("z")
    os.rename("models/b", "elsewhere")
    assert found_name("elsewhere") == "elsewhere"


HEAVY = {"keras", "tensorflow", "jax", "sklearn", "matplotlib", "h5py", "PIL", "questionary", "optuna"}


class RecordingWorker:
    """A stand-in for the worker that stores the last request."""

    request = None

    def send(self, request):
        RecordingWorker.request = request

    def follow(self, on_event, until):
        return Compared(self.request.path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def test_a_figure_of_the_finished_runs_that_have_the_metric(call_runs, monkeypatch):
    monkeypatch.setattr(jobs, "Worker", RecordingWorker)
    record_run("a", 0.02, layers=2)
    record_run("b", 0.01, layers=10)
    record_run("c", 0.03, layers=3)
    record_run("stopped", 0.001, layers=4, status="interrupted")
    record_run("labels", 0.9, program="classification")
    status, out, _ = call_runs("--figure", "test_mse")
    request = RecordingWorker.request
    assert (status, request.metric) == (0, "test_mse")
    assert request.points["layers"] == [("2", 0.02), ("3", 0.03), ("10", 0.01)]
    assert request.path == "models/comparison-test_mse.png"
    assert request.path in out
    assert "test mse against layers" in out
    assert "nothing to plot yet" in call_runs("--figure", "test_accuracy")[1]


def test_wrong_flags_are_refused_in_a_line(call_runs):
    with pytest.raises(UserError, match=r"not allowed with .*see python classification\.py runs --help"):
        call_runs("--json", "--diff", "a", "b", program="classification")


def test_many_runs_load_nothing_heavy_and_do_not_take_long():
    folder = record_run("run-0000", 0.5, program="classification")
    text = (folder / "run.json").read_text()
    for number in range(1, 500):
        Path(f"models/run-{number:04}").mkdir()
        Path(f"models/run-{number:04}/run.json").write_text(text)
    script = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); import autoencoder; autoencoder.main(['runs', "
        "'--sort', 'score']);"
        f"print(*({HEAVY} & set(sys.modules)), time.process_time(), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(PROJECT)], capture_output=True, text=True, check=True
    )
    assert len(listed_names(done.stdout)) == 500
    assert float(done.stderr) < 5  # seconds of processor time; a thousand take 1.3
