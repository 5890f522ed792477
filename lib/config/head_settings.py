"""Table of the settings of a classifier: labels, saved model, and the layers on top of its encoder."""

from dataclasses import dataclass

from lib.common.settings import setting
from lib.common.value_types import FloatRange, IntList, IntRange, Text


@dataclass(frozen=True)
class HeadSettings:
    """Settings of a classifier, except those of its training."""

    # fmt: off
    labels: str | None = setting(
        None, Text(), "-dl", group="data", searchable=False,
        question="Labels of the training images",
        help="labels of the training images, if the data set does not include them",
    )
    test_labels: str | None = setting(
        None, Text(), "-tl", group="data", searchable=False,
        question="Labels of the test images",
        help="labels of the test images, if the test set does not include them",
    )
    model: str | None = setting(
        None, Text("a run folder or an .h5 file"), "-model", required=True, group="data",
        question="Saved autoencoder or encoder",
        help="saved autoencoder.h5 or encoder.h5; any Keras .h5 autoencoder works",
    )
    encoder_layer: str | None = setting(
        None, Text("the name of a layer"), group="data", searchable=False,
        help="layer whose output is the latent code, for models from other programs (default: detected, see "
             "docs/using-models.md)",
    )
    labels_fraction: float = setting(
        1.0, FloatRange(0, 1, open_low=True), group="data",
        help="fraction of the labeled training images to use, stratified by class",
    )
    fc_units: tuple[int, ...] = setting(
        (64,), IntList(IntRange(1, 65_536)), label="fully connected units",
        question="Units of the fully connected layers (one layer: 64; two layers: 128,64)",
        help="units of each fully connected layer (128,64 for two layers)",
    )
    dropout: float = setting(
        0.2, FloatRange(0, 1, open_high=True),
        question="Dropout rate",
        help="dropout rate after each fully connected layer",
    )
    # fmt: on
