"""What the worker refuses of data that could be read; whole runs are in test_process.py. python -m pytest tests/test_worker.py"""

import numpy as np
import pytest

from lib import worker
from lib.errors import RunFailed, UserError
from lib.hyperparameters import Hyperparameters


def classify(tiny, **values) -> Hyperparameters:
    files = {"dataset": tiny["-d"], "labels": tiny["-dl"], "testset": tiny["-t"], "test_labels": tiny["-tl"]}
    return Hyperparameters(program="classification", **files | values)


def test_a_classifier_needs_labels(tiny):
    with pytest.raises(UserError, match=r"train\.idx: has no labels; give them with -dl"):
        worker.open_dataset(classify(tiny, labels=None))
    with pytest.raises(UserError, match=r"test\.idx: has no labels; give them with -tl"):
        worker.open_dataset(classify(tiny, test_labels=None))


def test_a_classifier_needs_the_same_classes_in_both_parts_and_more_than_one(tiny):
    np.save("strange.npy", np.arange(20))
    with pytest.raises(UserError, match=r"strange\.npy: label 19 never occurs in training \(3 classes\)"):
        worker.open_dataset(classify(tiny, test_labels="strange.npy"))
    np.save("same.npy", np.zeros(60, int))
    with pytest.raises(UserError, match=r"same\.npy: all training images have the same label; a classifier needs two"):
        worker.open_dataset(classify(tiny, labels="same.npy", testset=None, test_labels=None))


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RunFailed("it broke"), "it broke"),
        (MemoryError(), "not enough memory; a smaller batch size or fewer kernels need less"),
        (RuntimeError("OOM when allocating tensor\nwith shape"), "not enough memory"),
        (ValueError("first line\nsecond line"), "ValueError: first line"),
        (KeyError(), "KeyError: no reason given"),
    ],
)
def test_every_failure_is_a_sentence(error, sentence):
    assert worker._sentence(error).startswith(sentence)
