"""Metrics: the scores of outputs against targets, each with its key, its texts and its computation.

An entry in `METRICS` is all that a metric needs: it becomes `test_KEY` of a run, `validation_KEY` of a trial
and, if `in_table` selects it, `BASELINE_KEY` of each baseline. Tables, lists, reports and the documentation
read the entries. A task's module adds its own.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lib.common.formatting import MISSING, format_decimal, format_psnr
from lib.tasks.predictions import Predictions
from lib.tasks.structural_similarity import SCALE_WEIGHTS, WINDOW, ms_ssim, ms_ssim_scales, ssim, ssim_window

SMALLEST_PROBABILITY = 1e-7  # Keras's epsilon
HIGHEST_PSNR = 100.0  # of a single image, in dB: an MSE of 1e-10; an equal image would have infinitely many

Values = Mapping[str, float | None]  # metrics by key; None stands for infinity


def _always(keys: Collection[str]) -> bool:
    return True


def is_of_outputs(keys: Collection[str]) -> bool:
    """Return whether metrics of these keys are those of outputs, not of a detector that compares outputs."""
    return "auroc" not in keys


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
        spread: key of the metric that is the standard deviation of its values, which stands beside the mean.
        for_baselines: whether it is computed for baselines too.
        decimals: the number shown.
        unit: of the value.
        higher_is_better: the direction.
        of_pixels: whether it is a score of `Predictions.pixels`, not of the outputs themselves.
        in_table: whether it is a column of the table of scores, for the baselines too, given the keys of all
            metrics of the run.
        in_summary: whether it stands in the first line below the table; the others have lines of their own.
        in_epochs: whether it is shown after each epoch of the training, with its terms.
        describe: returns that text from all metrics; by default label and value.
        ranks_runs: whether it is the score of the runs that have it; of several such metrics the last one is.
            The first such metric of a program is that of every run.
        ranks_trials: whether it is the score of a trial with such settings; the last such metric is.
        monitor: the quantity of a history that tells after each epoch how a trial does.
    """

    key: str
    label: str
    meaning: str = ""
    program: str = "autoencoder"
    values: Callable[[Predictions], np.ndarray | None] | None = None
    derive: Callable[[Values], float | None] | None = None
    spread: str = ""
    for_baselines: bool = True
    of_pixels: bool = False
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

    def format_with_spread(self, value: float | None, spread: float | None) -> str:
        """Return a value as text, with the standard deviation where the metric has one."""
        text = self.format(value)
        return f"{text}±{self.format(spread)}" if self.spread and spread is not None else text

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


def _describe_mse(values: Values) -> str:
    return "" if is_of_outputs(values) else f"MSE of the outputs for normal images: {values['mse']:.5f}"


def _describe_psnr(values: Values) -> str:
    of_image = " of the whole image" if "rgb_mse" in values else ""
    of_image = " of the hole" if "whole_mse" in values else of_image
    return f"PSNR{of_image} {format_psnr(values['psnr'])} dB"


def _psnr_of_images(batch: Predictions) -> np.ndarray:
    errors = Predictions(batch.settings, batch.inputs, *batch.pixels).image_errors()
    return -10 * np.log10(np.maximum(errors, 10 ** (-HIGHEST_PSNR / 10)))


def _small_window(batch: Predictions) -> np.ndarray | None:
    """The window of the SSIM of images that the usual one does not fit into."""
    window = ssim_window(*batch.targets.shape[1:3])
    return np.array([window]) if 0 < window < WINDOW else None


def _scales(batch: Predictions) -> np.ndarray | None:
    scales = ms_ssim_scales(*batch.targets.shape[1:3])
    return np.array([scales]) if scales else None


def _describe_window(values: Values) -> str:
    if not is_of_outputs(values):
        return ""
    window = f"{values['ssim_window']:.0f}"
    return f"The SSIM is of windows of {window}×{window} pixels, the largest that fit into the images"


def _describe_ms_ssim(values: Values) -> str:
    if not is_of_outputs(values):
        return ""
    text = f"MS-SSIM: {values['ms_ssim']:.4f}"
    scales = values.get("ms_ssim_scales", len(SCALE_WEIGHTS))
    return text if scales == len(SCALE_WEIGHTS) else f"{text} ({scales:.0f} of {len(SCALE_WEIGHTS)} scales)"


