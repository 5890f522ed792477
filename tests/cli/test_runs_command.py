"""python -m pytest tests/cli/test_runs_command.py"""

import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from lib.cli import runs_command, session
from lib.common.errors import UserError
from lib.config.hyperparameters import Hyperparameters
from lib.runs import run_entries, run_folder
from tests.harness.terminal_session import PROJECT

MINUTE = 0  # that the last run was made in: each is a minute younger than the one before


def made(
    name: str, score: float | None = 0.01, status: str = "finished", program: str = "autoencoder", **settings
) -> Path:
    """The folder of a run as the worker leaves it, with that test MSE or accuracy."""
    global MINUTE
    MINUTE += 1
    dataset = settings.pop("dataset", "digits")
    settings |= {"model": "models/a/autoencoder.h5"} if program == "classification" else {}
    run = run_folder.Run.create(
        f"models/{name}", Hyperparameters(program=program, dataset=dataset, **settings), dataset
    )
    classifier = program == "classification"
    curves = {"loss": [0.5, 0.25], "val_loss": [0.4, 0.3]}
    run.update(
        started=f"2026-03-01T{MINUTE // 60 % 24:02}:{MINUTE % 60:02}:00+0000",
        dataset={
            "name": dataset,
            "sha256": "5f2c" * 16,
            "shape": [8, 8, 1],
            "classes": ["cat", "dog"],
            "sizes": {"train": 80, "validation": 10, "test": 10},
        },
        environment={
            "device": "CPU: made up",
            "keras": "3.15.1",
            "backend": "tensorflow",
            "python": "3.11.7",
        },
        history={"head": curves, "everything": curves} if classifier else curves,
    )
    if score is not None and classifier:
        row = {"precision": 0.5, "recall": 0.25, "f1-score": 0.125, "support": 5.0}
        report = {"cat": row, "dog": row, "accuracy": score, "macro avg": row}
        metrics = {"test_loss": 0.3, "test_accuracy": score, "correct": 9, "incorrect": 1, "parameters": 99}
        run.update(metrics=metrics | {"report": report, "confusion_matrix": [[5, 0], [1, 4]]})
        run.update(
            baselines={
                "most_frequent_accuracy": 0.5,
                "logistic_regression_accuracy": 0.75,
                "images_learned_from": 80,
            }
        )
    elif score is not None:
        psnr = round(-10 * math.log10(score), 1)
        run.update(
            metrics={
                "test_loss": score,
                "test_mse": score,
                "test_psnr": psnr,
                "latent_size": 32,
                "parameters": 1234,
            }
        )
        run.update(
            baselines={
                "constant_mse": 0.07,
                "constant_psnr": 11.5,
                "pca_mse": 0.02,
                "pca_psnr": 17.0,
                "pca_components": 32,
            }
        )
    run.update(timing={"seconds": 60 + MINUTE, "images_per_second": 900.0}, status=status)
    return run.folder


@pytest.fixture
def called(capsys):
    """`runs` with these words: its exit status, standard output and standard error."""

    def call(*words: str, program: str = "autoencoder") -> tuple[int, str, str]:
        status = runs_command.run_runs(program, list(words))
        return status, *capsys.readouterr()

    return call


def names(output: str) -> list[str]:
    """The runs of a table, from top to bottom."""
    rows = [line.split("│") for line in output.splitlines() if line.startswith("│")]
    return [row[2].strip() for row in rows]


def test_both_programs_runs_in_one_table_however_deep(called):
    made("small", 0.0125, layers=2)
    made("sweep/trial-1", 0.0225)
    made("labels", 0.875, program="classification")
    for program in ("autoencoder", "classification"):
        status, out, err = called(program=program)
        assert (status, err) == (0, "")
        assert names(out) == ["small", "sweep/trial-1", "labels"]
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


def test_names_in_a_pipe_are_whole(called):
    name = "a-name-that-is-longer-than-any-terminal-" * 5
    made(name)
    assert names(called()[1]) == [name]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_terminal_that_is_narrow_shows_less_but_the_whole_name_and_score(width):
    made("20260301-120000-fashion-mnist-reconstruct", 0.0125)
    display = runs_command.Display()
    display.out = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    entries, _ = run_entries.list_entries(Path("models"))
    display.out.print(runs_command.runs_table(display, entries, set(), "learning_rate"))
    lines = display.out.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert "".join(names("\n".join(lines))) == "20260301-120000-fashion-mnist-reconstruct"
    assert "MSE 0.01250" in "".join(lines)
    assert "0.005" in "".join(lines)  # what it is sorted by
    assert ("started" in "".join(lines)) == (width == 200)


