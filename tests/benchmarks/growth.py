"""Time per image and memory of one epoch of a small network, on data sets of growing size.

python -m tests.benchmarks.growth [IMAGES or DATASET ...]   (default 6,000 60,000 600,000 6,000,000)

A number stands for a memory-mapped IDX file of 28×28 images, sparse after the first ones; a data set is
trained on for one epoch with the default network, with everything that follows a training. Memory is the peak
of all processes of the run together: anonymous memory, and resident memory, which includes pages of mapped
files.
"""

import json
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data import datasets
from lib.worker.process import PROJECT

SIZES = (6_000, 60_000, 600_000, 6_000_000)
SMALL = [
    "--layers",
    "1",
    "--kernels",
    "4",
    "--batch-size",
    "512",
    "--latent-dim",
    "convolutional",
    "--split",
    "98/1/1",
]
REPORT_C = ["--preset", "mnist-10"]
MEGABYTE = 1 << 20


def write(path: Path, count: int) -> None:
    images = datasets.load_dataset(AutoencoderHyperparameters(dataset="digits")).train.take(slice(None))[
        :count
    ]
    with path.open("wb") as file:
        file.write(struct.pack(">4I", 0x803, count, *images.shape[1:3]))
        file.write(images.tobytes())
        file.truncate(16 + count * images[0].size)


def memory(process: psutil.Process) -> tuple[int, int]:
    """Anonymous and resident memory of a process and its children, in bytes."""
    anonymous = resident = 0
    for member in (process, *process.children(recursive=True)):
        try:
            lines = Path(f"/proc/{member.pid}/status").read_text().splitlines()
        except OSError:
            continue
        sizes = {
            name: int(rest.split()[0]) * 1024
            for name, _, rest in (line.partition(":") for line in lines)
            if name[:3] in ("Rss", "VmR")
        }
        anonymous += sizes.get("RssAnon", 0)
        resident += sizes.get("VmRSS", 0)
    return anonymous, resident


def train(dataset: str, *words: str) -> tuple[float, dict, tuple[int, int]]:
    """Train one run; its seconds, its record, and its peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        began, peaks = time.perf_counter(), (0, 0)
        line = [
            sys.executable,
            str(PROJECT / "autoencoder.py"),
            "-d",
            dataset,
            "--output",
            f"{folder}/run",
            *words,
        ]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        running = subprocess.Popen([*line, "--epochs", "1", "--no-input"], **quiet)
        while running.poll() is None:
            peaks = tuple(map(max, zip(peaks, memory(psutil.Process(running.pid)), strict=True)))
            time.sleep(0.1)
        assert running.returncode == 0
        return time.perf_counter() - began, json.loads(Path(folder, "run", "run.json").read_text()), peaks


def main() -> None:
    print(f"{'images':>12} {'training, images/s':>19} {'the rest':>10} {'own memory':>12} {'with files':>13}")
    for argument in sys.argv[1:] or map(str, SIZES):
        with tempfile.TemporaryDirectory() as folder:
            path, words = argument, REPORT_C
            if argument.isdigit():
                path, words = f"{folder}/x.idx", SMALL
                write(Path(path), int(argument))
            seconds, record, peaks = train(path, *words)
        speed, count = record["timing"]["images_per_second"], record["dataset"]["sizes"]["train"]
        anonymous, resident = (peak / MEGABYTE for peak in peaks)
        name = f"{int(argument):,}" if argument.isdigit() else Path(argument).name
        memory_columns = f"{anonymous:9,.0f} MB {resident:10,.0f} MB"
        print(f"{name:>12} {speed:19,.0f} {seconds - count / speed:8.1f} s {memory_columns}", flush=True)


if __name__ == "__main__":
    main()
