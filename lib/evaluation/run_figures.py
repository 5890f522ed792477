"""Figures of a finished run, and the same pictures packed for the program that shows them in the terminal."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np

from lib.common.serialization import pack_images
from lib.config.architecture import Architecture
from lib.config.fields import format_value
from lib.config.hyperparameters import Hyperparameters
from lib.data.datasets import Dataset
from lib.data.splits import Subset
from lib.evaluation import figures, latent_space
from lib.runs.run_folder import Run
from lib.tasks.base import to_pictures
from lib.tasks.pixels import to_uint8
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
NOISE_LEVELS = (0.1, 0.3, 0.5, 0.7)  # standard deviations, pixels in 0..1
NOISE_IMAGES = 6  # per level
PREDICTIONS = 24  # correct ones, and as many wrong ones
PHASE_TITLES = {
    "head": "phase 1: the new layers",
    "everything": "phase 2: everything",
    "scratch": "from random weights",
}
TITLE_SETTINGS = ("kernel_size", "kernels")


class DenoisingExamples(NamedTuple):
    """Clean test images, and noisy and denoised ones by noise level: uint8 (n, height, width, channels)."""

    clean: np.ndarray
    noisy: dict[float, np.ndarray]
    denoised: dict[float, np.ndarray]


def draw_autoencoder_figures(
    run: Run,
    model: keras.Model,
    dataset: Dataset,
    architecture: Architecture,
    history: dict,
    score: str,
    untrained: DenoisingExamples | None,
) -> dict:
    """Draw all figures that apply to an autoencoder, and return the pictures that the program shows.

    Codes and samples are those of test images and of the first training images; labels only color them.

    Args:
        run: receives the figures.
        model: the trained autoencoder, with parts named `encoder` and `decoder`.
        dataset: its test images are shown.
        architecture: of the model, with the hyperparameters.
        history: of the training, as in `run.json`.
        score: text for the titles.
        untrained: of `denoising_examples` before training; None draws no comparison with it.

    Returns:
        `strip` (packed images by name) and, where they were drawn, `latent` (points of each projection),
        `labels` and `samples` (packed images).
    """
    hp = architecture.hp
    draw_loss_curves(run, dataset, describe_autoencoder(hp), {"training": history})
    drawing = _AutoencoderFigures(run, model, dataset, hp, f"{dataset.name}: {describe_autoencoder(hp)}")
    pictures = {"strip": drawing.draw_reconstructions(score)}
    test = dataset.test.first(LATENT_POINTS)
    codes = drawing.encode(test)
    labels = _valid_labels(test.labels, dataset.classes) if test.labeled else None
    if len(codes) > 3:
        pictures |= drawing.draw_latent_space(codes, labels)
    if hp.task == "complete" and labels is not None:
        drawing.draw_classes()
    if untrained is not None:
        drawing.draw_denoising(untrained, score)
    if decodes_code_alone(hp):
        pictures["samples"] = pack_images(drawing.draw_samples(codes))
        if hp.variational and codes[0].size == 2:
            drawing.draw_prior_grid(codes.shape[1:])
        drawing.draw_interpolations(codes)
    return pictures


@dataclass(frozen=True)
class _AutoencoderFigures:
    """The figures of one autoencoder, each drawn into its run folder by one method."""

    run: Run
    model: keras.Model
    dataset: Dataset
    hp: Hyperparameters
    title: str

    def encode(self, subset: Subset) -> np.ndarray:
        batches = Batches(subset, latent_space.BATCH_SIZE, self.hp)
        return latent_space.encode_batches(self.model.get_layer("encoder"), batches)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        outputs = latent_space.decode_codes(self.model.get_layer("decoder"), codes)
        return outputs_to_pictures(outputs, self.hp)

    def draw_reconstructions(self, score: str) -> dict:
        images = _reconstruct(self.model, self.dataset.test.first(RECONSTRUCTIONS), self.hp)
        rows = {name.removesuffix("s"): array for name, array in images.items()}
        if self.hp.task == "reconstruct":
            rows = {"target": rows["input"], "output": rows["output"]}
        path = self.run.figure_path("reconstructions")
        figures.plot_reconstructions(rows, path, f"{self.title} · {score}")
        return {name: pack_images(array) for name, array in images.items()}

    def draw_latent_space(self, codes: np.ndarray, labels: np.ndarray | None) -> dict:
        projections = latent_space.project_to_2d(codes, self.hp.seed)
        title = f"{self.title} · {len(codes):,} test images"
        path = self.run.figure_path("latent")
        figures.plot_latent_space(projections, labels, self.dataset.classes, path, title)
        return {
            "latent": {name: np.round(points, 3).tolist() for name, points in projections.items()},
            "labels": None if labels is None else labels.tolist(),
        }

    def draw_classes(self) -> None:
        """Five test images of each class: given half, completed image, true image (report D)."""
        test, rows = self.dataset.test, []
        for label, name in enumerate(self.dataset.classes):
            members = np.flatnonzero(test.labels == label)[:IMAGES_PER_CLASS]
            if len(members) == IMAGES_PER_CLASS:
                subset = test.select(members)
                given, completed, true = _reconstruct(self.model, subset, self.hp).values()
                gap = np.full((*given.shape[:2], 1, given.shape[3]), 255, np.uint8)
                rows.append((name, np.concatenate([given, gap, completed, gap, true], axis=2)))
        if rows:
            title = f"{self.title} · given, predicted, true"
            figures.plot_image_rows(rows, self.run.figure_path("classes"), title)

    def draw_denoising(self, untrained: DenoisingExamples, score: str) -> None:
        trained = denoising_examples(self.model, self.dataset.test, self.hp)
        rows = [("clean", trained.clean)]
        for level in NOISE_LEVELS:
            rows.append((f"input, noise {level:g}", trained.noisy[level]))
            rows.append(("before training", untrained.denoised[level]))
            rows.append(("after training", trained.denoised[level]))
        figures.plot_image_rows(rows, self.run.figure_path("noise"), f"{self.title} · {score}")

    @property
    def _sample_title(self) -> str:
        return f"{self.title} · the missing half alone" if self.hp.task == "complete" else self.title

    def draw_samples(self, codes: np.ndarray) -> np.ndarray:
        if self.hp.variational:
            samples = latent_space.sample_prior(SAMPLES, codes.shape[1:], self.hp.seed)
            source = "codes from the prior"
        else:
            train_codes = self.encode(self.dataset.train.first(MIXTURE_IMAGES))
            samples = latent_space.sample_mixture(train_codes, SAMPLES, self.hp.seed)
            source = "codes from a Gaussian mixture"
        images = self.decode(samples)
        path, title = self.run.figure_path("samples"), f"{self._sample_title} · {source}"
        figures.plot_image_sheet(images, SAMPLES_PER_ROW, path, title)
        return images

    def draw_prior_grid(self, code_shape: tuple[int, ...]) -> None:
        grid = latent_space.prior_grid(GRID_SIDE)
        ticks = tuple(f"{value:.1f}" for value in grid[:GRID_SIDE, 0])
        images = self.decode(grid.reshape(-1, *code_shape))
        path, title = self.run.figure_path("grid"), f"{self._sample_title} · quantiles of the prior"
        figures.plot_image_sheet(images, GRID_SIDE, path, title, ticks)

    def draw_interpolations(self, codes: np.ndarray) -> None:
        pairs = min(INTERPOLATIONS, len(codes) // 2)
        rows = [
            latent_space.interpolate(codes[2 * pair], codes[2 * pair + 1], INTERPOLATION_STEPS)
            for pair in range(pairs)
        ]
        if rows:
            images = self.decode(np.concatenate(rows))
            path = self.run.figure_path("interpolation")
            title = f"{self._sample_title} · from one test image to another"
            figures.plot_image_sheet(images, INTERPOLATION_STEPS, path, title)


def draw_loss_curves(run: Run, dataset: Dataset, description: str, histories: dict[str, dict]) -> None:
    """Draw the training and validation curves of a run.

    Args:
        run: receives the figure.
        dataset: names the data in the title.
        description: of the hyperparameters, for the title.
        histories: history of each phase, as in `run.json`, by its name.
    """
    by_title = {PHASE_TITLES.get(name, name): history for name, history in histories.items()}
    figures.plot_loss_curves(by_title, run.figure_path("loss"), f"{dataset.name}: {description}")


def _valid_labels(labels: np.ndarray, classes: tuple[str, ...]) -> np.ndarray | None:
    """The labels if each is that of a class: those of an autoencoder's data set are never checked."""
    valid = classes and labels.min() >= 0 and labels.max() < len(classes)
    return labels if valid else None


