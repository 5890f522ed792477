"""Metrics: the scores of outputs against targets, each with its key, its texts and its computation.

An entry in `METRICS` is all that a metric needs: it becomes `test_KEY` of a run, `validation_KEY` of a trial
and, if `in_table` selects it, `BASELINE_KEY` of each baseline. Tables, lists, reports and the documentation
read the entries. A task's module adds its own.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from lib.common.formatting import MISSING, format_decimal, format_psnr

SMALLEST_PROBABILITY = 1e-7  # Keras's epsilon

Values = Mapping[str, float | None]  # metrics by key; None stands for infinity


class Predictions(NamedTuple):
    """A batch of outputs beside their targets.

    Attributes:
        settings: the hyperparameters of the run.
        inputs: float32 (n, height, width, channels); empty for a classifier.
        outputs: like the targets; of a classifier probabilities, (n, classes).
        targets: float32 (n, height, width, channels); of a classifier labels, (n,).
    """

    settings: Any
    inputs: np.ndarray
    outputs: np.ndarray
    targets: np.ndarray


def _always(keys: Collection[str]) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A score of a trained network.

    Attributes:
        key: in records after `test_`, `validation_` or the name of a baseline.
        label: its name in tables and before its value.
        meaning: for the documentation.
        program: that trains such networks.
        values: returns the values of a batch, whose mean is the metric; None where there are none. A metric
            without it is derived, or computed by `lib.evaluation.metrics`.
        derive: returns the metric from the means of the others.
        decimals: the number shown.
        unit: of the value.
        higher_is_better: the direction.
        in_table: whether it is a column of the table of scores, for the baselines too, given the keys of all
            metrics of the run.
        in_summary: whether it stands in the first line below the table; the others have lines of their own.
        in_epochs: whether it is shown after each epoch of the training, with its terms.
        describe: returns that text from all metrics; by default label and value.
        ranks_runs: whether it is the score of a run; one metric of each program.
        ranks_trials: whether it is the score of a trial with such settings; the last such metric is.
        monitor: the quantity of a history that tells after each epoch how a trial does.
    """

    key: str
    label: str
    meaning: str = ""
    program: str = "autoencoder"
    values: Callable[[Predictions], np.ndarray | None] | None = None
    derive: Callable[[Values], float | None] | None = None
    decimals: int = 5
    unit: str = ""
    higher_is_better: bool = False
    in_table: Callable[[Collection[str]], bool] = lambda keys: False
    in_summary: bool = False
    in_epochs: bool = False
    describe: Callable[[Values], str] | None = None
    ranks_runs: bool = False
    ranks_trials: Callable[[Any], bool] = lambda settings: False
    monitor: str = "val_loss"

    @property
    def test_key(self) -> str:
        """The key of its value on the test set."""
        return f"test_{self.key}"

    def format(self, value: float | None) -> str:
        """Return a value as text; None is infinity, NaN a missing value."""
        if value is None:
            return "∞"
        return MISSING if math.isnan(value) else format_decimal(value, self.decimals)

    def cost(self, value: float | None) -> float:
        """Return a value as a cost, which is lower for a better value; None is infinity."""
        value = math.inf if value is None else value
        return -value if self.higher_is_better else value

    def text(self, values: Values) -> str:
        """Return the text of the metric below the table of scores, "" for none; `values` has all metrics."""
        if self.describe:
            return self.describe(values)
        separator = " " if self.in_summary else ": "
        return f"{self.label}{separator}{self.format(values[self.key])} {self.unit}".rstrip()


def psnr(mse: float) -> float | None:
    """Return the peak signal-to-noise ratio in dB.

    Args:
        mse: mean squared error of pixels in 0..1.

    Returns:
        Decibels; None for an error of 0, where the ratio is infinite.
    """
    return 10 * math.log10(1 / mse) if mse > 0 else None


def _describe_psnr(values: Values) -> str:
    of_image = " of the whole image" if "rgb_mse" in values else ""
    return f"PSNR{of_image} {format_psnr(values['psnr'])} dB"


def _describe_elbo(values: Values) -> str:
    names = {"reconstruction": "reconstruction", "kl": "KL divergence"}
    if not names.keys() <= values.keys():
        return ""
    terms = " + ".join(f"{name} {values[key]:.2f}" for key, name in names.items())
    return f"negative ELBO {values['negative_elbo']:.2f} nats per image = {terms}"


