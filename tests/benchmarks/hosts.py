"""Distributed training of two processes with one core each, compared with one process on one core.

KERAS_BACKEND=jax python -m tests.benchmarks.hosts [DATASET]   (default digits)

Medians of three, in turns. Both use the same batches, so their losses agree.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from lib.worker.process import PROJECT

REPEATS, CORES = 3, (0, 1)
LINE = [
    "--layers",
    "3",
    "--kernels",
    "32",
    "--latent-dim",
    "convolutional",
    "--epochs",
    "3",
    "--batch-size",
    "128",
    "--limit",
    "12000",
    "--no-input",
]


def start(core: int, *words: str) -> subprocess.Popen:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    line = [sys.executable, str(PROJECT / "autoencoder.py"), *LINE, *words]
    return subprocess.Popen(line, preexec_fn=lambda: os.sched_setaffinity(0, {core}), **quiet)


def train(count: int, dataset: str, output: Path) -> tuple[float, float]:
    """Train with `count` processes; images per second, and the last validation loss."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    words = ["-d", dataset, "--output", str(output)]
    groups = [
        ["--distributed", f"{address},{number}/{count}"] if count > 1 else []
        for number in range(1, count + 1)
    ]
    running = [start(core, *words, *group) for core, group in zip(CORES, groups, strict=False)]
    assert [process.wait() for process in running] == [0] * count
    record = json.loads((output / "run.json").read_text())
    return record["timing"]["images_per_second"], record["history"]["val_loss"][-1]


def main() -> None:
    dataset = sys.argv[1] if len(sys.argv) > 1 else "digits"
    speeds, losses = {1: [], 2: []}, {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(REPEATS):
            for count in speeds:
                speed, loss = train(count, dataset, Path(folder) / f"{count}-{repeat}")
                speeds[count].append(speed)
                losses[count].append(loss)
    for count, values in speeds.items():
        each = ", ".join(f"{speed:,.0f}" for speed in values)
        label = f"{count} process{'es' if count > 1 else ''}, a core each"
        print(
            f"{label}: {statistics.median(values):,.0f} images a second ({each}); validation loss "
            f"{losses[count][0]:.6f}"
        )


if __name__ == "__main__":
    main()
