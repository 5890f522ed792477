"""Runs with all settings at their defaults, beside a PCA with as many components as the code has values.

Test MSE, its ratio to that of the PCA, the PSNRs, and the accuracy of a linear probe where there are labels:
of the encoder, of random weights, and of as many principal components. `crops-64` and `crops-128` are crops
of the photographs that scikit-learn and matplotlib bring; all test crops are of one photograph, which no
training crop is of. A seed is that of the run, and the photograph.

python -m tests.benchmarks.defaults digits photos crops-64 crops-128
LATENT_LAB_DATA=DIR python -m tests.benchmarks.defaults mnist fashion-mnist cifar-10 --seeds 0
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.cbook
import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

PROGRAMS = Path(__file__).resolve().parents[2]
LABELED = ("digits", "mnist", "fashion-mnist", "cifar-10")
TRAINING_CROPS, TEST_CROPS = 1500, 200


def photographs() -> list[np.ndarray]:
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        portrait = np.asarray(Image.open(file).convert("RGB"))
    return [*load_sample_images().images, portrait]


def crops(photograph: np.ndarray, size: int, count: int, rng: np.random.Generator) -> np.ndarray:
    height, width = photograph.shape[:2]
    tops, lefts = (rng.integers(side - size + 1, size=count) for side in (height, width))
    return np.stack(
        [photograph[top : top + size, left : left + size] for top, left in zip(tops, lefts, strict=True)]
    )


def make_crops(size: int, seed: int) -> list[str]:
    """Write training and test crops, and return the flags that name them."""
    pictures, rng = photographs(), np.random.default_rng(seed)
    test = pictures.pop(seed % len(pictures))
    training = [crops(picture, size, TRAINING_CROPS // len(pictures), rng) for picture in pictures]
    np.save("train.npy", np.concatenate(training))
    np.save("test.npy", crops(test, size, TEST_CROPS, rng))
    return ["-d", "train.npy", "-t", "test.npy"]


def dataset_flags(name: str, seed: int) -> list[str]:
    if name.startswith("crops-"):
        return make_crops(int(name.removeprefix("crops-")), seed)
    folder = Path(os.environ.get("LATENT_LAB_DATA", "")) / name
    return ["-d", str(folder) if "LATENT_LAB_DATA" in os.environ and folder.is_dir() else name]


def run(*command: str) -> None:
    subprocess.run([sys.executable, *command, "--yes"], check=True, stdout=sys.stderr)


def linear_probe(flags: list[str]) -> str:
    """Test accuracies with all labels: of the encoder, of random weights, and of a PCA."""
    model = ["-model", "run/autoencoder.h5", "--output", "probe", "--shares", "100", "--epochs", "1"]
    run(str(PROGRAMS / "classification.py"), "probe", *flags, *model)
    rows = json.loads(Path("probe/probe.json").read_text())["accuracy"]
    return "  ".join(f"{row['test_accuracy']:.4f}" for row in rows if row["method"] == "linear probe")


def default_run(name: str, seed: int) -> str:
    """Train with all settings at their defaults; return a row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        flags = dataset_flags(name, seed)
        run(str(PROGRAMS / "autoencoder.py"), *flags, "--seed", str(seed), "--output", "run")
        record = json.loads(Path("run/run.json").read_text())
        scores, baselines = record["metrics"], record["baselines"]
        ratio = scores["test_mse"] / baselines["pca_mse"]
        probe = linear_probe(flags) if name in LABELED else ""
        os.chdir(PROGRAMS)
    return (
        f"{name:10} {seed:4} {scores['latent_size']:6} {record['hyperparameters']['epochs']:6} "
        f"{record['timing']['seconds']:7.0f} {scores['test_mse']:8.5f} {ratio:5.2f} "
        f"{scores['test_psnr']:6.2f} {baselines['pca_psnr']:6.2f}  {probe}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("datasets", nargs="+", help="names, and crops-SIZE", metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    print("data set   seed latent epochs seconds test MSE ratio   PSNR  PCA's  probe: encoder, random, PCA")
    for name in args.datasets:
        for seed in args.seeds:
            print(default_run(name, seed), flush=True)


if __name__ == "__main__":
    main()
