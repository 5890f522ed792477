"""Table of the settings of the network of an autoencoder."""

from dataclasses import dataclass

from lib.common.settings import IMAGES, TASK, setting
from lib.common.size_types import KernelSizes
from lib.common.value_types import (
    ALL,
    FloatRange,
    IntList,
    IntRange,
    LayerNumbers,
    OneOf,
    OrWord,
    PerLayer,
    Switch,
    WithWord,
)
from lib.config.layer_specs import layer_choices
from lib.tasks import list_tasks

ACTIVATIONS = ("relu", "leaky_relu", "silu", "gelu", "elu", "selu", "tanh", "sigmoid", "softplus")
INITIALIZERS = ("identity", "he_normal", "glorot_uniform")
FULL, HALF = "full", "half"  # of the image: a linear path, skip connections
BLOCKS = (PLAIN, RESIDUAL) = ("plain", "residual")
MAX_GROWN_KERNELS = 512  # of a layer, by growth


@dataclass(frozen=True)
class NetworkSettings:
    """Settings of the network of an autoencoder and of its latent code."""

    # fmt: off
    layers: int = setting(
        5, IntRange(0, 64), follows=IMAGES,
        question="Convolutional layers in the encoder (the decoder mirrors them)",
        help="convolutional layers in the encoder; the decoder mirrors them",
    )
    kernel_size: tuple[tuple[int, int], ...] = setting(
        ((3, 3),), KernelSizes(IntRange(1, 64)),
        question="Kernel size (3 means 3×3)",
        help="height and width of the kernels, in pixels: 3, 4x2, or one per layer (5,3,3)",
    )
    kernels: tuple[int, ...] = setting(
        (32,), PerLayer(IntRange(1, 4096)), follows=IMAGES,
        question="Kernels per layer (one number, or one per layer: 8,12,16)",
        help="kernels per layer: one number, or one per layer (8,12,16)",
    )
    growth: float = setting(
        1.0, FloatRange(1, 4), is_later=True,
        help="factor by which the number of kernels grows wherever the feature map becomes smaller after the "
             f"first layer, up to {MAX_GROWN_KERNELS}; a convolutional latent code grows only with --skip",
    )
    block: str = setting(
        "plain", OneOf(BLOCKS), is_later=True,
        help="layers before the latent code and after it: one convolution each, or a residual block of two "
             "with a shortcut",
    )
    stride: tuple[int, ...] | None = setting(
        None, OrWord("auto", PerLayer(IntRange(1, 16))), follows=IMAGES,
        help="stride of the encoder's convolutions; auto: 2 in the first layers down to 8 pixels, 1 with "
             "--pool",
    )
    pool: tuple[int, ...] | str = setting(
        (), LayerNumbers(),
        help="layers followed by 2×2 pooling",
    )
    pool_type: str = setting(
        "max", OneOf(tuple(layer_choices("pool_type"))), is_later=True,
        help="pooling layer of --pool",
    )
    padding: str = setting(
        "same", OneOf(("same", "valid")),
        help="padding of the convolutions",
    )
    upsampling: str = setting(
        "transpose", OneOf(tuple(layer_choices("upsampling"))),
        help="upsampling in the decoder: transposed convolution, or nearest neighbor and a convolution",
    )
    decoder_kernels: tuple[int, ...] | None = setting(
        None, OrWord("mirror", IntList(IntRange(1, 4096))),
        help="kernels of the decoder's convolutions before the last one, if the decoder does not mirror "
             "the encoder",
    )
    activation: str = setting(
        "relu", OneOf(ACTIVATIONS),
        help="activation of the hidden layers; leaky_relu has slope 0.01",
    )
    latent_activation: str = setting(
        "linear", OneOf(("linear", *ACTIVATIONS)),
        help="activation of the latent code",
    )
    output_activation: str | None = setting(
        None, OrWord("auto", OneOf(("sigmoid", "linear"))),
        help="activation of the last layer; auto: sigmoid if the output is an image, else linear",
    )
    batch_norm: tuple[int, ...] | str = setting(
        ALL, LayerNumbers(), follows=TASK,
        help="layers followed by batch normalization",
    )
    initializer: str | None = setting(
        None, OrWord("auto", OneOf(INITIALIZERS)),
        help="weight initialization; identity: he_normal, except that convolutions that keep the shape start "
             "near the identity; auto: he_normal for dense latent codes and "
             f"{list_tasks(lambda task: not task.targets_resemble_inputs)}, else identity",
    )
    latent_dim: int | None = setting(
        None, OrWord("convolutional", IntRange(1, 65_536)), follows=IMAGES, label="latent size",
        help="size of a dense latent code; convolutional: the last feature maps are the latent code",
    )
    fc_units: tuple[int, ...] = setting(
        (), IntList(IntRange(1, 65_536)), label="fully connected units",
        help="units of each fully connected layer between the convolutions and the dense latent code "
             "(128,64 for two layers)",
    )
    feedback: tuple[int, ...] = setting(
        (), IntList(IntRange(1, 65_536)),
        help="units of layers that correct the dense latent code from the reconstruction error (two passes: "
             "512,512)",
    )
    dropout: float = setting(
        0.0, FloatRange(0, 1, open_high=True),
        help="dropout rate after each fully connected layer (after each convolution if there are none)",
    )
    skip: bool = setting(
        False, Switch(), follows=TASK,
        help="skip connections (U-Net) from the encoder's feature maps to the decoder; not for "
             f"{list_tasks(lambda task: task.targets_are_inputs)}",
    )
    skip_size: str = setting(
        FULL, OneOf((FULL, HALF)), follows=TASK, only_when={"skip": True}, is_later=True,
        help="size of the largest feature maps of --skip, in terms of the image: with half, the first layer "
             "halves the image, and training is several times as fast",
    )
    residual: bool = setting(
        False, Switch(), follows=TASK,
        help="the network predicts a residual: of the noisy image, of the gray image (luma is kept), or of "
             "the mirror image of the given half",
    )
    linear_path: int | str | None = setting(
        None, OrWord("off", WithWord(FULL, IntRange(1, 64))), follows=IMAGES,
        help="linear layers into and out of the latent code in parallel to the network, initialized by PCA: "
             "kernel size of a convolution, or full for a dense latent code",
    )
    pca: bool = setting(
        False, Switch(), label="PCA",
        help="the latent code is a PCA of the images with --latent-dim components; the layers improve its "
             "reconstruction",
    )
    # fmt: on
