"""What an encoder has learned without labels, measured with them: linear probe, nearest neighbors,
fine-tuning, silhouette.

Each at several shares of the labels and beside the same network with random weights, which shows what the
training of the autoencoder has brought (report E compares with a network from scratch; the probes are those
of self-supervised learning).
"""

import warnings

import keras
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lib.config.hyperparameters import Hyperparameters
from lib.data.datasets import Dataset
from lib.data.splits import Subset
from lib.evaluation import latent_space
from lib.models.classifier import encoder_for_images
from lib.tasks.pixels import to_float

NEIGHBORS = 5
METHODS = ("linear probe", "nearest neighbors", "fine-tuned")
WEIGHTS = ("this encoder", "random weights")


def encode_subset(
    encoder: keras.Model, part: Subset, image: tuple, view: Hyperparameters | None
) -> np.ndarray:
    """The codes of a part, shape (n, numbers); the encoder sees of each image what it saw as part of its
    autoencoder.
    """
    seer = encoder_for_images(encoder, image, view)
    chunks = (
        part.take(slice(start, start + latent_space.BATCH_SIZE))
        for start in range(0, len(part), latent_space.BATCH_SIZE)
    )
    return np.concatenate(
        [latent_space.flatten_codes(seer.predict_on_batch(to_float(images))) for images in chunks]
    )


def labeled_sample(dataset: Dataset, share: float, hp: Hyperparameters) -> np.ndarray:
    """Places of the training images whose labels may be seen: each class in proportion, at least one of each."""
    labels, random = dataset.train.labels, np.random.default_rng(hp.seed)
    chosen = []
    for label in np.unique(labels):
        places = random.permutation(np.flatnonzero(labels == label))
        chosen.append(places[: max(1, round(share * len(places)))])
    return np.sort(np.concatenate(chosen))


def probe_codes(
    parts: dict[str, np.ndarray], dataset: Dataset, places: np.ndarray, hp: Hyperparameters
) -> dict[str, float]:
    """Accuracies of what learns from codes alone."""
    labels = dataset.train.labels[places]
    models = {  # distances weigh, so that of as many classes as neighbors the nearest wins
        METHODS[0]: make_pipeline(
            StandardScaler(), LogisticRegression(C=0.1, max_iter=200, tol=1e-3, random_state=hp.seed)
        ),
        METHODS[1]: KNeighborsClassifier(min(NEIGHBORS, len(places)), weights="distance", algorithm="brute"),
    }
    scores = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last digit of a probe does not matter
        for name, model in models.items():
            model.fit(parts["train"][places], labels)
            scores[name] = float(model.score(parts["test"], dataset.test.labels))
    return scores


def probe_row(method: str, weights: str, share: float, labels: int, accuracy: float) -> dict:
    return {"method": method, "weights": weights, "share": share, "labels": labels, "test_accuracy": accuracy}
