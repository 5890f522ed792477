"""The command `search`, with training in this process and in others.

python -m pytest tests/search/test_search.py
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import optuna
import psutil
import pytest

from lib.common.errors import Interrupted, RunFailed, UserError
from lib.config.hyperparameters import AutoencoderHyperparameters, Hyperparameters
from lib.config.program_settings import settings
from lib.runs import records, run_entries
from lib.search import trials
from lib.search.command_search import SearchCommand
from lib.search.search import first_buildable
from lib.worker.messages import Train, TrainingFinished
from tests.harness import sample_files
from tests.harness.in_process_worker import InProcessWorker, press_ctrl_c_in
from tests.harness.terminal_session import DOWN, ENTER, PROJECT, SECONDS, Terminal
from tests.worker.test_model_jobs import save_autoencoder

ASKED = [name for name, setting in settings("autoencoder").items() if setting.is_asked]
TINY = [
    "--layers",
    "1",
    "--kernel-size",
    "3",
    "--kernels",
    "2",
    "--epochs",
    "2",
    "--batch-size",
    "16",
    "--no-input",
]
PAIR = ["--grid", "kernels=2,3"]
GRID = [*PAIR, "--grid", "learning-rate=0.001,0.01"]


def search(tiny, *words: str, program: str = "autoencoder", output: str = "s") -> int:
    data = ["-d", tiny["-d"], "-t", tiny["-t"]]
    if program == "classification":
        data += ["-dl", tiny["-dl"], "-tl", tiny["-tl"]]
    return SearchCommand().run(program, [*data, "--output", output, *words])


def records_of(folder: str) -> dict[str, dict]:
    entries, unreadable = run_entries.list_entries(Path(folder))
    assert not unreadable
    return {entry.name: entry.record for entry in entries}


def test_a_grid_and_its_winner_and_the_same_command_again(tiny, in_process, capsys):
    assert search(tiny, *TINY, *GRID) == 0
    runs = records_of("s")
    assert sorted(runs) == [
        "trial-0000",
        "trial-0001",
        "trial-0002",
        "trial-0003",
        *(n for n in runs if "winner" in n),
    ]
    assert {record["status"] for record in runs.values()} == {"finished"}
    winner = next(name for name in runs if "winner" in name)
    scores = {name: record["metrics"]["validation_mse"] for name, record in runs.items() if name != winner}
    best = min(scores, key=scores.get)
    assert winner == f"winner-{best[-4:]}"
    assert len(optuna.get_all_study_names("sqlite:///s/study.db")) == 1  # as other programs show it
    # The test set is used once: for the winner, which is trained on all other images.
    assert all("test_mse" not in runs[name]["metrics"] for name in scores)
    assert runs[winner]["metrics"]["test_mse"] > 0
    assert runs[winner]["dataset"]["sizes"] == {"train": 60, "validation": 0, "test": 20}
    same = ("kernels", "learning_rate")
    assert [runs[winner]["hyperparameters"][name] for name in same] == [
        runs[best]["hyperparameters"][name] for name in same
    ]
    shown = capsys.readouterr()
    assert "4 trials, best first" in shown.out
    assert "Importance of the hyperparameters" in shown.out
    assert "validation MSE against learning rate" in shown.out
    assert f"trial {int(best[-4:])} is the best" in shown.err
    assert Path("s/comparison.png").is_file()

    assert in_process.trainings == 5
    assert search(tiny, *TINY, *GRID) == 0
    again = capsys.readouterr()
    assert in_process.trainings == 5
    assert again.out == shown.out
    assert "continuing a search: 4 of 4 done, best" in again.err
    assert "is the best: training" not in again.err

    trial = runs["trial-0003"]
    plain = InProcessWorker()
    plain.send(Train(Hyperparameters.from_json(trial["hyperparameters"], ""), "plain"))
    record = plain.follow(lambda event: None, until=TrainingFinished).record
    for name in ("loss", "val_loss"):
        assert records.main_curves(record)[name] == records.main_curves(trial)[name]


def test_cross_validation(tiny, in_process, capsys):
    words = ["--grid", "kernels=2,3", "--folds", "2", "--epochs", "1", "--no-retrain"]
    assert search(tiny, *TINY, *words) == 0
    runs = records_of("s")
    assert sum("fold" in name for name in runs) == 4
    folds = [runs[f"trial-0000/fold-{number}"] for number in (1, 2)]
    assert [fold["hyperparameters"]["fold"] for fold in folds] == [[1, 2], [2, 2]]
    assert [fold["dataset"]["sizes"] for fold in folds] == [{"train": 30, "validation": 30, "test": 20}] * 2
    scores = [fold["metrics"]["validation_mse"] for fold in folds]
    assert f"{sum(scores) / 2:.6f}" in (shown := capsys.readouterr().out)
    assert "spread" in shown
    assert "±" in shown


@pytest.mark.parametrize("words", [["--no-retrain"], pytest.param([], marks=pytest.mark.slow)])
def test_the_result_as_json(tiny, in_process, capsys, words):
    assert search(tiny, *TINY, *PAIR, "--epochs", "1", "--json", *words) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["score"] == "validation mse"
    scores = [trial["score"] for trial in result["trials"]]
    assert scores == sorted(scores)
    assert {trial["state"] for trial in result["trials"]} == {"complete"}
    runs = records_of("s")
    for trial in result["trials"]:
        record = runs[f"trial-{trial['trial']:04}"]
        assert record["metrics"]["validation_mse"] == trial["score"]
    best = result["trials"][0]["trial"]
    assert result["winner"] == (None if words else str(Path("s", f"winner-{best:04}")))


@pytest.mark.slow
def test_a_classifier_is_searched_by_accuracy(tiny, in_process, capsys):
    save_autoencoder("e")
    words = [
        "--model",
        "e/autoencoder.h5",
        "--epochs",
        "2",
        "--batch-size",
        "16",
        "--dropout",
        "0",
        "--no-input",
    ]
    assert search(tiny, *words, "--grid", "fc-units=4/8,4", program="classification") == 0
    runs = records_of("s")
    scores = {name: r["metrics"]["validation_accuracy"] for name, r in runs.items() if "trial" in name}
    assert runs[f"winner-{max(scores, key=scores.get)[-4:]}"]["metrics"]["test_accuracy"] >= 0
    assert "validation accuracy" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        [*PAIR, "--folds", "3", "--study", "mine", "--no-retrain"],
        [
            "--range",
            "learning-rate=0.001..0.01:log",
            "--range",
            "kernels=2..8:2",
            "--trials",
            "3",
            "--prune",
            "--output",
            "s",
        ],
        [
            "--grid",
            "kernels=2/2,3",
            "--grid",
            "layers=1,2",
            "--sampler",
            "tpe",
            "--minutes",
            "2",
            "--preset",
            "latent-10",
        ],
    ],
)
def test_the_command_that_is_shown_repeats_the_search(tiny, words):
    first = SearchCommand().options("autoencoder", ["-d", tiny["-d"], "-t", tiny["-t"], *TINY[2:], *words])
    shown = shlex.split(first.command(first_buildable(first)))
    assert shown[:3] == ["python", "autoencoder.py", "search"]
    second = SearchCommand().options("autoencoder", shown[3:])
    assert first_buildable(second) == first_buildable(first)
    fields = [name for name in vars(first) if name not in ("answers", "values")]
    assert [getattr(second, name) for name in fields] == [getattr(first, name) for name in fields]


def test_a_preset_is_adapted_to_images_without_labels(capsys):
    np.save("color.npy", np.stack([sample_files.shapes(40, 32, 32)[0]] * 3, axis=-1))
    words = ["-d", "color.npy", "--preset", "best-color", "--grid", "dropout=0,0.1", "--no-input"]
    assert first_buildable(SearchCommand().options("autoencoder", words)).label_weight == 0
    assert "best-color without its label weight: the images have no labels" in capsys.readouterr().err


@pytest.mark.slow
def test_tpe_over_ranges_with_a_budget(tiny, in_process, capsys):
    words = [
        "--range",
        "learning-rate=0.0001..0.1:log",
        "--range",
        "kernels=1..4",
        "--grid",
        "activation=relu,silu",
    ]
    assert search(tiny, *TINY, *words, "--trials", "4", "--no-retrain") == 0
    assert search(tiny, *TINY, *words, "--trials", "6", "--no-retrain") == 0
    assert in_process.trainings == 6
    runs = records_of("s")
    assert len({json.dumps(record["hyperparameters"]) for record in runs.values()}) == 6
    assert "6 trials, best first" in capsys.readouterr().out


def test_a_network_that_cannot_be_built_is_a_failed_trial_with_its_reason(tiny, in_process, capsys):
    assert search(tiny, *TINY, "--grid", "kernel-size=3,60", "--no-retrain") == 0
    assert in_process.trainings == 1
    assert (
        "failed: kernel size 60 does not fit the 12×10 feature map before layer 1; the maximum is 10"
        in capsys.readouterr().out
    )
    with pytest.raises(UserError, match="kernel size 60 does not fit"):
        search(tiny, *TINY, "--grid", "kernel-size=60,61", output="other")


def test_pruned_trials_are_recorded_and_listed(tiny, in_process, monkeypatch, capsys):
    monkeypatch.setattr(optuna.Trial, "should_prune", lambda trial: trial.number == 1)
    assert search(tiny, *TINY, "--grid", "kernels=2,3", "--epochs", "5", "--prune", "--no-retrain") == 0
    runs = records_of("s")
    assert [record["status"] for record in runs.values()] == ["finished", "interrupted"]
    pruned = runs["trial-0001"]
    assert pruned["error"] == trials.PRUNED
    assert len(records.main_curves(pruned)["loss"]) < 5
    assert not Path("s/trial-0001/checkpoint").exists()  # it is never continued
    assert "     1 │       2 │         pruned │" in capsys.readouterr().out


def test_an_interrupted_search_continues_with_its_trial_and_its_winner(tiny, in_process, monkeypatch, capsys):
    press_ctrl_c_in(2, monkeypatch)
    with pytest.raises(Interrupted, match=r"interrupted; to continue: python autoencoder\.py search"):
        search(tiny, *TINY, *PAIR)
    assert records_of("s")["trial-0001"]["status"] == "interrupted"
    press_ctrl_c_in(4, monkeypatch)
    with pytest.raises(Interrupted, match="to continue"):
        search(tiny, *TINY, *PAIR)
    runs = records_of("s")
    assert len([name for name in runs if "trial" in name]) == 2  # the interrupted one keeps its folder
    assert runs["trial-0001"]["status"] == "finished"
    assert len(records.main_curves(runs["trial-0001"])["loss"]) == 2
    # Trials that are added before leave the queued training of the winner alone.
    assert search(tiny, *TINY, *PAIR, "--no-retrain") == 0
    assert in_process.trainings == 4
    assert search(tiny, *TINY, *PAIR) == 0
    (winner,) = (record for name, record in records_of("s").items() if "winner" in name)
    assert winner["status"] == "finished"
    assert in_process.trainings == 5


def test_invalid_data_ends_the_search_at_once(tiny, in_process, monkeypatch):
    def refusing(self, on_event, until):
        raise UserError("x.idx: ends too early")

    with monkeypatch.context() as patched:
        patched.setattr(InProcessWorker, "follow", refusing)
        with pytest.raises(UserError, match="ends too early"):
            search(tiny, *TINY, *PAIR)
    assert search(tiny, *TINY, *PAIR, "--no-retrain") == 0  # with valid data no trial is missing
    assert len([name for name in records_of("s") if "trial" in name]) == 2


def test_a_search_without_complete_trials_fails(tiny, in_process, monkeypatch):
    def failing(self, on_event, until):
        raise RunFailed("it broke")

    monkeypatch.setattr(InProcessWorker, "follow", failing)
    with pytest.raises(RunFailed, match="none of 2 trials has finished: it broke"):
        search(tiny, *TINY, "--grid", "kernels=2,3")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing is varied: use --grid kernels=16,32,64 or --range learning-rate=0.0001..0.01:log"),
        (
            ["--resume", "x"],
            "--resume applies to a single run; repeat the command to continue a search",
        ),
        (
            ["--range", "kernels=1..4", "--sampler", "grid"],
            "--sampler grid requires --grid for all hyperparameters",
        ),
        (
            ["--grid", "kernels=1,2", "--trials", "5"],
            "--trials requires --sampler random or tpe; this grid has 2 points",
        ),
        (["--range", "kernels=1..4", "--trials", "0"], "--trials must be a whole number from 1"),
        (["--grid", "kernels=1,2", "--folds", "1"], "--folds must be a whole number from 2"),
    ],
)
def test_contradicting_options_are_refused(tiny, words, message):
    with pytest.raises(UserError) as error:
        SearchCommand().options("autoencoder", ["-d", tiny["-d"], *TINY, *words])
    assert message in str(error.value)


def test_a_folder_that_cannot_be_made(tiny, in_process):
    Path("s").write_text("a file")
    with pytest.raises(UserError, match=r"s: cannot be created \(File exists\); a file or a broken link"):
        search(tiny, *TINY, *PAIR)


def test_the_epochs_of_the_winner_are_those_that_were_best():
    hp = AutoencoderHyperparameters(dataset="digits", patience=3, fold="2/3", epochs=20)
    final = trials.final_hyperparameters(hp, [4, 9, 5])
    assert (final.epochs, final.split, final.fold, final.patience) == (5, (90, 0, 10), None, None)
    watching = trials.final_hyperparameters(
        AutoencoderHyperparameters(dataset="digits", schedule="plateau", epochs=20), [4]
    )
    assert (watching.epochs, watching.split) == (20, (80, 10, 10))


WITH_SHORT_HEARTBEATS = """
import sys
import autoencoder
from lib.common.errors import exit_status
from lib.search import storage
storage.HEARTBEAT_SECONDS, storage.GRACE_SECONDS = 1, 3
sys.exit(exit_status("autoencoder.py", lambda: autoencoder.main(sys.argv[1:])))
"""


@pytest.mark.slow
def test_the_same_command_runs_the_trial_of_a_killed_worker_again(tiny):
    """Both processes of a search are killed; the same command continues the trial and runs the others."""
    words = [
        *TINY[:-5],
        "--batch-size",
        "4",
        "--epochs",
        "40",
        "--no-input",
        "--grid",
        "kernels=2,3",
        "--no-retrain",
    ]
    command = [
        sys.executable,
        "-c",
        WITH_SHORT_HEARTBEATS,
        "search",
        "-d",
        tiny["-d"],
        "-t",
        tiny["-t"],
        "--output",
        "s",
        *words,
    ]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    killed = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    until = time.monotonic() + SECONDS
    while not list(Path("s").glob("trial-*/checkpoint/*.npz")) and time.monotonic() < until:
        time.sleep(0.05)
    for process in (*psutil.Process(killed.pid).children(), killed):
        process.send_signal(signal.SIGKILL)
    killed.wait()
    interrupted = records_of("s")["trial-0000"]
    assert interrupted["status"] == "interrupted"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=2 * SECONDS)
    assert done.returncode == 0, done.stderr
    runs = records_of("s")
    assert sorted(runs) == ["trial-0000", "trial-0001"]
    assert {record["status"] for record in runs.values()} == {"finished"}
    epochs = len(records.main_curves(interrupted)["loss"])
    assert (
        records.main_curves(runs["trial-0000"])["loss"][:epochs] == records.main_curves(interrupted)["loss"]
    )
    assert "2 trials, best first" in done.stdout


def test_a_search_in_a_terminal(tiny):
    """Prompts for hyperparameters, values and sampler, then the search."""
    program = Terminal("autoencoder.py", "search", "-d", tiny["-d"], "-t", tiny["-t"])
    program.see("Which hyperparameters should vary?")
    program.press(*([DOWN] * ASKED.index("kernels")), " ", *"activat", " ", ENTER)
    program.see("Values of kernels (16,32,64, 8,16/16,32 by layers, or a range 16..64)")
    program.answer("2,3")
    program.see("Which values of activation?")
    program.press(" ", ENTER)
    program.see("select at least 2 with the space bar")
    program.press(DOWN, " ", ENTER)
    for question, answer in (("layers", "1"), ("Kernel size", ""), ("Epochs", "1"), ("Batch size", "")):
        program.see(question)
        program.answer(answer)
    program.see("How?", "grid search: every combination (4 trials)", "random search")
    program.press(DOWN, ENTER)
    program.see("How many trials?")
    program.answer("1")
    program.see("Cross-validation in how many folds?")
    program.answer("")
    program.see("Keep the models of how many of the best trials?")
    program.answer("1")
    program.see(
        "to repeat it without prompts: python autoencoder.py search",
        "\\",  # the command is broken for a shell
        "1 trial, best first",
        "is the best: training it on the full",
    )
    program.see("Test set, 20 images")
    assert program.leaves() == 0
