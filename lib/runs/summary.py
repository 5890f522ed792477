"""Summaries of a run's record: test scores next to their baselines, and remarks on them.

All functions expect a record with every section, such as `lib.runs.validation.sanitize` returns.
"""

import math
from typing import NamedTuple

from lib.common.formatting import format_decimal, format_duration, format_psnr
from lib.config.suited_defaults import suited_batch_size
from lib.runs.records import FAILED, INTERRUPTED
from lib.runs.validation import is_number

CLASSIFY = "classify"  # task name of a classifier
_MEAN_LABEL = {"constant": "mean image"}

# Labels of the baselines of each task, in the order of the table.
BASELINE_LABELS = {
    "reconstruct": _MEAN_LABEL | {"pca": "PCA, {components} components"},
    "denoise": {"input": "noisy input"} | _MEAN_LABEL | {"pca": "PCA, {components} components"},
    "colorize": {
        "input": "gray input",
        "mean_color": "gray input with the mean color",
        "constant": "mean image",
    },
    "complete": _MEAN_LABEL
    | {
        "mirror": "mirror image of the given half",
        "ridge": "ridge regression from the given half",
        "neighbors": "mean of 15 nearest neighbors",
    },
    CLASSIFY: {
        "most_frequent": "most frequent class",
        "logistic_regression": "logistic regression on pixels",
        "nearest_neighbors": "3 nearest neighbors",
        "scratch": "same network from random weights",
    },
}


class Remark(NamedTuple):
    """A line below a table of scores; `style` is "", "bad" or "quiet"."""

    text: str
    style: str = ""


def score_columns(record: dict) -> tuple[str, ...]:
    """Return the titles of the columns of `score_rows`: accuracy, or MSE and PSNR.

    U and V have no PSNR, because their range is not 0..1.
    """
    if record.get("program") == "classification":
        return ("accuracy",)
    task, is_uv = record.get("task", ""), "test_rgb_mse" in record["metrics"]
    if task == "complete":
        mse = "MSE of the missing half"
    else:
        mse = "MSE of U and V" if task == "colorize" and is_uv else "MSE"
    return (mse,) if is_uv else (mse, "PSNR (dB)")


def score_rows(record: dict) -> dict[str, tuple]:
    """Return the test scores of the network, then of each baseline.

    Args:
        record: a record with all its sections.

    Returns:
        Label of each row and its values, one per column of `score_columns`. None as a PSNR stands for
        infinity; NaN for a value that the record does not hold.
    """
    metrics, baselines = record["metrics"], record["baselines"]
    if record.get("program") == "classification":
        label, task = "this classifier", CLASSIFY
        keys: tuple[str, ...] = ("accuracy",)
    else:
        label, task = "this autoencoder", record.get("task", "")
        keys = ("mse", "psnr")[: len(score_columns(record))]
    rows = {label: tuple(metrics.get(f"test_{key}", math.nan) for key in keys)}
    for name, text in BASELINE_LABELS.get(task, {}).items():
        if f"{name}_{keys[0]}" in baselines:
            text = text.format(components=f"{baselines.get('pca_components', math.nan):,}")
            if name == "pca" and "pca_images" in baselines:
                text += f" of {baselines['pca_images']:,} images"
            rows[text] = tuple(baselines.get(f"{name}_{key}", math.nan) for key in keys)
    return rows


def describe_ending(record: dict) -> str:
    """Return why a run ended before its last epoch, as a sentence, or "" for one that finished."""
    if record["status"] == INTERRUPTED:
        return "Interrupted: the best weights so far were kept."
    return f"Failed: {record['error']}." if record["status"] == FAILED else ""


def describe_timing(record: dict) -> str:
    """Return the duration of a run and the speed of its training."""
    timing = record["timing"]
    speed = f"{timing['images_per_second']:,.0f} images/s in training"
    return f"{format_duration(timing['seconds'])} in total, {speed}"


def result_lines(record: dict) -> list[str]:
    """Return the scores of a run, its remarks, its end and its duration as lines of plain text."""
    lines = []
    if "baselines" in record:  # not so for a trial of a search
        is_classifier = record.get("program") == "classification"
        lines += [f"{label}: {_score_text(record, row)}" for label, row in score_rows(record).items()]
        lines += _report_lines(record["metrics"]) if is_classifier else []
        remarks = classifier_remarks(record) if is_classifier else autoencoder_remarks(record)
        lines += [remark.text for remark in remarks]
    return [*lines, *filter(None, [describe_ending(record)]), describe_timing(record)]


def _score_text(record: dict, row: tuple) -> str:
    texts = (format_decimal(row[0]), *map(format_psnr, row[1:]))
    return ", ".join(f"{column} {text}" for column, text in zip(score_columns(record), texts, strict=True))


def _report_lines(metrics: dict) -> list[str]:
    """Return a line per row of scikit-learn's classification report."""
    keys = ("precision", "recall", "f1-score")
    return [
        f"{name}: {', '.join(f'{key} {row[key]:.4f}' for key in keys)}, support {row['support']:,.0f}"
        for name, row in metrics.get("report", {}).items()
        if name != "accuracy"
    ]


