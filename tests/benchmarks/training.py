"""Training speed of the default network compared with hand-written training loops.

python -m tests.benchmarks.training [DATASET] [--limit N] [--only NAME,...] [--runs N]   (default mnist,
12,000 images, 3 runs)

Images per second over whole epochs (shuffling, steps, validation), with the same network, batch size,
optimizer and learning rates. Each contender runs in its own process, in turns; the table has medians, and the
median of the ratios within each turn. A contender whose package is not installed is left out. Ours also
writes its checkpoint, pictures and record. The first epoch, which compiles, has its own column.
"""

import argparse
import dataclasses
import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data import datasets
from lib.worker.process import PROJECT

EPOCHS = 4
HP = AutoencoderHyperparameters(
    dataset="mnist", initializer="he_normal"
)  # the default network, with an initialization that all contenders have
KERNELS, BATCH, RATE, WARM_UP, MOMENTUM = 32, HP.batch_size, HP.learning_rate, 0.05, 0.9


def rate(step: int, steps: int) -> float:
    """The learning rate of a step, from 0: a linear warm-up, then half a cosine."""
    rising = max(1, round(WARM_UP * steps))
    if step < rising:
        return RATE / 10 + (RATE - RATE / 10) * step / rising
    return RATE * (1 + math.cos(math.pi * (step - rising) / (steps - rising))) / 2


def ours(dataset: str, limit: int, arrays: Path) -> dict:
    """The program's worker with a complete request."""
    from lib.runs.events import EpochEnded, Event, PhaseStarted
    from lib.worker.messages import Open, Train, TrainingFinished
    from lib.worker.process import Worker

    hp, ended, losses = dataclasses.replace(HP, dataset=dataset, limit=limit, epochs=EPOCHS), [], []

    def follow(event: Event) -> None:
        if isinstance(event, PhaseStarted | EpochEnded):
            ended.append(time.perf_counter())
        if isinstance(event, EpochEnded):
            losses.append(event.numbers["val_loss"])

    with Worker() as worker:
        worker.send(Open(hp))
        worker.send(Train(hp, str(arrays.parent / f"run-{time.time():.0f}")))
        worker.follow(follow, until=TrainingFinished)
    return {"seconds": np.diff(ended).tolist(), "losses": losses}


def keras_notebook(dataset: str, limit: int, arrays: Path) -> dict:
    """Keras's `fit` on float32 arrays."""
    import keras
    from keras import layers

    train, validation = (np.load(arrays)[name].astype("float32") / 255 for name in ("train", "validation"))
    x = inputs = keras.Input(train.shape[1:])
    for stride in (2, 2, 1, 1, 1, 1, 1, 1):
        x = layers.Conv2D(KERNELS, 3, stride, "same", use_bias=False, kernel_initializer="he_normal")(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM)(x))
    x = layers.Conv2DTranspose(KERNELS, 3, 2, "same", use_bias=False, kernel_initializer="he_normal")(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM)(x))
    outputs = layers.Conv2DTranspose(train.shape[3], 3, 2, "same", activation="sigmoid")(x)
    model = keras.Model(inputs, outputs)
    steps = EPOCHS * math.ceil(len(train) / BATCH)
    rising = round(WARM_UP * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        RATE / 10, steps - rising, warmup_target=RATE, warmup_steps=rising
    )
    model.compile(keras.optimizers.Adam(schedule), "mse")
    ended = [time.perf_counter()]
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ended.append(time.perf_counter()))
    history = model.fit(
        train, train, BATCH, EPOCHS, verbose=0, validation_data=(validation, validation), callbacks=[clock]
    )
    return {"seconds": np.diff(ended).tolist(), "losses": history.history["val_loss"]}


