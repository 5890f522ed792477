"""Do time per image and memory stay what they are when a data set grows? One epoch of a small network on
larger and larger files.

python -m tests.benchmarks.growth [IMAGES or DATASET ...]   (default 6,000 60,000 600,000 6,000,000)

Numbers are IDX files of 28×28, sparse but for their first images, memory mapped; a data set is trained on for
an epoch with the default network, and all that comes after it. Memory is that of all processes of the run
together, at its highest: what they hold themselves, and with the pages of files that the system would take
back when it needs them.
"""

import json
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from lib.config.hyperparameters import Hyperparameters
from lib.data import datasets
from lib.worker.process import PROJECT

SIZES = (6_000, 60_000, 600_000, 6_000_000)
SMALL = ("--layers", "1", "--kernels", "4", "--batch-size", "512", "--split", "98/1/1")
MEGABYTE = 1 << 20


def write(path: Path, count: int) -> None:
    images = datasets.load_dataset(Hyperparameters(dataset="digits")).train.take(slice(None))[:count]
    with path.open("wb") as file:
        file.write(struct.pack(">4I", 0x803, count, *images.shape[1:3]))
        file.write(images.tobytes())
        file.truncate(16 + count * images[0].size)


def memory(process: psutil.Process) -> tuple[int, int]:
    """Bytes that a process and its children hold themselves, and all that is theirs in memory."""
    own = everything = 0
    for one in (process, *process.children(recursive=True)):
        try:
            lines = Path(f"/proc/{one.pid}/status").read_text().splitlines()
        except OSError:
            continue
        sizes = {
            name: int(rest.split()[0]) * 1024
            for name, _, rest in (line.partition(":") for line in lines)
            if name[:3] in ("Rss", "VmR")
        }
        own += sizes.get("RssAnon", 0)
        everything += sizes.get("VmRSS", 0)
    return own, everything


def trained(dataset: str, *words: str) -> tuple[float, dict, tuple[int, int]]:
    """Seconds in all, the record, and the highest memory of a run."""
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
    for given in sys.argv[1:] or map(str, SIZES):
        with tempfile.TemporaryDirectory() as folder:
            path, words = given, ()
            if given.isdigit():
                path, words = f"{folder}/x.idx", SMALL
                write(Path(path), int(given))
            whole, record, peaks = trained(path, *words)
        speed, count = record["timing"]["images_per_second"], record["dataset"]["sizes"]["train"]
        own, everything = (peak / MEGABYTE for peak in peaks)
        name = f"{int(given):,}" if given.isdigit() else Path(given).name
        print(
            f"{name:>12} {speed:19,.0f} {whole - count / speed:8.1f} s {own:9,.0f} MB {everything:10,.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
