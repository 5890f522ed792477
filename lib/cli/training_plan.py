"""Check of memory and time before a training: a warning, a question on a terminal, or a refusal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from lib.cli.prompts import Answers
from lib.common.errors import PromptCancelled, UserError
from lib.common.formatting import format_gigabytes, format_shape
from lib.common.memory import free_memory, gpu_memory, total_memory
from lib.config.architecture import Architecture
from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters, Hyperparameters
from lib.config.memory_estimate import MemoryEstimate, estimate_memory, operations_per_image
from lib.data import dataset_names
from lib.data.formats.picture_fit import PictureFit
from lib.data.splits import training_count
from lib.tasks import ImageShape

CERTAIN_FACTOR = 1.5  # by which an estimate exceeds all memory where a training certainly fails
MAX_EPOCH_SECONDS = 3600  # longer epochs are announced
SLOWEST_MACHINE = 1e9  # operations per second, below those of any machine
MATRIX_SIDE = 1024  # of the product whose speed is measured
MATRIX_EFFICIENCY = 0.4  # speed of a training in comparison with that of a large product of matrices

ON, SMALLER = "on", "smaller"


def check_training_plan(
    answers: Answers, hp: Hyperparameters, warn: Callable[[str], None], processes: int = 1
) -> Hyperparameters:
    """Compare a training of an autoencoder with the free memory, and its epochs with an hour.

    Args:
        answers: with a terminal it asks whether to go on.
        hp: hyperparameters of the training.
        warn: shows a warning where nobody is asked.
        processes: number of processes that share each batch.

    Returns:
        `hp`, with a smaller batch size where the user has chosen it.

    Raises:
        UserError: the memory certainly does not suffice.
        PromptCancelled: the user does not go on.
    """
    if not isinstance(hp, AutoencoderHyperparameters):
        return hp
    header = dataset_names.peek(hp.require("dataset"), PictureFit.of(hp))
    architecture = plan_architecture(hp, header.shape, len(header.class_counts))
    estimate = estimate_memory(architecture)
    needed, free = estimate.of_batch(-(-hp.batch_size // processes)), max(free_memory(), gpu_memory())
    if needed > free:
        is_certain = needed > CERTAIN_FACTOR * max(total_memory(), gpu_memory())
        text = f"{_shortage(architecture, needed, free)}; {_remedy(hp, header.shape, estimate, free)}"
        hp = _go_on(answers, hp, text, warn, estimate.largest_batch(free) * processes, is_certain)
    seconds = _epoch_seconds(architecture, training_count(header, hp)) / processes
    if seconds > MAX_EPOCH_SECONDS and not gpu_memory():
        all_epochs = "" if hp.training_minutes else _describe_epochs(hp.epochs, seconds)
        text = (
            f"an epoch will take about {seconds / 3600:,.0f} h on this machine{all_epochs}; smaller images, "
            "fewer of them or fewer kernels take less"
        )
        hp = _go_on(answers, hp, text, warn)
    return hp


def _describe_epochs(epochs: int, seconds: float) -> str:
    return f", {epochs:,} epochs {epochs * seconds / 3600:,.0f} h"


def _shortage(architecture: Architecture, needed: int, free: int) -> str:
    hp = architecture.hp
    return (
        f"batches of {hp.batch_size:,} images of {format_shape(architecture.input_shape)} need about "
        f"{format_gigabytes(needed)} of memory with this network, and {format_gigabytes(free)} are free"
    )


def _remedy(hp: AutoencoderHyperparameters, shape: ImageShape, estimate: MemoryEstimate, free: int) -> str:
    """The largest batch size that fits, else a smaller image or network."""
    if batch_size := estimate.largest_batch(free):
        return f"the largest batch size that fits is {batch_size:,} (--batch-size {batch_size})"
    if estimate.constant > free:
        return "use fewer --kernels or a smaller --latent-dim"
    sides = [side for side in (2048, 1024, 512, 256, 128, 64) if side < max(shape[:2])]
    for side in sides:
        height, width = (max(1, length * side // max(shape[:2])) for length in shape[:2])
        try:
            other = estimate_memory(plan_architecture(hp, (height, width, shape[2])))
        except UserError:
            break
        if other.largest_batch(free):
            return f"not even one image fits: use smaller ones, such as --size {height}x{width}"
    return "not even one image fits: use smaller ones (--size) or fewer --kernels"


def _go_on(
    answers: Answers,
    hp: AutoencoderHyperparameters,
    text: str,
    warn: Callable[[str], None],
    batch_size: int = 0,
    is_certain: bool = False,
) -> AutoencoderHyperparameters:
    """Ask on a terminal whether to go on; elsewhere warn, or refuse what is certain to fail.

    Returns:
        The hyperparameters with which to go on, with `batch_size`, unless it is 0, where the user says so.
    """
    if not (answers.interactive and answers.has_terminal):
        if is_certain:
            raise UserError(text)
        warn(f"{text[:1].upper()}{text[1:]}.")
        return hp
    choices = {SMALLER: f"Train with batches of {batch_size:,}"} if batch_size else {}
    if not is_certain:
        choices[ON] = "Train all the same"
    choices["stop"] = "Do not train"
    choice = answers.choose(f"{text[:1].upper()}{text[1:]}.", choices, at_end="stop")
    if choice == SMALLER:
        return replace(hp, batch_size=batch_size)
    if choice == ON:
        return hp
    raise PromptCancelled


def _epoch_seconds(architecture: Architecture, images: int) -> float:
    """The duration of an epoch; the speed of the machine is measured only where an hour is possible."""
    operations = operations_per_image(architecture) * images
    if operations < SLOWEST_MACHINE * MAX_EPOCH_SECONDS:
        return 0
    return operations / (MATRIX_EFFICIENCY * _operations_per_second())


def _operations_per_second() -> float:
    """The speed of a product of matrices, the best of three."""
    import numpy as np

    matrix = np.ones((MATRIX_SIDE, MATRIX_SIDE), np.float32)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        matrix @ matrix
        seconds.append(time.perf_counter() - start)
    return 2 * MATRIX_SIDE**3 / min(seconds)
