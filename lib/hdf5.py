"""What an `.h5` must be before Keras opens it: plain weights, all of them in this file, and layers that hold no code.

A model file is data. Keras itself refuses code in Lambda layers, but a file can also point to other files, announce more
than any memory holds, or ask for classes that read files; so everything that Keras will look at is looked at here first,
and nothing is read of which the size is not known.
"""

import json
from pathlib import Path

import h5py
import keras

from lib.errors import UserError, reason
from lib.files import LONGEST, by, product

OBJECTS, DEPTH = 20_000, 64  # groups and weights in a file, levels of its description: some ten times those of large models
DESCRIPTION = 8 * 2**20  # characters of a model's description; the largest published ones have about one million
REST = 64 * 2**20  # bytes of a file that are no weights
UNFOLDED = 2**31  # bytes that the texts of one attribute may take
WEIGHTS = "biuf"  # kinds of numbers
TEXTS = (h5py.h5t.STRING, h5py.h5t.INTEGER, h5py.h5t.FLOAT)  # what attributes hold

# Layers that compute with numbers alone. Not here: what holds code (Lambda), wraps other libraries' models, reads a
# vocabulary from a file, or builds as many steps as a number in the file says (recurrent layers).
LAYERS = """
InputLayer Dense EinsumDense Activation Identity Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose
DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D
AveragePooling2D AveragePooling3D GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D
GlobalMaxPooling2D GlobalMaxPooling3D UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
Cropping1D Cropping2D Cropping3D Flatten Reshape Permute RepeatVector Rescaling Add Subtract Multiply Average Maximum Minimum
Concatenate Dot BatchNormalization LayerNormalization GroupNormalization RMSNormalization UnitNormalization Dropout
SpatialDropout1D SpatialDropout2D SpatialDropout3D AlphaDropout GaussianDropout GaussianNoise ActivityRegularization ReLU
LeakyReLU PReLU ELU Softmax MultiHeadAttention Attention
"""
MODELS = ("Functional", "Model", "Sequential")
PLAIN = ("DTypePolicy", "__tuple__", "TensorShape", "__keras_tensor__")
BESIDE = (
    keras.initializers, keras.regularizers, keras.constraints, keras.optimizers, keras.optimizers.schedules, keras.losses,
    keras.metrics,
)  # fmt: skip
KNOWN = {
    *LAYERS.split(),
    *MODELS,
    *PLAIN,
    *(name for space in BESIDE for name, made in vars(space).items() if isinstance(made, type)),
}


def require_harmless(path: Path) -> None:
    """Refuse a file that is no whole Keras model in HDF5, or that holds anything but numbers and names. Raises `UserError`."""
    if path.suffix not in (".h5", ".hdf5"):  # Keras goes by the name, and another form has other rules
        raise UserError(f"{path}: its name must end in .h5 for Keras to open it as such; rename it")
    try:
        with h5py.File(path, "r") as file:
            _require_plain(file, path)
            description = file.attrs.get("model_config")
    except UserError:
        raise
    except Exception as error:  # broken files end in errors of any kind
        raise UserError(f"{path}: is no model that Keras can open: broken or truncated ({reason(error)[:LONGEST]})") from None
    if description is None:
        raise UserError(f"{path}: holds no model that Keras can open, at most weights; save a whole one with model.save(...)")
    _require_known(description, path)


