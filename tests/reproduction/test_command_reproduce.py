"""The command `reproduce`, with training in this process.

python -m pytest tests/reproduction/test_command_reproduce.py
"""

import dataclasses
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from lib.cli.display import Display
from lib.common.errors import Interrupted, RunFailed, UserError
from lib.config.architecture_planner import plan_architecture
from lib.data.named_datasets import NAMED_DATASETS
from lib.reproduction import command_reproduce, comparison, time_to_target
from lib.reproduction.context import ReproductionContext
from lib.reproduction.tables import TABLES, TIME_TARGETS, ReportRow, ReportTable, RowSettings, TimeTarget
from lib.runs import records, run_entries
from lib.runs.events import EpochEnded, PhaseStarted
from lib.tasks.metrics import find_metric, run_score
from lib.worker import run_sequence
from tests.harness import sample_files
from tests.harness.in_process_worker import press_ctrl_c_in
from tests.harness.terminal_session import PROJECT

TINY = dict(layers=1, kernel_size=3, kernels=2, epochs=3, batch_size=16)
CLASSIFIER = dict(fc_units=4, epochs=3, batch_size=16)


CONTEXT = ReproductionContext(Path("out"), False, range(1), "", None)


def latent_size(hp, dataset: str) -> int:
    return plan_architecture(hp, NAMED_DATASETS[dataset].header.shape).latent_size


@pytest.fixture
def tables(in_process, monkeypatch):
    """Small tables and time targets in place of the reports'; `trainings` counts the trainings."""
    images, labels = sample_files.shapes(80)
    np.savez("x.npz", x_train=images[:60], y_train=labels[:60], x_test=images[60:], y_test=labels[60:])
    ours = RowSettings(TINY | dict(kernels=3))
    two_kernels = ReportRow("two / kernels", (0.5, 0.0001), RowSettings(TINY), ours)
    labeled = RowSettings(TINY, CLASSIFIER)
    small = {
        "A-kernels": ReportTable(
            "kernels",
            "x.npz",
            ("test_mse", "val_loss"),
            (
                two_kernels,
                ReportRow(
                    "three kernels",
                    (None, 0.5),
                    RowSettings(TINY | dict(kernels=3, learning_rate=0.001)),
                    ours,
                ),
            ),
        ),
        "A-again": ReportTable(
            "the same", "x.npz", ("val_loss",), (ReportRow("two", (0.1,), RowSettings(TINY), ours),)
        ),
        "B-labels": ReportTable(
            "labels", "x.npz", ("test_accuracy",), (ReportRow("4 units", (0.0,), labeled, labeled),)
        ),
    }
    time_targets = {
        "A": TimeTarget("kernels", "x.npz", "val_loss", 0.5, RowSettings(TINY), ours),
        "B": TimeTarget(
            "labels",
            "x.npz",
            "val_accuracy",
            2.0,
            RowSettings(TINY, CLASSIFIER),
            RowSettings(TINY, CLASSIFIER | dict(fc_units=5)),
        ),
    }
    monkeypatch.setattr(command_reproduce, "TABLES", small)
    for module in (command_reproduce, time_to_target):
        monkeypatch.setattr(module, "TIME_TARGETS", time_targets)
    return in_process


def reproduce(*words: str) -> int:
    return command_reproduce.ReproduceCommand().run("autoencoder", list(words))


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("ours", [False, True], ids=["report", "ours"])
def test_every_row_can_be_built(name, ours):
    table = TABLES[name]
    for row in table.rows:
        assert len(row.reported) == len(table.quantities)
        hp, *others = CONTEXT.hyperparameters(row.settings(ours), table.dataset, 0)
        latent_size(hp, table.dataset)
        assert [hp.program for hp in others] in ([], ["classification"])
        assert all(quantity in comparison.LABELS or find_metric(quantity) for quantity in table.quantities)


@pytest.mark.parametrize("name", TABLES)
def test_our_settings_for_reconstruction_have_a_code_of_the_same_size(name):
    table = TABLES[name]
    for row in table.rows:
        if row.report.classifier is None:
            report, ours = (
                CONTEXT.hyperparameters(settings, table.dataset, 0)[0] for settings in (row.report, row.ours)
            )
            sizes = [latent_size(hp, table.dataset) for hp in (report, ours)]
            assert sizes[0] == sizes[1] or report.task in ("colorize", "complete"), row.name


