"""Models and run folders of earlier versions load and work. python -m pytest tests/test_earlier_versions.py

Those in tests/data_of_earlier_versions/ were written on 28 November 2026, when lib/ had no packages.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from lib.common.errors import UserError
from lib.runs.records import load_record, main_curves
from lib.runs.run_entries import list_entries
from tests.harness import sample_files
from tests.harness.terminal_session import PROJECT

FOLDER = PROJECT / "tests" / "data_of_earlier_versions"
RUNS = sorted(path.name for path in FOLDER.iterdir())


@pytest.fixture
def data():
    """The data sets that the runs name in their records, in the working folder."""
    images, labels = sample_files.shapes(80)
    sample_files.write_idx(Path("train.idx"), images[:60])
    sample_files.write_idx(Path("test.idx"), images[60:])
    sample_files.write_idx(Path("train-labels.idx"), labels[:60])
    sample_files.write_idx(Path("test-labels.idx"), labels[60:])


def test_every_record_is_listed_without_a_fault():
    entries, unreadable = list_entries(FOLDER)
    assert sorted(entry.name for entry in entries) == RUNS
    assert not unreadable
    assert not [entry.fault for entry in entries if entry.fault]


def test_former_keys_of_a_record_are_renamed():
    assert "colour_space" in (FOLDER / "colorize" / "run.json").read_text(encoding="utf-8")
    assert load_record(FOLDER / "colorize")["hyperparameters"]["color_space"] == "yuv"
    assert "mean_color_mse" in load_record(FOLDER / "colorize-rgb")["baselines"]
    assert "neighbors_psnr" in load_record(FOLDER / "complete")["baselines"]
    assert "nearest_neighbors_accuracy" in load_record(FOLDER / "classification")["baselines"]


def test_an_interrupted_run_is_finished_from_its_checkpoint(data, call):
    shutil.copytree(FOLDER / "interrupted", "interrupted")
    Path("interrupted/figures").mkdir()  # empty, which git does not keep
    before = json.loads(Path("interrupted/run.json").read_text(encoding="utf-8"))["history"]["loss"]
    assert call("autoencoder.py", "--resume", "interrupted", "--no-input").returncode == 0
    record = load_record(Path("interrupted"))
    assert record["status"] == "finished"
    assert main_curves(record)["loss"][: len(before)] == before
    assert len(main_curves(record)["loss"]) == record["hyperparameters"]["epochs"] > len(before)


@pytest.mark.parametrize("name", ["autoencoder", "colorize"])
def test_a_saved_autoencoder_scores_as_its_record_says(name, data, call):
    if name == "colorize":
        rng = np.random.default_rng(0)
        np.save("images.npy", rng.integers(0, 255, (60, 8, 8, 3), dtype=np.uint8))
    words = ["-model", str(FOLDER / name / "autoencoder.h5"), "--output", "applied"]
    words += ["-d", "test.idx" if name == "autoencoder" else "images.npy"]
    assert call("autoencoder.py", "apply", *words).returncode == 0
    rows = Path("applied/errors.csv").read_text(encoding="utf-8").splitlines()[1:]
    if name == "autoencoder":
        mse = np.mean([float(row.split(",")[1]) for row in rows])
        assert mse == pytest.approx(load_record(FOLDER / name)["metrics"]["test_mse"], abs=1e-5)
    else:
        assert len(rows) == 60


def test_a_saved_classifier_predicts_and_its_encoder_is_trained_on(data, call):
    words = [
        "-model",
        str(FOLDER / "classification" / "classifier.h5"),
        "-d",
        "test.idx",
        "--output",
        "predicted",
    ]
    assert call("classification.py", "predict", *words).returncode == 0
    assert len(Path("predicted/predictions.csv").read_text(encoding="utf-8").splitlines()) == 21
    words = [
        "-d",
        "train.idx",
        "-dl",
        "train-labels.idx",
        "-t",
        "test.idx",
        "-tl",
        "test-labels.idx",
        "--epochs",
        "1",
    ]
    words += ["--model", str(FOLDER / "autoencoder" / "autoencoder.h5"), "--no-input", "--output", "trained"]
    assert call("classification.py", *words).returncode == 0


def test_answers_and_presets_of_earlier_versions_are_understood(data, call):
    from lib.config.presets import preset_values

    words = [
        "--answers",
        str(FOLDER / "colorize" / "answers.json"),
        "--epochs",
        "1",
        "--no-input",
        "--output",
        "again",
    ]
    np.save("colour.npy", np.random.default_rng(0).integers(0, 255, (60, 8, 8, 3), dtype=np.uint8))
    assert call("autoencoder.py", *words, "--colour-space", "yuv").returncode == 0
    assert preset_values("best-colour") == preset_values("best-color")


def test_a_search_of_an_earlier_version_is_found_in_its_folder():
    from lib.cli.display import Display
    from lib.search.command_search import SearchCommand
    from lib.search.search import Search

    words = ["-d", "digits", "--limit", "1000", "--grid", "kernels=4,8", "--layers", "2", "--epochs", "400"]
    # the defaults of that version
    words += ["--batch-size", "128", "--latent-dim", "convolutional", "--linear-path", "off"]
    assert (
        str(Search(SearchCommand().options("autoencoder", [*words, "--no-input"]), Display()).folder)
        == "models/search-digits-fe1925"
    )


def test_rows_that_an_earlier_version_reproduced_are_found_in_their_folders(tmp_path):
    from lib.cli.display import Display
    from lib.reproduction.command_reproduce import Reproduction
    from lib.reproduction.context import ReproductionContext
    from lib.reproduction.tables import TABLES

    reproduction = Reproduction(ReproductionContext(tmp_path, False, range(1), "", Display()), ours=False)
    row = TABLES["A-color"].rows[0]
    folders = [str(path) for _, path in reproduction._runs(row.report, "cifar10", 0)]
    assert folders == [str(tmp_path / "a-colour-1" / "seed-0")]


def test_results_and_keys_of_earlier_versions_count_under_their_present_names():
    from lib.reproduction.time_to_target import SideResult
    from lib.runs.run_entries import resolve_sort_key
    from lib.search.space import find_variable

    entries, _ = list_entries(FOLDER)
    assert resolve_sort_key("neighbours-mse", entries) == "neighbors_mse"
    assert resolve_sort_key("colour-space", entries) == "color_space"
    with pytest.raises(UserError, match="color space cannot be varied: errors of different tasks"):
        find_variable("autoencoder", "colour-space")
    stored = dict(seconds=1.0, epochs=[1], reached=True, best=0.1, code=2, device="CPU", command="", date="")
    runs = [{"program": "autoencoder", "colour_space": "rgb"}]
    result = SideResult.from_json(stored | {"asked": {"runs": runs, "until": ["validation error", 0.1]}})
    assert result.definition["runs"] == [{"program": "autoencoder", "color_space": "rgb"}]
