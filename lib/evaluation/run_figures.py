"""What there is to look at after a training: the figures of a run, and the pictures that the program shows of
it.
"""

import dataclasses
from typing import Any

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

PICTURES = 10  # inputs with their outputs
LATENT_POINTS = 1000  # codes in the picture of the latent space: t-SNE takes some seconds for so many
SAMPLES, SAMPLES_PER_ROW = 48, 12
MIXTURE_IMAGES = 5000  # training images whose codes a mixture is fitted on
GRID_SIDE = 15  # images a side
PAIRS, STEPS = 5, 10  # of interpolations
IMAGES_PER_CLASS = 5  # completed halves (report D)
NOISE_LEVELS, NOISE_IMAGES = (0.1, 0.3, 0.5, 0.7), 6  # standard deviations of noise, and images of each
PHASE_TITLES = {
    "head": "phase 1: the new layers",
    "everything": "phase 2: everything",
    "scratch": "from random weights",
}
EXAMPLES = 24  # of right and of wrong predictions


def draw_autoencoder_figures(
    run: Run, model: keras.Model, dataset: Dataset, plan: Architecture, history: dict, score: str, untrained
) -> dict:
    """Draw the figures that mean something for this network, and return the pictures for the program.

    `score` stands in the titles; `untrained` is what `noise` gave before the training. Codes and samples are
    those of test images and of the first training images; labels only color them.
    """
    hp, encoder, decoder = plan.hp, model.get_layer("encoder"), model.get_layer("decoder")
    title = f"{dataset.name}: {describe_autoencoder(hp)}"
    shown = draw_loss_curves(run, dataset, describe_autoencoder(hp), {"training": history})
    seen = _reconstruct(model, dataset.test.first(PICTURES), hp)
    shown["strip"] = {name: pack_images(images) for name, images in seen.items()}
    rows = {name.removesuffix("s"): images for name, images in seen.items()}
    if hp.task == "reconstruct":
        rows = {"target": rows["input"], "output": rows["output"]}
    figures.reconstructions(rows, run.figure("reconstructions"), f"{title} · {score}")

    tested = dataset.test.first(LATENT_POINTS)
    codes = latent_space.encode_batches(encoder, Batches(tested, latent_space.BATCH_SIZE, hp))
    labels = _valid_labels(tested.labels, dataset.classes) if tested.labeled else None
    if len(codes) > 3:
        views = latent_space.project_to_2d(codes, hp.seed)
        figures.latent_space(
            views, labels, dataset.classes, run.figure("latent"), f"{title} · {len(codes):,} test images"
        )
        shown["latent"] = {name: np.round(points, 3).tolist() for name, points in views.items()}
        shown["labels"] = None if labels is None else labels.tolist()
    if hp.task == "complete" and labels is not None:
        _draw_classes(run, model, dataset, hp, f"{title} · given, predicted, true")
    if untrained:
        trained, name = denoising_examples(model, dataset.test, hp), f"{title} · {score}"
        _draw_noise_figure(run, untrained, trained, name)
    if decodes_code_alone(hp):
        shown["samples"] = pack_images(_draw_samples(run, decoder, encoder, dataset, codes, hp, title))
    return shown


def draw_loss_curves(run: Run, dataset: Dataset, what: str, histories: dict[str, dict]) -> dict[str, Any]:
    """Draw the loss of each phase; there are no pictures for the program yet."""
    named = {PHASE_TITLES.get(name, name): history for name, history in histories.items()}
    figures.loss_curves(named, run.figure("loss"), f"{dataset.name}: {what}")
    return {}


def _valid_labels(labels: np.ndarray, classes: tuple[str, ...]) -> np.ndarray | None:
    """The labels, if each is that of a class: an autoencoder's data may bring any."""
    sound = classes and labels.min() >= 0 and labels.max() < len(classes)
    return labels if sound else None


def decodes_code_alone(hp: Hyperparameters) -> bool:
    """Whether the decoder makes the output from the code and nothing else, so that codes can be made up."""
    return not (hp.skip or hp.residual)


