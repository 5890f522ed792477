"""Defaults of an autoencoder that follow its images: network, latent code, batch size and epochs.

The latent code of the default network has a fiftieth to a twentieth of the image's values, and a linear path
that begins as PCA, so that even a short training ends better than the PCA.
"""

import math
from dataclasses import dataclass
from types import SimpleNamespace

from lib.config.network_settings import FULL, HALF
from lib.config.program_settings import default_values, find_setting, settings
from lib.config.training_choices import LOSSES
from lib.tasks import ImageShape, Task, get_task

# Images of at most so many values get a dense code; larger ones get feature maps, since the PCA of whole
# images needs thousands of them.
MAX_DENSE_VALUES = 48 * 48
MAX_FULL_PATH_VALUES = 16_384  # of the image; a PCA of more takes long
DENSE_RATIO = 48  # values of the image per number of a dense code
CODE_STRIDE = 8  # pixels of the image per pixel of a code of feature maps
MAP_RATIO = 24  # values of the image per number of a code of feature maps
WIDTHS = (32, 64, 128)  # kernels of the first layers; the others have as many as the last of these

MAX_FULL_SKIP_SIDE = 96  # pixels; the U-Net of a larger image begins at half size
U_NET_BATCH_PIXELS = 1 << 15  # about, of a batch of a U-Net
# Of a U-Net, compared in docs/training.md: the optimizer goes with no batch normalization, and vice versa.
U_NET_NORMALIZATION = {"batch_norm": "none", "optimizer": "muon"}
U_NET_LEARNING_RATE = 0.003

# Of a detector: an object that fills a small picture is judged whole, by a narrow code; larger pictures are
# judged place by place.
MAX_WHOLE_SIDE = 48  # pixels of a picture that is judged whole
WHOLE_RATIO, MAX_WHOLE_CODE = 24, 32  # values of the picture per number of its code, which has 32 at most
WHOLE_SCORE = {"error_map": "scales", "score_area": 0.4, "code_weight": 0.6}
PLACES_SCORE = {"error_map": "squared,structure", "score_area": 0.02, "code_weight": 0.0}

MIN_STEPS_PER_EPOCH = 50  # about; fewer leave a short training where it began
MIN_BATCH_SIZE, MAX_BATCH_SIZE = 8, 128
EPOCHS, MIN_STEPS = 20, 800

PROGRAM = "autoencoder"

# Settings that, with another value than the default, change what the code is or exclude a linear path.
OTHER_CODES = (
    *("regularization", "conditional", "quantize", "pca", "feedback", "output_activation", "loss"),
)
BYPASSES = ("skip", "residual")
OTHER_STRIDES = ("pool", "padding", "decoder_kernels")


@dataclass(frozen=True)
class ImageSet:
    """The properties of a data set that the defaults follow.

    Attributes:
        shape: (height, width, channels) of an image.
        count: number of training images.
    """

    shape: ImageShape
    count: int


def suited_defaults(images: ImageSet, chosen: dict) -> dict:
    """Return canonical values of settings that are not chosen, by name.

    Args:
        images: the training images.
        chosen: canonical values of the settings that the user has chosen, by name.
    """
    task, max_batch_size, values = get_task(_with_defaults(chosen)), MAX_BATCH_SIZE, {}
    is_whole = task.detects_defects and max(images.shape[:2]) <= MAX_WHOLE_SIDE
    if is_whole:
        values = _suited_whole_network(images.shape, chosen)
    elif task.bypasses_code:
        values = _suited_u_net(task, images.shape, chosen)
        if values:
            max_batch_size = _power_of_two(U_NET_BATCH_PIXELS / math.prod(images.shape[:2]))
    elif task.targets_are_images:
        values = _suited_network(images.shape, chosen)
    if task.detects_defects:
        values |= WHOLE_SCORE if is_whole else PLACES_SCORE
    values |= suited_training(images.count, chosen, max_batch_size)
    return {
        name: value if value is None else find_setting(name).parse(value)
        for name, value in values.items()
        if name not in chosen
    }


