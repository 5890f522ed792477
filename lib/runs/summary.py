"""What a sound record says, in words: scores beside the baselines."""

import math

from lib.common.formatting import format_decimal, format_psnr

CLASSIFY = "classify"  # what the task of a classifier is called
_MEAN_LABEL = {"constant": "constant mean image"}

# The words for the baselines of each task, in the order of the table.
BASELINE_LABELS = {
    "reconstruct": _MEAN_LABEL | {"pca": "PCA, {components} components"},
    "denoise": {"input": "the noisy input itself"} | _MEAN_LABEL | {"pca": "PCA, {components} components"},
    "colorize": {
        "input": "the gray input itself",
        "mean_color": "gray with the mean color",
        "constant": "constant mean",
    },
    "complete": _MEAN_LABEL
    | {
        "mirror": "mirror image of the given half",
        "ridge": "ridge regression from the given half",
        "neighbors": "mean of the 15 nearest neighbors",
    },
    CLASSIFY: {
        "most_frequent": "always the most frequent class",
        "logistic_regression": "logistic regression on pixels",
        "nearest_neighbors": "3 nearest neighbors",
        "scratch": "the same network from random weights",
    },
}


def score_rows(record: dict) -> dict[str, tuple]:
    """The scores on the test set in words, the network's first, then each baseline's, a number for each of
    `measured`.

    A PSNR may be `None`, which is that of no error at all; what the record does not hold is NaN.
    """
    metrics, baselines = record["metrics"], record["baselines"]
    kinds: tuple[str, ...] = ("accuracy",)
    if record.get("program") == "classification":
        itself, task = "this classifier", CLASSIFY
    else:
        itself, task, kinds = (
            "this autoencoder",
            record.get("task", ""),
            ("mse", "psnr")[: len(score_columns(record))],
        )
    rows = {itself: tuple(metrics.get(f"test_{kind}", math.nan) for kind in kinds)}
    for name, text in BASELINE_LABELS.get(task, {}).items():
        if f"{name}_{kinds[0]}" in baselines:
            text = text.format(components=f"{baselines.get('pca_components', math.nan):,}")
            rows[text] = tuple(baselines.get(f"{name}_{kind}", math.nan) for kind in kinds)
    return rows


def describe_ending(record: dict) -> str:
    """Why a run ended before its time; nothing for one that did not."""
    if record["status"] == "interrupted":
        return "Interrupted: these are the best weights up to there."
    return f"Failed: {record['error']}." if record["status"] == "failed" else ""


def score_columns(record: dict) -> tuple[str, ...]:
    """What those numbers are; differences of color are no image that could have a PSNR."""
    if record.get("program") == "classification":
        return ("accuracy",)
    differences = "test_rgb_mse" in record["metrics"]
    of = {"complete": " of the missing half", "colorize": " of U and V" if differences else ""}.get(
        record.get("task", ""), ""
    )
    return (f"MSE{of}",) if differences else (f"MSE{of}", "PSNR (dB)")


def autoencoder_remarks(record: dict) -> list[tuple[str, str]]:
    """Lines below the table, each with how it is meant: nothing, "bad" or "quiet"; those for which the record
    has the numbers.
    """
    metrics, baselines, hp = record["metrics"], record["baselines"], record["hyperparameters"]
    whole = " of the whole picture" if "test_rgb_mse" in metrics else ""
    parts = {
        "test_loss": lambda loss: f"test loss {loss:.6f}",
        "test_psnr": lambda psnr: f"PSNR{whole} {format_psnr(psnr)} dB",
        "latent_size": lambda size: f"latent size {size:,}",
        "parameters": lambda count: f"{count:,} parameters",
    }
    lines = [("   ".join(say(metrics[name]) for name, say in parts.items() if name in metrics), "")]
    if {"test_negative_elbo", "test_reconstruction", "test_kl"} <= metrics.keys():
        terms = (
            f"reconstruction {metrics['test_reconstruction']:.2f} + KL divergence {metrics['test_kl']:.2f}"
        )
        lines.append((f"negative ELBO {metrics['test_negative_elbo']:.2f} nats per image = {terms}", ""))
    if "test_rgb_mse" in metrics:
        lines.append(
            (
                f"MSE of the whole picture in RGB, with the given Y: "
                f"{format_decimal(metrics['test_rgb_mse'])}",
                "",
            )
        )
    if "test_uv_mse" in metrics:
        lines.append((f"MSE of the color differences U and V: {format_decimal(metrics['test_uv_mse'])}", ""))
    if "test_largest_channel_accuracy" in metrics:
        share = f"{metrics['test_largest_channel_accuracy']:.4f}"
        lines.append(
            (f"pixels whose largest channel is the right one (what Keras calls accuracy): {share}", "")
        )
    if metrics.get("test_mse", 0) >= baselines.get("constant_mse", math.inf):
        lines.append(
            (
                "No better than the mean of the targets: it has learned nothing yet; train for more epochs.",
                "bad",
            )
        )
    pixels = math.prod(record["dataset"]["shape"])
    if metrics.get("latent_size", 0) >= pixels and record.get("task") == "reconstruct":
        copy = (
            f"The code holds {metrics['latent_size']:,} numbers, the image {pixels:,}: a copy would be "
            f"perfect."
        )
        lines.append((f"{copy} Fewer kernels make a smaller code.", "quiet"))
    if hp.get("skip"):
        lines.append(
            ("Skip connections carry the image past the code: the latent size says little here.", "quiet")
        )
    return lines


def classifier_remarks(record: dict) -> list[tuple[str, str]]:
    """Lines below a classification report, as `remarks`."""
    metrics, baselines = record["metrics"], record["baselines"]
    lines = []
    if {"test_loss", "test_accuracy"} <= metrics.keys():
        lines.append(
            (f"Test loss: {metrics['test_loss']:.4f}   Test accuracy: {metrics['test_accuracy']:.4f}", "")
        )
    if {"correct", "incorrect"} <= metrics.keys():
        lines.append(
            (
                f"Correct labels found: {metrics['correct']:,}   Incorrect labels found: "
                f"{metrics['incorrect']:,}",
                "",
            )
        )
    if "scratch_accuracy" in baselines and "test_accuracy" in metrics:
        gain = 100 * (metrics["test_accuracy"] - baselines["scratch_accuracy"])
        scratch = f"The same network from random weights: {baselines['scratch_accuracy']:.4f}"
        lines.append((f"{scratch}; pretraining gains {gain:+.2f} percentage points", ""))
    named = {
        f"{name}_accuracy": text for name, text in BASELINE_LABELS[CLASSIFY].items() if name != "scratch"
    }
    known = "   ".join(f"{text} {baselines[key]:.4f}" for key, text in named.items() if key in baselines)
    if known and "images_learned_from" in baselines:
        lines.append(
            (f"Beside it, learned from {baselines['images_learned_from']:,} images: {known}", "quiet")
        )
    best = max((baselines[key] for key in named if isinstance(baselines.get(key), int | float)), default=0)
    if metrics.get("test_accuracy", 1) <= best:
        lines.append(
            ("No better than the best of these: train for more epochs, or give it more units.", "bad")
        )
    return lines
