"""Figures of autoencoders: reconstructions, latent space, samples."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from lib.common.serialization import pack_images
from lib.config.architecture import Architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.samplers import SAMPLERS, applicable_samplers
from lib.data.splits import Subset
from lib.evaluation import figures, image_figures, latent_space
from lib.evaluation.detection.evidence import Detection, normal_pictures
from lib.evaluation.run_figures.base import RunFigures, figure, shown_images
from lib.evaluation.samplers.base import CodeSource, sample_codes
from lib.runs.views import CaptionedImages, ImageGrid, ImageStrip, PointPlot
from lib.tasks import get_task
from lib.tasks.display import Display
from lib.training.batches import Batches, images_of

RECONSTRUCTIONS = 10  # test images in the figure
LATENT_POINTS = 1000  # test images in the latent space: t-SNE takes some seconds for so many
SAMPLES = 48
SAMPLES_PER_ROW = 12
GRID_SIDE = 15  # images per side of the grid over a two-dimensional prior
INTERPOLATIONS = 5
INTERPOLATION_STEPS = 10
MAX_CLASSES = 20  # of a conditional autoencoder whose samples are shown
IMAGES_PER_CLASS = 5  # completed halves (report D)
VARIANT_IMAGES = 6  # per variant of the task


class VariantExamples(NamedTuple):
    """Targets of test images, and inputs and outputs by variant of the task: uint8 images (n, …)."""

    targets: np.ndarray
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]


@dataclass(frozen=True)
class AutoencoderFigures(RunFigures):
    """Model and data that the figures of an autoencoder are drawn from.

    Attributes:
        model: the trained autoencoder, with parts named `encoder` and `decoder`.
        architecture: of the model.
        untrained: of `variant_examples` before training; None draws no comparison with it.
        detection: of a network that detects defects.
    """

    hp: AutoencoderHyperparameters
    model: keras.Model
    architecture: Architecture
    untrained: VariantExamples | None
    detection: Detection | None = None

    @property
    def part_title(self) -> str:
        """The title of a figure of the decoder's outputs, which may be parts of images."""
        part = get_task(self.hp).decoded_words(self.hp)
        return f"{self.title} · {part} only" if part else self.title

    @cached_property
    def test(self) -> Subset:
        return shown_images(self.dataset.test, self.hp).first(LATENT_POINTS)

    @cached_property
    def codes(self) -> np.ndarray:
        return self.encode(self.test)

    @property
    def labels(self) -> np.ndarray | None:
        """The labels of the test images if each is that of a class; those of autoencoders are not checked."""
        labels, classes = self.test.labels if self.test.labeled else None, self.dataset.classes
        valid = labels is not None and classes and labels.min() >= 0 and labels.max() < len(classes)
        return labels if valid else None

    def encode(self, subset: Subset) -> np.ndarray:
        """Return the codes of images."""
        batches = Batches(subset, latent_space.BATCH_SIZE, self.hp)
        return latent_space.encode_batches(self.model.get_layer("encoder"), batches)

    def decode(self, codes: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Return the images of codes as figures show them, uint8; a conditional decoder needs labels."""
        decoder = self.model.get_layer("decoder")
        outputs = latent_space.decode_codes(decoder, codes, self.hp.quantization, labels)
        return self.display.show_pixels(get_task(self.hp).output_pixels(self.hp, outputs))

    @property
    def decodes_code_alone(self) -> bool:
        """Whether a code alone gives an image."""
        return _decodes_code_alone(self.hp)


@figure(
    "reconstructions",
    "Show reconstructions",
    key="pictures",
    absent="There are no reconstructions: the figures were skipped.",
)
def draw_reconstructions(figures_of: AutoencoderFigures, path: Path) -> ImageStrip:
    """Test images, their outputs and the errors."""
    hp = figures_of.hp
    test = figures_of.test
    if figures_of.detection is not None:  # pictures with real defects are no targets
        test = shown_images(normal_pictures(figures_of.dataset), hp)
    images = _reconstruct(figures_of.model, test.first(RECONSTRUCTIONS), hp)
    rows = {name.removesuffix("s"): array for name, array in images.items()}
    if get_task(hp).targets_are_inputs:
        rows = {"target": rows["input"], "output": rows["output"]}
    image_figures.plot_reconstructions(rows, path, figures_of.scored_title)
    return ImageStrip({name: pack_images(array) for name, array in images.items()})


@figure(
    "latent",
    "Show the latent space",
    applies=lambda figures_of: len(figures_of.test) > 3,
    absent="There are too few test images to plot the latent space.",
    slow=True,
)
def draw_latent_space(figures_of: AutoencoderFigures, path: Path) -> PointPlot:
    """Codes of test images in two dimensions."""
    codes, labels, classes = figures_of.codes, figures_of.labels, figures_of.dataset.classes
    projections = latent_space.project_to_2d(codes, figures_of.hp.seed)
    title = f"{figures_of.title} · {len(codes):,} test images"
    figures.plot_latent_space(projections, labels, classes, path, title)
    return PointPlot(
        {name: np.round(points, 3).tolist() for name, points in projections.items()},
        None if labels is None else labels.tolist(),
        list(classes),
    )


@figure(
    "classes",
    applies=lambda figures_of: get_task(figures_of.hp).shows_classes and figures_of.labels is not None,
)
def draw_classes(figures_of: AutoencoderFigures, path: Path) -> None:
    """Five test images of each class: given half, completed image, true image (report D)."""
    hp, dataset, rows = figures_of.hp, figures_of.dataset, []
    test = shown_images(dataset.test, hp)
    for label, name in enumerate(dataset.classes):
        members = np.flatnonzero(test.labels == label)[:IMAGES_PER_CLASS]
        if len(members) == IMAGES_PER_CLASS:
            given, completed, true = _reconstruct(figures_of.model, test.select(members), hp).values()
            gap = np.full((*given.shape[:2], 1, given.shape[3]), 255, np.uint8)
            rows.append((name, np.concatenate([given, gap, completed, gap, true], axis=2)))
    if rows:
        image_figures.plot_image_rows(rows, path, f"{figures_of.title} · input, output, target")


@figure("noise", applies=lambda figures_of: figures_of.untrained is not None)
def draw_variants(figures_of: AutoencoderFigures, path: Path) -> None:
    """Inputs of each variant of the task, and their outputs before and after the training."""
    assert figures_of.untrained is not None
    trained = variant_examples(figures_of.model, figures_of.dataset.test, figures_of.hp)
    rows = [("clean", trained.targets)]
    for variant, inputs in trained.inputs.items():
        rows.append((f"input, {variant}", inputs))
        rows.append(("before training", figures_of.untrained.outputs[variant]))
        rows.append(("after training", trained.outputs[variant]))
    image_figures.plot_image_rows(rows, path, figures_of.scored_title)


def _offers_samples(hp) -> bool:
    """Whether the menu offers samples; without them it says why, but a detector is not for samples."""
    return _decodes_code_alone(hp) or not get_task(hp).detects_defects


def _decodes_code_alone(hp) -> bool:
    """Whether a code alone gives an image, without skip connections or residual outputs."""
    return not (hp.skip or hp.residual)


@figure(
    "samples",
    "Show generated samples",
    offered=_offers_samples,
    applies=lambda figures_of: figures_of.decodes_code_alone,
    absent="The decoder cannot generate samples: it needs more than a latent code (skip or residual).",
)
def draw_samples(figures_of: AutoencoderFigures, path: Path) -> ImageGrid | CaptionedImages:
    """Images of codes from the default sampler; of a conditional autoencoder a row of each class."""
    hp = figures_of.hp
    name = applicable_samplers(hp)[0]
    title = f"{figures_of.part_title} · samples from {SAMPLERS[name].source}"
    if hp.conditional:
        return _draw_class_samples(figures_of, path, name, title)

    def encode(count: int, from_posterior: bool) -> np.ndarray:
        return figures_of.encode(shown_images(figures_of.dataset.train, hp).first(count))

    source = CodeSource(figures_of.codes.shape[1:], encode)
    samples = sample_codes(name, source, SAMPLES, hp.seed)
    images = figures_of.decode(samples)
    image_figures.plot_image_sheet(images, SAMPLES_PER_ROW, path, title)
    return ImageGrid(pack_images(images), SAMPLES_PER_ROW)


def _draw_class_samples(figures_of: AutoencoderFigures, path: Path, name: str, title: str) -> CaptionedImages:
    """Samples with a row of each class; those of the prior have the same codes in all rows."""
    train, rows = shown_images(figures_of.dataset.train, figures_of.hp), []
    for label in np.unique(train.labels)[:MAX_CLASSES].tolist():
        members = np.flatnonzero(train.labels == label)

        def encode(count: int, from_posterior: bool, members: np.ndarray = members) -> np.ndarray:
            return figures_of.encode(train.select(members[:count]))

        source = CodeSource(figures_of.codes.shape[1:], encode)
        codes = sample_codes(name, source, SAMPLES_PER_ROW, figures_of.hp.seed)
        class_name = figures_of.dataset.classes[label]
        rows.append((class_name, figures_of.decode(codes, np.full(len(codes), label))))
    image_figures.plot_image_rows(rows, path, title)
    # By code, so that the first ones are of different classes.
    by_code = np.stack([images for _, images in rows], axis=1)
    captions = [class_name for class_name, _ in rows] * by_code.shape[0]
    return CaptionedImages(pack_images(by_code.reshape(-1, *by_code.shape[2:])), captions)


@figure("interpolation", applies=lambda figures_of: figures_of.decodes_code_alone)
def draw_interpolations(figures_of: AutoencoderFigures, path: Path) -> None:
    """Images between pairs of test images, of a conditional autoencoder pairs of a class."""
    codes, is_conditional = figures_of.codes, figures_of.hp.conditional
    pairs = [(2 * pair, 2 * pair + 1) for pair in range(len(codes) // 2)]
    if is_conditional:
        test_labels = figures_of.test.labels
        of_classes = (np.flatnonzero(test_labels == label) for label in np.unique(test_labels))
        pairs = [(members[0], members[1]) for members in of_classes if len(members) > 1]
    rows = [
        latent_space.interpolate(codes[first], codes[last], INTERPOLATION_STEPS)
        for first, last in pairs[:INTERPOLATIONS]
    ]
    if rows:
        labels = None
        if is_conditional:
            labels = figures_of.test.labels[[first for first, _ in pairs[:INTERPOLATIONS]]]
            labels = np.repeat(labels, INTERPOLATION_STEPS)
        images = figures_of.decode(np.concatenate(rows), labels)
        title = f"{figures_of.part_title} · interpolation between two test images"
        image_figures.plot_image_sheet(images, INTERPOLATION_STEPS, path, title)


def _has_prior_grid(figures_of: AutoencoderFigures) -> bool:
    is_flat = figures_of.hp.has_prior and figures_of.architecture.latent_size == 2
    return is_flat and figures_of.decodes_code_alone and not figures_of.hp.conditional


@figure("grid", applies=_has_prior_grid)
def draw_prior_grid(figures_of: AutoencoderFigures, path: Path) -> None:
    """Images of a grid over a two-dimensional prior."""
    grid = latent_space.prior_grid(GRID_SIDE)
    ticks = tuple(f"{value:.1f}" for value in grid[:GRID_SIDE, 0])
    images = figures_of.decode(grid.reshape(-1, *figures_of.codes.shape[1:]))
    title = f"{figures_of.part_title} · quantiles of the prior"
    image_figures.plot_image_sheet(images, GRID_SIDE, path, title, ticks)


def variant_examples(model: keras.Model, subset: Subset, hp: AutoencoderHyperparameters) -> VariantExamples:
    """Return images and outputs for each variant of the task, such as several noise levels (report E).

    Args:
        model: an autoencoder.
        subset: six of its images are used, those that other figures show too.
        hp: of the model; the settings of a variant replace its own.
    """
    subset = shown_images(subset, hp).first(VARIANT_IMAGES)
    pictures, task = {}, get_task(hp)
    display = Display.of(hp.show_channels, subset.take(slice(None)))
    for variant, values in task.variants.items():
        inputs, targets = Batches(subset, len(subset), dataclasses.replace(hp, **values))[0]
        pixels = task.to_pixels(hp, images_of(inputs), model.predict_on_batch(inputs), targets)
        pictures[variant] = list(map(display.show_pixels, pixels))
    return VariantExamples(
        next(iter(pictures.values()))[2],
        {variant: inputs for variant, (inputs, _, _) in pictures.items()},
        {variant: outputs for variant, (_, outputs, _) in pictures.items()},
    )


def packed_reconstructions(model: keras.Model, subset: Subset, hp: AutoencoderHyperparameters) -> dict:
    """Return reconstructions of images, packed for the program.

    Args:
        model: the autoencoder.
        subset: the images, which become one batch.
        hp: of the model, with its task.

    Returns:
        Packed `inputs` and `outputs` and, unless the inputs are the targets, `targets`.
    """
    return {name: pack_images(images) for name, images in _reconstruct(model, subset, hp).items()}


def _reconstruct(model: keras.Model, subset: Subset, hp: AutoencoderHyperparameters) -> dict[str, np.ndarray]:
    inputs, targets = Batches(subset, len(subset), hp)[0]
    outputs = model.predict_on_batch(inputs)
    names, task = ["inputs", "outputs", "targets"], get_task(hp)
    if task.targets_are_inputs:
        names.pop()
    display = Display.of(hp.show_channels, subset.take(slice(None)))
    pixels = task.to_pixels(hp, images_of(inputs), outputs, targets)
    return dict(zip(names, map(display.show_pixels, pixels), strict=False))
