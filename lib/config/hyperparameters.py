"""One run, described whole: `Hyperparameters` is the table of `fields` with values that go together."""

import dataclasses
import shlex
from collections.abc import Collection
from dataclasses import dataclass

from lib.common.errors import UserError
from lib.config.fields import (
    ALWAYS_IN_COMMAND,
    PER_LAYER,
    PROGRAMS,
    Fields,
    default_of,
    default_values,
    display_name,
    format_value,
    inapplicable_reason,
    long_flag,
    parse_answers,
    parse_value,
    settings,
)
from lib.config.value_types import ALL, Switch
from lib.tasks import get_task
from lib.tasks.colorization import predicts_uv


@dataclass(frozen=True)
class Hyperparameters(Fields):
    """One run, whole: its data, its network and its training. Values are read, bounded and made canonical on
    creation.

    Raises `UserError` when a value is out of its bounds or two do not go together.
    """

    def __post_init__(self):
        if self.program not in PROGRAMS:
            raise UserError(f"program must be {' or '.join(PROGRAMS)}, not {self.program!r}")
        for setting_ in settings():
            value = getattr(self, setting_.name)
            if value is not None or setting_.default is not None:
                object.__setattr__(self, setting_.name, parse_value(setting_.name, value))
        for name in PER_LAYER:
            object.__setattr__(self, name, self._per_layer(name))
        for setting_ in settings(self.program):
            if (reason := inapplicable_reason(setting_, self)) and getattr(self, setting_.name) != default_of(
                setting_, self.program
            ):
                raise UserError(reason)
        if not self.validates and (self.patience or self.schedule == "plateau"):
            watches = "patience" if self.patience else "schedule plateau"
            raise UserError(
                f"{watches} watches validation images, and split {format_value('split', self.split)} leaves "
                f"none"
            )
        if self.program == "autoencoder":
            _check_combinations(self)

    def _per_layer(self, name: str) -> tuple | None:
        """One value per layer where one was given for all."""
        values = getattr(self, name)
        if values is None or len(values) == self.layers or not self.layers:
            return values if values is None or self.layers else values[:1]
        if len(values) > 1:
            given = ",".join(format_value(name, (value,)) for value in values)
            raise UserError(
                f"{display_name(name)} {given} are for {len(values)} layers, but layers is {self.layers}; "
                "give one number, or one per layer"
            )
        return values * self.layers

    @property
    def validates(self) -> bool:
        """Whether some images are kept apart from training, to choose the best epoch by."""
        return self.fold is not None or self.split[1] > 0

    @property
    def color_differences(self) -> bool:
        """Whether the targets are UV, which are no image by themselves."""
        return predicts_uv(self)

    def needed(self, name: str) -> str:
        """The data set, or the model, which have no default. Raises `UserError` where an edited record names
        none.
        """
        value = getattr(self, name)
        if value is None:
            raise UserError(
                f"{display_name(name)} missing: the run names none; begin a new one with {long_flag(name)}"
            )
        return value

    def to_json(self) -> dict:
        """The fields of this run's program, as JSON holds them (tuples become lists)."""
        return {"program": self.program} | {
            s.name: _to_json_value(s, getattr(self, s.name)) for s in settings(self.program)
        }

    @classmethod
    def from_json(cls, record: dict, where: str) -> "Hyperparameters":
        """The inverse of `to_json`; missing fields take their defaults, an unknown one raises `UserError`
        naming it.
        """
        program = record.get("program", "autoencoder")
        return cls(**default_values(program) | parse_answers(record, program, where))

    def command(self) -> str:
        """The command line that repeats this run without asking anything."""
        return shlex.join(["python", f"{self.program}.py", *self.flags(), "--no-input"])

    def flags(self, without: Collection[str] = ()) -> list[str]:
        """The flags that say it, but for some fields."""
        line = []
        for setting_ in settings(self.program):
            if setting_.name in without:
                continue
            name, metadata, value = setting_.name, setting_.metadata, getattr(self, setting_.name)
            as_usual = format_value(name, value) == format_value(name, default_of(setting_, self.program))
            if as_usual and (
                value is None or not metadata["question"] or name not in ALWAYS_IN_COMMAND[self.program]
            ):
                continue
            flag = long_flag(name)
            if isinstance(metadata["kind"], Switch):
                line.append(flag if value else flag.replace("--", "--no-", 1))
            else:
                line += [flag, format_value(name, value)]
        return line


