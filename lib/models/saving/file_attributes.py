"""The attributes of these programs in `.h5` files, read without Keras."""

import json
from pathlib import Path
from typing import Any

import h5py

from lib.data.value_range import ValueRange

PREFIX = "latent_lab_"  # of the names of the attributes
VALUE_RANGE = "value_range"


def read_attribute(path: Path, name: str) -> Any:
    """Return the JSON value of an attribute; `None` where it is missing or cannot be read."""
    try:
        with h5py.File(path, "r") as file:
            text = file.attrs.get(PREFIX + name)
        return json.loads(text) if isinstance(text, str) else None
    except (OSError, KeyError, TypeError, ValueError, RuntimeError):  # RecursionError is a RuntimeError
        return None


def read_value_range(path: Path) -> ValueRange:
    """Return the range of the images that a model was trained on; bytes where the file says nothing."""
    return ValueRange.from_json(read_attribute(path, VALUE_RANGE))
