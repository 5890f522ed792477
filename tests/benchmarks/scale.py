"""How far more machines carry: a simulation of workers that share a storage, and the sum for hosts that share
every step.

python -m tests.benchmarks.scale; the two costs of a storage are those that `tests.benchmarks.search storage`
prints.
"""

import heapq
import math
import random

from lib.config import architecture_planner
from lib.config.hyperparameters import Hyperparameters
from lib.models import autoencoder

HOURS, EPOCHS, BEAT = (
    2,
    10,
    10,
)  # simulated time; epochs of a trial, each a report; seconds between two heartbeats
REQUESTS = EPOCHS + 6  # of a trial: begin, draw, look at the others, each epoch, scores, folder, end
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
STORAGES = {
    "SQLite": (0.021, 0.090),
    "PostgreSQL": (0.059, 0.097),
}  # seconds a trial: in the worker and in the storage, measured
TRIALS = (10, 60, 600)  # seconds that one trains
# What a host trains, the shape of the images, images a second that it trains alone, images of it in a step.
# (measured, README)
NETWORKS = {
    "the default network on MNIST": ({}, (28, 28, 1), 2_100, 128),
    "the same on a host 100 times as fast": ({}, (28, 28, 1), 210_000, 128),
    "the same, 2,048 images a step": ({}, (28, 28, 1), 210_000, 2_048),
}
LINKS = {"1 Gbit/s": 1e9, "10 Gbit/s": 10e9, "100 Gbit/s": 100e9}
LATENCY = 50e-6  # seconds that a message takes
HOSTS = (1, 2, 4, 8, 16, 32)


def trials_an_hour(workers: int, training: float, own: float, shared: float) -> float:
    """Workers that train for so many seconds a trial, and whose requests wait for each other at a storage.

    `own` and `shared` are what the requests of a trial cost beside: in the worker, and in the storage, which
    serves one after another. Trials differ in length by a quarter either way.
    """
    draw = random.Random(0)
    request, end, free, done = shared / REQUESTS, HOURS * 3600, 0.0, 0
    # (when it asks next, worker, requests of its trial that are left, seconds between two of them)
    asking = [
        (draw.uniform(0, training), worker, REQUESTS, (training + own) / REQUESTS)
        for worker in range(workers)
    ]
    heapq.heapify(asking)
    while asking[0][0] < end:
        now, worker, left, between = heapq.heappop(asking)
        free = max(now, free) + request * (1 + between / BEAT)  # the heartbeats since the last one
        if left > 1:
            heapq.heappush(asking, (free + between, worker, left - 1, between))
            continue
        done += free < end
        length = training * draw.uniform(0.75, 1.25)
        heapq.heappush(asking, (free, worker, REQUESTS, (length + own) / REQUESTS))
    return done / HOURS


def images_per_second(hosts: int, speed: float, batch: int, size: int, bits: float) -> float:
    """Hosts that train alone at `speed`, `batch` images each a step, and then add up gradients of `size`
    bytes in a ring.

    Each sends and receives 2 (hosts - 1) / hosts of the bytes, in 2 (hosts - 1) messages, while nothing else
    is computed.
    """
    around = 2 * (hosts - 1)
    return hosts * batch / (batch / speed + around / hosts * size * 8 / bits + around * LATENCY)


def gradients(values: dict, image: tuple[int, int, int]) -> int:
    """Bytes of the gradients of a network: four for each weight that learns."""
    model = autoencoder.build_autoencoder(
        architecture_planner.plan_architecture(Hyperparameters(**values), image)
    )
    return 4 * sum(math.prod(weight.shape) for weight in model.trainable_weights)


def workers() -> None:
    for name, (own, shared) in STORAGES.items():
        print(
            f"{name}: a trial costs {own:.3f} s of requests in its worker and {shared:.3f} s in the storage"
        )
        print("workers   " + "".join(f"{length:>9,} s a trial" for length in TRIALS))
        for count in WORKERS:
            print(
                f"{count:7}   "
                + "".join(f"{trials_an_hour(count, length, own, shared):18,.0f}" for length in TRIALS)
            )


def hosts() -> None:
    for name, (values, image, speed, batch) in NETWORKS.items():
        size = gradients(values, image)
        print(
            f"{name}: {size:,} bytes of gradients a step, {batch} images a host and step, {speed:,} images "
            f"a second alone"
        )
        print("hosts " + "".join(f"{link:>15}" for link in LINKS))
        for count in HOSTS:
            print(
                f"{count:5} "
                + "".join(
                    f"{images_per_second(count, speed, batch, size, bits):15,.0f}" for bits in LINKS.values()
                )
            )


if __name__ == "__main__":
    workers()
    hosts()
