"""Time and memory of `detect` beside those of decoding pictures and predicting alone, with the same model.

    python -m tests.benchmarks.detection
    python -m tests.benchmarks.detection --pictures 500 --runs 3 --maps all

Pictures of 128×128 are drawn; a hundredth of them have a defect. The network is the default one for them,
trained for a minute or so, or that of `--model`. The two take turns in one process, without the start of
Keras; the median counts. Memory is the peak of the process after a tenth of the pictures and after all.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from lib.worker.process import PROJECT, WORKER_ENVIRONMENT
from tests.harness.textures import save_picture, scratch, weave

os.environ |= WORKER_ENVIRONMENT | os.environ  # before anything imports Keras

SIDE = 128
DRAWN = 200  # different pictures; the others are copies of them
BAD = 100  # one of so many has a defect
PART = 64  # images that are predicted at once, as in `detect`


def write_pictures(folder: Path, count: int, suffix: str) -> None:
    """Write pictures, the first of each hundred with a defect."""
    rng = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"{number:06}{suffix}"
        if number >= DRAWN:
            shutil.copyfile(folder / f"{number % DRAWN:06}{suffix}", path)
            continue
        picture = weave(SIDE, rng)
        if not number % BAD:
            scratch(picture, rng)
        save_picture(path, picture)


def train(folder: Path, output: Path, epochs: int) -> None:
    """Train a model with a detector on the pictures of a folder."""
    flags = ["-d", folder, "--task", "anomaly", "--epochs", str(epochs), "--yes", "--output", output]
    command = [sys.executable, PROJECT / "autoencoder.py", *flags]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def predict_alone(folder: Path, model: str, limit: int) -> None:
    """Decode pictures, ahead of the model, and predict them."""
    from lib.data.user_images import UserImages
    from lib.models import inference
    from lib.tasks.pixels import to_float

    loaded = load(model)
    for _, images in UserImages(str(folder), loaded.image_shape).chunks(limit):
        for start in range(0, len(images), PART):
            inference.predict(loaded.model, to_float(images[start : start + PART]))


def detect(folder: Path, model: str, limit: int, maps: str) -> int:
    """Do the job, and return the number of pictures that are reported."""
    from lib.worker.detect_job import detect as job
    from lib.worker.detect_messages import Detect, DetectResult
    from tests.harness.in_process_worker import RecordingChannel

    channel = RecordingChannel()
    with tempfile.TemporaryDirectory() as output:
        options = {"models": (model,), "data": str(folder), "limit": limit, "maps": maps}
        job(channel, Detect(**options, output=f"{output}/out"))
    result = channel.events[-1]
    assert isinstance(result, DetectResult)
    return result.anomalies


def load(model: str):
    """Load the model, as the job does."""
    from lib.worker.messages import ModelRequest
    from lib.worker.saved_models import load_autoencoder

    return load_autoencoder(model, ModelRequest(models=()))


def seconds_of(function, *arguments) -> float:
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--maps", default="reported", choices=["all", "reported", "none"])
    parser.add_argument("--suffix", default=".png", choices=[".png", ".jpg"])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--model", help="a run folder or autoencoder.h5 for pictures of 128×128")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder, model = Path(work, "pictures"), args.model
        if model is None:
            write_pictures(Path(work, "normal"), DRAWN + 1, args.suffix)
            train(Path(work, "normal"), Path(work, "run"), args.epochs)
            model = f"{work}/run/autoencoder.h5"
        write_pictures(folder, args.pictures, args.suffix)
        tenth = args.pictures // 10
        predict_alone(folder, model, tenth)  # both once, which also compiles the network
        reported = detect(folder, model, tenth, args.maps)
        memory = peak_megabytes()
        alone, whole = [], []
        for _ in range(args.runs):
            alone.append(seconds_of(predict_alone, folder, model, args.pictures))
            whole.append(seconds_of(detect, folder, model, args.pictures, args.maps))
        growth = peak_megabytes() - memory
    print("| pictures | maps | decoding and predicting | detect | ratio | reported in a tenth | memory |")
    print("|---|---|---|---|---|---|---|")
    seconds, of_job = statistics.median(alone), statistics.median(whole)
    ratios = sorted(job / base for job, base in zip(whole, alone, strict=True))
    print(
        f"| {args.pictures:,} | {args.maps} | {seconds:.1f} s | {of_job:.1f} s | {of_job / seconds:.2f} "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f}) | {reported} of {tenth:,} | {memory:.0f} + {growth:.0f} MB |"
    )


if __name__ == "__main__":
    main()
