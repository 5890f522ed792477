"""Real trainings with thresholds that a broken network cannot reach.

python -m pytest tests/test_real.py, and with LATENT_LAB_DATA=FOLDER -m slow what takes minutes on two cores
"""

from pathlib import Path

import pytest

from lib.runs import records
from tests.test_no_terminal import run


def test_digits_from_pixels_to_labels(call, in_process, monkeypatch):
    """Bundled data, both programs: better than half the mean image's error, and than chance by far."""
    monkeypatch.setattr(in_process, "in_graphs", True)
    done = call("autoencoder.py", "-d", "digits", "--epochs", "8", "--output", "models/ae", "--no-input")
    assert done.returncode == 0, done.stderr
    record = records.load_record(Path("models/ae"))
    assert record["metrics"]["test_mse"] < 0.1 * record["baselines"]["constant_mse"]
    done = call(
        "classification.py",
        "-d",
        "digits",
        "-model",
        "models/ae/encoder.h5",
        "--epochs",
        "6",
        "--output",
        "models/cl",
        "--no-input",
    )
    assert done.returncode == 0, done.stderr
    record = records.load_record(Path("models/cl"))
    assert record["metrics"]["test_accuracy"] > 0.9 > record["baselines"]["most_frequent_accuracy"]


@pytest.mark.slow
def test_real_mnist_in_four_epochs(real):
    """6,000 images, whole test set: PCA-16 leaves 0.0269."""
    data = ["-d", str(real / "mnist"), "--limit", "6000"]
    done = run("autoencoder.py", *data, "--epochs", "4", "--output", "models/ae", "--no-input")
    assert done.returncode == 0, done.stderr
    record = records.load_record(Path("models/ae"))
    assert record["dataset"]["sizes"] == {"train": 5333, "validation": 667, "test": 10_000}
    assert record["metrics"]["test_mse"] < 0.024
    done = run(
        "classification.py",
        *data,
        "-model",
        "models/ae/autoencoder.h5",
        "--epochs",
        "1",
        "--output",
        "models/cl",
        "--no-input",
    )
    assert done.returncode == 0, done.stderr
    assert records.load_record(Path("models/cl"))["metrics"]["test_accuracy"] > 0.9


CIFAR = "cifar-10/cifar-10-binary.tar.gz"
FEW = {
    # what, data set, flags, metric, and what a broken network cannot reach on 6,000 images
    "color": (CIFAR, ["--preset", "best-color", "--epochs", "2"], "test_mse", 0.0066),  # gray copied
    "blocks": (CIFAR, ["--preset", "best-cifar", "--epochs", "1"], "test_mse", 0.00044),  # PCA of 4×4 blocks
    "pca": (
        CIFAR,
        ["--preset", "best-cifar-dense", "--latent-dim", "64", "--epochs", "3"],
        "test_mse",
        0.0083,
    ),  # PCA: 0.0085
    "half": (
        "fashion-mnist",
        ["--preset", "fashion-half", "--batch-size", "64", "--epochs", "3"],
        "test_mse",
        0.04,
    ),
    "noise": (
        "mnist",
        ["--preset", "best-denoise", "--noise", "0.4", "--epochs", "1"],
        "test_mse",
        0.02,
    ),  # noisy: 0.08
    "vae": (
        "mnist",
        ["--preset", "best-vae-2", "--epochs", "15"],
        "test_negative_elbo",
        190,
    ),  # each pixel its mean: 206
}


@pytest.mark.slow
@pytest.mark.parametrize("task", FEW)
def test_every_task_learns_on_real_data(task, real):
    name, flags, metric, bound = FEW[task]
    done = run(
        "autoencoder.py",
        "-d",
        str(real / name),
        *flags,
        "--limit",
        "6000",
        "--output",
        "models/ae",
        "--no-input",
    )
    assert done.returncode == 0, done.stderr
    assert records.load_record(Path("models/ae"))["metrics"][metric] < bound


