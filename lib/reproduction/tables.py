"""Tables of the five course reports: published values, the reports' settings, and our settings for each row.

If a report does not describe the training, it is Adam at 0.001 with a constant rate and Keras's default
initialization. Report C does not give the epochs of its classifiers: they are those of its autoencoder. Our
settings have a code of the same size as the report's wherever an image is reconstructed from its code alone.
"""

from dataclasses import dataclass
from functools import partial

from lib.config.presets import PRESETS
from lib.tasks.metrics import find_metric

PLAIN_TRAINING = dict(optimizer="adam", learning_rate=0.001, schedule="constant")
KERAS_DEFAULTS = dict(initializer="glorot_uniform")
ALL = "all"
SMALL_CODE = 64  # values; smaller codes of CIFAR-10 need a trained encoder
CIFAR_VALUES = 32 * 32 * 3  # of an image


@dataclass(frozen=True)
class RowSettings:
    """Hyperparameters of an autoencoder, and of a classifier on its encoder if the row is about one.

    Both are values that differ from the program's defaults, in the form that flags take.
    """

    autoencoder: dict
    classifier: dict | None = None


@dataclass(frozen=True)
class ReportRow:
    """A row of a table of a report.

    Attributes:
        name: the row in the report's words.
        reported: the published value of each of the table's quantities; `None` where there is none.
        report: the report's settings.
        ours: our settings for the same task.
    """

    name: str
    reported: tuple[float | None, ...]
    report: RowSettings
    ours: RowSettings

    def settings(self, ours: bool) -> RowSettings:
        return self.ours if ours else self.report


@dataclass(frozen=True)
class ReportTable:
    """A table of a report; `quantities` are keys of a history, of metrics or of baselines."""

    title: str
    dataset: str
    quantities: tuple[str, ...]
    rows: tuple[ReportRow, ...]


@dataclass(frozen=True)
class TimeTarget:
    """A published value that the report's settings and ours are trained to reach, as fast as possible.

    Attributes:
        title: the task.
        dataset: name of the data set.
        quantity: key of a history, measured on validation images: `val_loss` or `val_accuracy`.
        target: the published value.
        report: the report's settings.
        ours: our settings.
    """

    title: str
    dataset: str
    quantity: str
    target: float
    report: RowSettings
    ours: RowSettings

    def settings(self, ours: bool) -> RowSettings:
        return self.ours if ours else self.report

    @property
    def quantity_text(self) -> str:
        """The quantity in words."""
        metric = find_metric(self.quantity)
        return f"validation {metric.label if metric and metric.higher_is_better else 'error'}"


def _row(
    report: dict,
    name: str,
    reported: float | tuple[float | None, ...] | None,
    ours: RowSettings,
    classifier: dict | None = None,
    **changes,
) -> ReportRow:
    """Return a row whose settings are those of a report's network with some changes."""
    values = reported if isinstance(reported, tuple) else (reported,)
    return ReportRow(name, values, RowSettings(report | changes, classifier), ours)


def _preset(name: str, **changes) -> dict:
    return PRESETS[name].values | changes


def _report_preset(name: str, **changes) -> dict:
    """Return the settings of a preset that a report describes, with its training."""
    return _preset(name) | KERAS_DEFAULTS | changes


def _plain_preset(name: str, **changes) -> dict:
    """Return the settings of a preset whose training the report does not describe."""
    return _report_preset(name) | PLAIN_TRAINING | changes


def _our_preset(name: str, **changes) -> RowSettings:
    return RowSettings(_preset(name, **changes))


def _ours_for_cifar(latent_size: int) -> RowSettings:
    """Return our settings for CIFAR-10 with a code of that size.

    A PCA code that convolutions improve serves best, but small codes need a trained encoder, and with as many
    values as the image has a PCA would copy it.
    """
    if latent_size < SMALL_CODE:
        return _our_preset(
            "best-latent-10",
            kernels="32,64,128",
            layers=3,
            latent_dim=latent_size,
            feedback="none",
            batch_norm="all",
            learning_rate=0.003,
            weight_decay=1e-4,
            epochs=10,
        )
    if latent_size < CIFAR_VALUES:
        return _our_preset("best-cifar-dense", latent_dim=latent_size)
    return _our_preset("best-cifar", kernels=f"32,64,{latent_size // 64}")


def _ours_for_mnist(**changes) -> RowSettings:
    """Return our settings for MNIST: the program's defaults."""
    return RowSettings(dict(layers=5, kernel_size=3, kernels=32, epochs=20, batch_size=128) | changes)


