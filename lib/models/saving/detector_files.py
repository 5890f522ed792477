"""Numbers of a detector in the `.h5` file of its model: arrays in a group, plain numbers as attributes."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lib.common.errors import UserError
from lib.common.filesystem import atomic_write
from lib.models.saving.file_attributes import PREFIX, read_attribute

GROUP, DESCRIPTION = f"{PREFIX}detector", "detector"
MAX_VALUES = 1 << 26  # numbers in all arrays of a detector, 256 MiB
MAX_TEXT = 60_000  # characters of an attribute


def write_detector(path: Path, description: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Add a detector to the file of a model, atomically.

    Args:
        path: an `.h5` file of `save_model`.
        description: JSON values.
        arrays: float32, by name.

    Raises:
        RunFailed: the file cannot be written.
    """
    with atomic_write(path) as partial:
        shutil.copyfile(path, partial)
        with h5py.File(partial, "a") as file:
            file.attrs[PREFIX + DESCRIPTION] = json.dumps(description)
            for name, value in description.get("threshold", {}).items():
                file.attrs[f"{PREFIX}threshold_{name}"] = value
            group = file.create_group(GROUP)
            for name, array in arrays.items():
                group[name] = np.asarray(array, np.float32)


def read_detector(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """Return the description and the arrays of a detector; None where the file has none.

    The file has passed `hdf5_checks.require_safe`.

    Raises:
        UserError: the arrays are too large, or hold NaN or infinity.
    """
    description = read_attribute(path, DESCRIPTION)
    if not isinstance(description, dict):
        return None
    arrays: dict[str, np.ndarray] = {}
    with h5py.File(path, "r") as file:
        group = file.get(GROUP)
        items = group.items() if isinstance(group, h5py.Group) else ()
        stored = {name: item for name, item in items if isinstance(item, h5py.Dataset)}
        if sum(math.prod(item.shape or ()) for item in stored.values()) > MAX_VALUES:
            raise UserError(
                f"{path}: the detector has more than {MAX_VALUES:,} numbers; train the model again"
            )
        with np.errstate(over="ignore"):  # infinity is refused below
            for name, item in stored.items():
                arrays[name] = np.asarray(item[()], np.float32)
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise UserError(f"{path}: the detector has NaN or infinity; train the model again")
    return description, arrays
