"""Losses, optimizers and learning rate schedules: one entry each, by the name that the settings have.

An entry names a class or function of Keras, with its arguments where they are not the same for all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

WARM_UP_FRACTION = 0.05  # of the steps, in which the cosine schedule's learning rate rises
FINAL_FRACTION = 0.01  # of the learning rate, at the end of the exponential schedule


@dataclass(frozen=True)
class Loss:
    """A reconstruction loss.

    Args:
        function: its name in `lib.training.losses`, else in `keras.losses`.
        help: for the help text of `--loss`; empty where the name says it.
        needs_unit_range: it is defined for outputs in 0..1 alone.
        needs_pixels: it is defined for the pixels of images alone, not for U and V.
    """

    function: str
    help: str = ""
    needs_unit_range: bool = False
    needs_pixels: bool = False


@dataclass(frozen=True)
class OptimizerEntry:
    """An optimizer.

    Args:
        class_name: of a class of `lib.training.optimizers`, else of `keras.optimizers`.
        decay_arguments: arguments of the class that take the weight decay.
        decays_by_default: the class has a default other than no weight decay.
    """

    class_name: str
    decay_arguments: tuple[str, ...] = ("weight_decay",)
    decays_by_default: bool = False


@dataclass(frozen=True)
class Schedule:
    """A learning rate schedule.

    Args:
        help: for the help text of `--schedule`; empty where the name says it.
        class_name: of a class of `keras.optimizers.schedules`; empty for a constant learning rate.
        arguments: its arguments by name, from the highest learning rate and the number of training steps.
        lowers_on_plateau: the learning rate is lowered when the validation loss stalls.
    """

    help: str = ""
    class_name: str = ""
    arguments: Callable[[float, int], dict] = lambda learning_rate, steps: {}
    lowers_on_plateau: bool = False


def _cosine(learning_rate: float, steps: int) -> dict:
    """A short linear warm-up, then half a cosine down to zero."""
    warm_up_steps = max(1, round(WARM_UP_FRACTION * steps))
    return {
        "initial_learning_rate": learning_rate / 10,
        "decay_steps": max(1, steps - warm_up_steps),
        "alpha": 0.0,
        "warmup_target": learning_rate,
        "warmup_steps": warm_up_steps,
    }


def _exponential(learning_rate: float, steps: int) -> dict:
    return {"initial_learning_rate": learning_rate, "decay_steps": steps, "decay_rate": FINAL_FRACTION}


LOSSES = {
    "mse": Loss("mean_squared_error"),
    "mae": Loss("mean_absolute_error"),
    "huber": Loss("huber"),
    "bce": Loss("binary_crossentropy", needs_unit_range=True),
    "charbonnier": Loss("charbonnier", "smooth absolute error"),
    "ssim": Loss("structural_dissimilarity", "1 - SSIM", needs_pixels=True),
    "mse+ssim": Loss("squared_error_and_dissimilarity", "mse + 0.1 (1 - SSIM)", needs_pixels=True),
}

OPTIMIZERS = {
    "adam": OptimizerEntry("Adam"),
    "adamw": OptimizerEntry("AdamW", decays_by_default=True),
    "nadam": OptimizerEntry("Nadam"),
    "adamax": OptimizerEntry("Adamax"),
    "rmsprop": OptimizerEntry("RMSprop"),
    "sgd": OptimizerEntry("SGD"),
    "adagrad": OptimizerEntry("Adagrad"),
    "adadelta": OptimizerEntry("Adadelta"),
    "adafactor": OptimizerEntry("Adafactor"),
    "lion": OptimizerEntry("Lion"),
    "muon": OptimizerEntry("Muon", ("weight_decay", "adam_weight_decay"), decays_by_default=True),
}

SCHEDULES = {
    "cosine": Schedule("short warm-up, then decay to 0", "CosineDecay", _cosine),
    "constant": Schedule(),
    "plateau": Schedule("cut when the validation loss stalls", lowers_on_plateau=True),
    "exponential": Schedule("decay to 1 %", "ExponentialDecay", _exponential),
}


def describe_schedules() -> str:
    """The help text of all schedules that have one."""
    return _describe(SCHEDULES)


def describe_losses() -> str:
    """The help text of all losses that have one."""
    return _describe(LOSSES)


def _describe(entries: Mapping[str, Loss | Schedule]) -> str:
    return "; ".join(f"{name}: {entry.help}" for name, entry in entries.items() if entry.help)
