"""The job `probe`: an encoder scored by linear probe, nearest neighbors, fine-tuning and silhouette.

Scores stand beside those of the same network with random weights and of a PCA (see `lib.evaluation.probes`).
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from lib.common.filesystem import write_json
from lib.config.hyperparameters import ClassifierHyperparameters
from lib.data.datasets import Dataset
from lib.data.splits import Subset
from lib.evaluation import figures, latent_space, probes
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
    hp = request.hyperparameters
    assert isinstance(hp, ClassifierHyperparameters)
    dataset = open_dataset(hp)
    path = Path(hp.require("model"))
    saved = load_encoder(path, dataset.shape, hp.encoder_layer)
    with job_folder(channel, request.output, path.parent / "probed") as folder:
        emit_notes(channel, [*dataset.notes, *saved.notes])
        EncoderProbes(channel, request.shares, dataset, saved, hp).run(folder)


@dataclass(frozen=True)
class EncoderProbes:
    """Probes of a loaded encoder.

    Attributes:
        channel: receives the events.
        fractions: of the training labels, 0 to 1.
        dataset: labeled images.
        saved: the encoder.
        hp: how classifiers are fine-tuned.
    """

    channel: Channel
    fractions: tuple[float, ...]
    dataset: Dataset
    saved: SavedEncoder
    hp: ClassifierHyperparameters

    def run(self, folder: Path) -> None:
        """Probe the encoder, and write the result into a folder."""
        channel, dataset, hp, model = self.channel, self.dataset, self.hp, self.saved.model
        keras.utils.set_random_seed(hp.seed)
        encoders = {
            probes.TRAINED_WEIGHTS: model,
            probes.RANDOM_WEIGHTS: clone_reinitialized(model, self.saved.hp),
        }
        # --- probes of the codes
        rows: list[dict] = []
        labels, pixels = dataset.test.labels, dataset.test.take(slice(None))
        # Of bytes: the silhouette does not depend on the scale.
        silhouettes = {"pixels": latent_space.class_silhouette(pixels, labels, hp.seed)}
        for weights, encoder in encoders.items():
            channel.emit(Stage(f"probing the codes of {weights}"))
            codes = {
                "train": probes.encode_subset(encoder, dataset.train, dataset.shape, self.saved.hp),
                "test": probes.encode_subset(encoder, dataset.test, dataset.shape, self.saved.hp),
            }
            for subset, values in codes.items():
                names = [f"{subset} image {number}" for number in range(1, len(values) + 1)]
                require_finite(values, names, hp.require("model"))
            silhouettes[weights] = latent_space.class_silhouette(codes["test"], labels, hp.seed)
            rows += self._probe_codes(codes, weights)
        channel.emit(Stage("probing principal components of the same size"))
        codes = probes.encode_by_pca(dataset, codes["test"].shape[1], hp.seed)
        rows += self._probe_codes(codes, probes.PRINCIPAL_COMPONENTS)
        # --- fine-tuning
        fine_tuned = self._fine_tune(encoders)
        classifiers = len(self.fractions) * len(encoders)
        complete = len(fine_tuned) == classifiers
        missing = "" if complete else f"{len(fine_tuned)} of {classifiers} classifiers were trained"
        rows += fine_tuned
        # --- record and figure
        record = {
            "model": hp.model,
            "encoder_layer": self.saved.layer,
            "dataset": dataset.to_json(),
            "accuracy": rows,
            "silhouette": silhouettes,
        }
        channel.emit(Stage("drawing the figure"))
        title = f"{dataset.name}: probes of {hp.model}"
        figures.plot_probe_accuracies(rows, folder / "probe.png", title)
        write_json(folder / "probe.json", record)
        channel.emit(ProbeResult(folder=str(folder), record=record, missing=missing))

    def _probe_codes(self, codes: dict[str, np.ndarray], weights: str) -> list[dict]:
        """The rows of classifiers that are fitted on codes with each fraction of the labels."""
        rows = []
        for fraction in self.fractions:
            sample = probes.labeled_sample(self.dataset, fraction, self.hp)
            for method, accuracy in probes.probe_codes(codes, self.dataset, sample, self.hp).items():
                rows.append(probes.probe_row(method, weights, fraction, len(sample), accuracy))
        return rows

    def _fine_tune(self, encoders: dict[str, keras.Model]) -> list[dict]:
        """The rows of classifiers that are trained with each fraction of the labels; fewer after Ctrl-C."""
        rows: list[dict] = []
        dataset, hp = self.dataset, self.hp
        for fraction in self.fractions:
            sample = probes.labeled_sample(dataset, fraction, hp)
            sampled = dataclasses.replace(dataset, train=dataset.train.select(sample))
            for weights, encoder in encoders.items():
                announcement = PhaseStarted(
                    number=len(rows) + 1,
                    of=len(self.fractions) * len(encoders),
                    why=f"{weights}, fine-tuned with {len(sample):,} labels",
                    epochs=hp.epochs,
                    images=len(sample),
                    kept=False,
                )
                encoder = clone_with_weights(encoder)
                model = build_classifier(encoder, len(dataset.classes), hp, dataset.shape, self.saved.hp)
                self._train(model, encoder, sampled, weights == probes.TRAINED_WEIGHTS, announcement)
                if self.channel.stop_event.is_set():  # the training of this classifier is incomplete
                    return rows
                predicted = _predict_classes(classifier_for_inference(model, hp), dataset.test)
                accuracy = float((predicted == dataset.test.labels).mean())
                rows.append(probes.probe_row(probes.FINE_TUNED, weights, fraction, len(sample), accuracy))
        return rows

    def _train(
        self,
        model: keras.Model,
        encoder: keras.Model,
        dataset: Dataset,
        pretrained: bool,
        announcement: PhaseStarted,
    ) -> None:
        """Train a classifier in two phases, or where its encoder has random weights in one."""
        channel = self.channel
        hp = dataclasses.replace(self.hp, precision="float32")  # in which the codes are probed as well
        for index, phase in enumerate(classifier_phases(hp) if pretrained else (scratch_phase(hp),)):
            if pretrained:
                set_trainable(encoder, index == 1)
            channel.emit(announcement)
            fit(model, dataset, hp, phase, TrainingHooks(channel.emit, channel.stop_event))
            if channel.stop_event.is_set():
                return


def _predict_classes(model: keras.Model, subset: Subset) -> np.ndarray:
    starts = range(0, len(subset), latent_space.BATCH_SIZE)
    chunks = (subset.take(slice(start, start + latent_space.BATCH_SIZE)) for start in starts)
    return np.concatenate([inference.predict(model, to_float(images)).argmax(axis=1) for images in chunks])
