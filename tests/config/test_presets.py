"""Presets; test_architecture_planner.py has their sizes. python -m pytest tests/config/test_presets.py"""

import pytest

from lib.common.errors import UserError
from lib.config import presets
from lib.config.hyperparameters import HYPERPARAMETERS
from lib.data.named_datasets import NAMED_DATASETS


@pytest.mark.parametrize("name", presets.PRESETS)
def test_every_preset_is_valid_and_names_a_known_data_set(name):
    preset = presets.PRESETS[name]
    hp = HYPERPARAMETERS[preset.program](**presets.preset_values(name, preset.program))
    assert hp.dataset is None  # a preset is for any images
    assert preset.dataset in NAMED_DATASETS
    assert preset.description


def test_each_program_has_its_own_presets():
    assert presets.preset_values("best-mnist-classifier", "classification")["fc_units"] == (256,)
    with pytest.raises(
        UserError, match=r"'best-labels' is for autoencoder.py; those of classification.py are mnist"
    ):
        presets.preset_values("best-labels", "classification")
    with pytest.raises(
        UserError, match=r"'mnist-classifier' is for classification.py; those of autoencoder.py are cifar"
    ):
        presets.preset_values("mnist-classifier")
    with pytest.raises(UserError, match="did you mean 'mnist-classifier'"):
        presets.preset_values("mnist-classifer", "classification")