def _check_combinations(hp: Hyperparameters) -> None:
    """Refuse settings of a network that contradict each other, whatever the images. Raises `UserError`."""
    for name in ("pool", "batch_norm"):
        places = getattr(hp, name)
        if places != ALL and places and places[-1] > hp.layers:
            raise UserError(
                f"{display_name(name)} {format_value(name, places)}: there is no layer {places[-1]}, layers "
                f"is {hp.layers}"
            )
    output = "a sigmoid output" if hp.output_activation == "sigmoid" else ""
    adding = {
        "UV": hp.color_differences,
        "residual": hp.residual,
        "linear path": hp.linear_path,
        "pca": hp.pca,
    }
    linear = next((name for name, given in adding.items() if given), "")
    besides = (
        hp.variational
        or hp.fc_units
        or hp.linear_path
        or hp.skip
        or hp.residual
        or hp.latent_activation != "linear"
    )
    refusals = {
        "0 layers need a dense code: give --latent-dim": hp.layers == 0 and hp.latent_dim is None,
        "decoder kernels need layers": hp.layers == 0 and hp.decoder_kernels is not None,
        "fully connected units need a dense code: give --latent-dim": hp.fc_units and hp.latent_dim is None,
        "skip connections would hand the image over: they are for denoise, colorize and complete": (
            hp.skip and hp.task == "reconstruct"
        ),
        "a VAE has nothing but its code: neither skip nor residual nor linear path goes with variational": (
            hp.variational and (hp.skip or hp.residual or hp.linear_path)
        ),
        "residual is for denoise, complete and colorize in RGB": (
            hp.residual and (hp.task == "reconstruct" or hp.color_differences)
        ),
        "a linear path needs a convolutional code with padding same, and layers": (
            hp.linear_path and (hp.latent_dim is not None or hp.padding != "same")
        ),
        "PCA gives a dense code, which its layers improve: give --latent-dim, and at least one layer": (
            hp.pca and (hp.latent_dim is None or hp.layers == 0)
        ),
        "PCA keeps the code as it is: neither variational nor fully connected units, linear path, skip, "
        "residual or latent "
        "activation goes with it": hp.pca and bool(besides),
        "TTA makes a picture of two codes: it is for denoise, colorize and complete": hp.tta
        and hp.task == "reconstruct",
        "TTA mirrors images left to right: with missing left or right, that is another task": (
            hp.tta and hp.task == "complete" and hp.missing in ("left", "right")
        ),
        "PCA is for reconstruct and denoise: input and target must be whole images": (
            hp.pca and not get_task(hp.task).targets_are_images
        ),
        "feedback corrects a dense code by what is left over of the image: it needs --latent-dim, and "
        "reconstruct or denoise": (
            hp.feedback and (hp.latent_dim is None or not get_task(hp.task).targets_are_images)
        ),
        "feedback corrects a plain code: neither variational nor pca, skip, residual or latent activation "
        "goes with it": (
            hp.feedback
            and bool(hp.variational or hp.pca or hp.skip or hp.residual or hp.latent_activation != "linear")
        ),
        "feedback needs a decoder that is the same in training and after it: give --batch-norm none and no "
        "dropout": (hp.feedback and bool(hp.batch_norm or hp.dropout)),
        f"{linear} and {output} do not go together: the values are not 0 to 1": bool(linear and output),
        "loss bce needs outputs from 0 to 1, such as a sigmoid gives": (
            hp.loss == "bce" and bool(linear or hp.output_activation == "linear")
        ),
    }
    for reason, refused in refusals.items():
        if refused:
            raise UserError(reason)


def _to_json_value(setting_: dataclasses.Field, value):
    if hasattr(setting_.metadata["kind"], "plain"):
        return setting_.metadata["kind"].plain(value)
    return list(value) if isinstance(value, tuple) else value
