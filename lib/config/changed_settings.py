"""Settings of a run that differ from the defaults that follow its images, for titles."""

from typing import Any

from lib.common.value_types import Switch
from lib.config.fields import (
    default_of,
    display_name,
    format_value,
    get_value_type,
    inapplicable_reason,
    settings,
)
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
    suited = suited_defaults(images, {}) if hp.program == "autoencoder" else {}
    fields = [field for field in settings(hp.program) if field.name not in UNNAMED]
    for field in sorted(fields, key=lambda field: field.name in suited):  # stable: these last
        defaults = suited_defaults(images, changed) if hp.program == "autoencoder" else {}
        name, value = field.name, getattr(hp, field.name)
        default = defaults.get(name, default_of(field, hp.program))
        if not inapplicable_reason(field, hp) and format_value(name, value) != format_value(name, default):
            changed[name] = value
    return {field.name: changed[field.name] for field in fields if field.name in changed}


def describe_changes(hp: Hyperparameters, images: ImageSet) -> list[str]:
    """Return name and value of each setting that differs from its default, or `default settings`.

    Args:
        hp: the settings of a run.
        images: that it is trained on, which defaults follow.
    """
    changed = changed_settings(hp, images).items()
    return [_describe(name, value) for name, value in changed] or ["default settings"]


def _describe(name: str, value) -> str:
    if isinstance(get_value_type(name), Switch):
        return display_name(name) if value else f"no {display_name(name)}"
    return f"{display_name(name)} {format_value(name, value)}"