@pytest.mark.parametrize("target", TIME_TARGETS.values(), ids=TIME_TARGETS)
def test_every_time_target_can_be_trained(target):
    sizes = []
    for settings in (target.report, target.ours):
        hp = CONTEXT.hyperparameters(settings, target.dataset, 0)[0]
        assert hp.validates
        sizes.append(latent_size(hp, target.dataset))
    assert sizes[0] >= sizes[1] or hp.task == "complete"  # for which the size of the code does not matter


def test_the_reported_values_are_those_of_the_reports():
    """Some values of each report."""
    reported = {name: {row.name: row.reported for row in table.rows} for name, table in TABLES.items()}
    assert [mse for (mse,) in reported["A-variants"].values()] == [
        0.0036,
        0.0051,
        0.00056,
        0.0011,
        0.0033,
        0.0032,
        0.044,
        0.015,
    ]
    assert reported["B-batch-size"]["50"] == (0.0018, 0.8510)
    assert reported["C-kernel-size"]["1×1"] == (0.0422, 0.6703)
    assert reported["C-classifier"]["64"] == (0.0645, 0.9901)
    assert reported["D-half"]["right half"] == (0.0273, 0.0273)
    assert reported["E-grid"]["16/32/32"] == (0.021,)
    assert {name[0] for name in TABLES} == set("ABCDE")


def test_a_table_is_trained_once_shown_written_and_shared_with_other_tables(tables, capsys):
    assert reproduce("A-kernels", "--output", "out") == 0
    shown = capsys.readouterr()
    runs = {
        path.name: records.load_record(path / "seed-0")
        for path in Path("out").iterdir()
        if path.is_dir() and (path / "seed-0").exists()
    }
    assert {name: record["hyperparameters"]["kernels"] for name, record in runs.items()} == {
        "a-kernels-two-kernels": [2],
        "a-kernels-three-kernels": [3],
    }
    record = runs["a-kernels-two-kernels"]
    assert (
        f"test MSE {record['metrics']['test_mse']:.5f} (report 0.5), validation loss "
        f"{records.main_curves(record)['val_loss'][-1]:.5f}" in shown.out
    )
    text = Path("out/A-kernels.md").read_text()
    assert (
        f"| 0.5 | **{record['metrics']['test_mse']:.5f}** | 0.0001 |" in text
    )  # at least as good as the report's
    assert f"| 0.0001 | {records.main_curves(record)['val_loss'][-1]:.5f} |" in text  # and not
    assert "    python autoencoder.py reproduce A-kernels --output out" in text
    pictures = re.findall(r"\]\((A-kernels-figures/[^)]+)\)", text)
    assert len(pictures) == 4
    assert all(Path("out", picture).read_bytes().startswith(b"\x89PNG") for picture in pictures)

    assert tables.trainings == 2
    assert reproduce("A", "--output", "out") == 0
    assert tables.trainings == 2
    assert (
        "1 of 2: two / kernels; already trained\n2 of 2: three kernels; already trained\n"
        in capsys.readouterr().err
    )
    assert Path("out/A-kernels.md").read_text().replace("A --", "A-kernels --") == text
    assert reproduce("A", "--best", "--output", "out") == 0
    assert tables.trainings == 3
    assert "our settings" in capsys.readouterr().out
    assert Path("out/A-kernels-best.md").is_file()


def test_the_remaining_time_is_estimated_from_all_trained_rows(tables, monkeypatch, capsys):
    monkeypatch.setitem(command_reproduce.TABLES["A-kernels"].rows[1].report.autoencoder, "epochs", 6)
    assert reproduce("A-again", "--output", "out") == 0
    first = Path("out/a-kernels-two-kernels/seed-0/run.json")
    record = json.loads(first.read_text())
    first.write_text(json.dumps(record | {"timing": record["timing"] | {"seconds": 1800}}))
    capsys.readouterr()
    assert reproduce("A-kernels", "--output", "out") == 0
    assert "2 of 2: three kernels; about 1:00:00 left" in capsys.readouterr().err