def autoencoder_remarks(record: dict) -> list[Remark]:
    """Return the lines below the scores of an autoencoder, as far as the record has their numbers."""
    return [*_metric_remarks(record["metrics"]), *_autoencoder_advice(record)]


def _metric_remarks(metrics: dict) -> list[Remark]:
    of_picture = " of the whole image" if "test_rgb_mse" in metrics else ""
    formats = {
        "test_loss": lambda loss: f"test loss {loss:.6f}",
        "test_psnr": lambda psnr: f"PSNR{of_picture} {format_psnr(psnr)} dB",
        "latent_size": lambda size: f"latent size {size:,}",
        "parameters": lambda count: f"{count:,} parameters",
    }
    parts = [formatter(metrics[key]) for key, formatter in formats.items() if key in metrics]
    remarks = [Remark("   ".join(parts))]
    if {"test_negative_elbo", "test_reconstruction", "test_kl"} <= metrics.keys():
        reconstruction, kl = metrics["test_reconstruction"], metrics["test_kl"]
        terms = f"reconstruction {reconstruction:.2f} + KL divergence {kl:.2f}"
        elbo = metrics["test_negative_elbo"]
        remarks.append(Remark(f"negative ELBO {elbo:.2f} nats per image = {terms}"))
    if "test_rgb_mse" in metrics:
        mse = format_decimal(metrics["test_rgb_mse"])
        remarks.append(Remark(f"MSE of the whole image in RGB, with the given Y: {mse}"))
    if "test_uv_mse" in metrics:
        mse = format_decimal(metrics["test_uv_mse"])
        remarks.append(Remark(f"MSE of the chroma channels U and V: {mse}"))
    if "test_largest_channel_accuracy" in metrics:
        accuracy = f"{metrics['test_largest_channel_accuracy']:.4f}"
        text = f"pixels with the correct largest channel (accuracy in Keras): {accuracy}"
        remarks.append(Remark(text))
    return remarks


def _autoencoder_advice(record: dict) -> list[Remark]:
    metrics, remarks = record["metrics"], []
    if metrics.get("test_mse", 0) >= record["baselines"].get("constant_mse", math.inf):
        remarks.append(Remark(f"No better than the mean image: {_training_advice(record)}.", "bad"))
    pixels = math.prod(record["dataset"]["shape"])
    latent_size = metrics.get("latent_size", 0)
    if latent_size >= pixels and record.get("task") == "reconstruct":
        text = f"The latent size is {latent_size:,}, the image has {pixels:,} values: no compression."
        is_dense = isinstance(record["hyperparameters"].get("latent_dim"), int)
        remedy = "a smaller latent size" if is_dense else "fewer kernels for a smaller latent code"
        remarks.append(Remark(f"{text} Use {remedy}.", "quiet"))
    if record["hyperparameters"].get("skip"):
        text = "Skip connections bypass the latent code: the latent size says little about this network."
        remarks.append(Remark(text, "quiet"))
    return remarks


def _training_advice(record: dict) -> str:
    count = record["dataset"].get("sizes", {}).get("train", 0)
    batch_size, suited = record["hyperparameters"].get("batch_size"), suited_batch_size(count)
    if not count or not is_number(batch_size) or batch_size <= suited:
        return "train for more epochs"
    steps = -(-count // batch_size)
    with_steps = f"an epoch of {count:,} images has only {steps} step{'s' if steps > 1 else ''}"
    return f"{with_steps}; use a batch size of {suited}, or train for more epochs"


def classifier_remarks(record: dict) -> list[Remark]:
    """Return the lines below a classification report, as far as the record has their numbers."""
    metrics, baselines = record["metrics"], record["baselines"]
    remarks = []
    if {"test_loss", "test_accuracy"} <= metrics.keys():
        loss, accuracy = metrics["test_loss"], metrics["test_accuracy"]
        remarks.append(Remark(f"Test loss: {loss:.4f}   Test accuracy: {accuracy:.4f}"))
    if {"correct", "incorrect"} <= metrics.keys():
        correct, incorrect = metrics["correct"], metrics["incorrect"]
        text = f"Correct labels found: {correct:,}   Incorrect labels found: {incorrect:,}"
        remarks.append(Remark(text))
    if "scratch_accuracy" in baselines and "test_accuracy" in metrics:
        gain = 100 * (metrics["test_accuracy"] - baselines["scratch_accuracy"])
        remarks.append(Remark(f"Pretraining gains {gain:+.2f} percentage points over random weights"))
    return remarks + _classifier_baseline_remarks(metrics, baselines)


def _classifier_baseline_remarks(metrics: dict, baselines: dict) -> list[Remark]:
    """Return the remarks on the baselines that use no network."""
    remarks = []
    labels = {f"{name}_accuracy" for name in BASELINE_LABELS[CLASSIFY] if name != "scratch"}
    if labels & baselines.keys() and "images_learned_from" in baselines:
        count = baselines["images_learned_from"]
        remarks.append(Remark(f"Baselines without a network are trained on {count:,} images", "quiet"))
    best = max((baselines[key] for key in labels if isinstance(baselines.get(key), int | float)), default=0)
    if metrics.get("test_accuracy", 1) <= best:
        text = "No better than the best baseline: train for more epochs, or use more units."
        remarks.append(Remark(text, "bad"))
    return remarks
