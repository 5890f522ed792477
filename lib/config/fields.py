"""The table of hyperparameters, read by the command line, the prompts, answers files and the documentation.

Every hyperparameter is one dataclass field of `Fields`; adding one is adding a field. Its metadata holds the
value type, the flags, the prompt and the help text (see `setting`). A variable `setting` is such a field.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lib.common.errors import UserError
from lib.common.formatting import abbreviate
from lib.common.settings import BOTH_PROGRAMS, setting
from lib.common.suggestions import closest_name
from lib.common.value_types import (
    ALL,
    UNLIMITED,
    FloatRange,
    Fold,
    IntList,
    IntRange,
    KernelSizes,
    LayerNumbers,
    OneOf,
    OrWord,
    PerLayer,
    SplitPercentages,
    Switch,
    Text,
    ValueType,
    WithWord,
)
from lib.config.layer_specs import layer_choices
from lib.config.training_choices import LOSSES, OPTIMIZERS, SCHEDULES, describe_schedules
from lib.tasks import TASKS, default_task, list_tasks
from lib.tasks.augmentation import AUGMENTATIONS

PROGRAMS = BOTH_PROGRAMS
AUTOENCODER, CLASSIFICATION = ((program,) for program in PROGRAMS)
ACTIVATIONS = ("relu", "leaky_relu", "silu", "gelu", "elu", "selu", "tanh", "sigmoid", "softplus")
INITIALIZERS = ("identity", "he_normal", "glorot_uniform")
FULL = "full"  # a linear path of the whole image
PRECISIONS = ("float32", "bfloat16")

# Keys in answers files, records and models of earlier versions.
FORMER_NAMES = {"colour_space": "color_space"}
PER_LAYER = ("kernel_size", "kernels", "stride")
QUESTIONS = {  # the basic prompts, in this order; all other fields are advanced
    "autoencoder": ("layers", "kernel_size", "kernels", "epochs", "batch_size"),
    "classification": ("fc_units", "dropout", "epochs", "batch_size"),
}
ALWAYS_IN_COMMAND = {
    program: ("dataset", "labels", "testset", "test_labels", "model", *names)
    for program, names in QUESTIONS.items()
}
# Settings of an autoencoder whose defaults follow the images, see `lib.config.suited_defaults`.
SUITED = ("layers", "kernels", "epochs", "batch_size", "stride", "latent_dim", "linear_path")
DISPLAY_NAMES = {
    "dataset": "data set",
    "fc_units": "fully connected units",
    "latent_dim": "latent size",
    "l2": "L2 penalty",
    "pca": "PCA",
    "tta": "TTA",
}


T = TypeVar("T")


def _with_task_options(table: type[T]) -> type[T]:
    """Add the options that the tasks declare, before `variational`; each is for its task only."""
    options = {}
    for task in TASKS.values():
        for name, entry in task.options.items():
            flags = (f"--{name.replace('_', '-')}", *entry.metadata["flags"])
            metadata = {**entry.metadata, "flags": flags, "only_when": {"task": task.name}}
            options[name] = field(default=entry.default, metadata=metadata)
    return _insert_fields(table, "variational", options, Any)


def _with_augmentations(table: type[T]) -> type[T]:
    """Add a switch for each augmentation, before `tta`."""
    switches = {}
    for name, entry in AUGMENTATIONS.items():
        text = f"augmentation: {entry.help}"
        switches[name] = setting(False, Switch(), f"--{name}", group="training", help=text, **entry.defaults)
    return _insert_fields(table, "tta", switches, bool)


def _insert_fields(table: type[T], before: str, fields: dict[str, Any], annotation: Any) -> type[T]:
    """Add fields of one type to a table, before another field."""
    names = list(table.__annotations__)
    position = names.index(before)
    order = [*names[:position], *fields, *names[position:]]
    table.__annotations__ = {name: table.__annotations__.get(name, annotation) for name in order}
    for name, entry in fields.items():
        setattr(table, name, entry)
    return table


@dataclass(frozen=True)
@_with_augmentations
@_with_task_options
class Fields:
    """The fields of `lib.config.hyperparameters.Hyperparameters`, without its checks."""

    program: str = "autoencoder"

    # fmt: off
    dataset: str | None = setting(
        None, Text(), "-d", "--dataset", required=True, group="data",
        question="Data set",
        help="training images",
    )
    labels: str | None = setting(
        None, Text(), "-dl", "--labels", programs=CLASSIFICATION, group="data",
        question="Labels of the training images",
        help="labels of the training images, if the data set does not include them",
    )
    testset: str | None = setting(
        None, Text(), "-t", "--testset", group="data",
        help="test images (default: the data set's own test set, else a part of the data set)",
    )
    test_labels: str | None = setting(
        None, Text(), "-tl", "--test-labels", programs=CLASSIFICATION, group="data",
        question="Labels of the test images",
        help="labels of the test images, if the test set does not include them",
    )
    model: str | None = setting(
        None, Text("a run folder or an .h5 file"), "-model", "--model",
        required=True, programs=CLASSIFICATION, group="data",
        question="Saved autoencoder or encoder",
        help="saved autoencoder.h5 or encoder.h5; any Keras .h5 autoencoder works",
    )
    encoder_layer: str | None = setting(
        None, Text("the name of a layer"), "--encoder-layer", programs=CLASSIFICATION, group="data",
        help="layer whose output is the latent code, for models from other programs (default: detected, see "
             "docs/using-models.md)",
    )

    task: str = setting(
        default_task(), OneOf(tuple(TASKS)), "--task", programs=AUTOENCODER, group="task",
        help="task of the network",
    )
    variational: bool = setting(
        False, Switch(), "--variational", programs=AUTOENCODER, group="task",
        help="train a variational autoencoder (VAE)",
    )
    beta: float = setting(
        1.0, FloatRange(0, 1000), "--beta", programs=AUTOENCODER, group="task",
        only_when={"variational": True},
        help="weight of the KL divergence relative to the reconstruction loss",
    )

    layers: int = setting(
        5, IntRange(0, 64), "--layers", programs=AUTOENCODER,
        question="Convolutional layers in the encoder (the decoder mirrors them)",
        help="convolutional layers in the encoder; the decoder mirrors them",
    )
    kernel_size: tuple[tuple[int, int], ...] = setting(
        ((3, 3),), KernelSizes(IntRange(1, 64)), "--kernel-size", programs=AUTOENCODER,
        question="Kernel size (3 means 3×3)",
        help="height and width of the kernels, in pixels: 3, 4x2, or one per layer (5,3,3)",
    )
    kernels: tuple[int, ...] = setting(
        (32,), PerLayer(IntRange(1, 4096)), "--kernels", programs=AUTOENCODER,
        question="Kernels per layer (one number, or one per layer: 8,12,16)",
        help="kernels per layer: one number, or one per layer (8,12,16)",
    )
    stride: tuple[int, ...] | None = setting(
        None, OrWord("auto", PerLayer(IntRange(1, 16))), "--stride", programs=AUTOENCODER,
        help="stride of the encoder's convolutions; auto: 2 in the first layers down to 8 pixels, 1 with "
             "--pool",
    )
    pool: tuple[int, ...] | str = setting(
        (), LayerNumbers(), "--pool", programs=AUTOENCODER,
        help="layers followed by 2×2 pooling",
    )
    pool_type: str = setting(
        "max", OneOf(tuple(layer_choices("pool_type"))), "--pool-type", programs=AUTOENCODER, is_later=True,
        help="pooling layer of --pool",
    )
    padding: str = setting(
        "same", OneOf(("same", "valid")), "--padding", programs=AUTOENCODER,
        help="padding of the convolutions",
    )
    upsampling: str = setting(
        "transpose", OneOf(tuple(layer_choices("upsampling"))), "--upsampling", programs=AUTOENCODER,
        help="upsampling in the decoder: transposed convolution, or nearest neighbor and a convolution",
    )
    decoder_kernels: tuple[int, ...] | None = setting(
        None, OrWord("mirror", IntList(IntRange(1, 4096))), "--decoder-kernels", programs=AUTOENCODER,
        help="kernels of the decoder's convolutions before the last one, if the decoder does not mirror "
             "the encoder",
    )
    activation: str = setting(
        "relu", OneOf(ACTIVATIONS), "--activation", programs=AUTOENCODER,
        help="activation of the hidden layers; leaky_relu has slope 0.01",
    )
    latent_activation: str = setting(
        "linear", OneOf(("linear", *ACTIVATIONS)), "--latent-activation", programs=AUTOENCODER,
        help="activation of the latent code",
    )
    output_activation: str | None = setting(
        None, OrWord("auto", OneOf(("sigmoid", "linear"))), "--output-activation", programs=AUTOENCODER,
        help="activation of the last layer; auto: sigmoid if the output is an image, else linear",
    )
    batch_norm: tuple[int, ...] | str = setting(
        ALL, LayerNumbers(), "--batch-norm", programs=AUTOENCODER,
        help="layers followed by batch normalization",
    )
    initializer: str | None = setting(
        None, OrWord("auto", OneOf(INITIALIZERS)), "--initializer", programs=AUTOENCODER,
        help="weight initialization; identity: he_normal, except that convolutions that keep the shape start "
             "near the identity; auto: he_normal for dense latent codes and "
             f"{list_tasks(lambda task: not task.targets_resemble_inputs)}, else identity",
    )
    latent_dim: int | None = setting(
        None, OrWord("convolutional", IntRange(1, 65_536)), "--latent-dim", programs=AUTOENCODER,
        help="size of a dense latent code; convolutional: the last feature maps are the latent code",
    )
    fc_units: tuple[int, ...] = setting(
        (), IntList(IntRange(1, 65_536)), "--fc-units", classification=(64,),
        question="Units of the fully connected layers (one layer: 64; two layers: 128,64)",
        help="units of each fully connected layer (128,64 for two layers); autoencoder: between the "
             "convolutions and the dense latent code",
    )
    feedback: tuple[int, ...] = setting(
        (), IntList(IntRange(1, 65_536)), "--feedback", programs=AUTOENCODER,
        help="units of layers that correct the dense latent code from the reconstruction error (two passes: "
             "512,512)",
    )
    dropout: float = setting(
        0.0, FloatRange(0, 1, open_high=True), "--dropout", classification=0.2,
        question="Dropout rate",
        help="dropout rate after each fully connected layer (after each convolution if there are none)",
    )
    skip: bool = setting(
        False, Switch(), "--skip", programs=AUTOENCODER,
        help="skip connections (U-Net) from the encoder's feature maps to the decoder; not for "
             f"{list_tasks(lambda task: task.targets_are_inputs)}",
    )
    residual: bool = setting(
        False, Switch(), "--residual", programs=AUTOENCODER,
        help="the network predicts a residual: of the noisy image, of the gray image (luma is kept), or of "
             "the mirror image of the given half",
    )
    linear_path: int | str | None = setting(
        None, OrWord("off", WithWord(FULL, IntRange(1, 64))), "--linear-path", programs=AUTOENCODER,
        help="linear layers into and out of the latent code in parallel to the network, initialized by PCA: "
             "kernel size of a convolution, or full for a dense latent code",
    )
    pca: bool = setting(
        False, Switch(), "--pca", programs=AUTOENCODER,
        help="the latent code is a PCA of the images with --latent-dim components; the layers improve its "
             "reconstruction",
    )

    epochs: int = setting(
        20, IntRange(1, 100_000), "--epochs", group="training", classification=15,
        question="Epochs",
        help="passes over the training images (classification: in each of the two phases)",
    )
    batch_size: int = setting(
        128, IntRange(1, 65_536), "--batch-size", group="training",
        question="Batch size",
        help="images per training step",
    )
    optimizer: str = setting(
        "adam", OneOf(tuple(OPTIMIZERS)), "--optimizer", group="training",
        help="Keras optimizer; with muon, AdamW trains layers of fewer than 16 channels or units",
    )
    learning_rate: float = setting(
        0.005, FloatRange(0, 10, open_low=True), "--learning-rate", group="training", classification=0.01,
        help="highest learning rate of the schedule",
    )
    schedule: str = setting(
        "cosine", OneOf(tuple(SCHEDULES)), "--schedule", group="training",
        help=describe_schedules(),
    )
    plateau_factor: float = setting(
        0.5, FloatRange(0, 1, open_low=True, open_high=True), "--plateau-factor", group="training",
        only_when={"schedule": "plateau"},
        help="factor by which the learning rate is cut when the validation loss stalls",
    )
    plateau_patience: int = setting(
        2, IntRange(1, 100_000), "--plateau-patience", group="training", only_when={"schedule": "plateau"},
        help="epochs without improvement before the learning rate is cut",
    )
    weight_decay: float = setting(
        0.0, FloatRange(0, 1), "--weight-decay", group="training",
        help="weight decay of the optimizer, decoupled from the loss",
    )
    l2: float = setting(
        0.0, FloatRange(0, 10), "--l2", group="training",
        help="L2 penalty on kernels, added to the loss",
    )
    loss: str | None = setting(
        None, OrWord("auto", OneOf(tuple(LOSSES))), "--loss", programs=AUTOENCODER, group="training",
        help="reconstruction loss; auto: bce (binary cross-entropy) for VAEs, else mse",
    )
    label_weight: float = setting(
        0.0, FloatRange(0, 1000), "--label-weight", programs=AUTOENCODER, group="training",
        help="weight of an auxiliary classification loss on the latent code; needs labels",
    )
    patience: int | None = setting(
        None, OrWord("off", IntRange(1, 100_000)), "--patience", group="training",
        help="early stopping: epochs without improvement; the best weights are kept in any case",
    )
    precision: str = setting(
        "float32", OneOf(PRECISIONS), "--precision", group="training",
        help="precision of the training; bfloat16 is faster on some devices and slower on others; weights "
             "and files stay float32",
    )
    tensorboard: bool = setting(
        False, Switch(), "--tensorboard", group="training",
        help="write a TensorBoard log into the run folder; view it with tensorboard --logdir models",
    )
    tta: bool = setting(
        False, Switch(), "--tta", group="training", only_when={"flip": True},
        help="test-time augmentation: the saved model averages the outputs for an image and its mirror image "
             "(with --flip)",
    )
    labels_fraction: float = setting(
        1.0, FloatRange(0, 1, open_low=True), "--labels-fraction", programs=CLASSIFICATION, group="data",
        help="fraction of the labeled training images to use, stratified by class",
    )
    scratch: bool = setting(
        False, Switch(), "--scratch", programs=CLASSIFICATION, group="training",
        help="also train the same network from random weights, to measure the gain from pretraining",
    )

    limit: int | None = setting(
        None, OrWord("all", IntRange(1, UNLIMITED)), "--limit", group="data",
        help="use at most this many training images; a separate test set is used in full",
    )
    seed: int = setting(
        0, IntRange(0, 2**32 - 1), "--seed", group="training",
        help="seed of all random numbers",
    )
    split: tuple[int, int, int] = setting(
        (80, 10, 10), SplitPercentages(), "--split", group="data",
        help="percentages for training/validation/test; with a separate test set, the first two share "
             "the rest",
    )
    fold: tuple[int, int] | None = setting(
        None, OrWord("off", Fold()), "--fold", group="data",
        help="cross-validation: validate on one of several equal parts of all images outside the test set, "
             "train on the others",
    )
    # fmt: on


def settings(program: str | None = None) -> list[dataclasses.Field]:
    """The fields of one program, or of both, in the order of the table (without `program` itself)."""
    return [
        setting
        for setting in dataclasses.fields(Fields)
        if setting.metadata and (program is None or program in setting.metadata["programs"])
    ]


def get_field(name: str) -> dataclasses.Field:
    """The field of a name. Raises `KeyError` for a name that no field has."""
    return Fields.__dataclass_fields__[name]


def get_value_type(name: str) -> ValueType:
    """The value type of a field. Raises `KeyError` for a name that no field has."""
    return get_field(name).metadata["value_type"]


def inapplicable_reason(setting: dataclasses.Field, hp) -> str:
    """The reason why a field has no effect, for a message; empty when it has.

    Args:
        setting: a field of the table.
        hp: `Hyperparameters`, or a dict of canonical values with the same names.
    """
    for name, value in (setting.metadata["only_when"] or {}).items():
        if (hp.get(name) if isinstance(hp, dict) else getattr(hp, name)) != value:
            condition = "" if value is True else f" {value}"
            return f"{display_name(setting.name)} has no effect without {long_flag(name)}{condition}"
    return ""


def default_of(setting: dataclasses.Field, program: str):
    """The canonical default of a field in a program, or `None`."""
    value = setting.metadata["defaults"].get(program, setting.default)
    return value if value is None else parse_value(setting.name, value)


def describe_default(setting: dataclasses.Field, program: str) -> str:
    """The default of a field in documents and help texts; empty where there is none."""
    if program == "autoencoder" and setting.name in SUITED:
        return "follows the images"
    if setting.name in ("skip", "residual"):
        return "follows the task"
    return format_value(setting.name, default_of(setting, program))


def default_values(program: str) -> dict:
    """The canonical defaults of all fields of a program, by name."""
    defaults = {setting.name: default_of(setting, program) for setting in settings(program)}
    return {"program": program} | defaults


def long_flag(name: str) -> str:
    """The flag of a field that documents and messages name: the first one with two hyphens."""
    return next(flag for flag in get_field(name).metadata["flags"] if flag.startswith("--"))


def display_name(name: str) -> str:
    """The name of a field in messages and tables."""
    return DISPLAY_NAMES.get(name, name.replace("_", " "))


def parse_value(name: str, value):
    """The canonical value of a field.

    Args:
        name: name of the field.
        value: text of a flag or prompt, or a JSON value.

    Raises:
        UserError: the value is out of bounds; the message names the field and what is allowed.
    """
    try:
        return get_value_type(name).parse(value)
    except UserError as error:
        raise UserError(f"{display_name(name)} {error}") from None


def format_value(name: str, value) -> str:
    """The text of a canonical value, as a flag takes it; empty for a field without a value."""
    value_type = get_value_type(name)
    return "" if value is None and not isinstance(value_type, OrWord) else value_type.format(value)


def format_json_value(name: str, value) -> str:
    """The text of a JSON value, as a flag takes it. Raises `UserError` when it is out of bounds."""
    return format_value(name, value if value is None else parse_value(name, value))


def rename_former_keys(values: dict) -> dict:
    """Return hyperparameters of any version with the names of this one."""
    return {FORMER_NAMES.get(key, key): value for key, value in values.items()}


def restore_former_keys(values: dict) -> dict:
    """Return hyperparameters with the names of earlier versions, for digests that must stay the same."""
    former = {present: name for name, present in FORMER_NAMES.items()}
    return {former.get(key, key): value for key, value in values.items()}


def parse_answers(record, program: str, source: str) -> dict:
    """The canonical values in an answers file or a record, which may have been edited by hand.

    Args:
        record: the decoded JSON.
        program: the program that reads it.
        source: beginning of an error message, such as the name of the file.

    Returns:
        The values by field name; `null` and `program` are left out, former names are replaced.

    Raises:
        UserError: `record` is no object, is for the other program, or has an unknown key or an invalid value.
    """
    if not isinstance(record, dict):
        raise UserError(f'{source}: must be a JSON object such as {{"epochs": 20}}')
    answers = {}
    key: str
    for key, value in record.items():
        name = FORMER_NAMES.get(key, key)
        if name == "program":
            if value not in PROGRAMS:
                raise UserError(f"{source}: program must be {' or '.join(PROGRAMS)}, not {abbreviate(value)}")
            if value != program:
                raise UserError(f"{source}: the answers are for {value}.py, not for {program}.py")
            continue
        _require_known(name, program, source)
        # A value that a word stands for is one: "auto" is `null`.
        if value is not None or isinstance(get_value_type(name), OrWord):
            try:
                answers[name] = get_value_type(name).parse(value)
            except UserError as error:
                raise UserError(f"{source}: {name} {error}") from None
    return answers


def _require_known(name: str, program: str, source: str) -> None:
    names = [setting.name for setting in settings(program)]
    if name in names:
        return
    close = closest_name(name, names)
    hint = f"did you mean {close!r}?" if close else "keys are names of flags, such as 'learning_rate'"
    raise UserError(f"{source}: unknown key {abbreviate(name)}; {hint}")
