"""Scores with and without --group on crops of photographs, next to those on new photographs.

    python -m tests.benchmarks.groups PHOTOGRAPHS --seeds 3

PHOTOGRAPHS is the folder that `tests.benchmarks.photographs` makes. Each photograph is reduced to a shorter
side of 96 pixels and gives 24 random crops of 32×32, as files. The crops of every fourth photograph are a
separate test set, for the last row.
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

SIDE, CROP, CROPS = 96, 32, 24
COLUMNS = ("test_mse", "neighbors_mse", "pca_mse", "ridge_mse")


def write_crops(photographs: Path, folder: Path) -> None:
    """Write crops into `known` and, of every fourth photograph, `new`."""
    rng = np.random.default_rng(0)
    for number, file in enumerate(sorted(photographs.iterdir())):
        image = Image.open(file).convert("RGB")
        scale = SIDE / min(image.size)
        image = image.resize(
            [max(SIDE, round(side * scale)) for side in image.size], Image.Resampling.LANCZOS
        )
        part = folder / ("new" if number % 4 == 0 else "known")
        part.mkdir(exist_ok=True)
        for crop in range(CROPS):
            left, top = (int(rng.integers(side - CROP + 1)) for side in image.size)
            image.crop((left, top, left + CROP, top + CROP)).save(part / f"{file.stem}_{crop:02}.png")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_crops(args.photographs, folder)
        print("split", *COLUMNS, sep="\t")
        rows = {
            "random": [],
            "--group before-last:_": ["--group", "before-last:_"],
            "new photographs": ["-t", str(folder / "new")],
        }
        for row, flags in rows.items():
            records = []
            for seed in range(args.seeds):
                output = folder / f"{row}-{seed}"
                command = [
                    sys.executable,
                    "autoencoder.py",
                    "-d",
                    str(folder / "known"),
                    *flags,
                    "--task",
                    "complete",
                    "--split",
                    "60/10/30",
                ]
                command += [
                    "--epochs",
                    str(args.epochs),
                    "--seed",
                    str(seed),
                    "--no-input",
                    "--output",
                    str(output),
                ]
                subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
                records.append(load_record(output))
            means = [np.mean([{**r["metrics"], **r["baselines"]}[key] for r in records]) for key in COLUMNS]
            print(row, *(f"{mean:.4f}" for mean in means), sep="\t", flush=True)


if __name__ == "__main__":
    main()
