"""Baselines: test scores of trivial methods, fitted on training images, for comparison with a model's."""

import math
from collections.abc import Callable

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from lib.config.hyperparameters import Hyperparameters
from lib.data.datasets import Dataset
from lib.data.splits import Subset, sample_subset
from lib.evaluation.metrics import BATCH_SIZE, MetricMeans, score_classes
from lib.models.pca import MAX_BYTES, Components, available_components, principal_components, sample_size
from lib.tasks import get_task
from lib.tasks.colorization import rgb_to_yuv, yuv_to_rgb
from lib.tasks.completion import cut_axis
from lib.tasks.metrics import Predictions, table_metrics
from lib.tasks.pixels import to_float
from lib.training.batches import Batches

NEIGHBORS = 15  # for the k-nearest-neighbor regression of a missing half
MAX_LABELED = 10_000  # images that the classifiers are fitted on

# A function from inputs, float32 (n, height, width, channels) in 0..1, to predictions of the targets.
Method = Callable[[np.ndarray], np.ndarray]


def autoencoder_baselines(
    dataset: Dataset, hp: Hyperparameters, latent_size: int, components: Components | None = None
) -> dict:
    """Return the test errors of trivial methods for the task of an autoencoder.

    They are fitted on as many training images as 256 MiB hold (`lib.models.pca.MAX_BYTES`): as uint8 where
    the targets are the images themselves, else as float32. PCA of large images takes at most 4,000.

    Args:
        dataset: its training and its test images.
        hp: the task and its options.
        latent_size: the number of values in a latent code.
        components: so many principal components of the training images, where they are known already.

    Returns:
        For each method `<method>_mse` and the other metrics in the table of scores, such as `<method>_psnr`:

        * `constant`: the mean of the training targets.
        * `pca` (reconstruct, denoise): projection on as many principal components as a code has values.
          `pca_components` is the number of components that exist: no more than pixels or training images;
          `pca_images` the number of images that they are computed from, if these are not all.
        * `input` (denoise, colorize): the noisy or the gray image itself.
        * `mean_color` (colorize in RGB): the gray image with the mean UV of each pixel.
        * `mirror`, `ridge`, `neighbors` (complete): the mirror image of the given half, ridge regression on
          it, and the mean of the 15 training images with the most similar given half.
    """
    if get_task(hp.task).targets_are_images:
        methods = _image_methods(hp, components or principal_components(dataset.train, latent_size, hp.seed))
    else:
        methods = _pair_methods(hp, dataset.train)
    means = {name: MetricMeans("autoencoder") for name in methods}
    batches = Batches(dataset.test, BATCH_SIZE, hp)
    for index in range(len(batches)):
        inputs, targets = batches[index]
        for name, method in methods.items():
            outputs = np.broadcast_to(method(inputs), targets.shape)
            means[name].add(Predictions(hp, inputs, outputs, targets))
    scores: dict[str, float | None] = {}
    for name in methods:
        scores |= table_scores(name, means[name].result(), "autoencoder")
    if "pca" in methods:
        scores["pca_components"] = available_components(dataset.train, latent_size)
        if (count := sample_size(dataset.train)) < len(dataset.train):
            scores["pca_images"] = count
    return scores


def _image_methods(hp: Hyperparameters, components: Components) -> dict[str, Method]:
    """Methods for tasks whose targets are the images themselves, by name."""
    mean, axes = components
    methods: dict[str, Method] = {"constant": lambda inputs: mean}
    if hp.task == "denoise":
        methods["input"] = lambda inputs: inputs

    def project(inputs: np.ndarray) -> np.ndarray:
        centered = (inputs - mean).reshape(len(inputs), -1)
        return mean + (centered @ axes @ axes.T).reshape(inputs.shape)

    return methods | {"pca": project if axes.shape[1] < mean.size else lambda inputs: inputs}


