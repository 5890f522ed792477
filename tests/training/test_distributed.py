"""Process groups, shards of batches, and distributed trainings that compute what one process computes.

python -m pytest tests/training/test_distributed.py; the trainings need JAX, and are skipped without it.
"""

import importlib.util
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.cli.session import Session
from lib.common.errors import UserError
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters, Hyperparameters
from lib.config.process_group import ProcessGroup, Shard
from lib.data import datasets
from lib.training.batches import Batches
from tests.harness.terminal_session import PROJECT


def test_a_process_group_is_parsed_from_its_flag():
    assert ProcessGroup.parse("") == ProcessGroup()
    assert ProcessGroup.parse("10.0.0.1:9911,2/3") == ProcessGroup("10.0.0.1:9911", 1, 3)
    assert ProcessGroup.parse("[::1]:9911,1/2").is_leader


@pytest.mark.parametrize(
    "text", ["lab", "lab:9911", "lab:9911,3/2", "lab,1/2", ":9911,1/2", "lab:x,1/2", "lab:9911,1/1"]
)
def test_an_invalid_process_group_is_refused(text):
    with pytest.raises(UserError, match="--distributed takes no value or HOST:PORT,N/OF, such as "):
        ProcessGroup.parse(text)


def test_several_processes_need_a_run_without_questions():
    with pytest.raises(UserError, match="--distributed with several processes requires --no-input or --yes"):
        Session("autoencoder", "", ["-d", "digits", "--distributed", "lab:9911,1/2"])


@given(st.integers(0, 300), st.integers(1, 4), st.integers(1, 4))
def test_the_shards_of_a_batch_are_equal_and_complete(size, world_size, devices_per_process):
    devices = world_size * devices_per_process
    shards = [Shard(ProcessGroup("lab:1", rank, world_size), devices) for rank in range(world_size)]
    usable = shards[0].usable_size(size)
    assert size - devices < usable <= size
    rows = [np.arange(usable)[shard.rows(usable)] for shard in shards]
    assert len({len(part) for part in rows}) == 1
    assert list(np.concatenate(rows)) == list(range(usable))


@pytest.mark.parametrize("labeled", [False, True])
def test_the_shards_join_to_the_batch_of_a_single_process(tiny, labeled):
    hp = AutoencoderHyperparameters(dataset=tiny["-d"], task="denoise", noise=0.3, flip=True, batch_size=16)
    subset = datasets.load_dataset(labeled_hp(tiny) if labeled else hp).train
    options = dict(training=True, labeled=labeled)
    single = Batches(subset, 16, hp, **options)
    sharded = [
        Batches(subset, 16, hp, **options, shard=Shard(ProcessGroup("lab:1", rank, 2), 2)) for rank in (0, 1)
    ]
    assert {len(batches) for batches in sharded} == {len(single)}
    for number in range(len(single)):
        batch = single[number]
        shards = [batches[number] for batches in sharded]
        usable = len(batch[0]) // 2 * 2
        for index in (0, 1):  # inputs, targets
            joined = np.concatenate([shard[index] for shard in shards])
            if len(batch[0]) == usable:
                np.testing.assert_array_equal(joined, batch[index])
            assert len(joined) == usable


def labeled_hp(tiny) -> Hyperparameters:
    return ClassifierHyperparameters(dataset=tiny["-d"], labels=tiny["-dl"], batch_size=16)


def test_a_last_batch_that_is_too_small_to_share_is_left_out(tiny):
    subset = datasets.load_dataset(AutoencoderHyperparameters(dataset=tiny["-d"])).train.first(33)
    hp = AutoencoderHyperparameters(dataset=tiny["-d"])
    assert len(Batches(subset, 16, hp)) == 3
    assert len(Batches(subset, 16, hp, shard=Shard(ProcessGroup("lab:1", 0, 2), 2))) == 2


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def train(program: str, words: list[str], output: str, processes: int, **environment: str) -> dict:
    """Train on JAX with a number of processes; the run's record."""
    environment = os.environ | {"KERAS_BACKEND": "jax"} | environment
    address, running = f"127.0.0.1:{free_port()}", []
    for number in range(1, processes + 1):
        group = ["--distributed", f"{address},{number}/{processes}"] if processes > 1 else []
        command = [sys.executable, str(PROJECT / program), *words, "--output", output, "--no-input", *group]
        pipe = subprocess.PIPE
        running.append(subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True))
    outputs = [process.communicate(timeout=300) for process in running]
    assert [process.returncode for process in running] == [0] * processes, outputs
    if processes > 1:
        assert "The run is saved by process 1 of 2." in outputs[1][0]
    return json.loads((Path(output) / "run.json").read_text())


