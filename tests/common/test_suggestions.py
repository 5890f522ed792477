"""Suggestions for mistyped names. python -m pytest tests/common/test_suggestions.py"""

import pytest

from lib.cli.parser import TrainParser
from lib.common.errors import UserError
from lib.common.suggestions import closest_name

METRICS = ["score", "time", "epochs", "learning_rate", "test_mse", "test_psnr", "validation_mse", "loss"]


@pytest.mark.parametrize(
    ("word", "names", "expected"),
    [
        ("mse", METRICS, "test_mse"),
        ("lr", METRICS, "learning_rate"),
        ("val_mse", METRICS, "validation_mse"),
        ("Epoch", METRICS, "epochs"),
        ("serch", ["train", "apply", "search"], "search"),
        ("best-colr", ["best-color", "best-yuv"], "best-color"),
        ("kernals", ["kernels", "kernel-size"], "kernels"),
        ("validation", ["variational", "split"], "split"),
        ("input", ["no-input", "dataset"], "dataset"),
        # nothing is close
        ("fly", ["train", "apply"], ""),
        ("zzz", METRICS, ""),
        ("x", METRICS, ""),
        ("", METRICS, ""),
    ],
)
def test_the_closest_name_is_close(word, names, expected):
    assert closest_name(word, names) == expected


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("--lr", "--learning-rate"),
        ("-lr", "--learning-rate"),
        ("--epoch", "--epochs"),
        ("--bs", "--batch-size"),
        ("--layer", "--layers"),
        ("--latent", "--latent-dim"),
        ("--learning_rate", "--learning-rate"),
        ("--filters", "--kernels"),
        ("-dataset", "--dataset"),
    ],
)
def test_flags_of_other_programs_and_mistyped_ones_are_recognized(flag, expected):
    with pytest.raises(UserError, match=f"unknown flag {flag}; did you mean {expected}\\?$"):
        TrainParser("autoencoder", "").parse(["-d", "digits", flag, "3"])


def test_no_flag_is_suggested_for_a_word_that_is_none():
    with pytest.raises(UserError, match=r"^unknown flag --zzz; see python autoencoder\.py --help$"):
        TrainParser("autoencoder", "").parse(["--zzz"])
