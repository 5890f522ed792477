"""Figures of a finished run, and the same pictures packed for the program that shows them in the terminal.

All figures of a run show test images from the beginning of one random order, which follows its seed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import keras
import numpy as np

from lib.common.serialization import pack_images
from lib.config.architecture import Architecture
from lib.config.changed_settings import describe_changes
from lib.config.hyperparameters import Hyperparameters
from lib.config.suited_defaults import ImageSet
from lib.data.datasets import Dataset
from lib.data.splits import Subset
from lib.evaluation import figures, latent_space
from lib.runs.run_folder import Run
from lib.runs.validation import ONLY_PHASE
from lib.tasks import get_task, output_pictures, to_pictures
from lib.tasks.metrics import describe_score
from lib.training.batches import Batches

RECONSTRUCTIONS = 10  # test images in the figure
LATENT_POINTS = 1000  # test images in the latent space: t-SNE takes some seconds for so many
SAMPLES = 48
SAMPLES_PER_ROW = 12
MIXTURE_IMAGES = 5000  # training images whose codes a mixture is fitted on
GRID_SIDE = 15  # images per side of the grid over a two-dimensional prior
INTERPOLATIONS = 5
INTERPOLATION_STEPS = 10
IMAGES_PER_CLASS = 5  # completed halves (report D)
VARIANT_IMAGES = 6  # per variant of the task
NO_BREAK_SPACE = "\u00a0"  # so that a line of a title does not end within a setting
PREDICTIONS = 24  # correct ones, and as many incorrect ones
PREDICTION_TITLES = {"right": "correct predictions", "wrong": "incorrect predictions"}  # by figure
PHASE_TITLES = {
    ONLY_PHASE: "training",
    "head": "phase 1: the new layers",
    "everything": "phase 2: all layers",
    "scratch": "from random weights",
}

# Functions that draw one figure each and return its pictures for the program, by name; empty without any.
Drawings = list[Callable[[], dict]]


class FigureEntry(NamedTuple):
    """How a figure of an autoencoder is drawn, and when it applies; both get the `_AutoencoderFigures`."""

    draw: Callable[[Any], dict]
    applies: Callable[[Any], bool]


AUTOENCODER_FIGURES: list[FigureEntry] = []  # in the order in which they are drawn


def figure(applies: Callable[[Any], bool] = lambda figures_of: True) -> Callable:
    """Register the function below as a figure of autoencoders; it draws into the run folder.

    It returns pictures for the menu by name, or {}. Figures that take long come last.
    """

    def register(draw: Callable[[Any], dict]) -> Callable[[Any], dict]:
        AUTOENCODER_FIGURES.append(FigureEntry(draw, applies))
        return draw

    return register


class VariantExamples(NamedTuple):
    """Targets of test images, and inputs and outputs by variant of the task: uint8 images (n, …)."""

    targets: np.ndarray
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]


def autoencoder_figures(
    run: Run,
    model: keras.Model,
    dataset: Dataset,
    architecture: Architecture,
    score: str,
    untrained: VariantExamples | None,
) -> Drawings:
    """Return the figures that apply to an autoencoder, those that take long last.

    Codes and samples are those of test images and of training images; labels only color them.

    Args:
        run: receives the figures.
        model: the trained autoencoder, with parts named `encoder` and `decoder`.
        dataset: its test images are shown.
        architecture: of the model, with the hyperparameters.
        score: text for the titles.
        untrained: of `variant_examples` before training; None draws no comparison with it.

    Returns:
        Their pictures are `strip` (packed images by name), `samples` (packed images), `latent` (points of
        each projection) and `labels`.
    """
    title = describe_run(run, dataset, architecture.hp)
    figures_of = _AutoencoderFigures(run, model, dataset, architecture, title, score, untrained)
    entries = [entry for entry in AUTOENCODER_FIGURES if entry.applies(figures_of)]
    return [partial(entry.draw, figures_of) for entry in entries]


@dataclass(frozen=True)
class _AutoencoderFigures:
    """The figures of one autoencoder, each drawn into its run folder by one method."""

    run: Run
    model: keras.Model
    dataset: Dataset
    architecture: Architecture
    title: str
    score: str
    untrained: VariantExamples | None

    @property
    def hp(self) -> Hyperparameters:
        return self.architecture.hp

    @cached_property
    def test(self) -> Subset:
        return shown_images(self.dataset.test, self.hp).first(LATENT_POINTS)

    @cached_property
    def codes(self) -> np.ndarray:
        return self.encode(self.test)

    @property
    def labels(self) -> np.ndarray | None:
        return _valid_labels(self.test.labels, self.dataset.classes) if self.test.labeled else None

    def encode(self, subset: Subset) -> np.ndarray:
        batches = Batches(subset, latent_space.BATCH_SIZE, self.hp)
        return latent_space.encode_batches(self.model.get_layer("encoder"), batches)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        outputs = latent_space.decode_codes(self.model.get_layer("decoder"), codes)
        return output_pictures(self.hp, outputs)

    @figure()
    def draw_loss(self) -> dict:
        return draw_loss_curves(self.run, self.dataset, self.hp)

    @figure()
    def draw_reconstructions(self) -> dict:
        images = _reconstruct(self.model, self.test.first(RECONSTRUCTIONS), self.hp)
        rows = {name.removesuffix("s"): array for name, array in images.items()}
        if get_task(self.hp.task).targets_are_inputs:
            rows = {"target": rows["input"], "output": rows["output"]}
        path = self.run.figure_path("reconstructions")
        figures.plot_reconstructions(rows, path, f"{self.title} · {self.score}")
        return {"strip": {name: pack_images(array) for name, array in images.items()}}

    @figure(lambda figures_of: get_task(figures_of.hp.task).shows_classes and figures_of.labels is not None)
    def draw_classes(self) -> dict:
        """Five test images of each class: given half, completed image, true image (report D)."""
        test, rows = shown_images(self.dataset.test, self.hp), []
        for label, name in enumerate(self.dataset.classes):
            members = np.flatnonzero(test.labels == label)[:IMAGES_PER_CLASS]
            if len(members) == IMAGES_PER_CLASS:
                subset = test.select(members)
                given, completed, true = _reconstruct(self.model, subset, self.hp).values()
                gap = np.full((*given.shape[:2], 1, given.shape[3]), 255, np.uint8)
                rows.append((name, np.concatenate([given, gap, completed, gap, true], axis=2)))
        if rows:
            title = f"{self.title} · input, output, target"
            figures.plot_image_rows(rows, self.run.figure_path("classes"), title)
        return {}

    @figure(lambda figures_of: figures_of.untrained is not None)
    def draw_variants(self) -> dict:
        untrained = cast(VariantExamples, self.untrained)
        trained = variant_examples(self.model, self.dataset.test, self.hp)
        rows = [("clean", trained.targets)]
        for variant, inputs in trained.inputs.items():
            rows.append((f"input, {variant}", inputs))
            rows.append(("before training", untrained.outputs[variant]))
            rows.append(("after training", trained.outputs[variant]))
        figures.plot_image_rows(rows, self.run.figure_path("noise"), f"{self.title} · {self.score}")
        return {}

    @property
    def has_prior_grid(self) -> bool:
        is_flat = self.hp.variational and self.architecture.latent_size == 2
        return is_flat and decodes_code_alone(self.hp)

    @property
    def _sample_title(self) -> str:
        part = get_task(self.hp.task).decoded_part
        return f"{self.title} · {part} only" if part else self.title

    @figure(lambda figures_of: decodes_code_alone(figures_of.hp))
    def draw_samples(self) -> dict:
        if self.hp.variational:
            samples = latent_space.sample_prior(SAMPLES, self.codes.shape[1:], self.hp.seed)
            source = "samples from the prior"
        else:
            train_codes = self.encode(shown_images(self.dataset.train, self.hp).first(MIXTURE_IMAGES))
            samples = latent_space.sample_mixture(train_codes, SAMPLES, self.hp.seed)
            source = "samples from a Gaussian mixture"
        images = self.decode(samples)
        path, title = self.run.figure_path("samples"), f"{self._sample_title} · {source}"
        figures.plot_image_sheet(images, SAMPLES_PER_ROW, path, title)
        return {"samples": pack_images(images)}

    @figure(lambda figures_of: decodes_code_alone(figures_of.hp))
    def draw_interpolations(self) -> dict:
        codes = self.codes
        pairs = min(INTERPOLATIONS, len(codes) // 2)
        rows = [
            latent_space.interpolate(codes[2 * pair], codes[2 * pair + 1], INTERPOLATION_STEPS)
            for pair in range(pairs)
        ]
        if rows:
            images = self.decode(np.concatenate(rows))
            path = self.run.figure_path("interpolation")
            title = f"{self._sample_title} · interpolation between two test images"
            figures.plot_image_sheet(images, INTERPOLATION_STEPS, path, title)
        return {}

    @figure(lambda figures_of: figures_of.has_prior_grid)
    def draw_prior_grid(self) -> dict:
        grid = latent_space.prior_grid(GRID_SIDE)
        ticks = tuple(f"{value:.1f}" for value in grid[:GRID_SIDE, 0])
        images = self.decode(grid.reshape(-1, *self.codes.shape[1:]))
        path, title = self.run.figure_path("grid"), f"{self._sample_title} · quantiles of the prior"
        figures.plot_image_sheet(images, GRID_SIDE, path, title, ticks)
        return {}

    @figure(lambda figures_of: len(figures_of.test) > 3)
    def draw_latent_space(self) -> dict:
        labels, projections = self.labels, latent_space.project_to_2d(self.codes, self.hp.seed)
        title = f"{self.title} · {len(self.codes):,} test images"
        path = self.run.figure_path("latent")
        figures.plot_latent_space(projections, labels, self.dataset.classes, path, title)
        return {
            "latent": {name: np.round(points, 3).tolist() for name, points in projections.items()},
            "labels": None if labels is None else labels.tolist(),
        }


def shown_images(subset: Subset, hp: Hyperparameters) -> Subset:
    """Return all images of a subset in the random order in which the figures of a run show them."""
    return subset.select(np.random.default_rng(hp.seed).permutation(len(subset)))


def draw_loss_curves(run: Run, dataset: Dataset, hp: Hyperparameters) -> dict:
    """Draw the training and validation curves of a run.

    Args:
        run: its record has the history; receives the figure.
        dataset: for the title.
        hp: likewise.

    Returns:
        An empty picture, `loss`: the program draws the curves from the history.
    """
    by_title = {PHASE_TITLES.get(name, name): history for name, history in run.record["history"].items()}
    figures.plot_loss_curves(by_title, run.figure_path("loss"), describe_run(run, dataset, hp))
    return {"loss": {}}


def _valid_labels(labels: np.ndarray, classes: tuple[str, ...]) -> np.ndarray | None:
    """The labels if each is that of a class: those of an autoencoder's data set are never checked."""
    valid = classes and labels.min() >= 0 and labels.max() < len(classes)
    return labels if valid else None


