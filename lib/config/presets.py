"""Presets: named hyperparameters of published networks, and of the best network for each task.

A preset of `classification` describes the layers on top of an encoder and their training, for any encoder.
"""

from dataclasses import dataclass

from lib.common.errors import UserError
from lib.common.formatting import abbreviate
from lib.common.suggestions import closest_name
from lib.config.program_settings import find_setting
from lib.tasks import default_task


@dataclass(frozen=True)
class Preset:
    """Named values of hyperparameters.

    Args:
        description: one line for menus and documents.
        dataset: name of the data set that the values were chosen for.
        values: values of fields, as `Setting.parse` takes them, by name.
        program: the program that has these fields.
    """

    description: str
    dataset: str
    values: dict
    program: str = "autoencoder"

    @property
    def task(self) -> str:
        """The task of an autoencoder; that of a classifier is always the same."""
        return self.values.get("task", default_task())


# fmt: off
# Report A: convolutions with ReLU, max pooling, nearest-neighbor upsampling; the code has a ReLU as well.
_REPORT_A = dict(
    layers=3, kernels="8,12,16", kernel_size=3, pool="1,2", upsampling="nearest", decoder_kernels="12",
    batch_norm="none", latent_activation="relu", epochs=20, batch_size=50, learning_rate=0.005,
)
_REPORT_A_SHALLOW = _REPORT_A | dict(layers=2, kernels="8,16", pool="1")
# Report B: 8 to 64 channels, doubled from layer to layer, 32 in the decoder; transposed convolutions.
_REPORT_B = _REPORT_A | dict(
    layers=4, kernels="8,16,32,64", decoder_kernels="32", upsampling="transpose", epochs=50,
    learning_rate=0.003,
)
_REPORT_C = dict(kernel_size=3, kernels=32, epochs=15, batch_size=256)
_REPORT_E = dict(
    layers=3, kernels="16,32,32", kernel_size=3, stride=2, fc_units="32", latent_dim=10, batch_norm="none",
    dropout=0.2, learning_rate=0.001, schedule="constant", l2=1e-5, patience=8, epochs=50, batch_size=64,
)

# Our best: chosen on validation images among what two processor cores train in 10 to 90 minutes.
_BEST = dict(optimizer="adamw", learning_rate=0.002, weight_decay=1e-4, batch_size=128)
_BEST_COLOR = _BEST | dict(
    task="colorize", layers=6, kernels="16,32,64,64,128,128", kernel_size="3,4,3,3,3,3", stride="1,2,2,1,2,1",
    skip=True, flip=True, shift=True, tta=True, dropout=0.15, optimizer="muon", learning_rate=0.003,
    weight_decay=0.05, label_weight=0.001, epochs=60,
)
_BEST_FEEDBACK = _BEST | dict(
    layers=2, kernels="32,64", kernel_size=4, stride=2, activation="silu", batch_norm="none", feedback="512",
    weight_decay=0.05,
)
# A class against the rest: from opaque defects the network learns to return nothing but that class.
_BEST_ANOMALY = dict(
    task="anomaly", layers=3, kernels="32,64,128", latent_dim=32, defect_opacity=1, batch_size=128,
)
_BEST_CLASSIFIER = dict(
    fc_units=256, dropout=0.5, epochs=10, learning_rate=0.003, optimizer="adamw", weight_decay=0.05,
    batch_size=128,
)