def test_the_best_is_that_of_its_task_data_set_and_their_settings():
    made("b", 0.02)
    made("c", 0.01)
    made("other-data", 0.03, dataset="photos")
    made("vae", 0.05, variational=True, latent_dim=2)
    made("noise-3", 0.04, task="denoise", noise=0.3)
    made("noise-9", 0.08, task="denoise", noise=0.9)
    made("stopped", 0.001, status="interrupted")
    made("broken", 0.001, status="failed")
    made("labels", 0.8, program="classification")
    made("more-labels", 0.9, program="classification")
    entries, _ = run_entries.list_entries(Path("models"))
    best = {members[0].name for members in run_entries.rank_entries(entries).values()}
    assert best == {"c", "other-data", "vae", "noise-3", "noise-9", "more-labels"}
    assert {entry.kind for entry in entries} >= {"reconstruct VAE", "denoise 0.3", "denoise 0.9"}


def test_who_is_best_does_not_depend_on_the_filter(called):
    made("b", 0.02)
    made("c", 0.01)
    assert "★ │" not in called("--only", "b")[1]


def test_sorting(called):
    for name, score, layers in (("b", 0.02, 2), ("a", 0.01, 10), ("c", 0.03, 3)):
        made(name, score, layers=layers)
    made("running", None, status="running", layers=4)
    made("labels", 0.9, program="classification")
    assert names(called()[1]) == ["b", "a", "c", "running", "labels"]
    assert names(called("--sort", "name")[1]) == ["a", "b", "c", "labels", "running"]
    assert names(called("--sort", "score")[1]) == ["a", "b", "c", "labels", "running"]
    assert names(called("--sort", "score", "--reverse")[1])[-1] == "running"
    assert names(called("--sort", "time", "--reverse")[1])[0] == "labels"
    assert names(called("--sort", "layers")[1]) == ["b", "c", "running", "a", "labels"]
    assert names(called("--sort", "test_accuracy")[1])[0] == "labels"
    assert "learning rate" in called("--sort", "learning-rate")[1]


def test_filters(called):
    made("a")
    made("noisy", task="denoise")
    made("photos", dataset="photos")
    made("stopped", status="interrupted")
    made("labels", 0.9, program="classification")
    assert names(called("--task", "denoise")[1]) == ["noisy"]
    assert (
        names(called("--task", "classify")[1])
        == names(called("--program", "classification")[1])
        == ["labels"]
    )
    assert names(called("--dataset", "photos")[1]) == ["photos"]
    assert names(called("--status", "interrupted")[1]) == ["stopped"]
    assert names(called("--last", "2")[1]) == ["stopped", "labels"]
    assert names(called("--last", "1", "--task", "reconstruct")[1]) == ["stopped"]
    assert names(called("--only", "lab", "models/a", "--sort", "date")[1]) == ["a", "labels"]
    status, out, _ = called("--task", "colorize")
    assert (status, out.startswith("None of the 5 runs below models is like that")) == (0, True)
    with pytest.raises(UserError, match="--last must be a whole number"):
        called("--last", "0")


def test_no_runs_is_no_error(called):
    status, out, _ = called(program="classification")
    assert (status, out) == (
        0,
        "No runs below models yet: python classification.py trains one, "
        "python classification.py -d digits --yes at once.\n",
    )
    assert called("--json")[:2] == (0, "[]\n")
    with pytest.raises(UserError, match="nowhere: no such folder"):
        called("nowhere")


def test_records_that_cannot_be_read_are_counted_and_named(called):
    made("good")
    for name, text in (
        ("half", '{"status": "fin'),
        ("list", "[1]"),
        ("deep", "[" * 100_000),
        ("other", "{}"),
    ):
        Path(f"models/{name}").mkdir()
        Path(f"models/{name}/run.json").write_text(text)
    status, out, err = called()
    assert (status, names(out)) == (0, ["good"])
    assert err.startswith(
        "4 records cannot be read and are left out: models/deep/run.json, models/half/run.json"
    )
    assert err.count("\n") == 1


STRANGE = [
    None,
    True,
    -1,
    10**400,
    1e999,
    "text",
    "\x1b[31m\ud800\n",
    [],
    [[]],
    [None],
    {},
    {"a": [1]},
    [1, "a"],
    {"test": "x"},
]


def edited(record: dict) -> list[dict]:
    """The record with every part of it, one after the other, taken away or replaced by what it should not be."""
    found = []
    for key, value in record.items():
        parts = [None, *value] if isinstance(value, dict) else [None]
        for place, part in enumerate(parts):
            several = STRANGE if key != "hyperparameters" else STRANGE[place % 5 :: 5]
            for strange in ("absent", *several):
                changed = json.loads(json.dumps(record))
                owner, last = (changed, key) if part is None else (changed[key], part)
                owner[last] = strange
                if strange == "absent":
                    del owner[last]
                found.append(changed)
    return found