def test_a_classifier_comes_with_its_autoencoder(tables, capsys):
    assert reproduce("B-labels", "--output", "out") == 0
    classifier = records.load_record(Path("out/b-labels-4-units/seed-0"))
    assert classifier["hyperparameters"]["model"] == "out/a-kernels-two-kernels/seed-0/autoencoder.h5"
    assert f"test accuracy {classifier['metrics']['test_accuracy']:.4f} (report 0)" in capsys.readouterr().out
    assert tables.trainings == 2


def test_several_seeds_show_their_spread(tables, capsys):
    assert reproduce("A-again", "--seeds", "2", "--output", "out") == 0
    values = [
        records.main_curves(records.load_record(Path(f"out/a-kernels-two-kernels/seed-{seed}")))["val_loss"][
            -1
        ]
        for seed in (0, 1)
    ]
    assert values[0] != values[1]
    mean, spread = np.mean(values), np.std(values, ddof=1)
    assert f"{mean:.5f} ± {spread:.5f}" in capsys.readouterr().out
    text = Path("out/A-again.md").read_text()
    assert "Seeds 0, 1: mean and standard deviation" in text
    folders = (Path(f"out/a-kernels-two-kernels/seed-{seed}") for seed in (0, 1))
    baselines = [run_entries.load_entry(folder, Path("out")).best_baseline_text for folder in folders]
    assert f"| {'; '.join(dict.fromkeys(baselines))} |" in text


@pytest.mark.parametrize(
    ("values", "text"),
    [([2.5e-07], "2e-07"), ([0.0], "0.00000"), ([0.00126], "0.00126"), ([0.1, 0.1], "0.10000 ± 0.00000")],
)
def test_small_numbers_are_not_rounded_to_nothing(values, text):
    assert comparison.mean_and_spread(run_score("autoencoder"), values, 0.01) == (text, values[0] < 0.01)


def test_a_quick_look_is_marked_and_has_its_own_folder(tables, capsys):
    assert reproduce("A-kernels", "--quick") == 0
    folder = Path("models/reproduce-quick")
    assert not Path("models/reproduce").exists()
    record = records.load_record(folder / "a-kernels-two-kernels" / "seed-0")
    assert (record["hyperparameters"]["limit"], record["hyperparameters"]["epochs"]) == (2000, 2)
    shown = capsys.readouterr()
    assert shown.out.count("quick run") >= 3  # each line and the table
    assert (
        "Quick run: 2,000 images, at most 2 epochs; not comparable with the report"
        in (folder / "A-kernels-quick.md").read_text()
    )


def test_an_interrupted_table_continues(tables, monkeypatch, capsys):
    press_ctrl_c_in(2, monkeypatch)
    with pytest.raises(
        Interrupted, match=r"to continue: python autoencoder\.py reproduce A-kernels --output out"
    ):
        reproduce("A-kernels", "--output", "out")
    left = records.load_record(Path("out/a-kernels-three-kernels/seed-0"))
    assert left["status"] == "interrupted"
    capsys.readouterr()
    assert reproduce("A-kernels", "--output", "out") == 0
    message = (
        r"2 of 2: three kernels(; about 0:0\d left)?\ninterrupted before: continuing after the last "
        r"complete epoch …\n"
    )
    assert re.search(message, capsys.readouterr().err)
    assert tables.trainings == 3
    ended = records.load_record(Path("out/a-kernels-three-kernels/seed-0"))
    assert ended["status"] == "finished"
    assert records.main_curves(ended)["loss"][0] == records.main_curves(left)["loss"][0]


def test_a_run_interrupted_in_its_first_epoch_starts_again_in_its_folder(tables, monkeypatch, capsys):
    press_ctrl_c_in(1, monkeypatch, PhaseStarted)
    with pytest.raises(Interrupted):
        reproduce("A-again", "--output", "out")
    assert records.load_record(Path("out/a-kernels-two-kernels/seed-0"))["status"] == "interrupted"
    assert reproduce("A-again", "--output", "out") == 0
    assert "interrupted before the end of its first epoch: starting again" in capsys.readouterr().err
    assert [path.name for path in Path("out/a-kernels-two-kernels").iterdir()] == ["seed-0"]
    assert records.load_record(Path("out/a-kernels-two-kernels/seed-0"))["status"] == "finished"


