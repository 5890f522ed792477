"""Trainings with the same seed, machine and backend compute the same numbers, also when they are resumed.

python -m pytest tests/test_determinism.py
"""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from tests.harness.terminal_session import PROJECT

# Trainings with seeds 0, 0 and 1, and one with seed 0 that is killed in its third epoch and resumed.
SCRIPT = """
import json
from pathlib import Path
from lib.training import callbacks
from tests.training.test_trainer import interrupt, train
callbacks.SECONDS_BETWEEN_STEPS = 0
tiny = {"-d": "train.idx"}
values = dict(epochs=4, task="denoise", noise=0.3, dropout=0.2, shift=True, skip=True)
values |= dict(optimizer="adamw", weight_decay=0.01)
trainings = [train(tiny, seed=seed, **values) for seed in (0, 0, 1)]
interrupt(tiny, Path("interrupted"), 3, **values)
trainings.append(train(tiny, folder=Path("interrupted"), **values))
for history, model, _ in trainings:
    del history["seconds"]
    print(json.dumps([history, [float(weight.sum()) for weight in model.get_weights()]]))
"""


def results(backend: str, script: str) -> list:
    """The JSON that a Python script prints, run with a backend that may not be installed."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed here")
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[{")]


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_one_seed_one_backend_one_result(tiny, backend):
    first, repeated, other_seed, resumed = results(backend, SCRIPT)
    assert first == repeated == resumed
    assert first != other_seed
