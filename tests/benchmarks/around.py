"""What is around training: a run's own stages, `runs` over a thousand folders, a report, and `apply` beside
bare predictions.

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

from lib.config.hyperparameters import Hyperparameters
from lib.worker.process import PROJECT, Worker
from tests.benchmarks.growth import write

REPEATS, FOLDERS, REPORTED, PICTURES = 3, 1000, 20, 100_000
PREDICTING = """
import sys
from lib.data import datasets
from lib.worker import model_jobs
images, batch = datasets.load_source(sys.argv[2]).train.images, 512
model = model_jobs.load_autoencoder(sys.argv[1]).model
for start in range(0, len(images), batch):
    model.predict_on_batch(images[start : start + batch].astype("float32") / 255)
"""


def took(*words: str) -> float:
    began = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    subprocess.run(
        [sys.executable, *words],
        check=True,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - began


def median(*words: str) -> float:
    return statistics.median(took(*words) for _ in range(REPEATS))


def trained(folder: str, **values) -> dict[str, float]:
    """Seconds of each stage of a run on the digits."""
    hp, stages, since = Hyperparameters(dataset="digits", **values), {}, ["start", time.perf_counter()]

    def follow(event: dict) -> None:
        names = {"phase": "training", "stage": event.get("text", ""), "finished": "end"}
        if event["event"] in names:
            now = time.perf_counter()
            stages[since[0]] = stages.get(since[0], 0) + now - since[1]
            since[:] = names[event["event"]].split(" on ")[0], now

    with Worker() as worker:
        worker.send("open", hyperparameters=hp.to_json())
        worker.send("train", hyperparameters=hp.to_json(), output=folder)
        worker.follow(follow)
    return stages


def stages() -> None:
    """Seconds of the stages of a run with the default network, three epochs of the digits."""
    found = [trained(f"stages-{number}", epochs=3) for number in range(REPEATS)]
    for name in found[0]:
        print(f"{name:30} {statistics.median(one[name] for one in found):6.2f} s")


def runs() -> None:
    """The table of a thousand recorded runs, and a report on twenty of them."""
    trained("models/one", epochs=1, layers=1, kernels=4)
    record = json.loads(Path("models/one/run.json").read_text())
    for number in range(1, FOLDERS):
        folder = Path(f"models/run-{number:04}")
        folder.mkdir()
        record["hyperparameters"]["kernels"] = [number]
        record["metrics"]["test_mse"] = 0.001 * number
        (folder / "run.json").write_text(json.dumps(record))
    program = str(PROJECT / "autoencoder.py")
    print(f"{'runs, 1,000 folders':30} {median(program, 'runs'):6.2f} s")
    words = ["runs", "--last", str(REPORTED), "--force", "--export", "report.html"]
    print(f"{'report on 20 of them':30} {median(program, *words):6.2f} s")


def apply() -> None:
    """The default network on 100,000 images of 28×28: `apply`, which writes each outcome as PNG, beside
    predictions alone.
    """
    trained("model", epochs=1)
    write(Path("many.idx"), PICTURES)
    model, seconds = "model/autoencoder.h5", {"predictions alone": [], "apply": []}
    for number in range(REPEATS):
        seconds["predictions alone"].append(took("-c", PREDICTING, model, "many.idx"))
        words = ["apply", "--model", model, "-d", "many.idx", "--output", f"out-{number}"]
        seconds["apply"].append(took(str(PROJECT / "autoencoder.py"), *words))
    usual = statistics.median(seconds["predictions alone"])
    for name, times in seconds.items():
        middle = statistics.median(times)
        print(
            f"{name:30} {middle:6.1f} s, {PICTURES / middle:7,.0f} images/s with everything, "
            f"{middle / usual:.2f}×"
        )


PARTS = {"stages": stages, "runs": runs, "apply": apply}


def main() -> None:
    for name in sys.argv[1:] or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            PARTS[name]()
            os.chdir(PROJECT)


if __name__ == "__main__":
    main()
