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

# On JAX with a GPU one call trains on a stack of batches. Here the processor does so, with small stacks.
STACKS = """
from lib.training import backend
backend.STACK_BYTES = 20_000
backend.uses_scan = lambda: True
"""
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


def results(backend: str, *scripts: str) -> list:
    """The JSON that Python scripts print, run in order with a backend that may not be installed."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed here")
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", "".join(scripts)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[{")]


@pytest.mark.parametrize(
    ("backend", "setup"),
    [("tensorflow", ""), ("jax", ""), ("jax", STACKS)],
    ids=["tensorflow", "jax", "stacks"],
)
def test_one_seed_one_backend_one_result(tiny, backend, setup):
    first, repeated, other_seed, resumed = results(backend, setup, SCRIPT)
    assert first == repeated == resumed
    assert first != other_seed


def test_training_on_stacks_computes_the_same_losses(tiny):
    script = "from tests.training.test_trainer import train\nimport json\n"
    for options in ("", ", variational=True, latent_dim=2"):
        line = f"print(json.dumps([train({tiny}, epochs=3, shift=True{options})[0]]))\n"
        batches, stacks = results("jax", script, line, STACKS, line)
        for name, values in batches[0].items():
            if name != "seconds":
                assert stacks[0][name] == pytest.approx(values, rel=1e-4), name
