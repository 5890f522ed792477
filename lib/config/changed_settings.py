"""Settings of a run that differ from the defaults that follow its images, for titles."""

from typing import Any

from lib.common.settings import Setting
from lib.common.value_types import Switch
from lib.config.hyperparameters import Hyperparameters
from lib.config.suited_defaults import ImageSet, suited_defaults

# Settings that a title names in another way, or that change no result.
UNNAMED = ("dataset", "labels", "testset", "test_labels", "model", "tensorboard")


def changed_settings(hp: Hyperparameters, images: ImageSet) -> dict[str, Any]:
    """Return the values that differ from the defaults, by setting.

    A default that follows other settings, such as the kernels of two layers, is not named beside them.

    Args:
        hp: the settings of a run.
        images: that it is trained on, which defaults follow.
    """
    changed: dict[str, Any] = {}
    suited = suited_defaults(images, {"task": hp.task_name}) if hp.program == "autoencoder" else {}
    settings = [setting for name, setting in hp.settings().items() if name not in UNNAMED]
    for setting in sorted(settings, key=lambda setting: setting.name in suited):  # stable: these last
        defaults = suited_defaults(images, changed) if hp.program == "autoencoder" else {}
        name, value = setting.name, getattr(hp, setting.name)
        default = defaults.get(name, setting.default)
        if not setting.inapplicable_reason(hp) and setting.format(value) != setting.format(default):
            changed[name] = value
    return {setting.name: changed[setting.name] for setting in settings if setting.name in changed}


def describe_changes(hp: Hyperparameters, images: ImageSet) -> list[str]:
    """Return name and value of each setting that differs from its default, or `default settings`.

    Args:
        hp: the settings of a run.
        images: that it is trained on, which defaults follow.
    """
    changed = changed_settings(hp, images).items()
    known = hp.settings()
    return [_describe(known[name], value) for name, value in changed] or ["default settings"]


def _describe(setting: Setting, value) -> str:
    if isinstance(setting.value_type, Switch):
        return setting.label if value else f"no {setting.label}"
    return setting.describe(value)
