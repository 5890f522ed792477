"""Baselines: test scores of trivial methods, fitted on training images, for comparison with a model's."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, lru_cache

import numpy as np

from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.data.datasets import Dataset
from lib.data.splits import Subset, sample_subset
from lib.evaluation.metrics import BATCH_SIZE, MetricMeans, score_classes
from lib.models.pca import MAX_BYTES, Components, available_components, principal_components, sample_size
from lib.tasks import get_task
from lib.tasks.baselines import Baseline, Method
from lib.tasks.classification import CLASSIFIER_BASELINES, LabeledSample
from lib.tasks.metrics import table_metrics
from lib.tasks.pixels import to_float
from lib.tasks.predictions import Predictions
from lib.training.batches import Batches

MAX_LABELED = 10_000  # images that the classifiers are fitted on


class TrainingImages:
    """The training images of an autoencoder for its baselines: a `lib.tasks.baselines.TrainingSample`."""

    def __init__(
        self,
        dataset: Dataset,
        hp: AutoencoderHyperparameters,
        latent_size: int,
        components: Components | None,
        note: Callable[[str], None],
    ):
        self.settings = hp
        self.note = note
        self.count = len(dataset.train)
        self.leading_components = lru_cache(self._leading_components)
        self.images = lru_cache(self._images)
        self._train = dataset.train
        self._validation = dataset.validation if hp.validates else dataset.train
        self._latent_size = latent_size
        self._components = components

    @cached_property
    def _pairs(self) -> tuple[np.ndarray, np.ndarray]:
        values = get_task(self.settings).copies * math.prod(self._train.shape)
        subset = sample_subset(self._train, MAX_BYTES // (4 * values), self.settings.seed)
        return Batches(subset, len(subset), self.settings)[0]

    @property
    def inputs(self) -> np.ndarray:
        return self._pairs[0]

    @property
    def targets(self) -> np.ndarray:
        return self._pairs[1]

    @cached_property
    def mean_target(self) -> np.ndarray:
        if get_task(self.settings).targets_are_images:
            return self.components[0]
        return self.targets.mean(axis=0)

    @cached_property
    def components(self) -> Components:
        return self._components or principal_components(self._train, self._latent_size, self.settings.seed)

    @property
    def component_counts(self) -> dict[str, int]:
        counts = {"components": available_components(self._train, self._latent_size)}
        sampled = sample_size(self._train)
        return counts | {"images": sampled} if sampled < len(self._train) else counts

    def _leading_components(self, count: int) -> Components:
        known = self._components
        if known and count <= known[1].shape[1] < known[0].size:
            return known[0], known[1][:, :count]
        return principal_components(self._train, count, self.settings.seed)

    def _images(self, count: int) -> np.ndarray:
        count = min(count, max(1, MAX_BYTES // (4 * math.prod(self._train.shape))))
        return to_float(sample_subset(self._train, count, self.settings.seed).take(slice(None)))

    def validation_pairs(self, pixels: int) -> tuple[np.ndarray, np.ndarray]:
        count = max(1, pixels // math.prod(self._train.shape[:2]))
        subset = sample_subset(self._validation, count, self.settings.seed)
        return Batches(subset, len(subset), self.settings)[0]


def flat_pixels(subset: Subset) -> np.ndarray:
    """Return all images of a subset, float32 (n, height · width · channels) in 0..1."""
    return to_float(subset.take(slice(None))).reshape(len(subset), -1)


def autoencoder_baselines(
    dataset: Dataset,
    hp: AutoencoderHyperparameters,
    latent_size: int,
    components: Components | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> dict:
    """Return the test errors of trivial methods that predict the targets of an autoencoder.

    They are fitted on as many training images as 256 MiB hold (`lib.models.pca.MAX_BYTES`): as uint8 where
    the targets are the images themselves, else as float32. PCA of large images takes at most 4,000.

    Args:
        dataset: its training and its test images.
        hp: the task and its options.
        latent_size: the number of values in a latent code.
        components: so many principal components of the training images, where they are known already.
        note: takes a sentence for the user about a baseline that is skipped.

    Returns:
        For each baseline of the task that applies `<baseline>_mse` and the other metrics in the table of
        scores, such as `<baseline>_psnr`; and its counts, such as `pca_components`.
    """
    hp = replace(hp, conditional=False)  # they are given no labels
    sample = TrainingImages(dataset, hp, latent_size, components, note)
    predicting = [baseline for baseline in get_task(hp).baselines if not baseline.detects]
    fitted = [(baseline, baseline.fit(sample)) for baseline in predicting]
    methods = {baseline: method for baseline, method in fitted if method is not None}
    means = {baseline: MetricMeans("autoencoder", of_baseline=True) for baseline in methods}
    scored = {baseline: _scored_images(baseline, sample, len(dataset.test)) for baseline in methods}
    batches = Batches(dataset.test, BATCH_SIZE, hp)
    for index in range(len(batches)):
        inputs, targets = batches[index]
        for baseline, method in methods.items():
            rows = scored[baseline][index * BATCH_SIZE :][: len(inputs)]
            if rows.any():
                means[baseline].add(_predict(method, hp, inputs[rows], targets[rows]))
    scores: dict[str, float | None] = {}
    for baseline in methods:
        scores |= table_scores(baseline.name, means[baseline].result(), "autoencoder")
        scores |= {f"{baseline.name}_{key}": count for key, count in baseline.counts(sample).items()}
        if (count := int(scored[baseline].sum())) < len(dataset.test):
            scores[f"{baseline.name}_images"] = count
    return scores


def _scored_images(baseline: Baseline, sample: TrainingImages, count: int) -> np.ndarray:
    """Which of the test images a baseline is scored on, bool (n,)."""
    scored = np.ones(count, bool)
    if baseline.max_images and (limit := baseline.max_images(sample)) < count:
        scored[:] = False
        scored[np.linspace(0, count - 1, limit).round().astype(int)] = True
    return scored


def _predict(
    method: Method, hp: AutoencoderHyperparameters, inputs: np.ndarray, targets: np.ndarray
) -> Predictions:
    outputs = np.broadcast_to(method(inputs), targets.shape)
    return Predictions(hp, inputs, get_task(hp).keep_known(hp, inputs, outputs), targets)


def classifier_baselines(dataset: Dataset, hp: ClassifierHyperparameters) -> dict:
    """Return the test accuracies of trivial classifiers.

    Args:
        dataset: labeled training and test images.
        hp: its seed selects the training images.

    Returns:
        `<method>_accuracy` for each of `lib.tasks.classification.CLASSIFIER_BASELINES` that applies, all
        fitted on at most 10,000 training images (`images_learned_from`).
    """
    train, test = dataset.train, flat_pixels(dataset.test)
    subset = sample_subset(train, min(MAX_LABELED, MAX_BYTES // (4 * math.prod(train.shape))), hp.seed)
    sample = LabeledSample(flat_pixels(subset), subset.labels, train.labels, len(dataset.classes))
    scores: dict[str, float | None] = {}
    for baseline in CLASSIFIER_BASELINES:
        if method := baseline.fit(sample):
            means = score_classes(hp, method(test), dataset.test.labels)
            scores |= table_scores(baseline.name, means, "classification")
    return scores | {"images_learned_from": len(sample.labels)}


def table_scores(name: str, means: dict[str, float | None], program: str) -> dict[str, float | None]:
    """Return the metrics of a baseline that stand in the table of scores, by their keys in a record.

    Args:
        name: the baseline.
        means: its metrics by key.
        program: that trains the networks it is compared with.
    """
    columns = table_metrics(means, program)
    keys = [key for metric in columns for key in (metric.key, metric.spread) if key]
    return {f"{name}_{key}": means[key] for key in keys}
