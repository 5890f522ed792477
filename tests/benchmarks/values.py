"""Training speed of presets (data in data/) for each value of a hyperparameter.

In turns; medians of whole epochs, the first not counted.

python -m tests.benchmarks.values precision=float32,bfloat16 best-color best-half best-latent-10
python -m tests.benchmarks.values optimizer=adamw,muon best-color best-latent-10
"""

import argparse
import os
import statistics
import tempfile
from pathlib import Path

from lib.config import presets, program_settings
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.worker.messages import Open, Train, TrainingFinished
from lib.worker.process import Worker

TURNS, EPOCHS, IMAGES = 2, 3, 6000


def train(preset: presets.Preset, changes: dict) -> tuple[list[float], float]:
    """Train one run; images per second in each epoch but the first, and the last validation loss."""
    values = preset.values | dict(epochs=EPOCHS, limit=IMAGES) | changes
    hp = AutoencoderHyperparameters(dataset=preset.dataset, **values)
    with Worker() as worker:
        worker.send(Open(hp))
        worker.send(Train(hp, output=None, trial=True))
        record = worker.follow(lambda event: None, until=TrainingFinished).record
    images = record["dataset"]["sizes"]["train"]
    return [images / seconds for seconds in record["history"]["seconds"][1:]], record["history"]["val_loss"][
        -1
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("values", metavar="NAME=VALUE,VALUE", help="the others are compared with the first")
    parser.add_argument("presets", nargs="+", choices=presets.presets_for("autoencoder"), metavar="PRESET")
    args, data = parser.parse_args(), Path("data").resolve()
    name, _, values = args.values.partition("=")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("data").symlink_to(data)
        for preset in args.presets:
            speeds: dict[str, list[float]] = {value: [] for value in values.split(",")}
            for _ in range(TURNS):
                for value, all_numbers in speeds.items():
                    numbers, loss = train(
                        presets.PRESETS[preset], {name: program_settings.find_setting(name).parse(value)}
                    )
                    all_numbers += numbers
                    print(
                        f"{preset} {value}: {statistics.median(numbers):,.0f} images/s, validation loss "
                        f"{loss:.5f}",
                        flush=True,
                    )
            medians = {value: statistics.median(numbers) for value, numbers in speeds.items()}
            first = next(iter(medians.values()))
            print(
                f"{preset}:",
                ", ".join(f"{value} {speed:,.0f} ({speed / first:.2f})" for value, speed in medians.items()),
            )


if __name__ == "__main__":
    main()