# Row, published test MSE, preset, size of the code.
_A_NETWORKS = [
    ("base", 0.0036, "cifar-base", 1024),
    ("1: first convolution and pool removed", 0.0051, "cifar-1", 4096),
    ("2: three layers removed", 0.00056, "cifar-2", 4096),
    ("3: more channels", 0.0011, "cifar-3", 8192),
    ("4: kernels 5×5", 0.0033, "cifar-4", 1024),
    ("5: kernels 7×7", 0.0032, "cifar-5", 1024),
    ("6: stride 3", 0.044, "cifar-6", 16),
    ("7: padding valid", 0.015, "cifar-7", 400),
]
_A_COLOR_NETWORKS = [
    ("1", 0.0056, "cifar-color-1"),
    ("2: larger kernels, 100 epochs", 0.0057, "cifar-color-2"),
]
_custom_row = partial(_row, _plain_preset("cifar-custom"))
_mnist_row = partial(_row, _plain_preset("mnist-10", epochs=15, batch_size=256))
_latent_row = partial(_row, _report_preset("latent-10"))
_MNIST_CLASSIFIER = _preset("mnist-classifier", **PLAIN_TRAINING)
_OUR_MNIST_CLASSIFIER = _preset("best-mnist-classifier", split="100/0/0")
_FASHION_CLASSIFIER = _preset("fashion-classifier", **PLAIN_TRAINING, split="80/20/0", scratch=True)
_OUR_FASHION_CLASSIFIER = _preset("best-fashion-classifier", split="100/0/0", scratch=True)
_OUR_LATENT_10 = _our_preset("best-latent-10", split="100/0/0")

TABLES = {
    "A-variants": ReportTable(
        "the network and its seven variants", "cifar10", ("test_mse",),
        tuple(
            _row(_plain_preset(preset), name, mse, _ours_for_cifar(latent_size))
            for name, mse, preset, latent_size in _A_NETWORKS
        ),
    ),
    "A-color": ReportTable(
        "colorization, RGB from gray", "cifar10", ("test_mse",),
        tuple(
            _row(_plain_preset(preset), name, mse, _our_preset("best-color", split="100/0/0"))
            for name, mse, preset in _A_COLOR_NETWORKS
        ),
    ),
    "B-networks": ReportTable(
        "the base network, the custom one, and padding valid", "cifar10",
        ("test_mse", "test_largest_channel_accuracy"),
        (
            _row(
                _plain_preset("cifar-base"), "base, 50 epochs", (0.0039, 0.8209), _ours_for_cifar(1024),
                epochs=50,
            ),
            _custom_row("custom: doubled channels, transposed", (0.0022, 0.8402), _ours_for_cifar(4096)),
            _row(_plain_preset("cifar-7"), "padding valid", (0.02, 0.70), _ours_for_cifar(400), epochs=50),
        ),
    ),
    "B-batch-size": ReportTable(
        "batch sizes of the custom network", "cifar10", ("test_mse", "test_largest_channel_accuracy"),
        tuple(
            _custom_row(str(size), reported, _ours_for_cifar(4096), batch_size=size)
            for size, reported in (
                (50, (0.0018, 0.8510)), (100, (None, None)), (200, (None, None)), (250, (None, None)),
            )
        ),
    ),
    "B-color": ReportTable(
        "colorization, UV from Y", "cifar10", ("test_mse", "test_largest_channel_accuracy"),
        (
            _row(
                _plain_preset("cifar-yuv"), "UV from Y", (0.031, 0.67),
                _our_preset("best-yuv", split="100/0/0"),
            ),
        ),
    ),
    "C-layers": ReportTable(
        "layers", "mnist", ("loss", "val_loss"),
        tuple(
            _mnist_row(f"{2 * layers} ({layers} + {layers})", reported, _ours_for_mnist(), layers=layers)
            for layers, reported in (
                (5, (0.0016, 0.0020)), (6, (0.0021, 0.0021)), (7, (0.0019, 0.0020)), (9, (0.0024, 0.0026)),
            )
        ),
    ),
    "C-kernel-size": ReportTable(
        "kernel sizes", "mnist", ("loss", "val_loss"),
        tuple(
            _mnist_row(f"{size}×{size}", reported, _ours_for_mnist(), kernel_size=size)
            for size, reported in (
                (1, (0.0422, 0.6703)), (2, (0.0023, 0.0027)), (3, (0.0017, 0.0026)), (4, (0.0018, 0.0019)),
            )
        ),
    ),
    "C-kernels": ReportTable(
        "kernels per layer", "mnist", ("loss", "val_loss"),
        tuple(
            _mnist_row(str(count), reported, _ours_for_mnist(kernels=count), kernels=count)
            for count, reported in (
                (16, (0.0039, 0.0040)), (32, (0.0023, 0.0027)),
                (50, (0.0019, 0.0023)), (64, (0.0017, 0.0019)),
            )
        ),
    ),
    "C-batch-size": ReportTable(
        "batch sizes", "mnist", ("loss", "val_loss"),
        tuple(
            _mnist_row(str(size), reported, _ours_for_mnist(), batch_size=size)
            for size, reported in (
                (128, (0.0011, 0.0011)), (190, (0.0014, 0.0017)),
                (256, (0.0016, 0.0018)), (512, (0.0024, 0.0025)),
            )
        ),
    ),
    "C-epochs": ReportTable(
        "epochs, with batches of 128", "mnist", ("loss", "val_loss"),
        tuple(
            _mnist_row(str(epochs), reported, _ours_for_mnist(epochs=epochs), epochs=epochs, batch_size=128)
            for epochs, reported in (
                (15, (0.0011, 0.0012)), (20, (0.00089, 0.0011)), (50, (0.00052, 0.00048)),
            )
        ),
    ),
    "C-classifier": ReportTable(
        "fully connected units of the classifier", "mnist", ("test_loss", "test_accuracy"),
        tuple(
            _mnist_row(
                str(units), reported, RowSettings(_preset("best-labels"), _OUR_MNIST_CLASSIFIER),
                _MNIST_CLASSIFIER | dict(fc_units=units), epochs=20, batch_size=128,
            )
            for units, reported in ((64, (0.0645, 0.9901)), (128, (0.0782, 0.9899)), (256, (0.0880, 0.9890)))
        ),
    ),
    "D-half": ReportTable(
        "the missing right half", "fashion-mnist", ("loss", "val_loss"),
        (
            _row(
                _report_preset("fashion-half"), "right half", (0.0273, 0.0273),
                _our_preset("best-half", split="100/0/0"),
            ),
        ),
    ),
    "E-grid": ReportTable(
        "the grid search", "fashion-mnist", ("val_loss",),
        tuple(
            _latent_row(kernels.replace(",", "/"), mse, _OUR_LATENT_10, kernels=kernels)
            for kernels, mse in (
                ("8,16,16", None), ("8,16,32", None), ("8,32,16", None), ("8,32,32", None),
                ("16,16,16", None), ("16,16,32", None), ("16,32,16", None), ("16,32,32", 0.021),
            )
        ),
    ),
    "E-latent-10": ReportTable(
        "the network that the grid search found", "fashion-mnist", ("loss", "val_loss", "test_mse"),
        (_latent_row("16/32/32, latent 10", (0.024, 0.021, 0.021), _OUR_LATENT_10),),
    ),
    "E-denoise": ReportTable(
        "denoising, noise 0.1 to 0.9", "fashion-mnist", ("test_mse",),
        (
            _row(
                _report_preset("latent-10-denoise"), "noise 0.1 to 0.9", None,
                _our_preset("best-latent-10", task="denoise", noise="0.1-0.9"),
            ),
        ),
    ),
    "E-labels": ReportTable(
        "labels: the fine-tuned encoder, and a network from scratch", "fashion-mnist",
        ("test_accuracy", "scratch_accuracy"),
        (
            _latent_row(
                "fine-tuned", (0.816, 0.898), RowSettings(_preset("best-labels"), _OUR_FASHION_CLASSIFIER),
                _FASHION_CLASSIFIER,
            ),
        ),
    ),
    "E-vae": ReportTable(
        "the VAE with two numbers", "mnist", ("test_negative_elbo",),
        (_row(_report_preset("vae-2"), "784–512–256–2", None, _our_preset("best-vae-2")),),
    ),
}  # fmt: skip

