"""What five course reports trained and found, row by row, and our own settings for the same task; at the same
size of code where the code is all that a picture is made from.

Where a report is silent its networks are trained plainly: Adam at 0.001, a constant rate. Classifiers, whose
epochs report C does not give, get its autoencoder's.
"""

from dataclasses import dataclass
from functools import partial

from lib.config.presets import PRESETS

PLAIN_TRAINING = dict(optimizer="adam", learning_rate=0.001, schedule="constant")
KERAS_DEFAULTS = dict(initializer="glorot_uniform")  # its default, which no report says to have changed
ALL = "all"
SMALL_CODE = 64  # numbers in a code
CIFAR_VALUES = 32 * 32 * 3  # of an image of CIFAR-10, times its channels


@dataclass(frozen=True)
class RowSettings:
    """What is trained: an autoencoder, and where there is a `head`, a classifier on its encoder."""

    autoencoder: dict
    head: dict | None = None


@dataclass(frozen=True)
class ReportRow:
    """A line of a table: the report's figures, one for each of the table's quantities, its settings, and
    ours.
    """

    name: str
    figures: tuple[float | None, ...]
    plain: RowSettings
    best: RowSettings

    def settings(self, best: bool) -> RowSettings:
        """Ours, or the report's."""
        return self.best if best else self.plain


@dataclass(frozen=True)
class ReportTable:
    """A table of a report. `quantities` are what its figures are, as `lib.reproduce` reads them from the
    records of runs.
    """

    what: str
    dataset: str
    quantities: tuple[str, ...]
    rows: tuple[ReportRow, ...]


@dataclass(frozen=True)
class TimeTarget:
    """Who is first at a report's figure: its plain recipe or ours? What is watched is measured on validation
    images.
    """

    what: str
    dataset: str
    quantity: str
    figure: float
    plain: RowSettings
    ours: RowSettings

    @property
    def watched(self) -> str:
        """The quantity in words."""
        return "validation accuracy" if self.quantity == "val_accuracy" else "validation error"


def _row(base: dict, name: str, figures, best: RowSettings, head: dict | None = None, **changed) -> ReportRow:
    return ReportRow(
        name, figures if isinstance(figures, tuple) else (figures,), RowSettings(base | changed, head), best
    )


def _preset(name: str, **changed) -> dict:
    return PRESETS[name].values | changed


def _report(name: str, **changed) -> dict:
    """A report's network, trained as its preset says."""
    return _preset(name) | KERAS_DEFAULTS | changed


def _plain_report(name: str, **changed) -> dict:
    return _report(name) | PLAIN_TRAINING | changed


def _best(name: str, **changed) -> RowSettings:
    return RowSettings(_preset(name, **changed))


def _ours_for_cifar(latent: int) -> RowSettings:
    """Ours for CIFAR-10 at so many numbers: few need an encoder that learns, and with as many as in the image
    a PCA is a copy.
    """
    if latent < SMALL_CODE:
        return _best(
            "best-latent-10", kernels="32,64,128", layers=3, latent_dim=latent, feedback="none", batch_norm="all",
            learning_rate=0.003, weight_decay=1e-4, epochs=10,
        )  # fmt: skip
    if latent < CIFAR_VALUES:
        return _best("best-cifar-dense", latent_dim=latent)
    return _best("best-cifar", kernels=f"32,64,{latent // 64}")


def _ours_for_mnist(**changed) -> RowSettings:
    """Ours for MNIST: the programs' defaults."""
    return RowSettings(dict(layers=5, kernel_size=3, kernels=32, epochs=20, batch_size=128) | changed)


_A = [
    ("base", 0.0036, "cifar-base", 1024), ("1: first convolution and pool removed", 0.0051, "cifar-1", 4096),
    ("2: three layers removed", 0.00056, "cifar-2", 4096), ("3: more channels", 0.0011, "cifar-3", 8192),
    ("4: kernels 5×5", 0.0033, "cifar-4", 1024), ("5: kernels 7×7", 0.0032, "cifar-5", 1024),
    ("6: stride 3", 0.044, "cifar-6", 16), ("7: padding valid", 0.015, "cifar-7", 400),
]  # fmt: skip
_COLOR = [("1", 0.0056, "cifar-color-1"), ("2: larger kernels, 100 epochs", 0.0057, "cifar-color-2")]
_B = partial(_row, _plain_report("cifar-custom"))
_C = partial(_row, _plain_report("mnist-10", epochs=15, batch_size=256))
_E = partial(_row, _report("latent-10"))
_HEAD = _preset("mnist-classifier", **PLAIN_TRAINING)
_LABELS = _preset("fashion-classifier", **PLAIN_TRAINING, split="80/20/0", scratch=True)
_BEST_HEAD = _preset("best-mnist-classifier", split="100/0/0")
_FASHION_HEAD = _preset("best-fashion-classifier", split="100/0/0", scratch=True)
_LATENT_10 = _best("best-latent-10", split="100/0/0")

