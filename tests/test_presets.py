"""Sizes of the presets are in test_shapes.py. python -m pytest tests/test_presets.py"""

import pytest

from lib import presets
from lib.datasets import NAMES
from lib.hyperparameters import Hyperparameters


@pytest.mark.parametrize("name", presets.PRESETS)
def test_every_preset_is_whole_and_known_by_its_data_set(name):
    hp = Hyperparameters(**presets.values(name))
    assert hp.dataset is None  # a preset is for any images
    assert presets.PRESETS[name].dataset in NAMES
    assert presets.PRESETS[name].what
