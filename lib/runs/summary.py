"""Summaries of a run's record: test scores next to their baselines, and remarks on them.

All functions expect a record with every section, such as `lib.runs.validation.sanitize` returns.
"""

import math
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, NamedTuple

from lib.common.formatting import MISSING, format_duration
from lib.config.program_settings import default_values
from lib.config.suited_defaults import ImageSet, suited_defaults
from lib.runs.detection_results import kind_rows, kind_titles, read_detection
from lib.runs.records import FAILED, INTERRUPTED, main_curves
from lib.runs.validation import is_number
from lib.tasks import TASKS, find_task
from lib.tasks.baselines import Baseline
from lib.tasks.classification import CLASSIFIER_BASELINES, CLASSIFY, scratch
from lib.tasks.metrics import Metric, program_metrics, run_score, table_metrics


class Remark(NamedTuple):
    """A line below a table of scores; `style` is "", "bad" or "quiet"."""

    text: str
    style: str = ""


def _metrics_by_key(record: dict) -> dict[str, Any]:
    """Return the metrics on the test set by their keys without `test_`."""
    metrics = record["metrics"].items()
    return {key.removeprefix("test_"): value for key, value in metrics if key.startswith("test_")}


def task_baselines(task: str) -> tuple[Baseline, ...]:
    """Return the baselines of the task in a record, in the order of the table of scores."""
    return CLASSIFIER_BASELINES if task == CLASSIFY else find_task(task).baselines


def score_columns(record: dict) -> list[Metric]:
    """Return the metrics in the table of scores, the first of which ranks the run."""
    return table_metrics(_metrics_by_key(record), record.get("program", ""))


def score_titles(record: dict) -> list[str]:
    """Return the titles of the columns of `score_rows`, such as `MSE of the missing half`."""
    of_target = _target_words(record)
    return [_score_title(metric, of_target) for metric in score_columns(record)]


def _score_title(metric: Metric, of_target: str) -> str:
    if metric.unit:
        return f"{metric.label} ({metric.unit})"
    return metric.label if metric.of_pixels else f"{metric.label}{of_target}"


def _target_words(record: dict) -> str:
    settings = SimpleNamespace(**default_values("autoencoder") | record.get("hyperparameters", {}))
    words = find_task(record.get("task")).for_options(settings).target_words(settings)
    return f" of {words}" if words else ""


def score_rows(record: dict) -> dict[str, list[str]]:
    """Return the test scores of the network, then of each baseline.

    Args:
        record: a record with all its sections.

    Returns:
        Label of each row and its values as text, one per column of `score_columns`.
    """
    metrics, baselines, columns = record["metrics"], record["baselines"], score_columns(record)
    is_classifier = record.get("program") == "classification"
    task = CLASSIFY if is_classifier else record.get("task", "")
    label = "this classifier" if is_classifier else "this autoencoder"
    rows = {label: _format_scores(columns, metrics, "test")}
    for baseline in task_baselines(task):
        if f"{baseline.name}_{columns[0].key}" in baselines:
            rows[baseline.describe(baselines)] = _format_scores(columns, baselines, baseline.name)
    return rows


def _format_scores(columns: Iterable[Metric], scores: dict, prefix: str) -> list[str]:
    """Return the scores of a network or of a baseline, whose keys begin with a prefix, as text."""
    return [
        metric.format_with_spread(
            scores.get(f"{prefix}_{metric.key}", math.nan), scores.get(f"{prefix}_{metric.spread}")
        )
        for metric in columns
    ]


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
        for label, row in score_rows(record).items():
            texts = map(" ".join, zip(score_titles(record), row, strict=True))
            lines.append(f"{label}: {', '.join(texts)}")
        lines += _report_lines(record["metrics"]) if is_classifier else _kind_lines(record)
        lines += [remark.text for remark in run_remarks(record)]
    return [*lines, *filter(None, [describe_ending(record)]), describe_timing(record)]


def _kind_lines(record: dict) -> list[str]:
    """Return a line for each kind of test images of a detector."""
    if (result := read_detection(record)) is None:
        return []
    _, *titles = kind_titles(result)
    lines = []
    for name, *values in kind_rows(result):
        texts = [f"{title} {text}" for title, text in zip(titles, values, strict=True) if text != MISSING]
        lines.append(f"{name}: {', '.join(texts)}")
    return lines


def _report_lines(metrics: dict) -> list[str]:
    """Return a line per row of scikit-learn's classification report."""
    keys = ("precision", "recall", "f1-score")
    return [
        f"{name}: {', '.join(f'{key} {row[key]:.4f}' for key in keys)}, support {row['support']:,.0f}"
        for name, row in metrics.get("report", {}).items()
        if name != "accuracy"
    ]


def run_remarks(record: dict) -> list[Remark]:
    """Return the lines below the scores of a run, as far as the record has their numbers."""
    is_classifier = record.get("program") == "classification"
    return _classifier_remarks(record) if is_classifier else _autoencoder_remarks(record)


def _autoencoder_remarks(record: dict) -> list[Remark]:
    metrics = record["metrics"]
    sizes = {"latent_size": "latent size {:,}", "parameters": "{:,} parameters"}
    parts = [text.format(metrics[key]) for key, text in sizes.items() if key in metrics]
    return [*_detection_remarks(record), *_metric_remarks(record, parts), *_autoencoder_advice(record)]