# Our settings for the time targets reach them after one epoch. A linear path starts as the PCA of image
# blocks. With a dense code, or for a missing half, small images need no convolutions; else strided
# convolutions alone train fastest. For the classifier, max pooling reaches the accuracy sooner than strides.
_DENSE = dict(
    layers=0,
    batch_norm="none",
    activation="silu",
    optimizer="adamw",
    learning_rate=0.002,
    batch_size=128,
    epochs=1,
)
_FAST_HALF = _DENSE | dict(
    task="complete", missing="right", fc_units=512, latent_dim=256, learning_rate=0.003, batch_size=256
)
_FAST_LATENT_10 = _DENSE | dict(fc_units="512,256", latent_dim=10)
_FAST_CLASSIFIER = RowSettings(
    dict(layers=3, kernels="32,32,64", kernel_size=3, pool="1,2,3", epochs=1, batch_size=128),
    dict(fc_units=64, epochs=4, batch_size=128),
)

TIME_TARGETS = {
    "A": TimeTarget(
        "CIFAR-10 at 8·8·16", "cifar10", "val_loss", 0.0036,
        RowSettings(_plain_preset("cifar-base")),
        _our_preset("best-cifar", kernels="8,16,16", linear_path=4, epochs=1, batch_size=256),
    ),
    "C": TimeTarget(
        "MNIST at 7·7·32", "mnist", "val_loss", 0.0011,
        RowSettings(_plain_preset("mnist-10")),
        _ours_for_mnist(layers=2, epochs=1, batch_size=64, learning_rate=0.01),
    ),
    "D": TimeTarget(
        "Fashion-MNIST's right half", "fashion-mnist", "val_loss", 0.0273,
        RowSettings(_report_preset("fashion-half")), RowSettings(_FAST_HALF),
    ),
    "E": TimeTarget(
        "Fashion-MNIST at 10 numbers", "fashion-mnist", "val_loss", 0.021,
        RowSettings(_report_preset("latent-10")), RowSettings(_FAST_LATENT_10),
    ),
    "classifier": TimeTarget(
        "MNIST's labels, autoencoder and classifier", "mnist", "val_accuracy", 0.9901,
        RowSettings(_plain_preset("mnist-10"), _MNIST_CLASSIFIER), _FAST_CLASSIFIER,
    ),
}  # fmt: skip
