"""The job `probe`: an encoder scored by linear probe, nearest neighbors, fine-tuning and silhouette.

Scores stand beside those of the same network with random weights and of a PCA (see `lib.evaluation.probes`).
"""

import dataclasses
from pathlib import Path

import keras
import numpy as np

from lib.common.filesystem import write_json
from lib.config.hyperparameters import ClassifierHyperparameters
from lib.data.datasets import Dataset
from lib.evaluation import figures, latent_space
from lib.evaluation.probes import (
    FINE_TUNED,
    PRINCIPAL_COMPONENTS,
    RANDOM_WEIGHTS,
    TRAINED_WEIGHTS,
    encode_by_pca,
    encode_subset,
    labeled_sample,
    probe_codes,
    probe_row,
)
from lib.models import inference
from lib.models.classifier import build_classifier, classifier_for_inference, set_trainable
from lib.models.cloning import clone_reinitialized, clone_with_weights
from lib.models.saving.model_files import SavedEncoder, load_encoder
from lib.runs.events import PhaseStarted, Stage
from lib.tasks.pixels import to_float
from lib.training.callbacks import TrainingHooks
from lib.training.phases import classifier_phases, scratch_phase
from lib.training.trainer import fit
from lib.worker.image_output import emit_notes, job_folder
from lib.worker.messages import Probe, ProbeResult
from lib.worker.open_data import open_dataset
from lib.worker.process import Channel
from lib.worker.saved_models import require_finite


def probe(channel: Channel, request: Probe) -> None:
    """Probe an encoder, and write `probe.json` and `probe.png` into an output folder.

    Classifiers are fitted on fractions of the training labels and scored on the test set. Fine-tuning selects
    its best epoch by the validation images; nothing else uses them.

    Args:
        channel: receives the events.
        request: its hyperparameters name the saved model and the data set, and say how classifiers are
            fine-tuned.

    Raises:
        UserError: the data set has no labels, the model cannot be loaded, or the folder cannot be used.
    """
    # --- data and encoder
    hp = request.hyperparameters
    assert isinstance(hp, ClassifierHyperparameters)
    dataset = open_dataset(hp)
    path = Path(hp.require("model"))
    saved = load_encoder(path, dataset.shape, hp.encoder_layer)
    with job_folder(channel, request.output, path.parent / "probed") as folder:
        emit_notes(channel, [*dataset.notes, *saved.notes])
        _probe(channel, request.shares, dataset, saved, hp, folder)


def _probe(
    channel: Channel,
    fractions: tuple[float, ...],
    dataset: Dataset,
    saved: SavedEncoder,
    hp: ClassifierHyperparameters,
    folder: Path,
) -> None:
    """Probe an encoder that is loaded, and write the result into a folder."""
    keras.utils.set_random_seed(hp.seed)
    encoders = {TRAINED_WEIGHTS: saved.model, RANDOM_WEIGHTS: clone_reinitialized(saved.model, saved.hp)}
    # --- probes of the codes
    rows: list[dict] = []
    pixels = dataset.test.take(slice(None))  # bytes: the silhouette does not depend on the scale
    silhouettes = {"pixels": latent_space.class_silhouette(pixels, dataset.test.labels, hp.seed)}
    for weights, encoder in encoders.items():
        channel.emit(Stage(f"probing the codes of {weights}"))
        codes = {
            "train": encode_subset(encoder, dataset.train, dataset.shape, saved.hp),
            "test": encode_subset(encoder, dataset.test, dataset.shape, saved.hp),
        }
        for subset, values in codes.items():
            names = [f"{subset} image {number}" for number in range(1, len(values) + 1)]
            require_finite(values, names, hp.require("model"))
        silhouettes[weights] = latent_space.class_silhouette(codes["test"], dataset.test.labels, hp.seed)
        rows += _probe_codes(codes, weights, fractions, dataset, hp)
    channel.emit(Stage("probing principal components of the same size"))
    codes = encode_by_pca(dataset, codes["test"].shape[1], hp.seed)
    rows += _probe_codes(codes, PRINCIPAL_COMPONENTS, fractions, dataset, hp)
    # --- fine-tuning
    fine_tuned = _fine_tune(channel, fractions, dataset, encoders, saved, hp)
    classifiers = len(fractions) * len(encoders)
    complete = len(fine_tuned) == classifiers
    missing = "" if complete else f"{len(fine_tuned)} of {classifiers} classifiers were trained"
    rows += fine_tuned
    # --- record and figure
    record = {
        "model": hp.model,
        "encoder_layer": saved.layer,
        "dataset": dataset.to_json(),
        "accuracy": rows,
        "silhouette": silhouettes,
    }
    channel.emit(Stage("drawing the figure"))
    title = f"{dataset.name}: probes of {hp.model}"
    figures.plot_probe_accuracies(rows, folder / "probe.png", title)
    write_json(folder / "probe.json", record)
    channel.emit(ProbeResult(folder=str(folder), record=record, missing=missing))