TABLES = {
    "A-variants": ReportTable(
        "the network and its seven variants", "cifar10", ("test_mse",),
        tuple(_row(_plain_report(preset), name, figure, _ours_for_cifar(latent)) for name, figure, preset, latent in _A),
    ),
    "A-color": ReportTable(
        "colorization, RGB from gray", "cifar10", ("test_mse",),
        tuple(_row(_plain_report(preset), name, figure, _best("best-color", split="100/0/0")) for name, figure, preset in _COLOR),
    ),
    "B-networks": ReportTable(
        "the base network, the custom one, and padding valid", "cifar10", ("test_mse", "test_largest_channel_accuracy"),
        (
            _row(_plain_report("cifar-base"), "base, 50 epochs", (0.0039, 0.8209), _ours_for_cifar(1024), epochs=50),
            _B("custom: doubled channels, transposed", (0.0022, 0.8402), _ours_for_cifar(4096)),
            _row(_plain_report("cifar-7"), "padding valid", (0.02, 0.70), _ours_for_cifar(400), epochs=50),
        ),
    ),
    "B-batch-size": ReportTable(
        "batch sizes of the custom network", "cifar10", ("test_mse", "test_largest_channel_accuracy"),
        tuple(
            _B(str(size), figures, _ours_for_cifar(4096), batch_size=size)
            for size, figures in ((50, (0.0018, 0.8510)), (100, (None, None)), (200, (None, None)), (250, (None, None)))
        ),
    ),
    "B-color": ReportTable(
        "colorization, UV from Y", "cifar10", ("test_mse", "test_largest_channel_accuracy"),
        (_row(_plain_report("cifar-yuv"), "UV from Y", (0.031, 0.67), _best("best-yuv", split="100/0/0")),),
    ),
    "C-layers": ReportTable("layers", "mnist", ("loss", "val_loss"), tuple(
        _C(f"{2 * layers} ({layers} + {layers})", figures, _ours_for_mnist(), layers=layers)
        for layers, figures in ((5, (0.0016, 0.0020)), (6, (0.0021, 0.0021)), (7, (0.0019, 0.0020)), (9, (0.0024, 0.0026)))
    )),
    "C-kernel-size": ReportTable("kernel sizes", "mnist", ("loss", "val_loss"), tuple(
        _C(f"{size}×{size}", figures, _ours_for_mnist(), kernel_size=size)
        for size, figures in ((1, (0.0422, 0.6703)), (2, (0.0023, 0.0027)), (3, (0.0017, 0.0026)), (4, (0.0018, 0.0019)))
    )),
    "C-kernels": ReportTable("kernels per layer", "mnist", ("loss", "val_loss"), tuple(
        _C(str(count), figures, _ours_for_mnist(kernels=count), kernels=count)
        for count, figures in ((16, (0.0039, 0.0040)), (32, (0.0023, 0.0027)), (50, (0.0019, 0.0023)), (64, (0.0017, 0.0019)))
    )),
    "C-batch-size": ReportTable("batch sizes", "mnist", ("loss", "val_loss"), tuple(
        _C(str(size), figures, _ours_for_mnist(), batch_size=size)
        for size, figures in ((128, (0.0011, 0.0011)), (190, (0.0014, 0.0017)), (256, (0.0016, 0.0018)), (512, (0.0024, 0.0025)))
    )),
    "C-epochs": ReportTable("epochs, with batches of 128", "mnist", ("loss", "val_loss"), tuple(
        _C(str(epochs), figures, _ours_for_mnist(epochs=epochs), epochs=epochs, batch_size=128)
        for epochs, figures in ((15, (0.0011, 0.0012)), (20, (0.00089, 0.0011)), (50, (0.00052, 0.00048)))
    )),
    "C-classifier": ReportTable("fully connected units of the classifier", "mnist", ("test_loss", "test_accuracy"), tuple(
        _C(
            str(units), figures, RowSettings(_preset("best-labels"), _BEST_HEAD), _HEAD | dict(fc_units=units), epochs=20,
            batch_size=128,
        )
        for units, figures in ((64, (0.0645, 0.9901)), (128, (0.0782, 0.9899)), (256, (0.0880, 0.9890)))
    )),
    "D-half": ReportTable(
        "the missing right half", "fashion-mnist", ("loss", "val_loss"),
        (_row(_report("fashion-half"), "right half", (0.0273, 0.0273), _best("best-half", split="100/0/0")),),
    ),
    "E-grid": ReportTable("the grid search", "fashion-mnist", ("val_loss",), tuple(
        _E(f"{first}/{second}/{third}", 0.021 if (first, second, third) == (16, 32, 32) else None, _LATENT_10,
               kernels=f"{first},{second},{third}")
        for first in (8, 16) for second in (16, 32) for third in (16, 32)
    )),
    "E-latent-10": ReportTable(
        "the network that the grid search found", "fashion-mnist", ("loss", "val_loss", "test_mse"),
        (_E("16/32/32, latent 10", (0.024, 0.021, 0.021), _LATENT_10),),
    ),
    "E-denoise": ReportTable(
        "denoising, noise 0.1 to 0.9", "fashion-mnist", ("test_mse",),
        (_row(_report("latent-10-denoise"), "noise 0.1 to 0.9", None, _best("best-latent-10", task="denoise", noise="0.1-0.9")),),
    ),
    "E-labels": ReportTable(
        "labels: the fine-tuned encoder, and a network from scratch", "fashion-mnist", ("test_accuracy", "scratch_accuracy"),
        (_E("fine-tuned", (0.816, 0.898), RowSettings(_preset("best-labels"), _FASHION_HEAD), _LABELS),),
    ),
    "E-vae": ReportTable(
        "the VAE with two numbers", "mnist", ("test_negative_elbo",),
        (_row(_report("vae-2"), "784–512–256–2", None, _best("best-vae-2")),),
    ),
}  # fmt: skip

