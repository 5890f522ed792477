"""Is report B's cache of preprocessed images needed? Time to the first batch of each task, and what the cache
would cost.

python -m tests.benchmarks.first_batch [DATASET]   (default cifar10; a color data set, looked for in data/)

`whole set` is what the report does before training and we never do: every image as float32 inputs and targets
in memory. Medians of five, in turns, after a warm-up.
"""

import statistics
import sys
import time

import numpy as np

from lib.config.hyperparameters import Hyperparameters
from lib.data import datasets
from lib.tasks import base
from lib.training import batches

RUNS, BATCH = 5, 50
KINDS = {
    "reconstruct": {},
    "denoise": dict(task="denoise", noise="0.1-0.9"),
    "colorize, RGB": dict(task="colorize"),
    "colorize, UV": dict(task="colorize", color_space="yuv"),
    "complete": dict(task="complete"),
}


def seconds(action) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "cifar10"
    began = time.perf_counter()
    part = datasets.load_dataset(Hyperparameters(dataset=name)).train
    print(
        f"{name}: {len(part):,} training images read, checked and split in "
        f"{time.perf_counter() - began:.1f} s"
    )
    print(f"{'task':15} {'first batch':>12} {'whole set':>10} {'its memory':>11}")
    for kind, values in KINDS.items():
        hp = Hyperparameters(**values)

        def first(hp=hp) -> None:
            batches.Batches(part, BATCH, hp, learn=True)[0]

        def whole(hp=hp) -> int:
            made = base.make_pair(hp, part.take(slice(None)), np.random.default_rng(0))
            return sum({id(array): array.nbytes for array in made}.values())

        first()
        size = whole()
        times = {"first": [], "whole": []}
        for _ in range(RUNS):
            times["first"].append(seconds(first))
            times["whole"].append(seconds(whole))
        medians = {key: statistics.median(values) for key, values in times.items()}
        print(
            f"{kind:15} {1000 * medians['first']:9.1f} ms {medians['whole']:8.1f} s {size / 2**20:8,.0f} MB"
        )


if __name__ == "__main__":
    main()