PRESETS = {
    "cifar-base": Preset("3 convolutions with max pooling, latent 8×8×16", "cifar10", _REPORT_A),
    "cifar-1": Preset(
        "cifar-base without the first convolution and its pooling", "cifar10",
        _REPORT_A_SHALLOW | dict(kernels="12,16"),
    ),
    "cifar-2": Preset(
        "cifar-base with one convolution, pooling and upsampling less", "cifar10",
        _REPORT_A_SHALLOW,
    ),
    "cifar-3": Preset(
        "cifar-base with more kernels, latent 8×8×128", "cifar10",
        _REPORT_A | dict(kernels="32,64,128", decoder_kernels="64"),
    ),
    "cifar-4": Preset("cifar-base with 5×5 kernels", "cifar10", _REPORT_A | dict(kernel_size=5)),
    "cifar-5": Preset("cifar-base with 7×7 kernels", "cifar10", _REPORT_A | dict(kernel_size=7)),
    "cifar-6": Preset("cifar-base with stride 3, latent size 16", "cifar10", _REPORT_A | dict(stride=3)),
    "cifar-7": Preset(
        "cifar-base with padding valid, latent 5×5×16", "cifar10",
        _REPORT_A | dict(padding="valid"),
    ),
    "cifar-color-1": Preset(
        "colorization in RGB with 2 convolutions", "cifar10",
        _REPORT_A_SHALLOW | dict(task="colorize", kernels="32,64", decoder_kernels="32"),
    ),
    "cifar-color-2": Preset(
        "cifar-color-1 with 5×5 kernels and 100 epochs", "cifar10",
        _REPORT_A_SHALLOW | dict(
            task="colorize", kernels="32,64", decoder_kernels="32", kernel_size=5, epochs=100,
        ),
    ),
    "cifar-custom": Preset(
        "4 convolutions of 8 to 64 kernels, transposed convolutions in the decoder", "cifar10",
        _REPORT_B,
    ),
    "cifar-yuv": Preset(
        "colorization by UV from Y, with the network of cifar-custom", "cifar10",
        _REPORT_B | dict(task="colorize", color_space="yuv"),
    ),
    "mnist-10": Preset(
        "5 + 5 convolutions of 32 kernels", "mnist",
        _REPORT_C | dict(layers=5, epochs=20, batch_size=128),
    ),
    "mnist-12": Preset("6 + 6 convolutions of 32 kernels", "mnist", _REPORT_C | dict(layers=6)),
    "mnist-14": Preset("7 + 7 convolutions of 32 kernels", "mnist", _REPORT_C | dict(layers=7)),
    "mnist-18": Preset("9 + 9 convolutions of 32 kernels", "mnist", _REPORT_C | dict(layers=9)),
    "fashion-half": Preset(
        "completion of the right half, latent size 64", "fashion-mnist",
        dict(
            task="complete", missing="right", layers=3, kernels="32,64,128", kernel_size="4x2", stride=2,
            fc_units="256", latent_dim=64, batch_norm="1,2", activation="leaky_relu",
            latent_activation="leaky_relu", epochs=20, batch_size=512, learning_rate=0.001,
            schedule="plateau", plateau_factor=0.5, plateau_patience=2,
        ),
    ),
    "latent-10": Preset("latent size 10, 3 convolutions with stride 2", "fashion-mnist", _REPORT_E),
    "latent-10-denoise": Preset(
        "denoising of noise from 0.1 to 0.9, with the network of latent-10", "fashion-mnist",
        _REPORT_E | dict(task="denoise", noise="0.1-0.9"),
    ),
    "vae-2": Preset(
        "fully connected VAE with latent size 2 (784–512–256–2)", "mnist",
        dict(
            regularization="kl", layers=0, fc_units="512,256", latent_dim=2, batch_norm="none",
            learning_rate=0.001, schedule="constant", epochs=50, batch_size=128,
        ),
    ),
    "best-cifar": Preset(
        "best reconstruction at latent 8×8×16: convolutions and a linear path", "cifar10",
        dict(
            layers=3, kernels="32,64,16", kernel_size="4,4,3", stride="2,2,1", linear_path=8,
            activation="leaky_relu", batch_norm="none", learning_rate=0.001, epochs=4, batch_size=128,
        ),
    ),
    "best-cifar-dense": Preset(
        "best reconstruction at latent size 1,024: PCA and convolutions that improve it",
        "cifar10",
        dict(
            layers=2, kernels=64, kernel_size="4,3", stride="2,1", pca=True, latent_dim=1024,
            activation="leaky_relu", batch_norm="none", optimizer="adamw", learning_rate=0.002, epochs=6,
            batch_size=64,
        ),
    ),
    "best-color": Preset(
        "best colorization in RGB: U-Net that keeps the luma, trained with labels", "cifar10",
        _BEST_COLOR | dict(residual=True),
    ),
    "best-yuv": Preset(
        "best colorization by UV from Y: the U-Net of best-color, trained with labels", "cifar10",
        _BEST_COLOR | dict(color_space="yuv"),
    ),
    "best-half": Preset(
        "best completion: U-Net with a dense latent code, on the mirror image",
        "fashion-mnist",
        _BEST | dict(
            task="complete", layers=3, kernels="32,64,128", kernel_size="4,4,3", stride="2,2,1",
            latent_dim=448, activation="silu", skip=True, residual=True, gamma=True, erase=True,
            learning_rate=0.003, weight_decay=0.05, epochs=20,
        ),
    ),
    "best-latent-10": Preset(
        "best reconstruction at latent size 10: the encoder sees the reconstruction error",
        "fashion-mnist",
        _BEST_FEEDBACK | dict(fc_units="512,256", latent_dim=10, weight_decay=0.3, epochs=20),
    ),
    "best-latent-32": Preset(
        "best reconstruction at latent size 32: likewise, with warped images", "mnist",
        _BEST_FEEDBACK | dict(fc_units="512", latent_dim=32, warp=True, epochs=50),
    ),
    "best-labels": Preset(
        "best encoder for classification: 5 convolutions, 3 poolings", "fashion-mnist",
        dict(layers=5, kernels="32,64,64,128,128", kernel_size=3, pool="1,3,5", epochs=1, batch_size=128),
    ),
    "best-vae-2": Preset(
        "best VAE with latent size 2: fully connected", "mnist",
        _BEST | dict(
            regularization="kl", layers=0, fc_units="1024,512,256", latent_dim=2, batch_norm="none",
            learning_rate=0.001, weight_decay=0.01, epochs=40,
        ),
    ),
    "best-likelihood": Preset(
        "best VAE by the likelihood of black and white pixels: 5×5 kernels, latent size 32", "mnist",
        dict(
            regularization="kl", binarize="dynamic", layers=3, kernels="16,32,32", kernel_size=5, stride=2,
            fc_units=450, latent_dim=32, activation="silu", batch_norm="none", optimizer="muon",
            learning_rate=0.003, weight_decay=0.01, schedule="cosine", epochs=100, batch_size=100,
        ),
    ),
    "best-denoise": Preset(
        "best denoising of noise 0.4: U-Net that predicts the noise", "mnist",
        _BEST | dict(
            task="denoise", noise=0.4, layers=3, kernels="32,64,64", kernel_size=3, stride="1,2,2", skip=True,
            residual=True, epochs=3,
        ),
    ),
    "best-mnist-anomaly": Preset(
        "best detector of digits that are not --normal: up to six opaque defects, latent size 32", "mnist",
        _BEST_ANOMALY | dict(
            defects="paste,blank", defect_size="0.15-0.45", defect_count=6, error_map="scales",
            score_area=0.4, code_weight=0.6, epochs=30,
        ),
    ),
    "best-fashion-anomaly": Preset(
        "best detector of clothes that are not --normal: scored by SSIM, local correlation and latent code",
        "fashion-mnist",
        _BEST_ANOMALY | dict(
            defects="paste,noise,blank", defect_size="0.2-0.6", error_map="structure,correlation",
            score_area=0.2, code_weight=0.6, epochs=20,
        ),
    ),
    "best-cifar-anomaly": Preset(
        "best detector of objects that are not --normal: latent size 256, scored by SSIM, correlation, code",
        "cifar10",
        _BEST_ANOMALY | dict(
            latent_dim=256, defect_opacity="0.3-1", error_map="scales,correlation", score_area=1,
            code_weight=0.8, epochs=25,
        ),
    ),
    "mnist-classifier": Preset(
        "64 units", "mnist",
        dict(fc_units=64, epochs=20, batch_size=128, shift=False), "classification",
    ),
    "fashion-classifier": Preset(
        "32 units", "fashion-mnist",
        dict(fc_units=32, epochs=20, batch_size=64, shift=False), "classification",
    ),
    "best-mnist-classifier": Preset(
        "best on the encoder of best-labels: dropout, weight decay, shifted images", "mnist",
        _BEST_CLASSIFIER, "classification",
    ),
    "best-fashion-classifier": Preset(
        "best on the encoder of best-labels: likewise, with erased and mirrored images, TTA", "fashion-mnist",
        _BEST_CLASSIFIER | dict(epochs=20, flip=True, shift=False, erase=True, tta=True), "classification",
    ),
}
# fmt: on

