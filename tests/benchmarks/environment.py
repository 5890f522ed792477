"""Training speed with and without the worker's environment variables, in turns; medians of three.

python -m tests.benchmarks.environment
"""

import os
import statistics
import tempfile

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.worker import process
from lib.worker.messages import Open, Train, TrainingFinished

RUNS = 3


def images_per_second(environment: dict[str, str]) -> float:
    process.WORKER_ENVIRONMENT = environment
    hp = AutoencoderHyperparameters(dataset="digits", epochs=5)
    with process.Worker() as worker:
        worker.send(Open(hp))
        worker.send(Train(hp, output=None))
        return worker.follow(lambda event: None, until=TrainingFinished).record["timing"]["images_per_second"]


def main() -> None:
    os.chdir(tempfile.mkdtemp())
    ours = process.WORKER_ENVIRONMENT
    speeds = {"with": [], "without": []}
    for _ in range(RUNS):
        speeds["with"].append(images_per_second(ours))
        speeds["without"].append(images_per_second({}))
    medians = {name: statistics.median(numbers) for name, numbers in speeds.items()}
    for name, median in medians.items():
        print(f"{name:8} {median:7,.0f} images/s   ({min(speeds[name]):,.0f} to {max(speeds[name]):,.0f})")
    print(f"ratio    {medians['with'] / medians['without']:7.2f}")


if __name__ == "__main__":
    main()