def decodes_code_alone(hp: Hyperparameters) -> bool:
    """Return whether a code alone gives an image, without skip connections or residual outputs."""
    return not (hp.skip or hp.residual)


def variant_examples(model: keras.Model, subset: Subset, hp: Hyperparameters) -> VariantExamples:
    """Return images and outputs for each variant of the task, such as several noise levels (report E).

    Args:
        model: an autoencoder.
        subset: six of its images are used, those that other figures show too.
        hp: of the model; the settings of a variant replace its own.
    """
    subset = shown_images(subset, hp).first(VARIANT_IMAGES)
    pictures = {}
    for variant, values in get_task(hp.task).variants.items():
        inputs, targets = Batches(subset, len(subset), dataclasses.replace(hp, **values))[0]
        pictures[variant] = to_pictures(hp, inputs, model.predict_on_batch(inputs), targets)
    return VariantExamples(
        next(iter(pictures.values()))[2],
        {variant: inputs for variant, (inputs, _, _) in pictures.items()},
        {variant: outputs for variant, (_, outputs, _) in pictures.items()},
    )


def packed_reconstructions(model: keras.Model, subset: Subset, hp: Hyperparameters) -> dict:
    """Return reconstructions of images, packed for the program.

    Args:
        model: the autoencoder.
        subset: the images, which become one batch.
        hp: of the model, with its task.

    Returns:
        Packed `inputs` and `outputs` and, unless the inputs are the targets, `targets`.
    """
    return {name: pack_images(images) for name, images in _reconstruct(model, subset, hp).items()}