# Names in commands and answers files of earlier versions.
FORMER_NAMES = {name.replace("color", "colour"): name for name in PRESETS}


def presets_for(program: str) -> dict[str, Preset]:
    """The presets of a program by name."""
    return {name: preset for name, preset in PRESETS.items() if preset.program == program}


def preset_values(name: str, program: str = "autoencoder") -> dict:
    """The canonical values of a preset by field name. Arguments and errors are those of `preset_name`."""
    values = PRESETS[preset_name(name, program)].values
    return {key: find_setting(key).parse(value) for key, value in values.items()}


def preset_name(name: str, program: str) -> str:
    """The present name of a preset.

    Args:
        name: name of the preset, a former name included.
        program: `autoencoder` or `classification`.

    Raises:
        UserError: there is no preset of this name, or it is one of the other program.
    """
    known = presets_for(program)
    name = FORMER_NAMES.get(name, name) if isinstance(name, str) else name
    if not isinstance(name, str) or name not in PRESETS:
        close = closest_name(str(name), known)
        hint = f"did you mean {close!r}?" if close else f"available: {', '.join(known)}"
        raise UserError(f"unknown preset {abbreviate(name)}; {hint}")
    if name not in known:
        raise UserError(
            f"preset {name!r} is for {PRESETS[name].program}.py; those of {program}.py are {', '.join(known)}"
        )
    return name