def _probe_codes(
    codes: dict[str, np.ndarray],
    weights: str,
    fractions: tuple[float, ...],
    dataset: Dataset,
    hp: ClassifierHyperparameters,
) -> list[dict]:
    """The rows of classifiers that are fitted on codes with each fraction of the labels."""
    rows = []
    for fraction in fractions:
        sample = labeled_sample(dataset, fraction, hp)
        for method, accuracy in probe_codes(codes, dataset, sample, hp).items():
            rows.append(probe_row(method, weights, fraction, len(sample), accuracy))
    return rows


def _fine_tune(
    channel: Channel,
    fractions: tuple[float, ...],
    dataset: Dataset,
    encoders: dict[str, keras.Model],
    saved: SavedEncoder,
    hp: ClassifierHyperparameters,
) -> list[dict]:
    """The rows of classifiers that are trained with each fraction of the labels; fewer after Ctrl-C."""
    rows: list[dict] = []
    for fraction in fractions:
        sample = labeled_sample(dataset, fraction, hp)
        subset = dataset.train.select(sample)
        sampled = dataclasses.replace(dataset, train=subset)
        for weights, encoder in encoders.items():
            announcement = PhaseStarted(
                number=len(rows) + 1,
                of=len(fractions) * len(encoders),
                why=f"{weights}, fine-tuned with {len(sample):,} labels",
                epochs=hp.epochs,
                images=len(sample),
                kept=False,
            )
            encoder = clone_with_weights(encoder)
            model = build_classifier(encoder, len(dataset.classes), hp, dataset.shape, saved.hp)
            _train(channel, model, encoder, sampled, hp, weights == TRAINED_WEIGHTS, announcement)
            if channel.stop_event.is_set():  # the training of this classifier is incomplete
                return rows
            predicted = _predict_classes(classifier_for_inference(model, hp), dataset)
            accuracy = float((predicted == dataset.test.labels).mean())
            rows.append(probe_row(FINE_TUNED, weights, fraction, len(sample), accuracy))
    return rows


def _train(
    channel: Channel,
    model: keras.Model,
    encoder: keras.Model,
    dataset: Dataset,
    hp: ClassifierHyperparameters,
    pretrained: bool,
    announcement: PhaseStarted,
) -> None:
    """Train a classifier in two phases, or where its encoder has random weights in one."""
    hp = dataclasses.replace(hp, precision="float32")  # in which the encoder's codes are probed as well
    for index, phase in enumerate(classifier_phases(hp) if pretrained else (scratch_phase(hp),)):
        if pretrained:
            set_trainable(encoder, index == 1)
        channel.emit(announcement)
        fit(model, dataset, hp, phase, TrainingHooks(channel.emit, channel.stop_event))
        if channel.stop_event.is_set():
            return


def _predict_classes(model: keras.Model, dataset: Dataset) -> np.ndarray:
    starts = range(0, len(dataset.test), latent_space.BATCH_SIZE)
    chunks = (dataset.test.take(slice(start, start + latent_space.BATCH_SIZE)) for start in starts)
    return np.concatenate([inference.predict(model, to_float(images)).argmax(axis=1) for images in chunks])
