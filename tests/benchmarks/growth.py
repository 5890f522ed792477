"""Do time per image and memory stay what they are when a data set grows? One epoch of a small network on larger and larger files.

python -m tests.benchmarks.growth [IMAGES ...]   (default 6,000 60,000 600,000 6,000,000; the last takes 4.7 GB of disk at most)

IDX files of 28×28, sparse but for their first images, memory mapped. Memory is that of all processes of the run together, at its
highest: what they hold themselves, and with the pages of files that the system would take back when it needs them.
"""

import json
import os
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from lib import datasets
from lib.hyperparameters import Hyperparameters
from lib.process import PROJECT

SIZES = (6_000, 60_000, 600_000, 6_000_000)
LINE = ["--layers", "1", "--kernels", "4", "--epochs", "1", "--batch-size", "512", "--split", "98/1/1", "--no-input"]
MEGABYTE = 1 << 20


def write(path: Path, count: int) -> None:
    images = datasets.load(Hyperparameters(dataset="digits")).train.take(slice(None))[:count]
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


def main() -> None:
    print(f"{'images':>10} {'training, images/s':>19} {'the rest':>10} {'own memory':>12} {'with files':>12}")
    for count in map(int, sys.argv[1:] or SIZES):
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder) / "x.idx", count)
            began, peaks = time.perf_counter(), (0, 0)
            line = [sys.executable, str(PROJECT / "autoencoder.py"), "-d", "x.idx", "--output", "run", *LINE]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            running = subprocess.Popen(line, cwd=folder, env=os.environ, **quiet)
            while running.poll() is None:
                found = memory(psutil.Process(running.pid))
                peaks = tuple(map(max, zip(peaks, found, strict=True)))
                time.sleep(0.1)
            assert running.returncode == 0
            whole, record = time.perf_counter() - began, json.loads((Path(folder) / "run" / "run.json").read_text())
        speed = record["timing"]["images_per_second"]
        rest = whole - record["dataset"]["sizes"]["train"] / speed
        own, everything = (peak / MEGABYTE for peak in peaks)
        print(f"{count:10,} {speed:19,.0f} {rest:8.1f} s {own:9,.0f} MB {everything:9,.0f} MB", flush=True)


if __name__ == "__main__":
    main()
