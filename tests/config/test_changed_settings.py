"""Settings that differ from the defaults. python -m pytest tests/config/test_changed_settings.py"""

import pytest

from lib.config.changed_settings import describe_changes
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters, Hyperparameters
from lib.config.program_settings import default_values, find_setting
from lib.config.suited_defaults import ImageSet, suited_defaults

DIGITS = ImageSet((28, 28, 1), 1437)


def hyperparameters(**given) -> Hyperparameters:
    """A run for which some settings were given, the others being those that suit the images."""
    given = {name: find_setting(name).parse(value) for name, value in given.items()}
    return AutoencoderHyperparameters(
        **default_values("autoencoder") | suited_defaults(DIGITS, given) | given
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["default settings"]),
        ({"dataset": "digits", "tensorboard": True}, ["default settings"]),
        ({"layers": 3}, ["layers 3"]),  # kernels and stride follow it
        ({"regularization": "kl", "latent_dim": 2}, ["regularization kl", "latent size 2"]),
        ({"task": "denoise", "noise": 0.5}, ["task denoise", "noise 0.5"]),
        ({"kernels": "8,16", "flip": True, "seed": 3}, ["kernels 8,16", "flip", "seed 3"]),
    ],
)
def test_what_was_given_is_named(given, expected):
    assert describe_changes(hyperparameters(**given), DIGITS) == expected


def test_settings_that_follow_other_images_are_named():
    changes = describe_changes(hyperparameters(), ImageSet((64, 64, 3), 50_000))
    assert {"latent size 16", "batch size 32"} <= set(changes)


def test_a_classifier_is_compared_with_the_defaults_of_its_program():
    shift = default_values("classification")["shift"]
    hp = ClassifierHyperparameters(dropout=0.5, flip=True, shift=not shift)
    assert describe_changes(hp, DIGITS) == [
        "dropout 0.5",
        "flip",
        "no shift" if shift else "shift",
    ]
