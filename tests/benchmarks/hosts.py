"""Two processes that train one network together, each on a core of its own, beside one process on one core.

KERAS_BACKEND=jax python -m tests.benchmarks.hosts [DATASET]   (default digits)

The medians of three, in turns; the batch of the two is that of the one, and so are the losses.
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


def trained(count: int, dataset: str, output: Path) -> tuple[float, float]:
    """Images a second, and the last validation loss, of so many processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    words = ["-d", dataset, "--output", str(output)]
    teams = [
        ["--distributed", f"{address},{number}/{count}"] if count > 1 else []
        for number in range(1, count + 1)
    ]
    running = [start(core, *words, *team) for core, team in zip(CORES, teams, strict=False)]
    assert [process.wait() for process in running] == [0] * count
    record = json.loads((output / "run.json").read_text())
    return record["timing"]["images_per_second"], record["history"]["val_loss"][-1]


def main() -> None:
    dataset = sys.argv[1] if len(sys.argv) > 1 else "digits"
    speeds, losses = {1: [], 2: []}, {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(REPEATS):
            for count in speeds:
                speed, loss = trained(count, dataset, Path(folder) / f"{count}-{repeat}")
                speeds[count].append(speed)
                losses[count].append(loss)
    for count, found in speeds.items():
        each = ", ".join(f"{speed:,.0f}" for speed in found)
        what = f"{count} process{'es' if count > 1 else ''}, a core each"
        print(
            f"{what}: {statistics.median(found):,.0f} images a second ({each}); validation loss "
            f"{losses[count][0]:.6f}"
        )


if __name__ == "__main__":
    main()
