"""Tables of the settings of the training: of both programs, and of each."""

from dataclasses import dataclass
from typing import Any

from lib.common.settings import IMAGES, TASK, add_entries, setting, vary
from lib.common.value_types import FloatRange, IntRange, OneOf, OrWord, Switch, Text
from lib.config.training_choices import LOSSES, OPTIMIZERS, SCHEDULES, describe_losses, describe_schedules
from lib.tasks.augmentation import AUGMENTATIONS

PRECISIONS = ("float32", "bfloat16")


def augmentation_switches(program: str) -> dict[str, Any]:
    """Return the entry of a switch for each augmentation, with its default in a program."""
    return {
        name: setting(
            program in entry.default_in, Switch(), group="training", help=f"augmentation: {entry.help}"
        )
        for name, entry in AUGMENTATIONS.items()
    }


@dataclass(frozen=True)
@add_entries(augmentation_switches("autoencoder"), before="tta")
class TrainingSettings:
    """Settings of the training of both programs, with the defaults of an autoencoder."""

    # fmt: off
    epochs: int = setting(
        20, IntRange(1, 100_000), group="training", follows=IMAGES,
        question="Epochs",
        help="passes over the training images",
    )
    batch_size: int = setting(
        128, IntRange(1, 65_536), group="training", follows=IMAGES,
        question="Batch size",
        help="images per training step",
    )
    optimizer: str = setting(
        "adam", OneOf(tuple(OPTIMIZERS)), group="training", follows=TASK,
        help="Keras optimizer; with muon, AdamW trains layers of fewer than 16 channels or units",
    )
    learning_rate: float = setting(
        0.005, FloatRange(0, 10, open_low=True), group="training", follows=TASK,
        help="highest learning rate of the schedule",
    )
    schedule: str = setting(
        "cosine", OneOf(tuple(SCHEDULES)), group="training",
        help=describe_schedules(),
    )
    plateau_factor: float = setting(
        0.5, FloatRange(0, 1, open_low=True, open_high=True), group="training",
        only_when={"schedule": "plateau"},
        help="factor by which the learning rate is cut when the validation loss stalls",
    )
    plateau_patience: int = setting(
        2, IntRange(1, 100_000), group="training", only_when={"schedule": "plateau"},
        help="epochs without improvement before the learning rate is cut",
    )
    weight_decay: float = setting(
        0.0, FloatRange(0, 1), group="training",
        help="weight decay of the optimizer, decoupled from the loss",
    )
    l2: float = setting(
        0.0, FloatRange(0, 10), group="training", label="L2 penalty",
        help="L2 penalty on kernels, added to the loss",
    )
    patience: int | None = setting(
        None, OrWord("off", IntRange(1, 100_000)), group="training",
        help="early stopping: epochs without improvement; the best weights are kept in any case",
    )
    precision: str = setting(
        "float32", OneOf(PRECISIONS), group="training",
        help="precision of the training; bfloat16 is faster on some devices and slower on others; weights "
             "and files stay float32",
    )
    tensorboard: bool = setting(
        False, Switch(), group="training", searchable=False,
        help="write a TensorBoard log into the run folder; view it with tensorboard --logdir models",
    )
    tta: bool = setting(
        False, Switch(), group="training", only_when={"flip": True}, label="TTA",
        help="test-time augmentation: the saved model averages the outputs for an image and its mirror image "
             "(with --flip)",
    )
    seed: int = setting(
        0, IntRange(0, 2**32 - 1), group="training",
        help="seed of all random numbers",
    )
    training_minutes: float | None = setting(
        None, OrWord("off", FloatRange(0, 100_000, open_low=True)), group="training", searchable=False,
        is_later=True, own_flag="--minutes", single_run=True,
        help="train for so long instead of --epochs; the schedule follows the clock, so that the same seed "
             "does not give the same numbers",
    )
    # fmt: on


@dataclass(frozen=True)
class AutoencoderTraining(TrainingSettings):
    """Settings of the training of an autoencoder."""

    # fmt: off
    loss: str | None = setting(
        None, OrWord("auto", OneOf(tuple(LOSSES))), group="training",
        help=f"reconstruction loss; auto: bce (binary cross-entropy) for VAEs, else mse; {describe_losses()}",
    )
    label_weight: float = setting(
        0.0, FloatRange(0, 1000), group="training",
        help="weight of an auxiliary classification loss on the latent code; needs labels",
    )
    adversarial_weight: float = setting(
        0.0, FloatRange(0, 1000), group="training", is_later=True,
        help="against blur: weight of a second network that tells patches of outputs from those of targets, "
             "relative to the loss per pixel (such as 0.001)",
    )
    begin_with: str | None = setting(
        None, Text(), group="training", searchable=False, is_later=True, in_menu=True,
        help="begin with the weights of a saved model, layer by layer where they fit; the .h5 file, or the "
             "run folder",
    )
    continues: str | None = setting(
        None, Text(), group="training", searchable=False, is_later=True, own_flag="--continue",
        single_run=True,
        help="train a finished run for more epochs (--epochs +10), as a new run; the run folder",
    )
    # fmt: on


@dataclass(frozen=True)
@add_entries(augmentation_switches("classification"))
class ClassifierTraining(TrainingSettings):
    """Settings of the training of a classifier."""

    # fmt: off
    epochs: int = vary(
        TrainingSettings, "epochs", default=15, follows="",
        help="passes over the training images in each of the two phases",
    )
    batch_size: int = vary(TrainingSettings, "batch_size", follows="")
    optimizer: str = vary(TrainingSettings, "optimizer", follows="")
    learning_rate: float = vary(TrainingSettings, "learning_rate", default=0.01, follows="")
    scratch: bool = setting(
        False, Switch(), group="training", searchable=False,
        help="also train the same network from random weights, to measure the gain from pretraining",
    )
    # fmt: on