NETWORKS = {
    "plain": ["--dropout", "0.2", "--shift"],
    "denoise": ["--task", "denoise", "--skip", "--residual"],
    "variational": ["--variational", "--latent-dim", "2"],
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", NETWORKS)
def test_two_processes_compute_what_one_computes(tiny, kind):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed here")
    data = ["-d", tiny["-d"], "-t", tiny["-t"], "--split", "80/20/0"]
    network = ["--layers", "2", "--kernel-size", "3", "--kernels", "4", "--epochs", "3", "--batch-size", "12"]
    single = train("autoencoder.py", [*data, *network, *NETWORKS[kind]], "single", 1)
    group_run = train("autoencoder.py", [*data, *network, *NETWORKS[kind]], "group", 2)
    assert_same_history(single, group_run)
    assert group_run["status"] == "finished"
    assert group_run["metrics"]["test_mse"] == pytest.approx(single["metrics"]["test_mse"], rel=1e-4)
    labels = ["-dl", tiny["-dl"], "-tl", tiny["-tl"], "--model", "single/autoencoder.h5"]
    head = ["--fc-units", "8", "--dropout", "0.1", "--epochs", "2", "--batch-size", "12", "--scratch"]
    if kind == "plain":
        single = train("classification.py", [*data, *labels, *head], "head", 1)
        group_run = train("classification.py", [*data, *labels, *head], "heads", 2)
        for phase in ("head", "everything", "scratch"):
            assert_same_history(
                {"history": single["history"][phase]}, {"history": group_run["history"][phase]}, rel=0.005
            )


@pytest.mark.slow
def test_two_devices_compute_what_one_computes(tiny):
    """One processor as two devices of JAX."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed here")
    words = [
        "-d",
        tiny["-d"],
        "--split",
        "80/20/0",
        "-t",
        tiny["-t"],
        "--layers",
        "1",
        "--kernels",
        "4",
        "--epochs",
        "2",
    ]
    single = train("autoencoder.py", [*words, "--batch-size", "12"], "single", 1)
    devices = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    group_run = train(
        "autoencoder.py", [*words, "--batch-size", "12", "--distributed"], "group", 1, **devices
    )
    assert_same_history(single, group_run)


# One processor as two devices of TensorFlow: trainings without a group, with one, and with one that is
# interrupted and resumed.
MIRRORED = """
import json, sys, threading
from pathlib import Path
import tensorflow as tf
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
import keras
from lib.config import architecture_planner
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters, Hyperparameters
from lib.config.process_group import ProcessGroup
from lib.data import datasets
from lib.models import autoencoder
from lib.models.training_model import build_training_model
from lib.training import phases, trainer
from lib.runs.events import EpochEnded
from lib.training.callbacks import TrainingHooks
values = json.loads(sys.argv[1])
hp = AutoencoderHyperparameters(dataset="train.idx", layers=1, kernels=4, epochs=3, batch_size=12, **values)
dataset = datasets.load_dataset(hp)
def train(group, folder=None, last_epoch=3):
    stop_event, outputs = threading.Event(), []
    def emit(event):
        if isinstance(event, EpochEnded) and event.epoch == last_epoch < hp.epochs:
            stop_event.set()
    keras.utils.set_random_seed(0)
    architecture = architecture_planner.plan_architecture(hp, dataset.shape)
    model = autoencoder.build_autoencoder(architecture)
    def on_epoch_end(history):
        outputs.append(model.predict_on_batch(dataset.train.take(slice(4)).astype("float32") / 255))
    training_model = build_training_model(model, architecture)
    hooks = TrainingHooks(emit, stop_event, on_epoch_end)
    result = trainer.fit(training_model, dataset, hp, phases.autoencoder_phase(hp), hooks, folder, group)
    assert (abs(outputs[0] - outputs[-1]).max() > 0) == (len(outputs) > 1)
    return result.history
histories = [train(None), train(ProcessGroup())]
train(ProcessGroup(), Path("interrupted"), 1)
histories.append(train(ProcessGroup(), Path("interrupted")))
print(json.dumps(histories))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [
        {"task": "denoise", "noise": 0.3},
        {"regularization": "kl", "latent_dim": 2},
        {"regularization": "adversarial", "latent_dim": 2},
    ],
)
def test_two_devices_of_tensorflow_compute_what_one_computes(tiny, kind):
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("TensorFlow is not installed here")
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", MIRRORED, json.dumps(kind)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    single, group_run, resumed = (
        dict(history=history) for history in json.loads(done.stdout.splitlines()[-1])
    )
    if "regularization" in kind:  # each device draws its own codes
        single = {"history": {"val_loss": single["history"]["val_loss"]}}
    assert_same_history(single, group_run, rel=0.02 if "regularization" in kind else 0.005)
    assert_same_history(group_run, resumed)


def assert_same_history(single: dict, group: dict, rel: float = 1e-4) -> None:
    """Sums are in another order, and Adam amplifies the last digit of a gradient that is nearly zero."""
    for name, values in single["history"].items():
        if name != "seconds":
            assert group["history"][name] == pytest.approx(values, rel=rel), name