def decodes_code_alone(hp: Hyperparameters) -> bool:
    """Return whether a code alone gives an image, without skip connections or residual outputs."""
    return not (hp.skip or hp.residual)


def outputs_to_pictures(outputs: np.ndarray, hp: Hyperparameters) -> np.ndarray:
    """Return the images that a decoder has made of latent codes.

    Args:
        outputs: of the decoder, float32 (n, height, width, channels).
        hp: the task. UV is joined with a middle gray as Y; completed halves stay halves.

    Returns:
        uint8 (n, height, width, channels).
    """
    if hp.predicts_uv:
        gray = np.full((*outputs.shape[:-1], 1), 0.5, np.float32)
        return to_pictures(hp, gray, outputs)[1]
    return to_uint8(outputs)


def denoising_examples(model: keras.Model, subset: Subset, hp: Hyperparameters) -> DenoisingExamples:
    """Return images denoised at several noise levels (report E).

    Args:
        model: a denoising autoencoder.
        subset: its first six images are used.
        hp: of the model; its noise is replaced.
    """
    subset = subset.first(NOISE_IMAGES)
    noisy, denoised = {}, {}
    for level in NOISE_LEVELS:
        inputs, targets = Batches(subset, len(subset), dataclasses.replace(hp, noise=(level, level)))[0]
        noisy[level] = to_uint8(inputs)
        denoised[level] = to_uint8(model.predict_on_batch(inputs))
    return DenoisingExamples(to_uint8(targets), noisy, denoised)


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
    names = ("inputs", "outputs") if hp.task == "reconstruct" else ("inputs", "outputs", "targets")
    return dict(zip(names, to_pictures(hp, inputs, outputs, targets), strict=False))


