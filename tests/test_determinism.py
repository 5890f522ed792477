"""Same seed, same machine, same backend: same numbers, interrupted or not. python -m pytest
tests/test_determinism.py
"""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from tests.harness.terminal_session import PROJECT

GANGS = """
from lib import backend
backend.GANG = 100_000
backend.scans = lambda: True
"""
# Three trainings whole, with seeds 0, 0 and 1, and one with seed 0 that dies in its third epoch and goes on.
SCRIPT = """
import json, sys
from pathlib import Path
from tests.training.test_trainer import cut, trained, training
training.SECONDS_BETWEEN_STEPS = 0
tiny = {"-d": "train.idx"}
asked = dict(epochs=4, task="denoise", noise=0.3, dropout=0.2, shift=True, skip=True, optimizer="adamw", weight_decay=0.01)
found = [trained(tiny, seed=seed, **asked) for seed in (0, 0, 1)]
cut(tiny, Path("cut"), 3, **asked)
found.append(trained(tiny, folder=Path("cut"), **asked))
for history, model, _ in found:
    del history["seconds"]
    print(json.dumps([history, [float(weight.sum()) for weight in model.get_weights()]]))
"""


def results(backend: str, *scripts: str) -> list:
    """What some lines of Python print as JSON, on a backend that may not be here."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed here")
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", "".join(scripts)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[{")]


@pytest.mark.parametrize(
    ("backend", "gangs"),
    [("tensorflow", ""), ("jax", ""), ("jax", GANGS)],
    ids=["tensorflow", "jax", "gangs"],
)
def test_one_seed_one_backend_one_result(tiny, backend, gangs):
    one, two, other, resumed = results(backend, gangs, SCRIPT)
    assert one == two == resumed
    assert one != other


def test_steps_in_gangs_are_the_same_steps(tiny):
    """On JAX with a GPU many steps are one call; here the processor is told to do as much."""
    whole = "from tests.training.test_trainer import trained\nimport json\n"
    for more in ("", ", variational=True, latent_dim=2"):
        line = f"print(json.dumps([trained({tiny}, epochs=3, shift=True{more})[0]]))\n"
        alone, together = results("jax", whole, line, GANGS, line)
        for name, values in alone[0].items():
            if name != "seconds":
                assert together[0][name] == pytest.approx(values, rel=1e-4), name
