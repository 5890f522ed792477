"""Classification of the program `classification.py`: its name in records, and its baselines.

The methods of these baselines return class probabilities, (n, classes), of pixels, (n, values).
"""

from dataclasses import dataclass

import numpy as np

from lib.tasks.baselines import Method, baseline

CLASSIFY = "classify"  # task name of a classifier


@dataclass(frozen=True)
class LabeledSample:
    """Labeled training images that the baselines are fitted on.

    Attributes:
        pixels: float32 (n, height · width · channels) in 0..1.
        labels: of these images, integers (n,).
        all_labels: of all training images.
        classes: number of classes.
    """

    pixels: np.ndarray
    labels: np.ndarray
    all_labels: np.ndarray
    classes: int


@baseline("most frequent class")
def most_frequent(sample: LabeledSample) -> Method:
    is_most_frequent = np.arange(sample.classes) == np.bincount(sample.all_labels).argmax()
    return lambda pixels: np.tile(is_most_frequent.astype(np.float32), (len(pixels), 1))


@baseline("logistic regression on pixels")
def logistic_regression(sample: LabeledSample) -> Method | None:
    from sklearn.linear_model import LogisticRegression

    return _fit(LogisticRegression(C=0.1, tol=1e-3, max_iter=300), sample)


@baseline("3 nearest neighbors")
def nearest_neighbors(sample: LabeledSample) -> Method | None:
    from sklearn.neighbors import KNeighborsClassifier

    return _fit(KNeighborsClassifier(n_neighbors=3, algorithm="brute"), sample)


@baseline("same network from random weights")
def scratch(sample: LabeledSample) -> None:
    """The training itself scores this network, with the setting `scratch`."""


def _fit(model, sample: LabeledSample) -> Method | None:
    """Fit a classifier of scikit-learn, and return its class probabilities as a method."""
    if len(np.unique(sample.labels)) == 1:
        return None
    model.fit(sample.pixels, sample.labels)

    def predict(pixels: np.ndarray) -> np.ndarray:
        probabilities = np.zeros((len(pixels), sample.classes))
        probabilities[:, model.classes_] = model.predict_proba(pixels)
        return probabilities

    return predict


CLASSIFIER_BASELINES = (most_frequent, logistic_regression, nearest_neighbors, scratch)