def _require_plain(file: h5py.File, path: Path) -> None:
    """Only groups and weights that lie here, once each, in full."""
    size, weights, longest = path.stat().st_size, 0, 0
    waiting, seen = [("", file)], set()
    while waiting:
        name, item = waiting.pop()
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            raise UserError(f"{path}: {name} is in it a second time, under another name; Keras writes no such file")
        seen.add(address)
        if len(seen) > OBJECTS or name.count("/") > DEPTH:
            raise UserError(f"{path}: holds more than {OBJECTS:,} parts, or more than {DEPTH} levels of them; no model does")
        longest = max(longest, _longest_list(item, f"{path}: {name or 'the file'}"))
        if isinstance(item, h5py.Dataset):
            weights += _stored(item, size, f"{path}: {name}")
            continue
        for key in item:
            if not isinstance(item.get(key, getlink=True), h5py.HardLink):
                raise UserError(f"{path}: {name}/{key} is a link to another place; a model holds its weights itself")
            if item.get(key, getclass=True) not in (h5py.Group, h5py.Dataset):
                raise UserError(f"{path}: {name}/{key} is neither a group nor weights; Keras writes nothing else")
            waiting.append((f"{name}/{key}", item[key]))
    if weights > size:
        raise UserError(f"{path}: announces weights of {weights:,} bytes, and has {size:,}")
    if size - weights > REST:
        raise UserError(f"{path}: holds {size - weights:,} bytes beside its weights; a model has less than {REST:,}")
    if longest * (size - weights) > UNFOLDED:  # every text of a list may be one and the same place in the file
        raise UserError(f"{path}: holds a list of {longest:,} texts, which may become more than {UNFOLDED:,} bytes")


def _longest_list(item, where: str) -> int:
    """How many texts of unknown length the longest attribute has; attributes are texts and numbers, and short."""
    longest = 0
    for number in range(h5py.h5a.get_num_attrs(item.id)):
        attribute = h5py.h5a.open(item.id, index=number)
        kind, count = attribute.get_type(), attribute.get_space().get_simple_extent_npoints()
        if kind.get_class() not in TEXTS or count * kind.get_size() > DESCRIPTION:
            raise UserError(f"{where} has an attribute that is no text, or more than {DESCRIPTION:,} bytes of it")
        if kind.get_class() == h5py.h5t.STRING and kind.is_variable_str():
            longest = max(longest, count)
    return longest


def _stored(weights: h5py.Dataset, size: int, where: str) -> int:
    """The bytes of an array of numbers, which must all be in the file, one after another."""
    if weights.is_virtual or weights.external:
        raise UserError(f"{where} lies in another file; a model holds its weights itself")
    if weights.dtype.kind not in WEIGHTS:
        raise UserError(f"{where} holds something else than numbers; Keras writes no such weights")
    count = weights.dtype.itemsize * product(weights.shape or ())
    compact = weights.id.get_create_plist().get_layout() == h5py.h5d.COMPACT  # in the header, 64 KiB at most
    if weights.chunks:
        raise UserError(f"{where} is stored in pieces or compressed; undo that with h5repack -l CONTI IN.h5 OUT.h5")
    start = weights.id.get_offset()
    if count and not compact and (start is None or start + count > size):
        raise UserError(f"{where} announces {by(weights.shape)} numbers, and the file does not have them")
    return count


def _require_known(description, path: Path) -> None:
    """Only Keras's own classes, those of `KNOWN`."""
    text = description.decode("utf-8", "replace") if isinstance(description, bytes) else description
    if not isinstance(text, str) or len(text) > DESCRIPTION:
        raise UserError(f"{path}: its description is no text of at most {DESCRIPTION:,} characters")
    try:
        waiting = [(json.loads(text), "", 0)]
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: its description cannot be read as JSON ({reason(error)[:LONGEST]})") from None
    while waiting:
        part, layer, depth = waiting.pop()
        if depth > DEPTH:
            raise UserError(f"{path}: its description has more than {DEPTH} levels; no model has")
        if isinstance(part, dict):
            layer = _layer(part) or layer
            if "class_name" in part:
                _require_own(part, layer, path)
            part = list(part.values())
        if isinstance(part, list):
            waiting += [(inner, layer, depth + 1) for inner in part]


def _layer(part: dict) -> str:
    config = part.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    return name if isinstance(name, str) else ""


def _require_own(part: dict, layer: str, path: Path) -> None:
    name, module, registered = part["class_name"], part.get("module"), part.get("registered_name")
    own = module is None or (isinstance(module, str) and (module == "keras" or module.startswith("keras.")))
    if not (isinstance(name, str) and name in KNOWN and own and registered in (None, name)):
        called = ".".join(part if isinstance(part, str) else json.dumps(part) for part in ([module] if module else []) + [name])
        raise UserError(
            f"{path}: {layer or 'it'} is of the class {called[:80]}, and only those of Keras's own are opened that hold no code "
            "and read no files; save the model, or its encoder alone, without that"
        )
