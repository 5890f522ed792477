"""Models of the best trials only, and what a search says before it starts.

python -m pytest tests/search/test_retention.py
"""

import json
from pathlib import Path

import pytest

from lib.runs import records, run_entries
from lib.search import retention
from lib.search.command_search import SearchCommand
from lib.search.estimate import describe_estimate

WORDS = ["--layers", "1", "--kernel-size", "3", "--epochs", "1", "--batch-size", "16", "--no-input"]
PAIR = ["--grid", "kernels=1,2"]
GRID = ["--grid", "kernels=1,2,3", "--grid", "seed=0,1"]


def models_of(folder: str) -> dict[str, list[str]]:
    return {
        path.name: sorted(file.name for file in path.glob("*.h5")) for path in Path(folder).glob("trial-*")
    }


def test_only_the_best_trials_keep_their_models(tiny, in_process, capsys):
    Path("s/trial-0000").mkdir(parents=True)
    Path("s/trial-0000/notes.h5").write_text("not of a run")
    words = [
        "-d",
        tiny["-d"],
        "-t",
        tiny["-t"],
        "--output",
        "s",
        *WORDS,
        *GRID[:2],
        "--keep",
        "1",
        "--no-retrain",
    ]
    assert SearchCommand().run("autoencoder", words) == 0
    assert "3 trials, about 0.6 MB" not in capsys.readouterr().err  # one trial's models, not three
    entries = {entry.name: entry for entry in run_entries.list_entries(Path("s"))[0]}
    scores = {name: entry.record["metrics"]["validation_mse"] for name, entry in entries.items()}
    assert len(scores) == 3
    best = min(scores, key=scores.get)
    models = models_of("s")
    assert models.pop("trial-0000") == ["notes.h5"]  # where no run of this search is, nothing is removed
    assert models.pop(best) == ["autoencoder.h5", "decoder.h5", "encoder.h5"]
    assert set(models) == set(scores) - {best}
    assert not any(models.values())
    for name, entry in entries.items():
        assert all((Path("s") / name / file).is_file() for file in entry.record["files"])
        assert list(Path("s", name, records.FIGURES_FOLDER).glob("*.png")) or name != best


def test_a_search_says_its_size_and_duration_first(tiny, in_process, capsys):
    words = ["-d", tiny["-d"], "-t", tiny["-t"], *WORDS, *PAIR, "--no-retrain", "--output", "models/s"]
    assert SearchCommand().run("autoencoder", words) == 0
    assert "2 trials, about 0." in (said := capsys.readouterr().err)
    assert " min" not in said.split("trial 0")[0]  # nothing was trained on these images before
    Path("models/s/trial-0000").rename("models/run")
    described = describe_estimate(SearchCommand().options("autoencoder", words))
    assert described.startswith("2 trials, less than 1 min, about 0.")


@pytest.mark.parametrize(
    ("epochs", "minutes", "text", "curve"),
    [
        (2, "9", "about 5 min", []),
        (2, "3", "about 3 min", []),
        (2, "99", "about 9 min", [10, 10]),  # 80 s besides the epochs
        ("2", "9", "", []),
        (None, "9", "", []),
        (0, "9", "", []),
    ],
)
def test_the_duration_is_estimated_from_a_run_whatever_its_record_says(tiny, epochs, minutes, text, curve):
    Path("models/run").mkdir(parents=True)
    record = {"status": "finished", "program": "autoencoder", "dataset": {"name": "train"}}
    record |= {"timing": {"seconds": 100}, "hyperparameters": {"epochs": epochs}}
    record |= {"history": {"": {"seconds": curve}}}
    Path("models/run/run.json").write_text(json.dumps(record))
    words = ["-d", tiny["-d"], *WORDS, *GRID, "--minutes", minutes]
    described = describe_estimate(SearchCommand().options("autoencoder", words))
    assert described.startswith(f"6 trials, {text}, about 1." if text else "6 trials, about 1.")


def test_nothing_outside_the_folder_of_the_search_is_removed(tmp_path):
    inside = tmp_path / "s"
    for name in ("s/trial-0001", "s/other", "t/trial-0001"):
        (tmp_path / name).mkdir(parents=True)
    (inside / "trial-0002").symlink_to(tmp_path / "t/trial-0001")
    removable = [
        path
        for path in (
            inside / "trial-0001",
            inside / "other",
            inside / "trial-0002",
            tmp_path / "t/trial-0001",
        )
        if retention._is_trial_folder(str(path), inside)
    ]
    assert removable == [inside / "trial-0001"]


def test_a_search_says_the_memory_of_its_largest_network(tiny):
    words = ["-d", tiny["-d"], *WORDS, "--layers", "2", "--grid", "kernels=2,4096"]
    described = describe_estimate(SearchCommand().options("autoencoder", words))
    assert " of memory, " in described
    assert described.endswith(" GB are free")