# The networks of the reports on the full data sets: flags, metric, and what they have to reach.
REPORTS = {
    "A": (CIFAR, ["--preset", "cifar-base"], "test_mse", 0.0036),
    "A, ours": (CIFAR, ["--preset", "best-cifar"], "test_mse", 0.00035),
    "A, ours at 1,024 numbers": (
        CIFAR,
        ["--preset", "best-cifar-dense"],
        "test_mse",
        0.00019,
    ),  # PCA: 0.000226
    "A, color": (CIFAR, ["--preset", "best-color"], "test_mse", 0.0045),
    "B, UV": (CIFAR, ["--preset", "best-yuv"], "test_mse", 0.00265),
    "D": (
        "fashion-mnist",
        [
            *(
                "--preset",
                "fashion-half",
                "--batch-size",
                "128",
                "--schedule",
                "cosine",
                "--learning-rate",
                "0.002",
            ),
            *("--optimizer", "adamw", "--weight-decay", "0.1", "--dropout", "0.1", "--gamma"),
        ],
        "test_mse",
        0.0205,
    ),
    "D, ours": ("fashion-mnist", ["--preset", "best-half", "--split", "100/0/0"], "test_mse", 0.0185),
    "E, ours": ("fashion-mnist", ["--preset", "best-latent-10", "--split", "100/0/0"], "test_mse", 0.0097),
    "MNIST at 32 numbers": (
        "mnist",
        ["--preset", "best-latent-32", "--split", "100/0/0"],
        "test_mse",
        0.0021,
    ),
    "E, VAE": ("mnist", ["--preset", "best-vae-2"], "test_negative_elbo", 145),
    "likelihood": ("mnist", ["--preset", "best-likelihood"], "test_negative_elbo", 87.2),
    "denoise": ("mnist", ["--preset", "best-denoise"], "test_mse", 10**-2.1),  # 21 dB
    "E": (
        "fashion-mnist",
        [
            *("--preset", "latent-10", "--dropout", "0", "--schedule", "cosine", "--learning-rate", "0.003"),
            *("--epochs", "15", "--batch-size", "128"),
        ],
        "test_mse",
        0.0190,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("report", REPORTS)
def test_the_reports_networks(report, real):
    name, flags, metric, bound = REPORTS[report]
    words = ["-d", str(real / name), *flags, "--output", "models/ae", "--no-input"]
    done = run("autoencoder.py", *words, seconds=4 * 3600)
    assert done.returncode == 0, done.stderr
    assert records.load_record(Path("models/ae"))["metrics"][metric] <= bound


@pytest.mark.slow
def test_report_c(real):
    """The hyperparameters that report C ends with: validation loss 0.0011, test accuracy 0.9901."""
    data = ["-d", str(real / "mnist")]
    done = run("autoencoder.py", *data, "--epochs", "20", "--output", "models/ae", "--no-input", seconds=3600)
    assert done.returncode == 0, done.stderr
    assert min(records.load_record(Path("models/ae"))["history"]["val_loss"]) <= 0.0011
    done = run(
        "classification.py",
        *data,
        "-model",
        "models/ae/autoencoder.h5",
        "--output",
        "models/cl",
        "--no-input",
        seconds=3600,
    )
    assert done.returncode == 0, done.stderr
    assert records.load_record(Path("models/cl"))["metrics"]["test_accuracy"] >= 0.992


LABELS = {"fashion-mnist": ("best-fashion-classifier", 0.937), "mnist": ("best-mnist-classifier", 0.995)}


@pytest.mark.slow
@pytest.mark.parametrize("name", LABELS)
def test_labels(name, real):
    preset, bound = LABELS[name]
    data = ["-d", str(real / name), "--no-input"]
    done = run("autoencoder.py", *data, "--preset", "best-labels", "--output", "models/ae", seconds=3600)
    assert done.returncode == 0, done.stderr
    data += [
        "--preset",
        preset,
        "--split",
        "100/0/0",
        "-model",
        "models/ae/autoencoder.h5",
        "--output",
        "models/cl",
    ]
    done = run("classification.py", *data, seconds=3600)
    assert done.returncode == 0, done.stderr
    assert records.load_record(Path("models/cl"))["metrics"]["test_accuracy"] >= bound
