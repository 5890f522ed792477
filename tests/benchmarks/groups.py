"""Scores on the same test crops after training with and without other crops of the same photographs.

    python -m tests.benchmarks.groups PHOTOGRAPHS

PHOTOGRAPHS is the folder that `tests.benchmarks.photographs` makes. Each photograph is reduced to a shorter
side of 96 pixels and gives random crops of 32×32, as files; the test crops are of every fourth photograph. Of
two training sets with as many crops, one is as after a random split, with crops of all photographs; the other
as after a split by groups, with crops of the other photographs.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from lib.runs.records import load_record
from tests.harness.terminal_session import PROJECT

SIDE, CROP, CROPS, MIXED_CROPS = 96, 32, 24, 18
METRICS = {
    "complete": ("test_mse", "neighbors_mse", "ridge_mse", "constant_mse"),
    "reconstruct": ("test_mse", "pca_mse", "constant_mse"),
}


def write_crops(photographs: Path, folder: Path) -> None:
    """Write crops into `test`, and into the training sets `random` and `grouped`."""
    rng = np.random.default_rng(0)
    for number, file in enumerate(sorted(photographs.iterdir())):
        image = Image.open(file).convert("RGB")
        scale = SIDE / min(image.size)
        width, height = (max(SIDE, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS)
        counts = {"random": MIXED_CROPS, "test" if number % 4 == 0 else "grouped": CROPS}
        for part, count in counts.items():
            (folder / part).mkdir(exist_ok=True)
            for crop in range(count):
                left, top = int(rng.integers(width - CROP + 1)), int(rng.integers(height - CROP + 1))
                cropped = image.crop((left, top, left + CROP, top + CROP))
                cropped.save(folder / part / f"{file.stem}_{crop:02}.png")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_crops(args.photographs, folder)
        for task, keys in METRICS.items():
            print(task, *keys, sep="\t", flush=True)
            for part in ("random", "grouped"):
                scores = [train(folder, part, task, args.epochs, seed) for seed in range(args.seeds)]
                means = [np.mean([score[key] for score in scores]) for key in keys]
                print(part, *(f"{mean:.4f}" for mean in means), sep="\t", flush=True)


def train(folder: Path, part: str, task: str, epochs: int, seed: int) -> dict[str, float]:
    """Train on one of the training sets, and return the scores on the test crops."""
    with tempfile.TemporaryDirectory() as output:
        command = [sys.executable, "autoencoder.py", "-d", folder / part, "-t", folder / "test"]
        command += ["--task", task, "--epochs", str(epochs), "--seed", str(seed)]
        command += ["--no-input", "--output", Path(output, "run")]
        subprocess.run(list(map(str, command)), cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
        record = load_record(Path(output, "run"))
    return record["metrics"] | record["baselines"]


if __name__ == "__main__":
    main()