def fail_runs(monkeypatch, condition) -> None:
    """Let the training of runs with some hyperparameters fail."""
    train = run_sequence.RunSequence.train

    def failing(self, hp, *args, **kwargs):
        if condition(hp):
            raise RunFailed("it broke down in the middle")
        return train(self, hp, *args, **kwargs)

    monkeypatch.setattr(run_sequence.RunSequence, "train", failing)


def test_a_seed_that_fails_is_named_in_its_row(tables, monkeypatch, capsys):
    fail_runs(monkeypatch, lambda hp: hp.seed == 1)
    assert reproduce("A-again", "--seeds", "2", "--output", "out") == 1
    shown = capsys.readouterr()
    assert "two, seed 1 failed: it broke down" in shown.err
    assert "1 of 2 seeds failed" in " ".join(shown.out.split())
    text = Path("out/A-again.md").read_text()
    assert "| two (1 of 2 seeds failed) |" in text
    assert "two, seed 1 failed: it broke down" in text


def test_a_row_that_fails_does_not_end_the_others(tables, monkeypatch, capsys):
    fail_runs(monkeypatch, lambda hp: hp.kernels == (2,))
    assert reproduce("A-kernels", "--output", "out") == 1
    assert "two / kernels failed: it broke down in the middle" in capsys.readouterr().err
    text = Path("out/A-kernels.md").read_text()
    assert "two / kernels failed: it broke down in the middle" in text
    assert "| three kernels |" in text


def test_training_ends_when_the_target_is_reached(tables, capsys):
    assert reproduce("A", "--race", "--output", "out") == 0
    assert tables.trainings == 2
    results = json.loads(Path("out/race.json").read_text())
    assert {key: (result["reached"], result["epochs"]) for key, result in results.items()} == {
        "A, plain, seed 0": (True, [1]),
        "A, ours, seed 0": (True, [1]),
    }
    assert all(result["best"] <= 0.5 for result in results.values())
    assert all(0 < result["seconds"] < 100 for result in results.values())
    ratio = results["A, ours, seed 0"]["seconds"] / results["A, plain, seed 0"]["seconds"]
    assert f"{ratio:.2f}" in capsys.readouterr().out
    assert f"**{ratio:.2f}**" in Path("out/race.md").read_text()
    assert reproduce("A", "--race", "--output", "out") == 0
    assert tables.trainings == 2


@pytest.mark.slow
def test_a_target_that_neither_side_reaches(tables, capsys):
    assert reproduce("B", "--race", "--seeds", "2", "--output", "out") == 0
    assert tables.trainings == 8
    results = json.loads(Path("out/race.json").read_text())
    assert {tuple(result["epochs"]) for result in results.values()} == {(3, 6)}
    assert not any(result["reached"] for result in results.values())
    shown = capsys.readouterr().out
    assert "neither reached" in shown
    assert "not reached after" in shown


@pytest.mark.slow
def test_results_of_several_calls_are_in_one_file_and_quick_ones_in_another(tables):
    assert reproduce("A", "--race", "--output", "out") == 0
    assert reproduce("B", "--race", "--output", "out") == 0
    text = Path("out/race.md").read_text()
    assert text.index("| A: kernels |") < text.index("| B: labels |")
    assert all(f"    python autoencoder.py reproduce {name} --race --output out" in text for name in "AB")
    code = records.load_record(next(Path("out/race").glob("B-plain-autoencoder*")))["metrics"]["latent_size"]
    assert f"| B: labels | 2 | {code} |" in text
    stored = Path("out/race.json").read_text()
    assert reproduce("A", "--race", "--quick", "--output", "out") == 0
    assert (Path("out/race.json").read_text(), Path("out/race.md").read_text()) == (stored, text)
    assert "Quick run" in Path("out/race-quick.md").read_text()
    command_reproduce.TIME_TARGETS["A"] = dataclasses.replace(command_reproduce.TIME_TARGETS["A"], target=0.4)
    trainings = tables.trainings
    assert reproduce("A", "--race", "--output", "out") == 0
    assert tables.trainings == trainings + 2  # results for another target do not count