# Ours for the contests: what is at the figure after one epoch. A linear path begins as the PCA of blocks;
# where the code or the missing half is dense, small images need no convolutions; where it is not, the strided
# ones alone learn fastest; maps that pools have made smaller are told apart sooner.
_DENSE = dict(
    layers=0, batch_norm="none", activation="silu", optimizer="adamw", learning_rate=0.002, batch_size=128, epochs=1
)  # fmt: skip
_HALF_AT_ONCE = RowSettings(
    _DENSE
    | dict(
        task="complete", missing="right", fc_units=512, latent_dim=256, learning_rate=0.003, batch_size=256
    )
)
_LATENT_10_AT_ONCE = RowSettings(_DENSE | dict(fc_units="512,256", latent_dim=10))
_LABELS_AT_ONCE = RowSettings(
    dict(layers=3, kernels="32,32,64", kernel_size=3, pool="1,2,3", epochs=1, batch_size=128),
    dict(fc_units=64, epochs=4, batch_size=128),
)  # fmt: skip

TIME_TARGETS = {
    "A": TimeTarget(
        "CIFAR-10 at 8·8·16", "cifar10", "val_loss", 0.0036,
        RowSettings(_plain_report("cifar-base")), _best("best-cifar", kernels="8,16,16", linear_path=4, epochs=1, batch_size=256),
    ),
    "C": TimeTarget(
        "MNIST at 7·7·32", "mnist", "val_loss", 0.0011,
        RowSettings(_plain_report("mnist-10")), _ours_for_mnist(layers=2, epochs=1, batch_size=64, learning_rate=0.01),
    ),
    "D": TimeTarget(
        "Fashion-MNIST's right half", "fashion-mnist", "val_loss", 0.0273,
        RowSettings(_report("fashion-half")), _HALF_AT_ONCE,
    ),
    "E": TimeTarget(
        "Fashion-MNIST at 10 numbers", "fashion-mnist", "val_loss", 0.021,
        RowSettings(_report("latent-10")), _LATENT_10_AT_ONCE,
    ),
    "classifier": TimeTarget(
        "MNIST's labels, autoencoder and classifier", "mnist", "val_accuracy", 0.9901,
        RowSettings(_plain_report("mnist-10"), _HEAD), _LABELS_AT_ONCE,
    ),
}  # fmt: skip
