"""What an encoder has learned without labels, measured with them: linear probe, nearest neighbors,
fine-tuning, silhouette.

Each at several shares of the labels and beside the same network with random weights, which shows what the
training of the autoencoder has brought (report E compares with a network from scratch; the probes are those
of self-supervised learning).
"""

import dataclasses
from pathlib import Path

import keras
import numpy as np

from lib.common.filesystem import write_json
from lib.config.hyperparameters import Hyperparameters
from lib.data.datasets import Dataset
from lib.data.splits import Subset
from lib.evaluation import figures, latent_space
from lib.evaluation.probes import METHODS, WEIGHTS, encode_subset, labeled_sample, probe_codes, probe_row
from lib.models.classifier import build_classifier, classifier_for_inference, set_trainable
from lib.models.cloning import clone_reinitialized, clone_with_weights
from lib.models.saving.model_files import load_encoder
from lib.runs import run_folder
from lib.tasks.pixels import to_float
from lib.training.backend import device
from lib.training.phases import classifier_phases, scratch_phase
from lib.training.trainer import fit
from lib.worker.process import Channel


def run_probe(program: Channel, request: dict, hp: Hyperparameters, dataset: Dataset) -> None:
    """Test accuracy of each method at each share of the labels, for the encoder and for its like with random
    weights.

    The validation part stays out of what is learned from; fine-tuning takes its best epoch by it. Writes
    `probe.json` and `probe.png` into a folder of its own.
    """
    path = Path(hp.needed("model"))
    basis = load_encoder(path, dataset.shape, hp.encoder_layer)
    encoder, view = basis.model, basis.hp
    folder = run_folder.new_output_folder(request["output"], path.parent / "probed")
    program.tell("run", folder=str(folder), device=device())
    program.tell("stage", text=f"the code is the output of {basis.layer}")
    keras.utils.set_random_seed(hp.seed)
    encoders = dict(zip(WEIGHTS, (encoder, clone_reinitialized(encoder, basis.hp)), strict=True))
    rows: list[dict] = []
    scores = {
        "pixels": latent_space.class_silhouette(
            to_float(dataset.test.take(slice(None))), dataset.test.labels, hp.seed
        )
    }
    for name, network in encoders.items():
        program.tell("stage", text=f"probing the codes of {name}")
        parts = {
            part: encode_subset(network, getattr(dataset, part), dataset.shape, view)
            for part in ("train", "test")
        }
        scores[name] = latent_space.class_silhouette(parts["test"], dataset.test.labels, hp.seed)
        for share in request["shares"]:
            places = labeled_sample(dataset, share, hp)
            for method, accuracy in probe_codes(parts, dataset, places, hp).items():
                rows.append(probe_row(method, name, share, len(places), accuracy))
    trained = _fine_tune(program, request, dataset, encoders, view, hp)
    wanted = len(request["shares"]) * len(encoders)
    missing = f"{len(trained)} of {wanted} classifiers are trained" if len(trained) < wanted else ""
    rows += trained
    record = {
        "model": hp.model,
        "encoder_layer": basis.layer,
        "dataset": dataset.to_json(),
        "accuracy": rows,
        "silhouette": scores,
    }
    program.tell("stage", text="drawing the figure")
    figures.probes(rows, folder / "probe.png", f"{dataset.name}: probes of {hp.model}")
    write_json(folder / "probe.json", record)
    program.tell("finished", folder=str(folder), record=record, missing=missing)


def _fine_tune(
    program: Channel, request: dict, dataset: Dataset, encoders: dict, view, hp: Hyperparameters
) -> list[dict]:
    """The classifier of this project, trained at each share: in its two phases, and from random weights at
    once.
    """
    rows: list[dict] = []
    number, of = 0, len(request["shares"]) * len(encoders)
    for share in request["shares"]:
        places = labeled_sample(dataset, share, hp)
        part = Subset(dataset.train.source, dataset.train.positions[places])
        smaller = dataclasses.replace(dataset, train=part)
        for name, encoder in encoders.items():
            number += 1
            fresh = clone_with_weights(encoder)
            model = build_classifier(fresh, len(dataset.classes), hp, dataset.shape, view)
            pretrained = name == WEIGHTS[0]
            why = f"{name}, fine-tuned with {len(places):,} labels"
            phases = classifier_phases(hp) if pretrained else (scratch_phase(hp),)
            for step, phase in enumerate(phases):
                if pretrained:
                    set_trainable(fresh, step == 1)
                program.tell(
                    "phase", number=number, of=of, why=why, epochs=hp.epochs, images=len(places), kept=False
                )
                fit(model, smaller, hp, phase, program.tell, program.stopped, lambda history: None)
                if program.stopped.is_set():  # and it has not learned all that it was to
                    return rows
            accuracy = float(
                (_predict_classes(classifier_for_inference(model, hp), dataset) == dataset.test.labels).mean()
            )
            rows.append(probe_row(METHODS[2], name, share, len(places), accuracy))
    return rows


def _predict_classes(model: keras.Model, dataset: Dataset) -> np.ndarray:
    starts = range(0, len(dataset.test), latent_space.BATCH_SIZE)
    parts = (dataset.test.take(slice(start, start + latent_space.BATCH_SIZE)) for start in starts)
    return np.concatenate([model.predict_on_batch(to_float(images)).argmax(axis=1) for images in parts])
