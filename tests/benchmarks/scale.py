"""Scaling to more machines: a simulation of search workers, and estimates for data-parallel training.

python -m tests.benchmarks.scale; the two costs of a storage are those that `tests.benchmarks.search storage`
prints.
"""

import heapq
import math
import random
from typing import NamedTuple

from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.models import autoencoder

HOURS = 2  # simulated
EPOCHS = 10  # of a trial, each of them a report to the storage
HEARTBEAT_SECONDS = 10
REQUESTS = EPOCHS + 6  # of a trial: start, suggestion, state of the others, each epoch, scores, folder, end
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
# Measured seconds of a trial's requests, in the worker and in the storage.
STORAGES = {"SQLite": (0.021, 0.090), "PostgreSQL": (0.059, 0.097)}
TRIAL_SECONDS = (10, 60, 600)  # of training
IMAGE_SHAPE = (28, 28, 1)
# Images per second of a host that trains alone (measured), images per step on each host.
HOST_TYPES = {
    "the default network on MNIST": (2_100, 128),
    "the same on a host 100 times as fast": (210_000, 128),
    "the same, 2,048 images a step": (210_000, 2_048),
}
LINKS = {"1 Gbit/s": 1e9, "10 Gbit/s": 10e9, "100 Gbit/s": 100e9}  # bits per second
LATENCY = 50e-6  # seconds per message
HOSTS = (1, 2, 4, 8, 16, 32)


class Request(NamedTuple):
    """The next request of a worker to the storage; requests are ordered by time."""

    time: float
    worker: int
    remaining: int  # requests of its trial, with this one
    interval: float  # seconds between two of them


def trials_per_hour(workers: int, training: float, worker_cost: float, storage_cost: float) -> float:
    """Simulate workers whose requests wait for each other at a storage that serves one at a time.

    Args:
        workers: number of workers.
        training: mean seconds that a trial trains; trials differ by up to a quarter.
        worker_cost: seconds of a trial's requests in the worker.
        storage_cost: seconds of a trial's requests in the storage.
    """
    rng = random.Random(0)
    service, end = storage_cost / REQUESTS, HOURS * 3600
    free_at = 0.0  # the storage
    complete = 0
    queue = [
        Request(rng.uniform(0, training), worker, REQUESTS, (training + worker_cost) / REQUESTS)
        for worker in range(workers)
    ]
    heapq.heapify(queue)
    while queue[0].time < end:
        now, worker, remaining, interval = heapq.heappop(queue)
        heartbeats = interval / HEARTBEAT_SECONDS  # since the last request
        free_at = max(now, free_at) + service * (1 + heartbeats)
        if remaining > 1:
            heapq.heappush(queue, Request(free_at + interval, worker, remaining - 1, interval))
            continue
        complete += free_at < end
        length = training * rng.uniform(0.75, 1.25)
        heapq.heappush(queue, Request(free_at, worker, REQUESTS, (length + worker_cost) / REQUESTS))
    return complete / HOURS


def images_per_second(hosts: int, speed: float, batch: int, gradient_bytes: int, bandwidth: float) -> float:
    """Return the throughput of hosts that sum their gradients in a ring (all-reduce) after every step.

    Each host sends and receives 2 (hosts - 1) / hosts of the bytes, in 2 (hosts - 1) messages, while nothing
    is computed.

    Args:
        hosts: number of hosts.
        speed: images per second of a host alone.
        batch: images per step on each host.
        gradient_bytes: size of the gradients.
        bandwidth: bits per second of each link.
    """
    messages = 2 * (hosts - 1)
    exchange = messages / hosts * gradient_bytes * 8 / bandwidth + messages * LATENCY
    return hosts * batch / (batch / speed + exchange)


def gradient_bytes() -> int:
    """Return the size of the gradients of the default network: four bytes for each trainable weight."""
    model = autoencoder.build_autoencoder(plan_architecture(AutoencoderHyperparameters(), IMAGE_SHAPE))
    return 4 * sum(math.prod(weight.shape) for weight in model.trainable_weights)


def workers() -> None:
    """Print the trials per hour of each number of workers, with each storage."""
    for name, (worker_cost, storage_cost) in STORAGES.items():
        costs = f"{worker_cost:.3f} s of requests in its worker and {storage_cost:.3f} s in the storage"
        print(f"{name}: a trial costs {costs}")
        print("workers   " + "".join(f"{seconds:>9,} s a trial" for seconds in TRIAL_SECONDS))
        for count in WORKERS:
            rates = [trials_per_hour(count, seconds, worker_cost, storage_cost) for seconds in TRIAL_SECONDS]
            print(f"{count:7}   " + "".join(f"{rate:18,.0f}" for rate in rates))


def hosts() -> None:
    """Print the images per second of each number of hosts, over each link."""
    size = gradient_bytes()
    for name, (speed, batch) in HOST_TYPES.items():
        print(
            f"{name}: {size:,} bytes of gradients a step, {batch} images a host and step, {speed:,} images "
            f"a second alone"
        )
        print("hosts " + "".join(f"{link:>15}" for link in LINKS))
        for count in HOSTS:
            rates = [images_per_second(count, speed, batch, size, bits) for bits in LINKS.values()]
            print(f"{count:5} " + "".join(f"{rate:15,.0f}" for rate in rates))


if __name__ == "__main__":
    workers()
    hosts()
