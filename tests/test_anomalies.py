"""Trained detectors of defects, better than trivial ones. python -m pytest tests/test_anomalies.py

With -m slow and LATENT_LAB_DATA=FOLDER all textures, and a digit of MNIST against the rest.
"""

from pathlib import Path

import pytest

from lib.runs import records
from tests.harness.textures import DEFECTS, write_textures
from tests.test_no_terminal import run

TRIVIAL = ("mean", "pca_residual", "pca_patch", "neighbors")


@pytest.fixture
def train(call, in_process, monkeypatch):
    """A function that runs `autoencoder.py` in this process."""
    monkeypatch.setattr(in_process, "in_graphs", True)
    return lambda *words: call("autoencoder.py", *words)


def require_a_good_detector(train, data: Path, texture: str, epochs: str) -> None:
    """Train on a texture, and compare the mean AUROC over its defects with those of all trivial detectors."""
    write_textures(data, texture, train=60, good=20, bad=10)
    flags = ["--epochs", epochs, "--split", "75/25/0", "--output", "models/texture", "--no-input"]
    done = train("-d", str(data), "--task", "anomaly", *flags)
    assert done.returncode == 0, done.stderr
    record = records.load_record(Path("models/texture"))
    by_kind = record["detection"]["kinds"]
    ours = [kind["auroc"] for kind in by_kind if kind["name"] in DEFECTS]
    assert len(ours) == len(DEFECTS)
    assert sum(ours) / len(ours) > 0.85
    trivial = [record["baselines"][f"{name}_auroc"] for name in TRIVIAL]
    assert record["metrics"]["test_auroc"] > max(trivial) + 0.1
    assert record["metrics"]["test_pixel_auroc"] > 0.9


def test_a_detector_of_a_texture_is_better_than_trivial_ones(train, tmp_path):
    require_a_good_detector(train, tmp_path / "wood", "wood", epochs="10")


@pytest.mark.slow
@pytest.mark.parametrize("texture", ["weave", "grain"])
def test_detectors_of_other_textures(train, texture, tmp_path):
    require_a_good_detector(train, tmp_path / texture, texture, epochs="20")


@pytest.mark.slow
def test_one_digit_against_the_rest(real):
    data = ["-d", str(real / "mnist"), "--normal", "8", "--epochs", "10"]
    done = run("autoencoder.py", *data, "--task", "anomaly", "--output", "models/eight", "--no-input")
    assert done.returncode == 0, done.stderr
    record = records.load_record(Path("models/eight"))
    assert record["metrics"]["test_auroc"] > 0.95 > record["baselines"]["pca_residual_auroc"]