def _reconstruct(model: keras.Model, subset: Subset, hp: Hyperparameters) -> dict[str, np.ndarray]:
    inputs, targets = Batches(subset, len(subset), hp)[0]
    outputs = model.predict_on_batch(inputs)
    names = ["inputs", "outputs", "targets"]
    if get_task(hp.task).targets_are_inputs:
        names.pop()
    return dict(zip(names, to_pictures(hp, inputs, outputs, targets), strict=False))


def classifier_figures(
    run: Run, dataset: Dataset, hp: Hyperparameters, metrics: dict, probabilities: np.ndarray
) -> Drawings:
    """Return a classifier's figures.

    Args:
        run: receives the figures.
        dataset: its test images are shown.
        hp: for the titles.
        metrics: of `classifier_metrics`.
        probabilities: likewise, (n, classes).

    Returns:
        Their pictures are packed `images` and their `captions` for `right` and for `wrong` predictions.
    """
    title = f"{describe_run(run, dataset, hp)} · {describe_score('classification', metrics)}"

    def draw_confusion_matrix() -> dict:
        path = run.figure_path("confusion")
        figures.plot_confusion_matrix(metrics["confusion_matrix"], dataset.classes, path, title)
        return {}

    def draw_predictions(outcome: str) -> dict:
        indices, captions = _select_predictions(dataset, probabilities, hp, outcome == "right")
        images = dataset.test.take(indices)
        if captions:
            path = run.figure_path(outcome)
            figures.plot_predictions(images, captions, path, f"{PREDICTION_TITLES[outcome]} · {title}")
        return {outcome: {"images": pack_images(images), "captions": captions}}

    return [
        partial(draw_loss_curves, run, dataset, hp),
        draw_confusion_matrix,
        *(partial(draw_predictions, outcome) for outcome in PREDICTION_TITLES),
    ]


