"""Time outside of training: the stages of a run, `runs` over a thousand folders, a report, and `apply`.

python -m tests.benchmarks.around [stages|runs|apply]   (default all)
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.runs.events import Event, PhaseStarted, Stage
from lib.worker.messages import Open, Train, TrainingFinished
from lib.worker.process import PROJECT, Worker
from tests.benchmarks.growth import write

REPEATS = 3
RUN_FOLDERS = 1000
REPORTED_RUNS = 20
IMAGES = 100_000
PREDICT_SCRIPT = """
import sys
from lib.data import datasets
from lib.worker import saved_models
from lib.worker.messages import ModelRequest
images, batch = datasets.load_source(sys.argv[2]).train.images, 512
model = saved_models.load_autoencoder(sys.argv[1], ModelRequest(models=())).model
for start in range(0, len(images), batch):
    model.predict_on_batch(images[start : start + batch].astype("float32") / 255)
"""


def measure(*arguments: str) -> float:
    """Seconds that Python takes with these arguments."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        check=True,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


def measure_median(*arguments: str) -> float:
    return statistics.median(measure(*arguments) for _ in range(REPEATS))


def train(folder: str, **values) -> dict[str, float]:
    """Train a run on the digits, and return the seconds of each of its stages."""
    hp = AutoencoderHyperparameters(dataset="digits", **values)
    seconds: dict[str, float] = {}
    stage, start = "start", time.perf_counter()

    def on_event(event: Event) -> None:
        nonlocal stage, start
        next_stage = {PhaseStarted: "training", TrainingFinished: "end"}.get(type(event), "")
        if next_stage := event.text if isinstance(event, Stage) else next_stage:
            now = time.perf_counter()
            seconds[stage] = seconds.get(stage, 0) + now - start
            stage, start = next_stage.split(" on ")[0], now

    with Worker() as worker:
        worker.send(Open(hp))
        worker.send(Train(hp, folder))
        worker.follow(on_event, until=TrainingFinished)
    return seconds


def stages() -> None:
    """Seconds of the stages of a run with the default network, three epochs of the digits."""
    results = [train(f"stages-{number}", epochs=3) for number in range(REPEATS)]
    for stage in results[0]:
        print(f"{stage:30} {statistics.median(seconds[stage] for seconds in results):6.2f} s")


def runs() -> None:
    """The table of a thousand recorded runs, and a report on twenty of them."""
    train("models/one", epochs=1, layers=1, kernels=4)
    record = json.loads(Path("models/one/run.json").read_text())
    for number in range(1, RUN_FOLDERS):
        folder = Path(f"models/run-{number:04}")
        folder.mkdir()
        record["hyperparameters"]["kernels"] = [number]
        record["metrics"]["test_mse"] = 0.001 * number
        (folder / "run.json").write_text(json.dumps(record))
    program = str(PROJECT / "autoencoder.py")
    print(f"{'runs, 1,000 folders':30} {measure_median(program, 'runs'):6.2f} s")
    export = ["runs", "--last", str(REPORTED_RUNS), "--force", "--export", "report.html"]
    print(f"{'report on 20 of them':30} {measure_median(program, *export):6.2f} s")


def apply() -> None:
    """`apply` with the default network on 100,000 images of 28×28, compared with its predictions alone."""
    train("model", epochs=1)
    write(Path("many.idx"), IMAGES)
    model, predictions = "model/autoencoder.h5", "predictions alone"
    seconds: dict[str, list[float]] = {predictions: [], "apply": []}
    for number in range(REPEATS):
        seconds[predictions].append(measure("-c", PREDICT_SCRIPT, model, "many.idx"))
        arguments = ["apply", "--model", model, "-d", "many.idx", "--output", f"out-{number}"]
        seconds["apply"].append(measure(str(PROJECT / "autoencoder.py"), *arguments))
    reference = statistics.median(seconds[predictions])
    for name, times in seconds.items():
        median = statistics.median(times)
        print(
            f"{name:30} {median:6.1f} s, {IMAGES / median:7,.0f} images/s with everything, "
            f"{median / reference:.2f}×"
        )


BENCHMARKS = {"stages": stages, "runs": runs, "apply": apply}


def main() -> None:
    for name in sys.argv[1:] or BENCHMARKS:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            BENCHMARKS[name]()
            os.chdir(PROJECT)


if __name__ == "__main__":
    main()