@pytest.mark.parametrize("program", ["autoencoder", "classification"])
def test_no_record_however_edited_is_a_traceback(called, program):
    folder = made("whole", 0.5, program=program)
    changed = edited(json.loads((folder / "run.json").read_text()))
    for number, record in enumerate(changed):
        Path(f"models/{number:04}").mkdir()
        Path(f"models/{number:04}/run.json").write_text(json.dumps(record))
    status, out, err = called("--json")
    listing = json.loads(out, parse_constant=pytest.fail)
    absent = [record for record in changed if "status" not in record]
    assert (status, len(listing)) == (0, len(changed) + 1 - len(absent))
    assert err.startswith(f"{len(absent)} record")
    entries, _ = run_entries.list_entries(Path("models"))
    for key in {*run_entries.SORT_KEYS, *(key for entry in entries for key in entry.known())}:
        assert len(run_entries.sort_entries(entries, key, backwards=True)) == len(entries)
    status, out, _ = called("--last", "100")
    assert (status, "\x1b" in out) == (0, False)
    for entry in entries[::20]:
        runs_command.show_difference(runs_command.Display(), entry, entries[-1])


def test_an_older_record_shows_what_it_lacks_as_a_dash(called):
    Path("models/old").mkdir(parents=True)
    Path("models/old/run.json").write_text('{"status": "finished"}')
    row = next(line for line in called("--sort", "learning-rate")[1].splitlines() if line.startswith("│"))
    assert [cell.strip() for cell in row.split("│")[1:-1]] == ["", "old", *["–"] * 9, "finished", "–"]


def test_json_holds_the_records(called):
    made("b", 0.02)
    made("a", 0.01)
    found = json.loads(called("--json", "--sort", "score")[1])
    assert [(run["folder"], run["best"], run["score"]) for run in found] == [
        ("models/a", True, 0.01),
        ("models/b", False, 0.02),
    ]
    assert found[0]["hyperparameters"]["layers"] == 5


def test_what_differs_between_two_runs(called):
    made("first", 0.02, layers=2)
    made("second", 0.01, layers=3, activation="silu")
    status, out, _ = called("--diff", "fir", "models/second")
    rows = {
        cells[1]: cells[2:5]
        for line in out.splitlines()
        if len(cells := [cell.strip() for cell in line.split("│")]) > 4
    }
    assert status == 0
    assert rows["layers"] == ["2", "3", ""]
    assert rows["activation"] == ["relu", "silu", ""]
    assert rows["test mse"] == ["0.02", "0.01", "-50.0 %"]
    assert rows["test psnr"] == ["17", "20", "+3.0 dB"]
    assert "epochs" not in rows
    assert "Nothing differs" in called("--diff", "first", "first")[1]


def test_the_names_of_runs(called):
    for name in ("deep/a-1", "a-10", "a-11", "b"):
        made(name)
    entries, _ = run_entries.list_entries(Path("models"))

    def found(name):
        return run_entries.find_entry(name, entries, Path("models")).name

    assert (found("a-1"), found("b"), found("10"), found("models/a-10/"), found("deep")) == (
        "deep/a-1",
        "b",
        "a-10",
        "a-10",
        "deep/a-1",
    )
    with pytest.raises(UserError, match=r"a-: 3 runs are called so \(deep/a-1, a-10, a-11\)"):
        found("a-")
    with pytest.raises(UserError, match="z: no run below models is called so"):
        found("z")
    os.rename("models/b", "elsewhere")
    assert found("elsewhere") == "elsewhere"


HEAVY = {"keras", "tensorflow", "jax", "sklearn", "matplotlib", "h5py", "PIL", "questionary", "optuna"}


class Pen:
    """Stands in for the worker: keeps what it is asked to draw."""

    asked = None

    def send(self, verb, **content):
        Pen.asked = verb, content

    def follow(self, on_event):
        on_event({"event": "finished"})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def test_a_figure_of_the_finished_runs_that_have_the_metric(called, monkeypatch):
    monkeypatch.setattr(session, "Worker", Pen)
    made("a", 0.02, layers=2)
    made("b", 0.01, layers=10)
    made("c", 0.03, layers=3)
    made("stopped", 0.001, layers=4, status="interrupted")
    made("labels", 0.9, program="classification")
    status, out, _ = called("--figure", "test_mse")
    verb, content = Pen.asked
    assert (status, verb, content["metric"]) == (0, "compare", "test_mse")
    assert content["points"]["layers"] == [("2", 0.02), ("3", 0.03), ("10", 0.01)]
    assert content["path"] == "models/comparison-test_mse.png"
    assert content["path"] in out
    assert "test mse against layers" in out
    assert "nothing to draw yet" in called("--figure", "test_accuracy")[1]


def test_wrong_flags_are_refused_in_a_line(called):
    with pytest.raises(UserError, match=r"not allowed with .*see python classification\.py runs --help"):
        called("--json", "--diff", "a", "b", program="classification")


def test_many_runs_load_nothing_heavy_and_do_not_take_long():
    folder = made("run-0000", 0.5, program="classification")
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
    assert len(names(done.stdout)) == 500
    assert float(done.stderr) < 5  # seconds of processor time; a thousand take 1.3
