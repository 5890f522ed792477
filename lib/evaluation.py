"""Scores on the test set, and beside each the trivial methods that it has to beat."""

import collections
import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import classification_report, confusion_matrix
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from lib import colour, training
from lib.datasets import Dataset, Part
from lib.hyperparameters import Hyperparameters
from lib.networks import KL, RECONSTRUCTION
from lib.targets import cut_axis
from lib.tasks import Batches, scale

BATCH = 512
BASELINE_BYTES = 256 << 20  # of float32 images that a baseline may fit on
NEIGHBOURS = 15  # whose mean completes a half
BASELINE_IMAGES = 10_000  # that the classifiers among the baselines learn from


def psnr(mse: float) -> float | None:
    """Peak signal-to-noise ratio in dB for pixels in 0..1, from a mean squared error; `None` for no error at all."""
    return 10 * math.log10(1 / mse) if mse > 0 else None


def autoencoder_metrics(model: keras.Model, trainer: keras.Model, part: Part, hp: Hyperparameters, name: str = "test") -> dict:
    """Scores of outputs against targets on a part, whose `name` theirs begin with; each error is per pixel and channel, pixels
    in 0..1.

    `test_loss`, `test_mse` and `test_psnr` in dB always. For colorize `test_rgb_mse` and `test_uv_mse` as well, whichever
    of the two was learned, and `test_largest_channel_accuracy`: the share of pixels whose largest channel is the right one,
    which is what Keras calls accuracy when it is asked for images (report B). For a VAE `test_reconstruction`, `test_kl`
    and their sum, `test_negative_elbo`, in nats per image, with codes drawn as in training.
    """
    loss = training.pixel_loss(hp)
    sums: dict[str, float] = collections.defaultdict(float)
    numbers: dict[str, int] = collections.defaultdict(int)

    def add(quantity: str, values: np.ndarray) -> None:
        sums[quantity] += float(values.sum(dtype=np.float64))
        numbers[quantity] += values.size

    batches = Batches(part, BATCH, hp)
    for number in range(len(batches)):
        inputs, targets = batches[number]
        outputs = model.predict_on_batch(inputs)
        add("loss", keras.ops.convert_to_numpy(loss(targets, outputs)))
        add("mse", np.square(outputs - targets))
        if targets.shape[-1] > 1 and not hp.colour_differences:
            add("largest_channel_accuracy", outputs.argmax(axis=-1) == targets.argmax(axis=-1))
        if hp.colour_differences:
            rgb, right = (colour.to_rgb(np.concatenate([inputs, uv], axis=-1)) for uv in (outputs, targets))
            add("rgb_mse", np.square(np.clip(rgb, 0, 1) - right))
            add("largest_channel_accuracy", rgb.argmax(axis=-1) == right.argmax(axis=-1))
        elif hp.task == "colorize":
            add("uv_mse", np.square(colour.to_yuv(outputs - targets)[..., 1:]))
    metrics = {quantity: total / numbers[quantity] for quantity, total in sums.items()}
    of_images = metrics["rgb_mse" if hp.colour_differences else "mse"]
    metrics |= _bound(trainer, part, hp) if hp.variational else {}
    return {f"{name}_{quantity}": value for quantity, value in metrics.items()} | {f"{name}_psnr": psnr(of_images)}


def _bound(trainer: keras.Model, part: Part, hp: Hyperparameters) -> dict:
    found = trainer.evaluate(Batches(part, BATCH, hp, form=training.with_zeros), verbose=0, return_dict=True)
    reconstruction, kl = found[f"{RECONSTRUCTION}_loss"], found[f"{KL}_loss"]
    return {
        "loss": reconstruction + hp.beta * kl,
        "reconstruction": reconstruction,
        "kl": kl,
        "negative_elbo": reconstruction + kl,
    }


