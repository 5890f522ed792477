"""Time to the first batch of each task, compared with report B's cache of preprocessed images.

python -m tests.benchmarks.first_batch [DATASET]   (default cifar10; a color data set, looked for in data/)

`whole set` is the report's cache: every image as float32 inputs and targets in memory before training.
Medians of five, in turns, after a warm-up.
"""

import statistics
import sys
import time

import numpy as np

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data import datasets
from lib.tasks import make_pair
from lib.training import batches

RUNS, BATCH = 5, 50
TASKS = {
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
    subset = datasets.load_dataset(AutoencoderHyperparameters(dataset=name)).train
    print(
        f"{name}: {len(subset):,} training images read, checked and split in "
        f"{time.perf_counter() - began:.1f} s"
    )
    print(f"{'task':15} {'first batch':>12} {'whole set':>10} {'its memory':>11}")
    for task, values in TASKS.items():
        hp = AutoencoderHyperparameters(**values)

        def first(hp=hp) -> None:
            batches.Batches(subset, BATCH, hp, training=True)[0]

        def whole_set(hp=hp) -> int:
            pair = make_pair(hp, subset.take(slice(None)), np.random.default_rng(0))
            return sum({id(array): array.nbytes for array in pair}.values())

        first()
        size = whole_set()
        times = {"first": [], "whole": []}
        for _ in range(RUNS):
            times["first"].append(seconds(first))
            times["whole"].append(seconds(whole_set))
        medians = {key: statistics.median(values) for key, values in times.items()}
        print(
            f"{task:15} {1000 * medians['first']:9.1f} ms {medians['whole']:8.1f} s {size / 2**20:8,.0f} MB"
        )


if __name__ == "__main__":
    main()
