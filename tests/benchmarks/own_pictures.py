"""Scores of all tasks on patches of the user's photographs, beside their baselines.

    python -m tests.benchmarks.photographs DIR
    python -m tests.benchmarks.own_pictures DIR --sizes 64 128 --seeds 0 1 2

Further flags, such as `--minutes 3`, are those of `autoencoder.py`. Prints the command of each row with its
scores: PSNR of the mean MSE in dB, and SSIM, as mean over the seeds, each of which splits the photographs
differently. Patches of a photograph are in one part of the split.
"""

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

PROGRAM = Path(__file__).resolve().parents[2] / "autoencoder.py"
PATCHES = {64: 60, 128: 15}  # of a photograph, by size: as many pixels


class Row(NamedTuple):
    """A task of the table.

    Args:
        flags: of the task.
        baseline: that is to be beaten, as its keys begin in a record.
        margin: by which, in dB of PSNR.
    """

    flags: str
    baseline: str
    margin: float


ROWS = {
    "reconstruct": Row("", "pca", 0),
    "denoise": Row("--task denoise --noise 0.1", "non_local_means", 1),
    "colorize": Row("--task colorize", "input", 2),
    "complete": Row("--task complete --missing center", "biharmonic", 0),
    "restore": Row("--task restore --degrade jpeg:10", "input", 0.8),
}


def train(folder: str, row: Row, size: int, seed: int, more: list[str]) -> dict:
    """Return the record of a run."""
    data = ["-d", folder, "--size", str(size), "--patches", str(PATCHES.get(size, 15)), "--seed", str(seed)]
    with tempfile.TemporaryDirectory() as output:
        flags = [*data, *row.flags.split(), *more, "--output", f"{output}/run", "--yes"]
        print("python autoencoder.py", shlex.join(flags[:-3]), file=sys.stderr, flush=True)
        subprocess.run([sys.executable, PROGRAM, *flags], check=True, stdout=subprocess.DEVNULL)
        return json.loads(Path(output, "run", "run.json").read_text())


def describe(name: str, size: int, records: list[dict]) -> str:
    """Return the row of a task in the table."""
    row = ROWS[name]
    scores = [record["metrics"] | record["baselines"] for record in records]

    def mean(key: str) -> float:
        return statistics.mean(score.get(key, float("nan")) for score in scores)

    gains = [score["test_psnr"] - score.get(f"{row.baseline}_psnr", float("nan")) for score in scores]
    minutes = statistics.mean(record["timing"]["seconds"] for record in records) / 60
    return (
        f"| {size} | {name} | {mean('test_psnr'):.2f} | {row.baseline} {mean(f'{row.baseline}_psnr'):.2f} "
        f"| {statistics.mean(gains):+.2f} ({min(gains):+.2f} to {max(gains):+.2f}) | {row.margin:+} "
        f"| {mean('test_ssim'):.4f} | {mean(f'{row.baseline}_ssim'):.4f} | {minutes:.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", help="photographs, such as tests.benchmarks.photographs collects")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=[*ROWS])
    args, more = parser.parse_known_args()
    print("| size | task | PSNR | baseline | gain in dB (seeds) | goal | SSIM | baseline's | minutes |")
    print("|---|---|---|---|---|---|---|---|---|")
    for size in args.sizes:
        for name in args.rows:
            records = [train(args.folder, ROWS[name], size, seed, more) for seed in args.seeds]
            print(describe(name, size, records), flush=True)


if __name__ == "__main__":
    main()
