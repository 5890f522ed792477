"""Safety checks of an `.h5` file before Keras opens it.

Keras itself refuses the code of Lambda layers, but a file can also link to other files, declare sizes beyond
any memory, or name classes that read files. Everything that Keras will read is therefore checked first, and
nothing is read before its size is known. A file that passes holds only plain weights, all of them in the file
itself, and layers without code.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import h5py

from lib.common.errors import UserError, reason
from lib.common.formatting import format_shape
from lib.data.formats.base import MAX_MESSAGE_LENGTH, element_count
from lib.models.saving.layer_classes import refusal

# About ten times those of large models:
MAX_OBJECTS = 20_000  # groups and weights in a file
MAX_DEPTH = 64  # levels of groups, and of a model's description

MAX_DESCRIPTION = 8 * 2**20  # characters of a model's description; the largest published have about a million
MAX_OVERHEAD = 64 * 2**20  # bytes of a file that are not weights
WEIGHT_KINDS = "biuf"  # NumPy's `dtype.kind`: bool, signed, unsigned, float
SEQUENCE_CLASSES = ("__tuple__", "TensorShape")
ATTRIBUTE_CLASSES = (h5py.h5t.STRING, h5py.h5t.INTEGER, h5py.h5t.FLOAT)


class ModelDescription(NamedTuple):
    """A model's classes, settings and calls, as they are in its file.

    Attributes:
        content: the description.
        is_keras2: True for a file of Keras 2.
        backend: of Keras, such as `tensorflow`.
        overhead: bytes of the file that are not weights; no text in it is longer.
    """

    content: dict
    is_keras2: bool
    backend: str
    overhead: int


def require_safe(path: Path) -> ModelDescription:
    """Return the description of the model in a file of which everything has been checked.

    Raises:
        UserError: the file is no complete Keras model in HDF5, or holds more than numbers and names.
    """
    if path.suffix not in (".h5", ".hdf5"):  # Keras goes by the name, and other formats need other checks
        raise UserError(f"{path}: Keras opens it only if its name ends in .h5; rename it")
    try:
        with h5py.File(path, "r") as file:
            overhead = _check_objects(file, path)
            description, version, backend = (
                _text(file.attrs.get(name)) for name in ("model_config", "keras_version", "backend")
            )
    except UserError:
        raise
    except Exception as error:  # h5py reports broken files by exceptions of any class
        raise UserError(
            f"{path}: is not a model that Keras can open, it is corrupt or truncated "
            f"({reason(error)[:MAX_MESSAGE_LENGTH]})"
        ) from None
    if description is None:
        raise UserError(
            f"{path}: contains weights at most, not a model that Keras can open; save the model with "
            f"model.save(...)"
        )
    content = _read_description(description, path)
    of_keras3 = version.startswith("3") if isinstance(version, str) else '"batch_shape"' in description
    return ModelDescription(content, not of_keras3, str(backend), overhead)


def _text(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _check_objects(file: h5py.File, path: Path) -> int:
    """Check groups, weights, attributes and the sizes that they announce; return the bytes beside weights."""
    file_bytes, weight_bytes = path.stat().st_size, 0
    for name, item in _walk_objects(file, path):
        _check_attributes(item, f"{path}: {name or 'the file'}")
        if isinstance(item, h5py.Dataset):
            weight_bytes += _check_weights(item, file_bytes, f"{path}: {name}")
    if weight_bytes > file_bytes:
        raise UserError(f"{path}: declares weights of {weight_bytes:,} bytes, but has {file_bytes:,}")
    overhead = file_bytes - weight_bytes
    if overhead > MAX_OVERHEAD:
        raise UserError(
            f"{path}: contains {overhead:,} bytes besides its weights; a model has less than {MAX_OVERHEAD:,}"
        )
    return overhead


def _walk_objects(file: h5py.File, path: Path) -> Iterator[tuple[str, h5py.Group | h5py.Dataset]]:
    """Yield the file, its groups and its weights with their names; refuse links and repeated objects."""
    stack: list[tuple[str, h5py.Group | h5py.Dataset]] = [("", file)]
    addresses = set()
    while stack:
        name, item = stack.pop()
        address = h5py.h5o.get_info(item.id).addr
        if address in addresses:
            raise UserError(
                f"{path}: contains {name} twice, under different names; Keras does not write such files"
            )
        addresses.add(address)
        if len(addresses) > MAX_OBJECTS or name.count("/") > MAX_DEPTH:
            raise UserError(
                f"{path}: contains more than {MAX_OBJECTS:,} objects, or more than {MAX_DEPTH} levels; "
                f"no model does"
            )
        yield name, item
        if isinstance(item, h5py.Dataset):
            continue
        for key in item:
            if not isinstance(item.get(key, getlink=True), h5py.HardLink):
                raise UserError(f"{path}: {name}/{key} is a link; a model must contain its weights")
            if item.get(key, getclass=True) not in (h5py.Group, h5py.Dataset):
                raise UserError(
                    f"{path}: {name}/{key} is neither a group nor weights; Keras does not write other objects"
                )
            stack.append((f"{name}/{key}", item[key]))


def _check_attributes(item, location: str) -> None:
    """Refuse attributes other than numbers and short texts."""
    for index in range(h5py.h5a.get_num_attrs(item.id)):
        attribute = h5py.h5a.open(item.id, index=index)
        datatype, count = attribute.get_type(), attribute.get_space().get_simple_extent_npoints()
        if datatype.get_class() not in ATTRIBUTE_CLASSES or count * datatype.get_size() > MAX_DESCRIPTION:
            raise UserError(
                f"{location} has an attribute that is not text, or longer than {MAX_DESCRIPTION:,} bytes"
            )


def _check_weights(weights: h5py.Dataset, file_bytes: int, location: str) -> int:
    """Refuse anything but an array of numbers stored contiguously in the file; return its size in bytes."""
    if weights.is_virtual or weights.external:
        raise UserError(f"{location} is stored in another file; a model must contain its weights")
    if weights.dtype.kind not in WEIGHT_KINDS:
        raise UserError(f"{location} contains other data than numbers; Keras does not write such weights")
    size = weights.dtype.itemsize * element_count(weights.shape or ())
    compact = weights.id.get_create_plist().get_layout() == h5py.h5d.COMPACT  # in the header, 64 KiB at most
    if weights.chunks:
        raise UserError(f"{location} is chunked or compressed; unpack it with h5repack -l CONTI IN.h5 OUT.h5")
    start = weights.id.get_offset()
    if size and not compact and (start is None or start + size > file_bytes):
        raise UserError(
            f"{location} declares {format_shape(weights.shape)} numbers, but the file does not contain them"
        )
    return size


def _read_description(text, path: Path) -> dict:
    """The description of a model from its JSON, which names only classes that `layer_classes` allows."""
    if not isinstance(text, str) or len(text) > MAX_DESCRIPTION:
        raise UserError(f"{path}: the description is not text of at most {MAX_DESCRIPTION:,} characters")
    try:
        content = json.loads(text, object_hook=_without_sequence_classes)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{path}: the description is not valid JSON ({reason(error)[:MAX_MESSAGE_LENGTH]})"
        ) from None
    stack = [(content, "", 0)]
    while stack:
        node, layer, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise UserError(f"{path}: the description has more than {MAX_DEPTH} levels; no model has")
        if isinstance(node, dict):
            layer = _layer_name(node) or layer
            if "class_name" in node and (problem := refusal(node)):
                raise UserError(
                    f"{path}: {layer or 'it'} has the class {problem}; save the model, or only its "
                    f"encoder, without it"
                )
            node = list(node.values())
        if isinstance(node, list):
            stack += [(child, layer, depth + 1) for child in node]
    return content


def _without_sequence_classes(node: dict):
    """The list in place of a tuple or a shape, which Keras 2 may describe as objects."""
    return node["items"] if "items" in node and node.get("class_name") in SEQUENCE_CLASSES else node


def _layer_name(node: dict) -> str:
    config = node.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    return name if isinstance(name, str) else ""
