"""Samples of each kind of autoencoder beside a mixture of PCA components, and accuracies of linear probes.

    python -m tests.benchmarks.generation mnist --features models/CLASSIFIER --latent-dim 16 --epochs 20

Each kind is trained with the same network and the same further flags, those of `autoencoder.py`. Prints the
test MSE, the accuracy of a linear classifier on the latent codes, and for each source of images the Frechet
and kernel distance from the test images, precision and recall, in the features of the classifier. Without
`--features` a classifier is trained first, on an encoder of its own; its file is then below `--output`.
`LATENT_LAB_DATA` is the folder of the data sets.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from lib.config.samplers import SAMPLERS
from tests.benchmarks.anomalies import PROGRAM
from tests.benchmarks.defaults import dataset_flags, run

CLASSIFICATION = str(PROGRAM.with_name("classification.py"))
KINDS = {
    "autoencoder": [],
    "VAE": ["--regularization", "kl"],
    "WAE": ["--regularization", "mmd"],
    "AAE": ["--regularization", "adversarial"],
    "quantized": ["--quantize", "8,5,5,5"],
    "conditional VAE": ["--regularization", "kl", "--conditional"],
}
COLUMNS = ("frechet", "kernel", "precision", "recall")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="name of a data set with labels")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--features", help="the classifier")
    parser.add_argument("--samplers", nargs="+", choices=SAMPLERS, default=list(SAMPLERS))
    parser.add_argument("--output", type=Path, default=Path("generation-runs"))
    args, more = parser.parse_known_args()
    data = dataset_flags(args.data, 0)
    features = args.features or train_classifier(data, args.output / f"{args.data}-classifier")
    for seed in args.seeds:
        for kind in args.kinds:
            folder = args.output / f"{args.data}-{kind.replace(' ', '-')}-{seed}"
            has_prior = "--regularization" in KINDS[kind]
            samplers = [name for name in args.samplers if name != "prior" or has_prior]
            report(kind, seed, data, [*KINDS[kind], *more], folder, ["--features", features], samplers)


def train_classifier(data: list[str], folder: Path) -> str:
    encoder = str(folder.with_name(f"{folder.name}-encoder"))
    run(str(PROGRAM), *data, "--preset", "best-labels", "--output", encoder)
    run(
        CLASSIFICATION, *data, "-model", encoder, "--fc-units", "64", "--epochs", "2", "--output", str(folder)
    )
    return str(folder)


def report(
    kind: str,
    seed: int,
    data: list[str],
    flags: list[str],
    folder: Path,
    features: list[str],
    samplers: list[str],
) -> None:
    """Train a kind, and print its scores."""
    run(str(PROGRAM), *data, *flags, "--seed", str(seed), "--output", str(folder))
    record = json.loads((folder / "run.json").read_text())
    metrics, seconds = record["metrics"], record["timing"]["seconds"]
    bits = metrics.get("test_bits_per_pixel")
    print(
        f"{kind}, seed {seed}: test MSE {metrics['test_mse']:.5f}, {seconds:.0f} s"
        + ("" if bits is None else f", {bits:.3f} bits per pixel")
        + ("" if "--conditional" in flags else f", linear probe {probe(data, folder):.4f}"),
        flush=True,
    )
    command = [sys.executable, str(PROGRAM), "evaluate", "-model", str(folder), *features]
    words = ["--output", str(folder / "evaluated"), "--seed", str(seed), "--no-fid", "--no-input"]
    subprocess.run([*command, *words, "--sampler", *samplers], check=True, stdout=sys.stderr)
    for row in json.loads((folder / "evaluated" / "evaluation.json").read_text())["rows"]:
        values = "  ".join(f"{row[name]:8.3f}" for name in COLUMNS if row[name] is not None)
        print(f"    {row['source']:36} {values}", flush=True)


def probe(data: list[str], folder: Path) -> float:
    """The test accuracy of a linear classifier on codes of all training images."""
    output = str(folder / "probe")
    model = ["-model", str(folder / "autoencoder.h5"), "--output", output]
    run(CLASSIFICATION, "probe", *data, *model, "--shares", "100", "--epochs", "1")
    rows = json.loads(Path(output, "probe.json").read_text())["accuracy"]
    return next(row["test_accuracy"] for row in rows if row["method"] == "linear probe")


if __name__ == "__main__":
    main()