def autoencoder_baselines(dataset: Dataset, hp: Hyperparameters, latent_size: int) -> dict:
    """What trivial methods reach on the same test set: `…_mse`, and `…_psnr` in dB where targets are images.

    `constant`: the mean of the targets. `pca` (reconstruct, denoise): as many components as the code has numbers;
    `pca_components` is what it could use, since a code with as many numbers as the image copies it. `input`: the noisy or
    the grey image itself. `mean_colour`: grey with the mean colour difference of each place. `mirror`, `ridge` and
    `neighbours` (complete): the given half's mirror image, linear regression from the given half, and the mean of the 15
    images whose given half is the nearest.

    They are fitted on as many training images as 256 MiB hold.
    """
    pixels = 2 * math.prod(dataset.shape) if hp.task in ("denoise", "colorize") else math.prod(dataset.shape)
    part = Part(dataset.train.source, _sampled(dataset.train, BASELINE_BYTES // (4 * pixels), hp.seed))
    inputs, targets = Batches(part, len(part), hp)[0]
    methods = _methods(hp, inputs, targets, latent_size)
    del inputs, targets
    batches, numbers = Batches(dataset.test, BATCH, hp), 0
    sums: dict[str, float] = collections.defaultdict(float)
    for number in range(len(batches)):
        inputs, targets = batches[number]
        numbers += targets.size
        for name, method in methods.items():
            sums[name] += np.square(method(inputs) - targets).sum(dtype=np.float64)
    errors = {name: float(total / numbers) for name, total in sums.items()}
    scores: dict[str, float | None] = {f"{name}_mse": error for name, error in errors.items()}
    if not hp.colour_differences:
        scores |= {f"{name}_psnr": psnr(error) for name, error in errors.items()}
    if "pca" in methods:
        scores["pca_components"] = min(latent_size, len(part), math.prod(dataset.shape))
    return scores


def _methods(hp: Hyperparameters, inputs: np.ndarray, targets: np.ndarray, latent_size: int) -> dict[str, Callable]:
    """Name to function from inputs (n, height, width, channels) to what stands for the targets."""
    mean = targets.mean(axis=0)
    methods: dict[str, Callable] = {"constant": lambda given: mean}
    if hp.task in ("denoise", "colorize"):
        methods["input"] = (lambda given: np.zeros(1, np.float32)) if hp.colour_differences else lambda given: given
    if hp.task in ("reconstruct", "denoise"):
        methods["pca"] = _pca(targets, latent_size)
    if hp.task == "colorize" and hp.colour_space == "rgb":
        difference = colour.to_yuv(targets).mean(axis=0)[..., 1:]
        methods["mean_colour"] = lambda given: colour.to_rgb(
            np.concatenate([given, np.broadcast_to(difference, (len(given), *difference.shape))], axis=-1)
        )
    if hp.task == "complete":
        axis = 1 + cut_axis(hp)
        if inputs.shape == targets.shape:
            methods["mirror"] = lambda given: np.flip(given, axis)
        known, wanted = (pixels.reshape(len(pixels), -1) for pixels in (inputs, targets))
        neighbours = min(NEIGHBOURS, len(known))
        for name, model in (
            ("ridge", Ridge(alpha=1.0)),
            ("neighbours", KNeighborsRegressor(neighbours, algorithm="brute")),
        ):
            model.fit(known, wanted)
            methods[name] = lambda given, model=model: model.predict(given.reshape(len(given), -1)).reshape(-1, *mean.shape)
    return methods


def _pca(images: np.ndarray, latent_size: int) -> Callable:
    flat = images.reshape(len(images), -1)
    components = min(latent_size, *flat.shape)
    if components == flat.shape[1]:
        return lambda given: given
    solver = "covariance_eigh" if flat.shape[1] <= 4096 else "full"
    projection = PCA(components, svd_solver=solver).fit(flat)

    def project(given: np.ndarray) -> np.ndarray:
        codes = projection.transform(given.reshape(len(given), -1))
        return projection.inverse_transform(codes).reshape(given.shape)

    return project


def classifier_metrics(
    model: keras.Model, part: Part, classes: Sequence[str], hp: Hyperparameters, name: str = "test"
) -> tuple[dict, np.ndarray]:
    """DESIGN's metrics of a classifier on a part, whose `name` loss and accuracy begin with, and the probabilities, shape
    (n, classes), that they come from."""
    labels = part.labels
    probabilities = model.predict(Batches(part, BATCH, hp, labelled=True), verbose=0)
    predicted = probabilities.argmax(axis=1)
    right = int((predicted == labels).sum())
    likelihood = probabilities[np.arange(len(labels)), labels]
    names, numbers = list(classes), range(len(classes))
    report = classification_report(labels, predicted, labels=numbers, target_names=names, output_dict=True, zero_division=0)
    metrics = {
        f"{name}_loss": float(-np.log(np.maximum(likelihood, keras.config.epsilon())).mean()),
        f"{name}_accuracy": right / len(labels),
        "correct": right,
        "incorrect": len(labels) - right,
        "report": report,
        "confusion_matrix": confusion_matrix(labels, predicted, labels=numbers).tolist(),
    }
    return metrics, probabilities


def classifier_baselines(dataset: Dataset, hp: Hyperparameters) -> dict:
    """Test accuracy of the most frequent class, of logistic regression on pixels and of the 3 nearest neighbours.

    The last two learn from at most 10,000 training images.
    """
    count = min(BASELINE_IMAGES, BASELINE_BYTES // (4 * math.prod(dataset.shape)))
    part = Part(dataset.train.source, _sampled(dataset.train, count, hp.seed))
    train, test = (scale(p.take(slice(None))).reshape(len(p), -1) for p in (part, dataset.test))
    frequent = np.bincount(dataset.train.labels).argmax()
    models = {
        "logistic_regression_accuracy": LogisticRegression(C=0.1, tol=1e-3, max_iter=300),
        "nearest_neighbours_accuracy": KNeighborsClassifier(n_neighbors=3, algorithm="brute"),
    }
    baselines = {"most_frequent_accuracy": float((dataset.test.labels == frequent).mean())}
    for name, model in models.items():
        if len(np.unique(part.labels)) > 1:
            baselines[name] = float(model.fit(train, part.labels).score(test, dataset.test.labels))
    return baselines | {"images_learned_from": len(part)}


def _sampled(part: Part, count: int, seed: int) -> np.ndarray:
    if len(part) <= count:
        return part.positions
    return np.sort(np.random.default_rng(seed).choice(part.positions, count, replace=False))
