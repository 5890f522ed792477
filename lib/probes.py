"""What an encoder has learned without labels, measured with them: linear probe, nearest neighbours, fine-tuning, silhouette.

Each at several shares of the labels and beside the same network with random weights, which shows what the training of the
autoencoder has brought (report E compares with a network from scratch; the probes are those of self-supervised learning).
"""

import dataclasses
import warnings
from pathlib import Path

import keras
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lib import classifiers, copies, figures, latent, runs, storage, tasks, training
from lib.backend import device
from lib.datasets import Dataset, Part
from lib.hyperparameters import Hyperparameters
from lib.process import Program
from lib.written import write_json

NEIGHBOURS = 5
METHODS = ("linear probe", "nearest neighbours", "fine-tuned")
WEIGHTS = ("this encoder", "random weights")


def probe(program: Program, request: dict, hp: Hyperparameters, dataset: Dataset) -> None:
    """Test accuracy of each method at each share of the labels, for the encoder and for its like with random weights.

    The validation part stays out of what is learned from; fine-tuning takes its best epoch by it. Writes `probe.json` and
    `probe.png` into a folder of its own.
    """
    path = Path(hp.needed("model"))
    basis = storage.load_encoder(path, dataset.shape, hp.encoder_layer)
    encoder, view = basis.model, basis.hp
    folder = runs.new_folder(request["output"], path.parent / "probed")
    program.tell("run", folder=str(folder), device=device())
    program.tell("stage", text=f"the code is the output of {basis.layer}")
    keras.utils.set_random_seed(hp.seed)
    encoders = dict(zip(WEIGHTS, (encoder, copies.with_random_weights(encoder, basis.hp)), strict=True))
    rows: list[dict] = []
    scores = {"pixels": latent.silhouette(tasks.scale(dataset.test.take(slice(None))), dataset.test.labels, hp.seed)}
    for name, network in encoders.items():
        program.tell("stage", text=f"probing the codes of {name}")
        parts = {part: _codes(network, getattr(dataset, part), dataset.shape, view) for part in ("train", "test")}
        scores[name] = latent.silhouette(parts["test"], dataset.test.labels, hp.seed)
        for share in request["shares"]:
            places = _share(dataset, share, hp)
            for method, accuracy in _shallow(parts, dataset, places, hp).items():
                rows.append(_row(method, name, share, len(places), accuracy))
    trained = _fine_tuned(program, request, dataset, encoders, view, hp)
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


def _codes(encoder: keras.Model, part: Part, image: tuple, view: Hyperparameters | None) -> np.ndarray:
    """The codes of a part, shape (n, numbers); the encoder sees of each image what it saw as part of its autoencoder."""
    seer = classifiers.seeing(encoder, image, view)
    chunks = (part.take(slice(start, start + latent.BATCH)) for start in range(0, len(part), latent.BATCH))
    return np.concatenate([latent.flat(seer.predict_on_batch(tasks.scale(images))) for images in chunks])


def _share(dataset: Dataset, share: float, hp: Hyperparameters) -> np.ndarray:
    """Places of the training images whose labels may be seen: each class in proportion, at least one of each."""
    labels, random = dataset.train.labels, np.random.default_rng(hp.seed)
    chosen = []
    for label in np.unique(labels):
        places = random.permutation(np.flatnonzero(labels == label))
        chosen.append(places[: max(1, round(share * len(places)))])
    return np.sort(np.concatenate(chosen))


def _shallow(parts: dict[str, np.ndarray], dataset: Dataset, places: np.ndarray, hp: Hyperparameters) -> dict[str, float]:
    """Accuracies of what learns from codes alone."""
    labels = dataset.train.labels[places]
    models = {  # distances weigh, so that of as many classes as neighbours the nearest wins
        METHODS[0]: make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=200, tol=1e-3, random_state=hp.seed)),
        METHODS[1]: KNeighborsClassifier(min(NEIGHBOURS, len(places)), weights="distance", algorithm="brute"),
    }
    scores = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last digit of a probe does not matter
        for name, model in models.items():
            model.fit(parts["train"][places], labels)
            scores[name] = float(model.score(parts["test"], dataset.test.labels))
    return scores


def _fine_tuned(program: Program, request: dict, dataset: Dataset, encoders: dict, view, hp: Hyperparameters) -> list[dict]:
    """The classifier of this project, trained at each share: in its two phases, and from random weights at once."""
    rows: list[dict] = []
    number, of = 0, len(request["shares"]) * len(encoders)
    for share in request["shares"]:
        places = _share(dataset, share, hp)
        part = Part(dataset.train.source, dataset.train.positions[places])
        smaller = dataclasses.replace(dataset, train=part)
        for name, encoder in encoders.items():
            number += 1
            fresh = copies.copied(encoder)
            model = classifiers.build_classifier(fresh, len(dataset.classes), hp, dataset.shape, view)
            pretrained = name == WEIGHTS[0]
            why = f"{name}, fine-tuned with {len(places):,} labels"
            phases = training.classifier_phases(hp) if pretrained else (training.scratch_phase(hp),)
            for step, phase in enumerate(phases):
                if pretrained:
                    classifiers.set_trainable(fresh, step == 1)
                program.tell("phase", number=number, of=of, why=why, epochs=hp.epochs, images=len(places), kept=False)
                training.fit(model, smaller, hp, phase, program.tell, program.stopped, lambda history: None)
                if program.stopped.is_set():  # and it has not learned all that it was to
                    return rows
            accuracy = float((_predicted(classifiers.answering(model, hp), dataset) == dataset.test.labels).mean())
            rows.append(_row(METHODS[2], name, share, len(places), accuracy))
    return rows


def _predicted(model: keras.Model, dataset: Dataset) -> np.ndarray:
    starts = range(0, len(dataset.test), latent.BATCH)
    parts = (dataset.test.take(slice(start, start + latent.BATCH)) for start in starts)
    return np.concatenate([model.predict_on_batch(tasks.scale(images)).argmax(axis=1) for images in parts])


def _row(method: str, weights: str, share: float, labels: int, accuracy: float) -> dict:
    return {"method": method, "weights": weights, "share": share, "labels": labels, "test_accuracy": accuracy}
