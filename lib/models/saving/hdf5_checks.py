"""What an `.h5` must be before Keras opens it: plain weights, all of them in this file, and layers that hold
no code.

A model file is data. Keras itself refuses code in Lambda layers, but a file can also point to other files,
announce more than any memory holds, or ask for classes that read files; so everything that Keras will look at
is looked at here first, and nothing is read of which the size is not known.
"""

import json
from pathlib import Path

import h5py
import keras

from lib.common.errors import UserError, reason
from lib.common.formatting import format_shape
from lib.data.formats.base import MAX_MESSAGE_LENGTH, product

MAX_OBJECTS, MAX_DEPTH = (
    20_000,
    64,
)  # groups and weights in a file, levels of its description: some ten times those of large models
MAX_DESCRIPTION = (
    8 * 2**20
)  # characters of a model's description; the largest published ones have about one million
MAX_OVERHEAD = 64 * 2**20  # bytes of a file that are no weights
MAX_TEXT_BYTES = 2**31  # bytes that the texts of one attribute may take
WEIGHT_KINDS = "biuf"  # kinds of numbers
ATTRIBUTE_CLASSES = (h5py.h5t.STRING, h5py.h5t.INTEGER, h5py.h5t.FLOAT)  # what attributes hold

# Layers that compute with numbers alone. Not here: what holds code (Lambda), wraps other libraries' models,
# reads a vocabulary from a file, or builds as many steps as a number in the file says (recurrent layers).
ALLOWED_LAYERS = """
InputLayer Dense EinsumDense Activation Identity Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose
DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D
AveragePooling2D AveragePooling3D GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D
GlobalMaxPooling2D GlobalMaxPooling3D UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
Cropping1D Cropping2D Cropping3D Flatten Reshape Permute RepeatVector Rescaling Add Subtract Multiply Average Maximum Minimum
Concatenate Dot BatchNormalization LayerNormalization GroupNormalization RMSNormalization UnitNormalization Dropout
SpatialDropout1D SpatialDropout2D SpatialDropout3D AlphaDropout GaussianDropout GaussianNoise ActivityRegularization ReLU
LeakyReLU PReLU ELU Softmax MultiHeadAttention Attention
"""
MODEL_CLASSES = ("Functional", "Model", "Sequential")
PLAIN_CLASSES = ("DTypePolicy", "__tuple__", "TensorShape", "__keras_tensor__")
OTHER_MODULES = (
    keras.initializers, keras.regularizers, keras.constraints, keras.optimizers, keras.optimizers.schedules, keras.losses,
    keras.metrics,
)  # fmt: skip
ALLOWED_CLASSES = {
    *ALLOWED_LAYERS.split(),
    *MODEL_CLASSES,
    *PLAIN_CLASSES,
    *(name for space in OTHER_MODULES for name, made in vars(space).items() if isinstance(made, type)),
}


def require_safe(path: Path) -> None:
    """Refuse a file that is no whole Keras model in HDF5, or that holds anything but numbers and names.
    Raises `UserError`.
    """
    if path.suffix not in (".h5", ".hdf5"):  # Keras goes by the name, and another form has other rules
        raise UserError(f"{path}: its name must end in .h5 for Keras to open it as such; rename it")
    try:
        with h5py.File(path, "r") as file:
            _check_objects(file, path)
            description = file.attrs.get("model_config")
    except UserError:
        raise
    except Exception as error:  # broken files end in errors of any kind
        raise UserError(
            f"{path}: is no model that Keras can open: broken or truncated "
            f"({reason(error)[:MAX_MESSAGE_LENGTH]})"
        ) from None
    if description is None:
        raise UserError(
            f"{path}: holds no model that Keras can open, at most weights; save a whole one with "
            f"model.save(...)"
        )
    _check_description(description, path)


