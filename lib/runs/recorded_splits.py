"""Splits of data sets as records of saved models have them: which images are test images."""

import shlex
from pathlib import Path
from typing import Any

from lib.common.errors import UserError
from lib.config.hyperparameters import Hyperparameters
from lib.config.program_settings import find_setting
from lib.runs import records
from lib.runs.validation import sanitize

# Labels, too: the split is stratified by them.
SPLIT_SETTINGS = ("dataset", "testset", "limit", "split", "fold", "seed", "group", "patches", "labels")


def split_flags(split: dict[str, Any]) -> list[str]:
    """Return the flags of a split that is not the default, as `split_of` returns it."""
    changed = {name: value for name, value in split.items() if value != find_setting(name).default}
    return [
        f"{find_setting(name).flag} {shlex.quote(find_setting(name).format(value))}"
        for name, value in changed.items()
    ]


def split_of(model: Path) -> dict[str, Any] | None:
    """Return the settings that tell which images are test images; None where no record says."""
    hp = recorded_hyperparameters(model)
    if hp is None:
        return None
    return {name: getattr(hp, name, value) for name, value in split_of_defaults().items()}


def split_of_defaults() -> dict[str, Any]:
    """Return the defaults of the settings that tell which images are test images."""
    return {name: find_setting(name).default for name in SPLIT_SETTINGS}


def recorded_hyperparameters(model: Path) -> Hyperparameters | None:
    """Return the hyperparameters of the record next to a saved model; None without a valid one."""
    try:
        record = sanitize(records.load_record(model.parent))
        return Hyperparameters.from_json(record["hyperparameters"], str(model.parent))
    except (UserError, KeyError, RecursionError):
        return None
