"""Speed and memory of networks for images of 128×128, beside the estimate of memory.

    python -m tests.benchmarks.networks

Each network trains in a process of its own, on random images and with the environment of the worker. Speed is
per second of processor time, which depends little on other programs; memory is what the process occupies
after some steps.
"""

import argparse
import json
import subprocess
import sys
import time

import numpy as np

from lib.common.memory import used_memory
from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.memory_estimate import estimate_memory
from lib.config.suited_defaults import ImageSet, suited_defaults
from lib.worker.process import child_environment
from tests.harness.terminal_session import PROJECT

BATCH, SECONDS = 32, 8
DENOISE = {"task": "denoise"}
NETWORKS = {
    "reconstruct": {},
    "reconstruct, residual blocks": {"block": "residual"},
    "denoise, no skip connections": DENOISE | {"skip": False, "residual": False},
    "denoise, U-Net of full size": DENOISE | {"skip_size": "full"},
    "denoise, U-Net of half size": DENOISE | {"skip_size": "half"},
    "denoise, half size, residual blocks": DENOISE | {"skip_size": "half", "block": "residual"},
    "denoise, half size, growth 1.5": DENOISE | {"skip_size": "half", "growth": 1.5},
}


def measure(name: str, side: int) -> dict:
    """Train a network for some seconds; its speed, its memory and the estimate of that."""
    from lib.models.autoencoder import build_autoencoder
    from lib.training.backend import build_before_first_step, fused_batch_norm
    from lib.training.optimizers import make_optimizer
    from lib.training.phases import autoencoder_phase

    shape, chosen = (side, side, 3), NETWORKS[name] | {"dataset": "none", "batch_size": BATCH}
    suited = suited_defaults(ImageSet(shape, 1000), chosen)
    hp = AutoencoderHyperparameters(**suited | chosen)
    architecture = plan_architecture(hp, shape)
    model = build_autoencoder(architecture)
    model.compile(make_optimizer(hp, 1e-3), autoencoder_phase(hp).loss)
    rng = np.random.default_rng(0)
    inputs, targets = (
        rng.random((BATCH, *sizes), np.float32)
        for sizes in (architecture.input_shape, architecture.target_shape)
    )
    build_before_first_step(model, (inputs, targets))
    images = 0
    with fused_batch_norm(model):
        for _ in range(3):
            model.train_on_batch(inputs, targets)
        start = time.process_time()
        while time.process_time() - start < SECONDS:
            model.train_on_batch(inputs, targets)
            images += BATCH
        speed = images / (time.process_time() - start)
    estimated = estimate_memory(architecture).of_batch(BATCH)
    return {"speed": speed, "memory": used_memory(), "estimated": estimated}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NETWORK", help="; ".join(NETWORKS))
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.names[0], args.side)))
        return
    print("network", "images/s of processor time", "GB", "GB estimated", sep="\t", flush=True)
    for name in args.names or NETWORKS:
        command = [
            sys.executable,
            "-m",
            "tests.benchmarks.networks",
            name,
            f"--side={args.side}",
            "--measure",
        ]
        done = subprocess.run(
            command, cwd=PROJECT, env=child_environment(), stdout=subprocess.PIPE, text=True, check=True
        )
        result = json.loads(done.stdout.splitlines()[-1])
        memory = (f"{result[key] / 1e9:.2f}" for key in ("memory", "estimated"))
        print(name, f"{result['speed']:.0f}", *memory, sep="\t", flush=True)


if __name__ == "__main__":
    main()