def _select_predictions(
    dataset: Dataset, probabilities: np.ndarray, hp: Hyperparameters, correct: bool
) -> tuple[np.ndarray, list[str]]:
    """Test indices and captions of random correct predictions, or of the most confident wrong ones."""
    labels, predicted = dataset.test.labels, probabilities.argmax(axis=1)
    indices = np.random.default_rng(hp.seed).permutation(len(labels))  # as in `shown_images`
    indices = indices[(labels == predicted)[indices] == correct]
    if not correct:
        indices = indices[np.argsort(-probabilities[indices].max(axis=1), kind="stable")]
    indices = indices[:PREDICTIONS]
    captions = []
    for index in indices:
        caption = f"{dataset.classes[predicted[index]]} ({probabilities[index].max():.0%})"
        captions.append(caption if correct else f"{caption}, true: {dataset.classes[labels[index]]}")
    return indices, captions


def describe_run(run: Run, dataset: Dataset, hp: Hyperparameters) -> str:
    """Return run, data and all settings that differ from the defaults in one line, for titles."""
    encoder = [] if hp.program == "autoencoder" else [f"classifier on {_model_name(hp)}"]
    changes = describe_changes(hp, ImageSet(dataset.shape, len(dataset.train)))
    parts = [dataset.name, *encoder, *(change.replace(" ", NO_BREAK_SPACE) for change in changes)]
    return f"{run.folder.resolve().name}: {', '.join(parts)}"


def _model_name(hp: Hyperparameters) -> str:
    path = Path(hp.require("model"))
    return path.parent.name or path.stem
