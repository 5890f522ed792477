"""Same seed, same machine, same backend: same numbers, interrupted or not. python -m pytest tests/test_determinism.py"""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from tests.keys import PROJECT

# Three trainings whole, with seeds 0, 0 and 1, and one with seed 0 that dies in its third epoch and goes on.
SCRIPT = """
import json, sys
from pathlib import Path
from tests.test_training import cut, trained, training
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


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_one_seed_one_backend_one_result(tiny, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed here")
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    one, two, other, resumed = (json.loads(line) for line in done.stdout.splitlines()[-4:])
    assert one == two == resumed
    assert one != other