def _draw_samples(
    run: Run, decoder, encoder, dataset: Dataset, codes: np.ndarray, hp: Hyperparameters, title: str
) -> np.ndarray:
    """Samples, interpolations and, where the code has two numbers with a prior, the grid; returns the
    samples.
    """
    if hp.variational:
        drawn, source = latent_space.sample_prior(SAMPLES, codes.shape[1:], hp.seed), "codes from the prior"
    else:
        learned = latent_space.encode_batches(
            encoder, Batches(dataset.train.first(MIXTURE_IMAGES), latent_space.BATCH_SIZE, hp)
        )
        drawn, source = (
            latent_space.sample_mixture(learned, SAMPLES, hp.seed),
            "codes from a Gaussian mixture",
        )
    if hp.task == "complete":
        title = f"{title} · the missing half alone"
    samples = decode_to_pictures(decoder, drawn, hp)
    figures.sheet(samples, SAMPLES_PER_ROW, run.figure("samples"), f"{title} · {source}")
    if hp.variational and codes[0].size == 2:
        grid = latent_space.prior_grid(GRID_SIDE)
        ticks = tuple(f"{number:.1f}" for number in grid[:GRID_SIDE, 0])
        images = decode_to_pictures(decoder, grid.reshape(-1, *codes.shape[1:]), hp)
        figures.sheet(images, GRID_SIDE, run.figure("grid"), f"{title} · quantiles of the prior", ticks)
    pairs = min(PAIRS, len(codes) // 2)
    walks = [
        latent_space.interpolate(codes[2 * place], codes[2 * place + 1], STEPS) for place in range(pairs)
    ]
    if walks:
        images = decode_to_pictures(decoder, np.concatenate(walks), hp)
        figures.sheet(images, STEPS, run.figure("interpolation"), f"{title} · from one test image to another")
    return samples


def decode_to_pictures(decoder: keras.Model, codes: np.ndarray, hp: Hyperparameters) -> np.ndarray:
    """Codes as pictures, uint8; UV with a middle gray for the brightness, halves as they are."""
    outputs = latent_space.decode_codes(decoder, codes)
    if hp.color_differences:
        gray = np.full((*outputs.shape[:-1], 1), 0.5, np.float32)
        return to_pictures(hp, gray, outputs)[1]
    return to_uint8(outputs)


def denoising_examples(model: keras.Model, part: Subset, hp: Hyperparameters) -> dict[str, np.ndarray]:
    """Clean images, and for each strength the noisy ones and what the model makes of them (report E); uint8
    by name.
    """
    part = part.first(NOISE_IMAGES)
    found: dict[str, np.ndarray] = {}
    for strength in NOISE_LEVELS:
        inputs, targets = Batches(part, len(part), dataclasses.replace(hp, noise=(strength, strength)))[0]
        found.setdefault("clean", to_uint8(targets))
        found[f"noise {strength:g}"] = to_uint8(inputs)
        found[f"after {strength:g}"] = to_uint8(model.predict_on_batch(inputs))
    return found


def _draw_noise_figure(run: Run, untrained: dict, trained: dict, title: str) -> None:
    rows = [("clean", trained["clean"])]
    for strength in NOISE_LEVELS:
        rows.append((f"input, noise {strength:g}", trained[f"noise {strength:g}"]))
        rows.append(("before training", untrained[f"after {strength:g}"]))
        rows.append(("after training", trained[f"after {strength:g}"]))
    figures.image_rows(rows, run.figure("noise"), title)


def _draw_classes(run: Run, model: keras.Model, dataset: Dataset, hp: Hyperparameters, title: str) -> None:
    """Five test images of each class, as given, completed, and true (report D)."""
    rows = []
    for number, name in enumerate(dataset.classes):
        places = np.flatnonzero(dataset.test.labels == number)[:IMAGES_PER_CLASS]
        if len(places) == IMAGES_PER_CLASS:
            part = Subset(dataset.test.source, dataset.test.positions[places])
            seen = list(_reconstruct(model, part, hp).values())
            gap = np.full((*seen[0].shape[:2], 1, seen[0].shape[3]), 255, np.uint8)
            rows.append((name, np.concatenate([seen[0], gap, seen[1], gap, seen[2]], axis=2)))
    if rows:
        figures.image_rows(rows, run.figure("classes"), title)


def packed_reconstructions(model: keras.Model, part: Subset, hp: Hyperparameters) -> dict:
    """Inputs, outputs and, where they are not the inputs, targets, as a person looks at them, packed."""
    return {name: pack_images(images) for name, images in _reconstruct(model, part, hp).items()}


def _reconstruct(model: keras.Model, part: Subset, hp: Hyperparameters) -> dict[str, np.ndarray]:
    inputs, targets = Batches(part, len(part), hp)[0]
    outputs = model.predict_on_batch(inputs)
    names = ("inputs", "outputs") if hp.task == "reconstruct" else ("inputs", "outputs", "targets")
    return dict(zip(names, to_pictures(hp, inputs, outputs, targets), strict=False))


def draw_classifier_figures(
    run: Run, dataset: Dataset, hp: Hyperparameters, histories: dict, metrics: dict, probabilities: np.ndarray
) -> dict:
    """Draw a classifier's figures, and return examples of right and wrong predictions for the program."""
    title = f"{dataset.name}: {describe_classifier(hp)}"
    scored = f"{title} · test accuracy {metrics['test_accuracy']:.4f}"
    shown = draw_loss_curves(run, dataset, describe_classifier(hp), histories)
    figures.confusion(metrics["confusion_matrix"], dataset.classes, run.figure("confusion"), scored)
    for kind, right in (("right", True), ("wrong", False)):
        places, captions = _examples(dataset, probabilities, right)
        images = dataset.test.take(places)
        shown[kind] = {"images": pack_images(images), "captions": captions}
        if captions:
            figures.predictions(images, captions, run.figure(kind), f"{kind} predictions · {scored}")
    return shown


def _examples(dataset: Dataset, probabilities: np.ndarray, right: bool) -> tuple[np.ndarray, list[str]]:
    """The first right predictions, or the wrong ones that were surest of themselves, with labels and
    confidences.
    """
    labels, predicted = dataset.test.labels, probabilities.argmax(axis=1)
    places = np.flatnonzero((labels == predicted) == right)
    if not right:
        places = places[np.argsort(-probabilities[places].max(axis=1), kind="stable")]
    places = places[:EXAMPLES]
    captions = []
    for place in places:
        said = f"{dataset.classes[predicted[place]]} ({probabilities[place].max():.0%})"
        captions.append(said if right else f"{said}, true: {dataset.classes[labels[place]]}")
    return places, captions


TITLE_SETTINGS = ("kernel_size", "kernels")


def describe_autoencoder(hp: Hyperparameters) -> str:
    """The key hyperparameters of a run in a line, for its figures."""
    of = {
        "denoise": format_value("noise", hp.noise),
        "complete": f"the {hp.missing} half",
        "colorize": hp.color_space.upper(),
    }
    words = [] if hp.task == "reconstruct" else [f"{hp.task} {of[hp.task]}"]
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
    """The same for a classifier."""
    return (
        f"fully connected {format_value('fc_units', hp.fc_units)}, dropout {hp.dropout:g}, batch "
        f"{hp.batch_size}"
    )
