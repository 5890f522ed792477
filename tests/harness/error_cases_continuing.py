"""What provokes each error about continued runs, first weights and time limits, by module: (what to do, what
is named, what is said).
"""

from functools import partial
from pathlib import Path

import numpy as np

from lib.common.filesystem import write_json
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data import datasets
from lib.runs import continuation, records
from lib.search.command_search import SearchCommand
from lib.worker.autoencoder_job import AutoencoderJob
from lib.worker.first_weights import FirstWeights
from tests.harness.error_cases_settings import called
from tests.harness.in_process_worker import RecordingChannel
from tests.harness.recorded_runs import record_run
from tests.worker.test_model_jobs import save_autoencoder


def continued(program: str = "autoencoder", status: str = "finished", **values):
    continuation.continued_settings(record_run("mine", status=status, layers=2), program, values)


def continued_with_history(history: dict):
    folder = record_run("mine")
    write_json(folder / records.RECORD_FILE, records.load_record(folder) | {"history": history})
    continuation.load_parent(folder)


def images(side: int = 8) -> str:
    np.save("images.npy", np.random.default_rng(0).integers(0, 256, (40, side, side, 1), dtype=np.uint8))
    return "images.npy"


def continued_without_checksum():
    folder = parent()
    record = records.load_record(folder)
    write_json(folder / records.RECORD_FILE, record | {"dataset": {}})
    hp = AutoencoderHyperparameters(dataset=images(), continues=str(folder))
    FirstWeights(hp, datasets.load_dataset(hp))


def begun(**values):
    hp = AutoencoderHyperparameters(dataset=images(), layers=1, **values)
    job = AutoencoderJob(RecordingChannel(), hp, datasets.load_dataset(hp), None)
    job._build_model()


def parent() -> Path:
    """A finished run with a model, which was trained on other images."""
    folder = record_run("parent")
    record = records.load_record(folder)
    curves = {"loss": [0.5, 0.25], "val_loss": [0.4, 0.3], "seconds": [1.0, 1.0]}
    write_json(folder / records.RECORD_FILE, record | {"history": curves})
    (model,) = save_autoencoder(f"saved-{folder.name}", (8, 8, 1))
    Path(model).rename(folder / "autoencoder.h5")
    return folder


def continued_with_other_layers():
    folder, hp = parent(), AutoencoderHyperparameters(dataset=images(), layers=3, kernels=7)
    dataset = datasets.load_dataset(hp)
    record = records.load_record(folder)
    write_json(
        folder / records.RECORD_FILE, record | {"dataset": record["dataset"] | {"sha256": dataset.sha256}}
    )
    hp = AutoencoderHyperparameters(dataset="images.npy", layers=3, kernels=7, continues=str(folder))
    AutoencoderJob(RecordingChannel(), hp, dataset, None)._build_model()


def searched_with(text: str):
    Path("a.json").write_text(text)
    SearchCommand().options("autoencoder", ["-d", "digits", "--answers", "a.json"])


CASES = {
    "runs/continuation": [
        (
            lambda: continued("classification"),
            "models/mine",
            "is not a run of classification.py, which alone can continue it",
        ),
        (
            lambda: continued(status="running"),
            "models/mine",
            "is still being trained; wait until that has finished",
        ),
        (
            lambda: continued(status="interrupted"),
            "models/mine",
            "has not finished; --resume models/mine continues its weights and its optimizer",
        ),
        (
            lambda: continued(layers=3),
            "--layers",
            "--continue keeps data, task, network and loss of the run: remove --layers, or use --begin-with",
        ),
        (
            lambda: continuation.continued_settings(Path(images()), "autoencoder", {}),
            "images.npy",
            "is a file; give the folder of the run",
        ),
        *(
            (
                partial(continued_with_history, history),
                "models/mine",
                "its record has no complete losses; use --begin-with models/mine instead",
            )
            for history in ({}, {"loss": [0.2, 0.1], "val_loss": [0.2], "seconds": [1.0, 1.0]})
        ),
    ],
    "worker/first_weights": [
        (
            continued_without_checksum,
            "models/parent",
            "its record does not say which images it was trained on; use --begin-with instead",
        ),
        (
            lambda: FirstWeights(
                AutoencoderHyperparameters(dataset=images(), continues=str(parent())),
                datasets.load_dataset(AutoencoderHyperparameters(dataset=images())),
            ),
            "models/parent",
            "was trained on other images than these; use --begin-with instead",
        ),
        (continued_with_other_layers, "autoencoder.h5", "does not belong to this run: "),
        (
            lambda: begun(begin_with=str(parent()), kernels=5, kernel_size=5),
            "autoencoder.h5",
            "no layer fits this network, whose first is conv_encoder_1",
        ),
    ],
    "cli/provided_values": [
        (
            lambda: called("autoencoder", "-d", "digits", "--epochs", "+10", "--no-input"),
            "--epochs +10",
            "the sign is for --continue; give a number without it",
        ),
        (
            lambda: called("autoencoder", "--continue", str(record_run("mine")), "--preset", "cifar-base"),
            "--continue",
            "keeps the settings of the run; remove --preset",
        ),
        (
            lambda: called("autoencoder", "-d", "digits", "--minutes", "1", "--epochs", "3"),
            "--minutes",
            "decides how many epochs there are; remove --epochs",
        ),
    ],
    "cli/session": [
        (
            lambda: called(
                "autoencoder",
                *("-d", "digits", "--minutes", "1", "--no-input", "--distributed", "lab:9911,1/2"),
            ),
            "--minutes",
            "requires a single process; remove --distributed",
        ),
    ],
    "config/hyperparameters": [
        (
            lambda: AutoencoderHyperparameters(begin_with="a.h5", continues="models/a"),
            "--continue",
            "begins with the weights of the run that it continues: remove --begin-with",
        ),
    ],
    "search/options": [
        (
            lambda: searched_with('{"training_minutes": 3}'),
            "training_minutes",
            "in --answers applies to a single run; remove it to search",
        ),
    ],
}