def _check_objects(file: h5py.File, path: Path) -> None:
    """Only groups and weights that lie here, once each, in full."""
    size, weights, longest = path.stat().st_size, 0, 0
    waiting, seen = [("", file)], set()
    while waiting:
        name, item = waiting.pop()
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            raise UserError(
                f"{path}: {name} is in it a second time, under another name; Keras writes no such file"
            )
        seen.add(address)
        if len(seen) > MAX_OBJECTS or name.count("/") > MAX_DEPTH:
            raise UserError(
                f"{path}: holds more than {MAX_OBJECTS:,} parts, or more than {MAX_DEPTH} levels of them; "
                f"no model does"
            )
        longest = max(longest, _longest_list(item, f"{path}: {name or 'the file'}"))
        if isinstance(item, h5py.Dataset):
            weights += _check_weights(item, size, f"{path}: {name}")
            continue
        for key in item:
            if not isinstance(item.get(key, getlink=True), h5py.HardLink):
                raise UserError(
                    f"{path}: {name}/{key} is a link to another place; a model holds its weights itself"
                )
            if item.get(key, getclass=True) not in (h5py.Group, h5py.Dataset):
                raise UserError(
                    f"{path}: {name}/{key} is neither a group nor weights; Keras writes nothing else"
                )
            waiting.append((f"{name}/{key}", item[key]))
    if weights > size:
        raise UserError(f"{path}: announces weights of {weights:,} bytes, and has {size:,}")
    if size - weights > MAX_OVERHEAD:
        raise UserError(
            f"{path}: holds {size - weights:,} bytes beside its weights; a model has less than "
            f"{MAX_OVERHEAD:,}"
        )
    if (
        longest * (size - weights) > MAX_TEXT_BYTES
    ):  # every text of a list may be one and the same place in the file
        raise UserError(
            f"{path}: holds a list of {longest:,} texts, which may become more than {MAX_TEXT_BYTES:,} bytes"
        )


def _longest_list(item, where: str) -> int:
    """How many texts of unknown length the longest attribute has; attributes are texts and numbers, and
    short.
    """
    longest = 0
    for number in range(h5py.h5a.get_num_attrs(item.id)):
        attribute = h5py.h5a.open(item.id, index=number)
        kind, count = attribute.get_type(), attribute.get_space().get_simple_extent_npoints()
        if kind.get_class() not in ATTRIBUTE_CLASSES or count * kind.get_size() > MAX_DESCRIPTION:
            raise UserError(
                f"{where} has an attribute that is no text, or more than {MAX_DESCRIPTION:,} bytes of it"
            )
        if kind.get_class() == h5py.h5t.STRING and kind.is_variable_str():
            longest = max(longest, count)
    return longest


def _check_weights(weights: h5py.Dataset, size: int, where: str) -> int:
    """The bytes of an array of numbers, which must all be in the file, one after another."""
    if weights.is_virtual or weights.external:
        raise UserError(f"{where} lies in another file; a model holds its weights itself")
    if weights.dtype.kind not in WEIGHT_KINDS:
        raise UserError(f"{where} holds something else than numbers; Keras writes no such weights")
    count = weights.dtype.itemsize * product(weights.shape or ())
    compact = weights.id.get_create_plist().get_layout() == h5py.h5d.COMPACT  # in the header, 64 KiB at most
    if weights.chunks:
        raise UserError(
            f"{where} is stored in pieces or compressed; undo that with h5repack -l CONTI IN.h5 OUT.h5"
        )
    start = weights.id.get_offset()
    if count and not compact and (start is None or start + count > size):
        raise UserError(
            f"{where} announces {format_shape(weights.shape)} numbers, and the file does not have them"
        )
    return count


def _check_description(description, path: Path) -> None:
    """Only Keras's own classes, those of `KNOWN`."""
    text = description.decode("utf-8", "replace") if isinstance(description, bytes) else description
    if not isinstance(text, str) or len(text) > MAX_DESCRIPTION:
        raise UserError(f"{path}: its description is no text of at most {MAX_DESCRIPTION:,} characters")
    try:
        waiting = [(json.loads(text), "", 0)]
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{path}: its description cannot be read as JSON ({reason(error)[:MAX_MESSAGE_LENGTH]})"
        ) from None
    while waiting:
        part, layer, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise UserError(f"{path}: its description has more than {MAX_DEPTH} levels; no model has")
        if isinstance(part, dict):
            layer = _layer_name(part) or layer
            if "class_name" in part:
                _check_class(part, layer, path)
            part = list(part.values())
        if isinstance(part, list):
            waiting += [(inner, layer, depth + 1) for inner in part]


def _layer_name(part: dict) -> str:
    config = part.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    return name if isinstance(name, str) else ""


def _check_class(part: dict, layer: str, path: Path) -> None:
    name, module, registered = part["class_name"], part.get("module"), part.get("registered_name")
    own = module is None or (isinstance(module, str) and (module == "keras" or module.startswith("keras.")))
    if not (isinstance(name, str) and name in ALLOWED_CLASSES and own and registered in (None, name)):
        called = ".".join(
            part if isinstance(part, str) else json.dumps(part)
            for part in ([module] if module else []) + [name]
        )
        raise UserError(
            f"{path}: {layer or 'it'} is of the class {called[:80]}, and only those of Keras's own are "
            f"opened that hold no code "
            "and read no files; save the model, or its encoder alone, without that"
        )