def suited_training(count: int, chosen: dict, max_batch_size: int = MAX_BATCH_SIZE) -> dict:
    """Return the batch size and the epochs for a number of training images."""
    batch_size = chosen.get("batch_size", min(suited_batch_size(count), max_batch_size))
    steps = -(-max(count, 1) // batch_size)
    return {"batch_size": batch_size, "epochs": max(EPOCHS, -(-MIN_STEPS // steps))}


def suited_batch_size(count: int) -> int:
    """Return the power of two that makes about 50 steps of a number of training images, 8 to 128."""
    return _power_of_two(max(count, 1) / MIN_STEPS_PER_EPOCH)


def _power_of_two(size: float) -> int:
    """The power of two next to a batch size, within the bounds."""
    return min(max(2 ** max(round(math.log2(size)), 0), MIN_BATCH_SIZE), MAX_BATCH_SIZE)


def _suited_network(shape: ImageShape, chosen: dict) -> dict:
    has_other_code = _differs(chosen, (*OTHER_CODES, *BYPASSES))
    if _has_dense_code(shape, chosen):
        layers = chosen.get("layers", _chosen_depth(chosen) or 2)
        network = {
            "layers": layers,
            "kernels": _widths(max(layers, 1)),
            "latent_dim": max(4, round(math.prod(shape) / DENSE_RATIO)),
        }
        has_path = layers and not has_other_code and math.prod(shape) <= MAX_FULL_PATH_VALUES
        return network | {"linear_path": FULL} if has_path else network
    layers = chosen.get("layers", _chosen_depth(chosen) or 4)
    channels = max(1, round(CODE_STRIDE**2 * shape[2] / MAP_RATIO))
    network = {"layers": layers, "kernels": (*_widths(layers - 1), channels)}
    if has_other_code or _differs(chosen, OTHER_STRIDES) or not layers:
        return network
    suited = {"stride": _strides(layers), "linear_path": CODE_STRIDE}
    return network | suited if _agrees(chosen, suited) else network


def _suited_whole_network(shape: ImageShape, chosen: dict) -> dict:
    """A narrow dense code without a linear path, unless the user has chosen another code."""
    if chosen.get("linear_path") or chosen.get("latent_dim", MAX_WHOLE_CODE) is None:
        return _suited_network(shape, chosen)
    layers = chosen.get("layers", _chosen_depth(chosen) or (3 if min(shape[:2]) >= 3 * CODE_STRIDE else 2))
    latent_dim = min(max(4, round(math.prod(shape) / WHOLE_RATIO)), MAX_WHOLE_CODE)
    return {"layers": layers, "kernels": _widths(max(layers, 1)), "latent_dim": latent_dim}


def _suited_u_net(task: Task, shape: ImageShape, chosen: dict) -> dict:
    """Connections past the code, so that a training starts with the input as its output."""
    suited: dict[str, object] = {"skip": True, "residual": task.allows_residual(_with_defaults(chosen))}
    excluding = [name for name in OTHER_CODES if name != "loss"]
    if _differs(chosen, (*excluding, "linear_path", "latent_dim")) or not _agrees(chosen, suited):
        return {}
    if (loss := chosen.get("loss")) and LOSSES[loss].needs_unit_range:
        return {}
    if min(shape[:2]) > MAX_FULL_SKIP_SIDE and not _differs(chosen, ("stride", "pool")):
        suited["skip_size"] = HALF
    training = {name: find_setting(name).parse(value) for name, value in U_NET_NORMALIZATION.items()}
    if _agrees(chosen, training):
        suited |= training | {"learning_rate": U_NET_LEARNING_RATE}
    return suited


def _with_defaults(chosen: dict) -> SimpleNamespace:
    return SimpleNamespace(**default_values(PROGRAM) | chosen)


def _differs(chosen: dict, names: tuple[str, ...]) -> bool:
    """Return whether the chosen value of one of these settings is not the default."""
    return any(chosen[name] != settings(PROGRAM)[name].default for name in names if name in chosen)


def _agrees(chosen: dict, suited: dict) -> bool:
    """Return whether no chosen value contradicts one that suits the images."""
    return all(chosen.get(name, value) == value for name, value in suited.items())


def _has_dense_code(shape: ImageShape, chosen: dict) -> bool:
    if "latent_dim" in chosen:
        return chosen["latent_dim"] is not None
    if chosen.get("linear_path") is not None:
        return chosen["linear_path"] == FULL
    return math.prod(shape) <= MAX_DENSE_VALUES or min(shape[:2]) < 2 * CODE_STRIDE


def _chosen_depth(chosen: dict) -> int:
    """The number of layers that chosen values per layer are for; 0 where one value is for all layers."""
    lengths = [len(chosen[name] or ()) for name in ("kernel_size", "kernels", "stride") if name in chosen]
    return max((length for length in lengths if length > 1), default=0)


def _widths(layers: int) -> tuple[int, ...]:
    return tuple(WIDTHS[min(index, len(WIDTHS) - 1)] for index in range(layers))


def _strides(layers: int) -> tuple[int, ...]:
    """Strides of the layers, whose product is `CODE_STRIDE`."""
    if layers < 3:
        return ((CODE_STRIDE,), (4, 2))[layers - 1]
    return (2, 2, 2, *[1] * (layers - 3))
