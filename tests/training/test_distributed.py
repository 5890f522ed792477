"""Processes that train together: who they are, what each takes, and that nothing comes out otherwise.

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
from lib.config.hyperparameters import Hyperparameters
from lib.config.process_group import ProcessGroup, Shard
from lib.data import datasets
from lib.training.batches import Batches
from tests.harness.terminal_session import PROJECT


def test_a_team_is_read_from_its_flag():
    assert ProcessGroup.parse("") == ProcessGroup()
    assert ProcessGroup.parse("10.0.0.1:9911,2/3") == ProcessGroup("10.0.0.1:9911", 1, 3)
    assert ProcessGroup.parse("[::1]:9911,1/2").is_leader
    assert ProcessGroup(**ProcessGroup.parse("lab:1,2/2").to_json()) == ProcessGroup("lab:1", 1, 2)


@pytest.mark.parametrize(
    "text", ["lab", "lab:9911", "lab:9911,3/2", "lab,1/2", ":9911,1/2", "lab:x,1/2", "lab:9911,1/1"]
)
def test_a_flag_that_names_no_team_is_refused(text):
    with pytest.raises(UserError, match="--distributed must be alone or HOST:PORT,N/OF, such as "):
        ProcessGroup.parse(text)


def test_several_processes_must_not_be_asked():
    with pytest.raises(UserError, match="--distributed with several processes needs --no-input or --yes"):
        Session("autoencoder", "", ["-d", "digits", "--distributed", "lab:9911,1/2"])


@given(st.integers(0, 300), st.integers(1, 4), st.integers(1, 4))
def test_the_parts_of_a_batch_are_equal_and_make_it_whole(images, of, each):
    shares = [Shard(ProcessGroup("lab:1", rank, of), of * each) for rank in range(of)]
    used = shares[0].usable_size(images)
    assert images - of * each < used <= images
    taken = [np.arange(used)[share.rows(used)] for share in shares]
    assert len({len(part) for part in taken}) == 1
    assert list(np.concatenate(taken)) == list(range(used))


@pytest.mark.parametrize("labeled", [False, True])
def test_the_parts_are_those_of_the_batch_of_a_process_alone(tiny, labeled):
    hp = Hyperparameters(dataset=tiny["-d"], labels=None, task="denoise", noise=0.3, flip=True, batch_size=16)
    part = datasets.load_dataset(hp).train if not labeled else datasets.load_dataset(labeled_hp(tiny)).train
    alone = Batches(part, 16, hp, learn=True, labeled=labeled)
    shared = [
        Batches(part, 16, hp, learn=True, labeled=labeled, share=Shard(ProcessGroup("lab:1", rank, 2), 2))
        for rank in (0, 1)
    ]
    assert {len(batches) for batches in shared} == {len(alone)}
    for number in range(len(alone)):
        whole = alone[number]
        parts = [batches[number] for batches in shared]
        even = len(whole[0]) // 2 * 2
        for place in (0, 1):
            joined = np.concatenate([one[place] for one in parts])
            if len(whole[0]) == even:
                np.testing.assert_array_equal(joined, whole[place])
            assert len(joined) == even


def labeled_hp(tiny) -> Hyperparameters:
    return Hyperparameters(program="classification", dataset=tiny["-d"], labels=tiny["-dl"], batch_size=16)


def test_what_is_left_over_makes_no_batch(tiny):
    part = datasets.load_dataset(Hyperparameters(dataset=tiny["-d"])).train.first(33)
    hp = Hyperparameters(dataset=tiny["-d"])
    assert len(Batches(part, 16, hp)) == 3
    assert len(Batches(part, 16, hp, share=Shard(ProcessGroup("lab:1", 0, 2), 2))) == 2


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def trained(program: str, words: list[str], output: str, processes: int, **environment: str) -> dict:
    """The record of a run that so many processes have trained, on JAX."""
    environment = os.environ | {"KERAS_BACKEND": "jax"} | environment
    address, running = f"127.0.0.1:{free_port()}", []
    for number in range(1, processes + 1):
        team = ["--distributed", f"{address},{number}/{processes}"] if processes > 1 else []
        command = [sys.executable, str(PROJECT / program), *words, "--output", output, "--no-input", *team]
        pipe = subprocess.PIPE
        running.append(subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True))
    said = [process.communicate(timeout=300) for process in running]
    assert [process.returncode for process in running] == [0] * processes, said
    if processes > 1:
        assert "The run is kept by process 1 of 2." in said[1][0]
    return json.loads((Path(output) / "run.json").read_text())


NETWORKS = {
    "plain": ["--dropout", "0.2", "--shift"],
    "denoise": ["--task", "denoise", "--skip", "--residual"],
    "variational": ["--variational", "--latent-dim", "2"],
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", NETWORKS)
def test_two_processes_train_what_one_trains(tiny, kind):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed here")
    data = ["-d", tiny["-d"], "-t", tiny["-t"], "--split", "80/20/0"]
    network = ["--layers", "2", "--kernel-size", "3", "--kernels", "4", "--epochs", "3", "--batch-size", "12"]
    alone = trained("autoencoder.py", [*data, *network, *NETWORKS[kind]], "alone", 1)
    both = trained("autoencoder.py", [*data, *network, *NETWORKS[kind]], "both", 2)
    same(alone, both)
    assert both["status"] == "finished"
    assert both["metrics"]["test_mse"] == pytest.approx(alone["metrics"]["test_mse"], rel=1e-4)
    labels = ["-dl", tiny["-dl"], "-tl", tiny["-tl"], "--model", "alone/autoencoder.h5"]
    head = ["--fc-units", "8", "--dropout", "0.1", "--epochs", "2", "--batch-size", "12", "--scratch"]
    if kind == "plain":
        alone = trained("classification.py", [*data, *labels, *head], "head", 1)
        both = trained("classification.py", [*data, *labels, *head], "heads", 2)
        for phase in ("head", "everything", "scratch"):
            same({"history": alone["history"][phase]}, {"history": both["history"][phase]}, rel=0.005)


@pytest.mark.slow
def test_two_devices_train_what_one_trains(tiny):
    """A processor that is taken for two."""
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
    alone = trained("autoencoder.py", [*words, "--batch-size", "12"], "alone", 1)
    devices = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    both = trained("autoencoder.py", [*words, "--batch-size", "12", "--distributed"], "both", 1, **devices)
    same(alone, both)


# A processor that is taken for two, under TensorFlow: trained alone, together, and together with an
# interruption in between.
MIRRORED = """
import json, sys, threading
from pathlib import Path
import tensorflow as tf
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
import keras
from lib import datasets, networks, shapes, together, training
from lib.hyperparameters import Hyperparameters
from lib.teams import Team
hp = Hyperparameters(dataset="train.idx", layers=1, kernels=4, epochs=3, batch_size=12, **json.loads(sys.argv[1]))
dataset = datasets.load(hp)
def trained(team, folder=None, until=3):
    stopped, pictures = threading.Event(), []
    def tell(event, **content):
        if event == "epoch" and content["epoch"] == until < hp.epochs:
            stopped.set()
    keras.utils.set_random_seed(0)
    plan = shapes.plan(hp, dataset.shape)
    model = networks.build_autoencoder(plan)
    def at_epoch(history):
        pictures.append(model.predict_on_batch(dataset.train.take(slice(4)).astype("float32") / 255))
    trainer, phase = networks.build_trainer(model, plan), training.autoencoder_phase(hp)
    outcome = together.fit(trainer, dataset, hp, phase, tell, stopped, at_epoch, folder, team)
    assert (abs(pictures[0] - pictures[-1]).max() > 0) == (len(pictures) > 1)
    return outcome.history
histories = [trained(None), trained(Team())]
trained(Team(), Path("cut"), 1)
histories.append(trained(Team(), Path("cut")))
print(json.dumps(histories))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", [{"task": "denoise", "noise": 0.3}, {"variational": True, "latent_dim": 2}])
def test_two_devices_under_tensorflow_train_what_one_trains(tiny, kind):
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("TensorFlow is not installed here")
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", MIRRORED, json.dumps(kind)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    alone, both, resumed = (dict(history=history) for history in json.loads(done.stdout.splitlines()[-1]))
    if "variational" in kind:  # each device draws codes of its own
        alone = {"history": {"val_loss": alone["history"]["val_loss"]}}
    same(alone, both, rel=0.02 if "variational" in kind else 0.005)
    same(both, resumed)


def same(alone: dict, both: dict, rel: float = 1e-4) -> None:
    """Sums are taken in another order, and Adam makes much of the last digit where a gradient is nearly
    nothing.
    """
    for name, values in alone["history"].items():
        if name != "seconds":
            assert both["history"][name] == pytest.approx(values, rel=rel), name
