"""What `--precision bfloat16` gains: presets (data in data/) trained both ways, in turns; medians of whole epochs.

python -m tests.benchmarks.precision best-colour best-half best-latent-10
"""

import argparse
import os
import statistics
import tempfile
from pathlib import Path

from lib import presets
from lib.fields import PRECISIONS
from lib.hyperparameters import Hyperparameters
from lib.process import Worker

TURNS, EPOCHS, IMAGES = 2, 3, 6000


def trained(preset: presets.Preset, precision: str) -> tuple[list[float], float]:
    """Images a second in each epoch but the first, and the last validation loss."""
    values = preset.values | dict(epochs=EPOCHS, limit=IMAGES, precision=precision)
    hp = Hyperparameters(dataset=preset.dataset, **values).to_json()
    with Worker() as worker:
        worker.send("open", hyperparameters=hp)
        worker.send("train", hyperparameters=hp, output=None, trial=True)
        record = worker.follow(lambda event: None)["record"]
    images = record["dataset"]["sizes"]["train"]
    return [images / seconds for seconds in record["history"]["seconds"][1:]], record["history"]["val_loss"][-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="+", choices=presets.of("autoencoder"), metavar="PRESET")
    wanted, data = parser.parse_args().presets, Path("data").resolve()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("data").symlink_to(data)
        for name in wanted:
            speeds: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
            for _ in range(TURNS):
                for precision, found in speeds.items():
                    numbers, loss = trained(presets.PRESETS[name], precision)
                    found += numbers
                    print(
                        f"{name} {precision}: {statistics.median(numbers):,.0f} images/s, validation loss {loss:.5f}", flush=True
                    )
            exact, rounded = (statistics.median(found) for found in speeds.values())
            print(f"{name}: {exact:,.0f} and {rounded:,.0f} images/s, {rounded / exact:.2f} times as many")


if __name__ == "__main__":
    main()
