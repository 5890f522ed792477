"""AUROC of detectors over all categories of a data set, beside that of trivial methods.

    python -m tests.benchmarks.anomalies classes mnist --preset best-mnist-anomaly --seeds 0 1 2
    python -m tests.benchmarks.anomalies folders MVTEC_AD --size 256 --minutes 10
    python -m tests.benchmarks.anomalies textures FOLDER --epochs 20 --split 75/25/0 --seeds 0 1 2

`classes` trains a detector for each class of a labeled data set, with this class as the normal one and the
whole test set, nine of ten classes of it defective. `folders` trains one for each folder with train/ and
test/ in another folder, such as the fifteen categories of MVTec AD. `textures` first draws those of the tests
there. Further flags are those of
`autoencoder.py`. Prints the scores of each run as soon as it has ended, and the means.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.harness.textures import TEXTURES, write_textures

PROGRAM = Path(__file__).resolve().parents[2] / "autoencoder.py"
SCORES = ("auroc", "average_precision", "pixel_auroc", "pro")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("classes", "folders", "textures"))
    parser.add_argument("data", help="name of a data set, or a folder of folders")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", help="classes or folders (default: all)")
    args, more = parser.parse_known_args()
    rows: dict[str, list[dict]] = {}
    for seed in args.seeds:
        for name, flags in list_categories(args.kind, args.data):
            if args.only and name not in args.only:
                continue
            record = train([*flags, *more, "--seed", str(seed)])
            rows.setdefault(name, []).append(record)
            print(describe(f"{name}, seed {seed}", [record]), flush=True)
    for name, records in rows.items():
        print(describe(name, records))
    print(describe("mean", [record for records in rows.values() for record in records]))


def list_categories(kind: str, data: str) -> list[tuple[str, list[str]]]:
    """Return the name of each category with the flags that train on it."""
    if kind == "classes":
        path = Path(os.environ.get("LATENT_LAB_DATA", "data"), data)
        folder = str(path) if path.is_dir() else data
        return [(str(label), ["-d", folder, "--normal", str(label)]) for label in range(10)]
    if kind == "textures":
        for texture in TEXTURES:
            if not Path(data, texture).exists():
                write_textures(Path(data, texture), texture)
    folders = sorted(path.parent for path in Path(data).glob("*/train"))
    return [(folder.name, ["-d", str(folder)]) for folder in folders]


def train(flags: list[str]) -> dict:
    """Return the record of a run."""
    with tempfile.TemporaryDirectory() as output:
        command = [sys.executable, PROGRAM, "--task", "anomaly", *flags, "--output", f"{output}/run", "--yes"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return json.loads(Path(output, "run", "run.json").read_text())


def describe(name: str, records: list[dict]) -> str:
    """Return the means of all scores, of the detector and of the trivial methods."""
    scores: dict[str, list[float]] = {}
    for record in records:
        for key, value in (record["metrics"] | record["baselines"]).items():
            if any(key.endswith(score) for score in SCORES):
                scores.setdefault(key.removeprefix("test_"), []).append(value)
    text = "  ".join(f"{key} {statistics.mean(values):.4f}" for key, values in scores.items())
    minutes = statistics.mean(record["timing"]["seconds"] for record in records) / 60
    return f"{name}: {text}  ({minutes:.1f} min)"


if __name__ == "__main__":
    main()