def pytorch(dataset: str, limit: int, arrays: Path, compiled: bool = False) -> dict:
    """A loop over tensors in memory, channels last; on a GPU in bfloat16."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    train, validation = (
        torch.from_numpy(np.load(arrays)[name])
        .permute(0, 3, 1, 2)
        .to(device)
        .contiguous(memory_format=torch.channels_last)
        for name in ("train", "validation")
    )
    channels, stages = train.shape[1], []
    for number, stride in enumerate((2, 2, 1, 1, 1, 1, 1, 1)):
        stages.append(nn.Conv2d(KERNELS if number else channels, KERNELS, 3, stride, 1, bias=False))
        stages += [nn.BatchNorm2d(KERNELS, 1e-3, 1 - MOMENTUM), nn.ReLU(inplace=True)]
    stages.append(nn.ConvTranspose2d(KERNELS, KERNELS, 3, 2, 1, output_padding=1, bias=False))
    stages += [nn.BatchNorm2d(KERNELS, 1e-3, 1 - MOMENTUM), nn.ReLU(inplace=True)]
    stages += [nn.ConvTranspose2d(KERNELS, channels, 3, 2, 1, output_padding=1), nn.Sigmoid()]
    for layer in stages:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(layer.weight)
    model = nn.Sequential(*stages).to(device, memory_format=torch.channels_last)
    forward = torch.compile(model) if compiled else model
    optimizer = torch.optim.Adam(model.parameters(), RATE, eps=1e-7, fused=True)
    steps = EPOCHS * math.ceil(len(train) / BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, steps) / RATE)
    mixed = torch.autocast(device, torch.bfloat16, enabled=device == "cuda")
    ended, losses = [time.perf_counter()], []
    for _ in range(EPOCHS):
        model.train()
        for which in torch.randperm(len(train), device=device).split(BATCH):
            images = train[which].float() / 255
            with mixed:
                loss = nn.functional.mse_loss(forward(images), images)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
        model.eval()
        with torch.inference_mode(), mixed:
            parts = [part.float() / 255 for part in validation.split(BATCH)]
            total = sum(nn.functional.mse_loss(forward(part), part, reduction="sum").item() for part in parts)
        losses.append(total / validation.numel())
        ended.append(time.perf_counter())
    return {"seconds": np.diff(ended).tolist(), "losses": losses}


def pytorch_compiled(dataset: str, limit: int, arrays: Path) -> dict:
    return pytorch(dataset, limit, arrays, compiled=True)


def ours_on_jax(dataset: str, limit: int, arrays: Path) -> dict:
    os.environ["KERAS_BACKEND"] = "jax"  # the worker's
    return ours(dataset, limit, arrays)


def jax_loop(dataset: str, limit: int, arrays: Path) -> dict:
    """An epoch as one compiled scan over uint8 images on the device; on a GPU in bfloat16. The last, smaller
    batch is left out.
    """
    import jax
    from jax import lax
    from jax import numpy as jnp

    train, validation = (jax.device_put(np.load(arrays)[name]) for name in ("train", "validation"))
    dtype = jnp.bfloat16 if jax.default_backend() == "gpu" else jnp.float32
    shapes, channels = ("NHWC", "HWIO", "NHWC"), train.shape[3]
    strides = (2, 2, 1, 1, 1, 1, 1, 1, -2, -2)  # negative where the convolution is transposed
    keys = jax.random.split(jax.random.key(0), len(strides))
    weights, averages = [], []
    for number, key in enumerate(keys):
        first, last = number == 0, number == len(strides) - 1
        size = (3, 3, channels if first else KERNELS, channels if last else KERNELS)
        layer = {"kernel": jax.random.normal(key, size) * math.sqrt(2 / (9 * size[2]))}
        weights.append(
            layer
            | (
                {"bias": jnp.zeros(channels)}
                if last
                else {"gamma": jnp.ones(KERNELS), "beta": jnp.zeros(KERNELS)}
            )
        )
        averages.append({} if last else {"mean": jnp.zeros(KERNELS), "variance": jnp.ones(KERNELS)})

    def forward(weights, averages, x, learning):
        moments = []
        for layer, stride, average in zip(weights, strides, averages, strict=True):
            steps, kernel = (abs(stride),) * 2, layer["kernel"].astype(dtype)
            convolve = lax.conv_transpose if stride < 0 else lax.conv_general_dilated
            x = convolve(x.astype(dtype), kernel, steps, "SAME", dimension_numbers=shapes).astype(jnp.float32)
            if "bias" in layer:
                moments.append({})
                return jax.nn.sigmoid(x + layer["bias"]), moments
            mean, variance = (
                (x.mean((0, 1, 2)), x.var((0, 1, 2))) if learning else (average["mean"], average["variance"])
            )
            moments.append({"mean": mean, "variance": variance})
            x = jax.nn.relu((x - mean) * lax.rsqrt(variance + 1e-3) * layer["gamma"] + layer["beta"])
        raise AssertionError

    def loss(weights, averages, images):
        outputs, moments = forward(weights, averages, images, True)
        return jnp.square(outputs - images).mean(), moments

    def step(state, batch):
        weights, averages, first, second, number = state
        which, speed = batch
        images = train[which].astype(jnp.float32) / 255
        gradients, moments = jax.grad(loss, has_aux=True)(weights, averages, images)
        averages = jax.tree.map(lambda old, new: MOMENTUM * old + (1 - MOMENTUM) * new, averages, moments)
        first = jax.tree.map(lambda old, gradient: 0.9 * old + 0.1 * gradient, first, gradients)
        second = jax.tree.map(lambda old, gradient: 0.999 * old + 0.001 * gradient**2, second, gradients)
        scale = speed * jnp.sqrt(1 - 0.999 ** (number + 1)) / (1 - 0.9 ** (number + 1))
        weights = jax.tree.map(lambda w, m, v: w - scale * m / (jnp.sqrt(v) + 1e-7), weights, first, second)
        return (weights, averages, first, second, number + 1), None

    @jax.jit
    def epoch(state, key, speeds):
        order = jax.random.permutation(key, len(train))[: len(speeds) * BATCH].reshape(-1, BATCH)
        state, _ = lax.scan(step, state, (order, speeds))
        parts = validation[: len(validation) // BATCH * BATCH].reshape(-1, BATCH, *validation.shape[1:])

        def error(images):
            images = images.astype(jnp.float32) / 255
            return jnp.square(forward(state[0], state[1], images, False)[0] - images).mean()

        return state, lax.map(error, parts).mean()

    steps = len(train) // BATCH
    speeds = np.array([rate(number, EPOCHS * steps) for number in range(EPOCHS * steps)], np.float32).reshape(
        EPOCHS, steps
    )
    zeros = jax.tree.map(jnp.zeros_like, weights)
    state, ended, losses = (weights, averages, zeros, zeros, 0), [time.perf_counter()], []
    for number, key in enumerate(jax.random.split(jax.random.key(1), EPOCHS)):
        state, validation_loss = epoch(state, key, speeds[number])
        losses.append(float(validation_loss))
        ended.append(time.perf_counter())
    return {"seconds": np.diff(ended).tolist(), "losses": losses}


CONTENDERS = {
    "ours": (ours, "keras"),
    "ours on JAX": (ours_on_jax, "jax"),
    "Keras notebook": (keras_notebook, "keras"),
    "PyTorch": (pytorch, "torch"),
    "PyTorch compiled": (pytorch_compiled, "torch"),
    "JAX scan": (jax_loop, "jax"),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", nargs="?", default="mnist")
    parser.add_argument("--limit", type=int, default=12_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default=",".join(CONTENDERS))
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--arrays", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.contender:
        print(json.dumps(CONTENDERS[args.contender][0](args.dataset, args.limit, Path(args.arrays))))
        return
    names = [name for name in args.only.split(",") if importlib.util.find_spec(CONTENDERS[name][1])]
    results = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        arrays = Path(folder) / "arrays.npz"
        data = datasets.load_dataset(AutoencoderHyperparameters(dataset=args.dataset, limit=args.limit))
        np.savez(arrays, train=data.train.take(slice(None)), validation=data.validation.take(slice(None)))
        line = [sys.executable, "-m", "tests.benchmarks.training", args.dataset, "--limit", str(args.limit)]
        for _ in range(args.runs):
            for name in names:
                command = [*line, "--arrays", str(arrays), "--contender", name]
                done = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True)
                results[name].append(json.loads(done.stdout.splitlines()[-1]))
    report(results, len(data.train))


def report(results: dict[str, list[dict]], images: int) -> None:
    speeds = {
        name: [images / statistics.median(run["seconds"][1:]) for run in runs]
        for name, runs in results.items()
    }
    rival = "PyTorch" if "PyTorch" in results else next(iter(results))
    print(f"{images:,} images an epoch, {EPOCHS} epochs, batches of {BATCH}")
    print(
        f"{'':18} {'images/s':>9} {'':>16} {'of ' + rival:>10} {'first epoch':>12} {'loss, epoch 1':>14} "
        f"{'last':>8}"
    )
    for name, runs in results.items():
        median = statistics.median(speeds[name])
        spread = f"{min(speeds[name]):,.0f} to {max(speeds[name]):,.0f}"
        first = statistics.median(run["seconds"][0] for run in runs)
        early, late = (statistics.median(run["losses"][index] for run in runs) for index in (0, -1))
        ratio = statistics.median(
            ours / theirs for ours, theirs in zip(speeds[name], speeds[rival], strict=True)
        )
        print(
            f"{name:18} {median:9,.0f} {spread:>16} {ratio:9.2f}× {first:10.1f} s {early:14.5f} {late:8.5f}"
        )


if __name__ == "__main__":
    main()