def _cross_entropy(batch: Predictions) -> np.ndarray:
    likelihood = batch.outputs[np.arange(len(batch.targets)), batch.targets]
    return -np.log(np.maximum(likelihood, SMALLEST_PROBABILITY))


_elbo_term = partial(
    Metric, meaning="of a VAE, per image", decimals=2, unit="nats", describe=lambda values: ""
)

METRICS = [
    Metric(
        key="loss",
        label="test loss",
        meaning="loss of the training; of a VAE with its KL divergence",
        decimals=6,
        in_summary=True,
        in_epochs=True,
    ),
    Metric(
        key="mse",
        label="MSE",
        meaning="mean squared error of pixels in 0..1",
        values=lambda batch: np.square(batch.outputs - batch.targets),
        in_table=_always,
        ranks_runs=True,
        ranks_trials=lambda settings: True,
    ),
    Metric(
        key="psnr",
        label="PSNR",
        meaning="peak signal-to-noise ratio of the image (`null`: infinite)",
        derive=lambda values: psnr(values.get("rgb_mse", values["mse"]) or 0),
        decimals=2,
        unit="dB",
        higher_is_better=True,
        in_table=lambda keys: "rgb_mse" not in keys,  # U and V have none: their range is not 0..1
        in_summary=True,
        describe=_describe_psnr,
    ),
    _elbo_term(key="reconstruction", label="reconstruction loss"),
    _elbo_term(key="kl", label="KL divergence"),
    Metric(
        key="negative_elbo",
        label="negative ELBO",
        meaning="reconstruction loss and KL divergence of a VAE, per image",
        decimals=2,
        unit="nats",
        describe=_describe_elbo,
        ranks_trials=lambda settings: settings.variational,
    ),
    Metric(
        key="loss",
        label="Test loss",
        meaning="mean cross-entropy of the classes",
        program="classification",
        in_epochs=True,
        values=_cross_entropy,
        decimals=4,
        unit="nats",
        in_summary=True,
        describe=lambda values: f"Test loss: {values['loss']:.4f}",
    ),
    Metric(
        key="accuracy",
        label="accuracy",
        meaning="fraction of the images whose most probable class is the true one",
        program="classification",
        in_epochs=True,
        values=lambda batch: batch.outputs.argmax(axis=1) == batch.targets,
        decimals=4,
        higher_is_better=True,
        in_table=_always,
        in_summary=True,
        describe=lambda values: f"Test accuracy: {values['accuracy']:.4f}",
        ranks_runs=True,
        ranks_trials=lambda settings: True,
        monitor="val_accuracy",
    ),
]


def program_metrics(program: str) -> list[Metric]:
    """Return the metrics of the networks that a program trains; of autoencoders for an unknown program."""
    known = {metric.program for metric in METRICS}
    return [
        metric for metric in METRICS if metric.program == (program if program in known else "autoencoder")
    ]


def table_metrics(keys: Collection[str], program: str) -> list[Metric]:
    """Return the columns of the table of scores of a run.

    Args:
        keys: of all metrics of the run, without `test_`.
        program: that trained it.
    """
    metrics = [metric for metric in program_metrics(program) if metric.ranks_runs or metric.key in keys]
    return [metric for metric in metrics if metric.in_table(keys)]


def run_score(program: str) -> Metric:
    """Return the metric by which the runs of a program are ranked."""
    return next(metric for metric in program_metrics(program) if metric.ranks_runs)


def describe_score(program: str, metrics: Values) -> str:
    """Return the score of a run as text, such as `test MSE 0.01000`.

    Args:
        program: that trained it.
        metrics: those of its record, with keys such as `test_mse`.
    """
    metric = run_score(program)
    return f"test {metric.label} {metric.format(metrics[metric.test_key])}"


def trial_score(program: str, settings: Any) -> Metric:
    """Return the metric by which a search ranks trials.

    Args:
        program: that trains them.
        settings: of the trials, as far as they do not vary.
    """
    return [metric for metric in program_metrics(program) if metric.ranks_trials(settings)][-1]


def find_metric(key: str, program: str = "") -> Metric | None:
    """Return the metric of a key of a record or a history, such as `test_rgb_mse` or `pca_mse`, or None.

    Args:
        key: ends with the key of the metric.
        program: that trains such networks; "" for any.
    """
    metrics = program_metrics(program) if program else METRICS
    matches = [metric for metric in metrics if f"_{key}".endswith(f"_{metric.key}")]
    return max(matches, key=lambda metric: len(metric.key), default=None)