def _pair_methods(hp: Hyperparameters, train: Subset) -> dict[str, Method]:
    """Methods that are fitted on pairs of inputs and targets, by name."""
    values_per_pair = 2 * math.prod(train.shape) if hp.task == "colorize" else math.prod(train.shape)
    subset = sample_subset(train, MAX_BYTES // (4 * values_per_pair), hp.seed)
    inputs, targets = Batches(subset, len(subset), hp)[0]
    mean = targets.mean(axis=0)
    methods: dict[str, Method] = {"constant": lambda inputs: mean}
    if hp.task == "colorize":
        methods |= _color_methods(hp, targets)
    if hp.task == "complete":
        methods |= _completion_methods(hp, inputs, targets)
    return methods


def _color_methods(hp: Hyperparameters, targets: np.ndarray) -> dict[str, Method]:
    if hp.predicts_uv:
        return {"input": lambda inputs: np.zeros(1, np.float32)}  # the UV of gray
    mean_uv = rgb_to_yuv(targets).mean(axis=0)[..., 1:]

    def add_mean_uv(inputs: np.ndarray) -> np.ndarray:
        uv = np.broadcast_to(mean_uv, (len(inputs), *mean_uv.shape))
        return yuv_to_rgb(np.concatenate([inputs, uv], axis=-1))

    return {"input": lambda inputs: inputs, "mean_color": add_mean_uv}


def _completion_methods(hp: Hyperparameters, inputs: np.ndarray, targets: np.ndarray) -> dict[str, Method]:
    methods: dict[str, Method] = {}
    axis = 1 + cut_axis(hp)
    if inputs.shape == targets.shape:
        methods["mirror"] = lambda inputs: np.flip(inputs, axis)
    regressions = {
        "ridge": Ridge(alpha=1.0),
        "neighbors": KNeighborsRegressor(min(NEIGHBORS, len(inputs)), algorithm="brute"),
    }
    for name, regression in regressions.items():
        regression.fit(inputs.reshape(len(inputs), -1), targets.reshape(len(targets), -1))
        methods[name] = _regression_method(regression, targets.shape[1:])
    return methods


def _regression_method(regression, target_shape: tuple[int, ...]) -> Method:
    return lambda inputs: regression.predict(inputs.reshape(len(inputs), -1)).reshape(-1, *target_shape)


def classifier_baselines(dataset: Dataset, hp: Hyperparameters) -> dict:
    """Return the test accuracies of trivial classifiers.

    Args:
        dataset: labeled training and test images.
        hp: its seed selects the training images.

    Returns:
        `most_frequent_accuracy`: of the most frequent class; `logistic_regression_accuracy` on pixels and
        `nearest_neighbors_accuracy` (k = 3), both fitted on at most 10,000 training images
        (`images_learned_from`) and left out where these have one class.
    """
    count = min(MAX_LABELED, MAX_BYTES // (4 * math.prod(dataset.shape)))
    subset = sample_subset(dataset.train, count, hp.seed)
    train, test = (to_float(part.take(slice(None))).reshape(len(part), -1) for part in (subset, dataset.test))
    models = {
        "logistic_regression": LogisticRegression(C=0.1, tol=1e-3, max_iter=300),
        "nearest_neighbors": KNeighborsClassifier(n_neighbors=3, algorithm="brute"),
    }
    class_indices = np.arange(len(dataset.classes))
    is_most_frequent = class_indices == np.bincount(dataset.train.labels).argmax()
    predictions = {"most_frequent": np.tile(is_most_frequent.astype(np.float32), (len(test), 1))}
    if len(np.unique(subset.labels)) > 1:
        for name, model in models.items():
            model.fit(train, subset.labels)
            predictions[name] = np.zeros((len(test), len(class_indices)))
            predictions[name][:, model.classes_] = model.predict_proba(test)
    scores: dict[str, float | None] = {}
    for name, probabilities in predictions.items():
        means = score_classes(hp, probabilities, dataset.test.labels)
        scores |= table_scores(name, means, "classification")
    return scores | {"images_learned_from": len(subset)}


def table_scores(name: str, means: dict[str, float | None], program: str) -> dict[str, float | None]:
    """Return the metrics of a baseline that stand in the table of scores, by their keys in a record.

    Args:
        name: the baseline.
        means: its metrics by key.
        program: that trains the networks it is compared with.
    """
    return {f"{name}_{metric.key}": means[metric.key] for metric in table_metrics(means, program)}
