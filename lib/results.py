"""What a record says of an autoencoder, in words: the table of scores beside the baselines, and what is to be remarked."""

import math

from rich.table import Table

_MEAN = {"constant": "constant mean image"}

# The words for the baselines of each task, in the order of the table.
BASELINES = {
    "reconstruct": _MEAN | {"pca": "PCA, {components} components"},
    "denoise": {"input": "the noisy input itself"} | _MEAN | {"pca": "PCA, {components} components"},
    "colorize": {"input": "the grey input itself", "mean_colour": "grey with the mean colour", "constant": "constant mean"},
    "complete": _MEAN
    | {
        "mirror": "mirror image of the given half",
        "ridge": "ridge regression from the given half",
        "neighbours": "mean of the 15 nearest neighbours",
    },
}


def scores(record: dict) -> Table:
    """MSE and PSNR on the test set, the autoencoder's first, then each baseline's."""
    metrics, baselines, differences = record["metrics"], record["baselines"], "test_rgb_mse" in record["metrics"]
    of = {"complete": " of the missing half", "colorize": " of U and V" if differences else ""}.get(record["task"], "")
    table = Table(title=f"Test set, {record['dataset']['sizes']['test']:,} images", title_justify="left")
    table.add_column("method", no_wrap=True)
    table.add_column(f"MSE{of}", justify="right")
    if not differences:  # which are no image that could have a PSNR
        table.add_column("PSNR (dB)", justify="right")
    rows = {"this autoencoder": (metrics["test_mse"], metrics["test_psnr"])}
    for name, text in BASELINES[record["task"]].items():
        if f"{name}_mse" in baselines:
            text = text.format(components=f"{baselines.get('pca_components', 0):,}")
            rows[text] = baselines[f"{name}_mse"], baselines.get(f"{name}_psnr")
    for text, (mse, psnr) in rows.items():
        cells = [f"{mse:.5f}"] + ([] if differences else [decibel(psnr)])
        table.add_row(text, *cells, style="bold" if text == "this autoencoder" else "")
    return table


def remarks(record: dict) -> list[tuple[str, str]]:
    """Lines below the table, each with how it is meant: nothing, "bad" or "quiet"."""
    metrics, baselines, hp = record["metrics"], record["baselines"], record["hyperparameters"]
    whole = " of the whole picture" if "test_rgb_mse" in metrics else ""
    lines = [(
        f"test loss {metrics['test_loss']:.6f}   PSNR{whole} {decibel(metrics['test_psnr'])} dB   "
        f"latent size {metrics['latent_size']:,}   {metrics['parameters']:,} parameters", ""
    )]  # fmt: skip
    if "test_negative_elbo" in metrics:
        parts = f"reconstruction {metrics['test_reconstruction']:.2f} + KL divergence {metrics['test_kl']:.2f}"
        lines.append((f"negative ELBO {metrics['test_negative_elbo']:.2f} nats per image = {parts}", ""))
    if "test_rgb_mse" in metrics:
        lines.append((f"MSE of the whole picture in RGB, with the given Y: {metrics['test_rgb_mse']:.5f}", ""))
    if "test_uv_mse" in metrics:
        lines.append((f"MSE of the colour differences U and V: {metrics['test_uv_mse']:.5f}", ""))
    if "test_largest_channel_accuracy" in metrics:
        share = f"{metrics['test_largest_channel_accuracy']:.4f}"
        lines.append((f"pixels whose largest channel is the right one (what Keras calls accuracy): {share}", ""))
    if metrics["test_mse"] >= baselines["constant_mse"]:
        lines.append(("No better than the mean of the targets: it has learned nothing yet; train for more epochs.", "bad"))
    pixels = math.prod(record["dataset"]["shape"])
    if metrics["latent_size"] >= pixels and record["task"] == "reconstruct":
        copy = f"The code holds {metrics['latent_size']:,} numbers, the image {pixels:,}: a copy would be perfect."
        lines.append((f"{copy} Fewer kernels make a smaller code.", "quiet"))
    if hp.get("skip"):
        lines.append(("Skip connections carry the image past the code: the latent size says little here.", "quiet"))
    return lines


def decibel(psnr: float | None) -> str:
    """A PSNR as it is shown; no error at all has no number."""
    return "∞" if psnr is None else f"{psnr:.2f}"