def _describe_whole_mse(values: Values) -> str:
    error = values["whole_mse"] or 0
    return f"MSE of the whole image: {error:.5f}, PSNR {format_psnr(psnr(error))} dB"


def _cross_entropy(batch: Predictions) -> np.ndarray:
    likelihood = batch.outputs[np.arange(len(batch.targets)), batch.targets]
    return -np.log(np.maximum(likelihood, SMALLEST_PROBABILITY))


METRICS = [
    Metric(
        key="loss",
        label="test loss",
        meaning="loss of the training; with a regularization, its penalty included",
        decimals=6,
        in_summary=True,
        in_epochs=True,
    ),
    Metric(
        key="mse",
        label="MSE",
        meaning="mean squared error of pixels in 0..1; with a hole, of its pixels",
        values=Predictions.squared_errors,
        in_table=is_of_outputs,
        describe=_describe_mse,
        ranks_runs=True,
        ranks_trials=lambda settings: True,
    ),
    Metric(
        key="psnr",
        label="PSNR",
        meaning="peak signal-to-noise ratio of the mean MSE of the images (`null`: infinite)",
        derive=lambda values: psnr(values.get("rgb_mse", values["mse"]) or 0),
        of_pixels=True,
        decimals=2,
        unit="dB",
        higher_is_better=True,
        in_table=is_of_outputs,
        in_summary=True,
        describe=_describe_psnr,
    ),
    Metric(
        key="psnr_per_image",
        label="PSNR per image",
        meaning="mean of the PSNR of each image, of which none counts as more than 100",
        values=_psnr_of_images,
        spread="psnr_spread",
        of_pixels=True,
        decimals=2,
        unit="dB",
        higher_is_better=True,
        in_table=is_of_outputs,
        describe=lambda values: "",
    ),
    Metric(
        key="psnr_spread",
        label="spread of the PSNR",
        meaning="standard deviation of the PSNR of each image",
        decimals=2,
        unit="dB",
        describe=lambda values: "",
    ),
    Metric(
        key="ssim",
        label="SSIM",
        meaning="structural similarity (Wang et al. 2004), mean over the images; none below 3 pixels",
        values=lambda batch: ssim(*batch.pixels),
        of_pixels=True,
        decimals=4,
        higher_is_better=True,
        in_table=is_of_outputs,
        describe=lambda values: "",
    ),
    Metric(
        key="ssim_window",
        label="window of the SSIM",
        meaning="side of the window of the SSIM, where 11 pixels do not fit",
        values=_small_window,
        for_baselines=False,
        decimals=0,
        unit="pixels",
        describe=_describe_window,
    ),
    Metric(
        key="ms_ssim",
        label="MS-SSIM",
        meaning="SSIM on up to five scales (Wang, Simoncelli and Bovik 2003); none below 22 pixels",
        values=lambda batch: ms_ssim(*batch.pixels),
        for_baselines=False,
        of_pixels=True,
        decimals=4,
        higher_is_better=True,
        describe=_describe_ms_ssim,
    ),
    Metric(
        key="ms_ssim_scales",
        label="scales of the MS-SSIM",
        meaning="five from 176 pixels on the shorter side, four from 88, three from 44, two from 22",
        values=_scales,
        for_baselines=False,
        decimals=0,
        describe=lambda values: "",
    ),
    Metric(
        key="whole_mse",
        label="MSE of the whole image",
        meaning="of images with a hole, whose known pixels have no error",
        values=Predictions.whole_errors,
        describe=_describe_whole_mse,
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
    score = run_score(program, [f"test_{key}" for key in keys])
    metrics = [metric for metric in program_metrics(program) if metric == score or metric.key in keys]
    return [metric for metric in metrics if metric.in_table(keys)]


def run_score(program: str, metrics: Collection[str] = ()) -> Metric:
    """Return the metric by which the runs of a program are ranked.

    Args:
        program: that trained them.
        metrics: keys in the record of a run, such as `test_mse`; none for the metric of all runs.
    """
    first, *others = [metric for metric in program_metrics(program) if metric.ranks_runs]
    return next((metric for metric in reversed(others) if metric.test_key in metrics), first)


def describe_score(program: str, metrics: Values) -> str:
    """Return the score of a run as text, such as `test MSE 0.01000`.

    Args:
        program: that trained it.
        metrics: those of its record, with keys such as `test_mse`.
    """
    metric = run_score(program, metrics)
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
