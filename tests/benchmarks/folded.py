"""What lib/folded.py does to the speed of training: presets (data in data/) with it and without, in turns, each in a process of
its own; medians of whole epochs, the first not counted.

python -m tests.benchmarks.folded cifar-4 cifar-5 cifar-colour-2
"""

import argparse
import multiprocessing
import os
import statistics
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path

from lib import presets
from lib.hyperparameters import Hyperparameters
from lib.process import ENVIRONMENT

TURNS, EPOCHS, IMAGES = 2, 3, 3000
WAYS = ("without", "with")


def trained(name: str, way: str) -> tuple[list[float], float]:
    """Images a second in each epoch but the first, and the last validation loss."""
    from lib import training  # here: the process that measures has nothing to do with Keras
    from tests.inprocess import InProcess

    if way == "without":
        training.folded = lambda model: nullcontext()
    preset = presets.PRESETS[name]
    values = preset.values | dict(epochs=EPOCHS, limit=IMAGES)
    with InProcess() as worker:
        worker.send("train", hyperparameters=Hyperparameters(dataset=preset.dataset, **values).to_json(), output=None, trial=True)
        record = worker.follow(lambda event: None)["record"]
    images = record["dataset"]["sizes"]["train"]
    return [images / seconds for seconds in record["history"]["seconds"][1:]], record["history"]["val_loss"][-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="+", choices=presets.of("autoencoder"), metavar="PRESET")
    args, data = parser.parse_args(), Path("data").resolve()
    os.environ.update(ENVIRONMENT | os.environ, PYTHONPATH=str(Path.cwd()))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("data").symlink_to(data)
        for name in args.presets:
            speeds: dict[str, list[float]] = {way: [] for way in WAYS}
            for _ in range(TURNS):
                for way, found in speeds.items():
                    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
                        numbers, loss = alone.submit(trained, name, way).result()
                    found += numbers
                    print(f"{name} {way}: {statistics.median(numbers):,.0f} images/s, validation loss {loss:.5f}", flush=True)
            medians = {way: statistics.median(found) for way, found in speeds.items()}
            ratio = medians["with"] / medians["without"]
            print(f"{name}:", ", ".join(f"{way} {speed:,.0f}" for way, speed in medians.items()), f"({ratio:.2f} times as many)")


if __name__ == "__main__":
    main()