def test_an_l2_penalty_does_not_count_as_error():
    observer = time_to_target.TargetObserver("val_loss", 0.02)
    observer(PhaseStarted(1, 1, "", epochs=1, images=8))
    epoch = EpochEnded(1, 1.0, {"val_loss": 0.022, "val_mse": 0.019})
    assert observer(epoch) == time_to_target.REACHED_REASON
    assert (observer.best, observer.epochs) == (0.019, 1)


@pytest.mark.slow
def test_a_failed_time_target_does_not_end_the_others(tables, monkeypatch, capsys):
    fail_runs(monkeypatch, lambda hp: hp.kernels == (3,))
    assert reproduce("--race", "--output", "out") == 1
    assert "A, ours, seed 0, failed: it broke down in the middle" in capsys.readouterr().err
    text = Path("out/race.md").read_text()
    assert "| B: labels |" in text
    assert "| A: kernels |" not in text


@pytest.mark.parametrize("race", [[], pytest.param(["--race"], marks=pytest.mark.slow)])
def test_tables_without_data_are_left_out_and_named_at_the_end(tables, capsys, race):
    for known in (command_reproduce.TABLES, command_reproduce.TIME_TARGETS):
        first = next(iter(known))
        known[first] = dataclasses.replace(known[first], dataset="nowhere.npz")
    with pytest.raises(
        UserError, match=r"^skipped: A(-kernels)? \(nowhere\.npz: no such file or folder.*\)$"
    ):
        reproduce("all", *race, "--output", "out")
    shown = capsys.readouterr()
    assert "is skipped: nowhere.npz" in shown.err
    assert "labels" in shown.out
    assert Path("out", "race.md" if race else "B-labels.md").is_file()
    assert not list(Path("out").glob("race/A*"))


def test_a_run_with_other_settings_is_kept(tables):
    assert reproduce("A-again", "--output", "out") == 0
    table = command_reproduce.TABLES["A-again"]
    other = dataclasses.replace(table.rows[0], report=RowSettings(TINY | dict(epochs=2)))
    command_reproduce.TABLES["A-again"] = dataclasses.replace(table, rows=(other,))
    command_reproduce.TABLES.pop("A-kernels")
    Path("out/a-kernels-two-kernels").rename("out/a-again-two")
    assert reproduce("A-again", "--output", "out") == 0
    assert len(records.main_curves(records.load_record(Path("out/a-again-two/seed-0")))["loss"]) == 3
    assert len(records.main_curves(records.load_record(Path("out/a-again-two/seed-0-2")))["loss"]) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["F"], "'F' is not a table; available: A-variants"),
        (["C-layers", "--race"], "'C-layers' has no race; available: A, C, D, E, classifier, and all"),
        (["A", "--seeds", "0"], "--seeds must be a whole number"),
        (["--race", "--best"], "remove --best"),
        (["--best", "--quick"], "--best --quick needs the tables to reproduce: A-variants"),
    ],
)
def test_invalid_arguments_are_refused(words, message):
    with pytest.raises(UserError, match=re.escape(message)):
        reproduce(*words)
    assert not Path("models").exists()


@pytest.mark.parametrize("race", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_narrow_terminal_does_not_break_numbers(tables, monkeypatch, race):
    lines = {}
    for width in (40, 60, 80, 100, 140):
        screen = io.StringIO()
        display = Display()
        display.out = Console(file=screen, force_terminal=True, width=width, color_system=None)
        monkeypatch.setattr(command_reproduce, "Display", lambda display=display: display)
        for words in (["A-kernels"], ["A", "--race"])[: 1 + race]:
            assert reproduce(*words, "--seeds", "2", "--output", "out") == 0
        text = screen.getvalue()
        assert "…" not in text
        lines[width] = "  validation loss (report): " in text
        for number in re.findall(r"\d\.\d{5}", Path("out/A-kernels.md").read_text()):
            assert number in text
        assert max(map(cell_len, text.splitlines())) <= width
    assert (lines[40], lines[80], lines[140]) == (True, False, False)


def test_the_listing_names_every_table():
    done = subprocess.run(
        [sys.executable, PROJECT / "autoencoder.py", "reproduce"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "100"},
    )
    assert all(name in done.stdout for name in TABLES)
    assert "--race" in done.stdout