def draw_classifier_figures(
    run: Run, dataset: Dataset, hp: Hyperparameters, histories: dict, metrics: dict, probabilities: np.ndarray
) -> dict:
    """Draw a classifier's figures, and return the pictures that the program shows.

    Args:
        run: receives the figures.
        dataset: its test images are shown.
        hp: for the titles.
        histories: history of each phase, as in `run.json`.
        metrics: of `classifier_metrics`.
        probabilities: likewise, (n, classes).

    Returns:
        Packed `images` and their `captions` for `right` and for `wrong` predictions.
    """
    description = describe_classifier(hp)
    title = f"{dataset.name}: {description} · test accuracy {metrics['test_accuracy']:.4f}"
    draw_loss_curves(run, dataset, description, histories)
    figures.plot_confusion_matrix(
        metrics["confusion_matrix"], dataset.classes, run.figure_path("confusion"), title
    )
    pictures = {}
    for outcome, correct in (("right", True), ("wrong", False)):
        indices, captions = _select_predictions(dataset, probabilities, correct)
        images = dataset.test.take(indices)
        pictures[outcome] = {"images": pack_images(images), "captions": captions}
        if captions:
            path = run.figure_path(outcome)
            figures.plot_predictions(images, captions, path, f"{outcome} predictions · {title}")
    return pictures


def _select_predictions(
    dataset: Dataset, probabilities: np.ndarray, correct: bool
) -> tuple[np.ndarray, list[str]]:
    """Test indices and captions of the first correct predictions, or of the most confident wrong ones."""
    labels, predicted = dataset.test.labels, probabilities.argmax(axis=1)
    indices = np.flatnonzero((labels == predicted) == correct)
    if not correct:
        indices = indices[np.argsort(-probabilities[indices].max(axis=1), kind="stable")]
    indices = indices[:PREDICTIONS]
    captions = []
    for index in indices:
        caption = f"{dataset.classes[predicted[index]]} ({probabilities[index].max():.0%})"
        captions.append(caption if correct else f"{caption}, true: {dataset.classes[labels[index]]}")
    return indices, captions


def describe_autoencoder(hp: Hyperparameters) -> str:
    """Return the main hyperparameters of an autoencoder in one line, for titles."""
    task_options = {
        "denoise": format_value("noise", hp.noise),
        "complete": f"the {hp.missing} half",
        "colorize": hp.color_space.upper(),
    }
    words = [] if hp.task == "reconstruct" else [f"{hp.task} {task_options[hp.task]}"]
    words += ["variational"] if hp.variational else []
    if hp.layers:
        words += [
            f"{hp.layers} layers",
            *(f"{name.replace('_', ' ')} {format_value(name, getattr(hp, name))}" for name in TITLE_SETTINGS),
        ]
    if hp.latent_dim is not None:
        words += [f"fully connected {format_value('fc_units', hp.fc_units)}"] if hp.fc_units else []
        words.append(f"latent {hp.latent_dim}")
    return ", ".join([*words, f"batch {hp.batch_size}"])


def describe_classifier(hp: Hyperparameters) -> str:
    """Return the main hyperparameters of a classifier in one line, for titles."""
    fc_units = format_value("fc_units", hp.fc_units)
    return f"fully connected {fc_units}, dropout {hp.dropout:g}, batch {hp.batch_size}"