def _detection_remarks(record: dict) -> list[Remark]:
    if (result := read_detection(record)) is None:
        return []
    texts = {
        result.threshold_text: "",
        result.alarm_text: "bad",
        result.interval_text: "",
        result.missing_text: "bad",
    }
    return [Remark(text, style) for text, style in texts.items() if text]


def _metric_remarks(record: dict, sizes: Iterable[str] = ()) -> list[Remark]:
    """Return the line of the metrics in the summary, then the lines of the others."""
    values, columns = _metrics_by_key(record), score_columns(record)
    metrics = [metric for metric in program_metrics(record.get("program", "")) if metric.key in values]
    summary = "   ".join([*(metric.text(values) for metric in metrics if metric.in_summary), *sizes])
    others = (metric.text(values) for metric in metrics if not metric.in_summary and metric not in columns)
    return [Remark(text) for text in (summary, *others) if text]


def _autoencoder_advice(record: dict) -> list[Remark]:
    metrics, remarks = record["metrics"], []
    score = run_score("autoencoder", metrics)
    if text := _unbeaten_baseline(record, score):
        remarks.append(Remark(f"No better than a trivial method, {text}: {_training_advice(record)}.", "bad"))
    remarks += _further_epochs_remarks(record)
    pixels = math.prod(record["dataset"]["shape"])
    latent_size = metrics.get("latent_size", 0)
    if latent_size >= pixels and find_task(record.get("task")).targets_are_inputs:
        text = f"The latent size is {latent_size:,}, the image has {pixels:,} values: no compression."
        is_dense = isinstance(record["hyperparameters"].get("latent_dim"), int)
        remedy = "a smaller latent size" if is_dense else "fewer kernels for a smaller latent code"
        remarks.append(Remark(f"{text} Use {remedy}.", "quiet"))
    if record["hyperparameters"].get("skip"):
        text = "Skip connections bypass the latent code: the latent size says little about this network."
        remarks.append(Remark(text, "quiet"))
    return remarks


def _unbeaten_baseline(record: dict, score: Metric) -> str:
    """The best trivial method that is as good as the network; empty if there is none."""
    scores = {
        baseline.describe(record["baselines"]): record["baselines"].get(f"{baseline.name}_{score.key}")
        for baseline in task_baselines(record.get("task", ""))
    }
    bound = score.cost(record["metrics"].get(score.test_key, 0))
    costs = {label: score.cost(value) for label, value in scores.items() if is_number(value)}
    unbeaten = {label: cost for label, cost in costs.items() if cost <= bound}
    return min(unbeaten, key=unbeaten.__getitem__, default="")


def _further_epochs_remarks(record: dict) -> list[Remark]:
    """Return a remark if a run that continues another one found no better epoch."""
    earlier, curves = (record.get("parent") or {}).get("epochs", 0), main_curves(record)
    losses = curves.get("val_loss") or curves.get("loss") or []
    if not earlier or len(losses) <= earlier or losses.index(min(losses)) >= earlier:
        return []
    text = (
        f"No epoch after epoch {earlier:,} was better, so the weights are those of the best one before. "
        "Continue for more epochs, or with a smaller learning rate."
    )
    return [Remark(text, "bad")]


def _training_advice(record: dict) -> str:
    count = record["dataset"].get("sizes", {}).get("train", 0)
    hp, shape = record["hyperparameters"], record["dataset"].get("shape", ())
    batch_size, task, skip = hp.get("batch_size"), hp.get("task"), hp.get("skip") is True
    if not (count and len(shape) == 3 and is_number(batch_size) and task in list(TASKS)):
        return "train for more epochs"
    suited = suited_defaults(ImageSet(tuple(shape), count), {"task": task, "skip": skip})["batch_size"]
    if batch_size <= suited:
        return "train for more epochs"
    steps = -(-count // batch_size)
    with_steps = f"an epoch of {count:,} images has only {steps} step{'s' if steps > 1 else ''}"
    return f"{with_steps}; use a batch size of {suited}, or train for more epochs"


def _classifier_remarks(record: dict) -> list[Remark]:
    metrics, baselines = record["metrics"], record["baselines"]
    remarks = _metric_remarks(record)
    if {"correct", "incorrect"} <= metrics.keys():
        correct, incorrect = metrics["correct"], metrics["incorrect"]
        text = f"Correct labels found: {correct:,}   Incorrect labels found: {incorrect:,}"
        remarks.append(Remark(text))
    score = run_score("classification")
    scratch_key = f"{scratch.name}_{score.key}"
    if scratch_key in baselines and score.test_key in metrics:
        gain = 100 * (metrics[score.test_key] - baselines[scratch_key])
        remarks.append(Remark(f"Pretraining gains {gain:+.2f} percentage points over random weights"))
    return remarks + _classifier_baseline_remarks(metrics, baselines, score)


def _classifier_baseline_remarks(metrics: dict, baselines: dict, score: Metric) -> list[Remark]:
    """Return the remarks on the baselines that use no network."""
    remarks = []
    labels = {f"{baseline.name}_{score.key}" for baseline in CLASSIFIER_BASELINES if baseline != scratch}
    if labels & baselines.keys() and "images_learned_from" in baselines:
        count = baselines["images_learned_from"]
        remarks.append(Remark(f"Baselines without a network are trained on {count:,} images", "quiet"))
    best = max((baselines[key] for key in labels if isinstance(baselines.get(key), int | float)), default=0)
    if metrics.get(score.test_key, 1) <= best:
        text = "No better than the best baseline: train for more epochs, or use more units."
        remarks.append(Remark(text, "bad"))
    return remarks
