"""`Hyperparameters`: the complete, validated and immutable description of one run."""

import dataclasses
import shlex
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from lib.common.errors import UserError
from lib.common.value_types import ALL, Switch
from lib.config.fields import (
    ALWAYS_IN_COMMAND,
    FULL,
    PER_LAYER,
    PROGRAMS,
    SUITED,
    Fields,
    default_of,
    default_values,
    display_name,
    format_value,
    get_value_type,
    inapplicable_reason,
    long_flag,
    parse_answers,
    parse_value,
    settings,
)
from lib.config.training_choices import LOSSES, SCHEDULES
from lib.tasks import get_task, list_tasks
from lib.tasks.base import list_residual_tasks


@dataclass(frozen=True)
class Hyperparameters(Fields):
    """The data, the network and the training of one run; `lib.config.fields` has the table of the fields.

    The constructor takes each value as text or as JSON holds it, and stores the canonical value: per-layer
    fields, for example, become tuples with one element per layer.

    Raises:
        UserError: a value is out of bounds, has no effect with the others, or contradicts them.
    """

    def __post_init__(self):
        if self.program not in PROGRAMS:
            raise UserError(f"program must be {' or '.join(PROGRAMS)}, not {self.program!r}")
        for setting in settings():
            value = getattr(self, setting.name)
            if value is not None or setting.default is not None:
                object.__setattr__(self, setting.name, parse_value(setting.name, value))
        for name in PER_LAYER:
            object.__setattr__(self, name, self._per_layer(name))
        self._check_applicable()
        if self.program == "autoencoder":
            _check_combinations(self)

    def _per_layer(self, name: str) -> tuple | None:
        """The value of a field with one element per layer; one element is repeated."""
        values = getattr(self, name)
        if values is None or len(values) == self.layers:
            return values
        if not self.layers:
            return values[:1]
        if len(values) > 1:
            text = ",".join(format_value(name, (value,)) for value in values)
            raise UserError(
                f"{display_name(name)} {text} has {len(values)} values for {self.layers} layers; "
                "give one value, or one per layer"
            )
        return values * self.layers

    def _check_applicable(self) -> None:
        for setting in settings(self.program):
            reason = inapplicable_reason(setting, self)
            if reason and getattr(self, setting.name) != default_of(setting, self.program):
                raise UserError(reason)
        if not self.validates and (self.patience or SCHEDULES[self.schedule].lowers_on_plateau):
            watches = "patience" if self.patience else f"schedule {self.schedule}"
            raise UserError(
                f"{watches} requires a validation set, and split {format_value('split', self.split)} leaves "
                f"none"
            )

    @property
    def validates(self) -> bool:
        """True if there is a validation set, on which the best epoch is chosen."""
        return self.fold is not None or self.split[1] > 0

    @property
    def outputs_pixels(self) -> bool:
        """True if the outputs are pixels in 0..1, which is not so for the color differences U and V."""
        return get_task(self.task).outputs_pixels(self)

    def require(self, name: str) -> str:
        """The value of a field without a default, `dataset` or `model`.

        Raises:
            UserError: it is missing, as in a record that was edited by hand.
        """
        value = getattr(self, name)
        if value is None:
            raise UserError(
                f"{display_name(name)} is missing in the record; start a new run with {long_flag(name)}"
            )
        return value

    def to_json(self) -> dict:
        """The fields of this run's program as JSON values."""
        return {"program": self.program} | {
            setting.name: get_value_type(setting.name).to_json(getattr(self, setting.name))
            for setting in settings(self.program)
        }

    @classmethod
    def from_json(cls, record: dict, source: str) -> "Hyperparameters":
        """The inverse of `to_json`; missing fields get their defaults.

        Args:
            record: hyperparameters as JSON holds them; keys of earlier versions are read as well.
            source: beginning of an error message, such as the name of the file.

        Raises:
            UserError: an unknown key, or values that the constructor refuses.
        """
        program = record.get("program", "autoencoder")
        return cls(**default_values(program) | parse_answers(record, program, source))

    def command(self) -> str:
        """The command line that repeats this run without prompts."""
        return shlex.join(["python", f"{self.program}.py", *self.flags(), "--no-input"])

    def flags(self, without: Collection[str] = ()) -> list[str]:
        """The command-line arguments of all fields that differ from their defaults or are always named.

        Args:
            without: names of fields to leave out.
        """
        arguments = []
        for setting in settings(self.program):
            if setting.name in without or not self._is_in_command(setting):
                continue
            flag, value = long_flag(setting.name), getattr(self, setting.name)
            if isinstance(get_value_type(setting.name), Switch):
                arguments.append(flag if value else flag.replace("--", "--no-", 1))
            else:
                arguments += [flag, format_value(setting.name, value)]
        return arguments

    def _is_in_command(self, setting: dataclasses.Field) -> bool:
        name, value = setting.name, getattr(self, setting.name)
        if format_value(name, value) != format_value(name, default_of(setting, self.program)):
            return True
        if name in SUITED and self.program == "autoencoder":
            return True  # else the default that follows the images would take its place
        if name in ("skip", "residual") and get_task(self.task).bypasses_code:
            return True
        is_question = bool(setting.metadata["question"]) and name in ALWAYS_IN_COMMAND[self.program]
        return value is not None and is_question


# Tasks as they stand in messages.
_OTHER_TARGETS = list_tasks(lambda task: not task.targets_are_inputs)
_WHOLE_IMAGES = list_tasks(lambda task: task.targets_are_images)


class Rule(NamedTuple):
    """A combination of settings that is refused when `when` is true, and the reason."""

    when: bool
    message: str


def _check_combinations(hp: Hyperparameters) -> None:
    """Raise `UserError` for settings of an autoencoder that contradict each other for images of any size."""
    for name in ("pool", "batch_norm"):
        numbers = getattr(hp, name)
        if numbers != ALL and numbers and numbers[-1] > hp.layers:
            raise UserError(
                f"{display_name(name)} {format_value(name, numbers)}: there is no layer {numbers[-1]} "
                f"with layers {hp.layers}"
            )
    for rule in [*_code_rules(hp), *_option_rules(hp), *_output_rules(hp)]:
        if rule.when:
            raise UserError(rule.message)


def _code_rules(hp: Hyperparameters) -> list[Rule]:
    dense, task = hp.latent_dim is not None, get_task(hp.task)
    return [
        Rule(hp.layers == 0 and not dense, "layers 0 requires a dense code: set --latent-dim"),
        Rule(hp.layers == 0 and hp.decoder_kernels is not None, "decoder kernels require layers"),
        Rule(
            bool(hp.fc_units) and not dense,
            "fully connected units require a dense latent code: set --latent-dim",
        ),
        Rule(
            hp.skip and task.targets_are_inputs,
            f"skip connections would copy the image to the output: use them for {_OTHER_TARGETS}",
        ),
        Rule(
            hp.variational and bool(hp.skip or hp.residual or hp.linear_path),
            "variational cannot be combined with skip, residual or linear path, which bypass the latent code",
        ),
        Rule(
            hp.residual and not task.allows_residual(hp),
            f"residual requires the task {list_residual_tasks()}",
        ),
        Rule(
            bool(hp.linear_path) and dense and hp.linear_path != FULL,
            f"linear path with a kernel size requires a convolutional code; for a dense code use {FULL}",
        ),
        Rule(
            hp.linear_path == FULL and not (dense and hp.layers),
            f"linear path {FULL} requires a dense latent code and layers: set --latent-dim",
        ),
        Rule(
            bool(hp.linear_path) and not dense and hp.padding != "same",
            "linear path requires padding same",
        ),
    ]


def _option_rules(hp: Hyperparameters) -> list[Rule]:
    dense, feedback = hp.latent_dim is not None, bool(hp.feedback)
    task = get_task(hp.task)
    changes_code = hp.skip or hp.residual or hp.latent_activation != "linear"
    return [
        Rule(
            hp.pca and (not dense or hp.layers == 0),
            "PCA requires a dense latent code and at least one layer: set --latent-dim and --layers",
        ),
        Rule(
            hp.pca and bool(hp.variational or hp.fc_units or hp.linear_path or changes_code),
            "PCA cannot be combined with variational, fully connected units, linear path, skip, residual or "
            "latent activation, which change the latent code",
        ),
        Rule(
            hp.tta and task.targets_are_inputs,
            f"TTA averages two reconstructions: use it for {_OTHER_TARGETS}",
        ),
        Rule(hp.tta and bool(task.mirror_refusal(hp)), task.mirror_refusal(hp)),
        Rule(
            hp.pca and not task.targets_are_images,
            f"PCA requires the task {_WHOLE_IMAGES}: inputs and targets must be whole images",
        ),
        Rule(
            feedback and not (dense and task.targets_are_images),
            f"feedback requires a dense latent code and the task {_WHOLE_IMAGES}: set --latent-dim",
        ),
        Rule(
            feedback and (hp.variational or hp.pca or changes_code),
            "feedback cannot be combined with variational, PCA, skip, residual or latent activation",
        ),
        Rule(
            feedback and bool(hp.batch_norm or hp.dropout),
            "feedback requires a decoder that works alike in training and inference: set --batch-norm none "
            "and --dropout 0",
        ),
    ]


def _output_rules(hp: Hyperparameters) -> list[Rule]:
    added = _added_output(hp)
    needs_unit_range = hp.loss is not None and LOSSES[hp.loss].needs_unit_range
    return [
        Rule(
            bool(added) and hp.output_activation == "sigmoid",
            f"{added} cannot be combined with a sigmoid output: its values are not limited to 0..1",
        ),
        Rule(
            needs_unit_range and (bool(added) or hp.output_activation == "linear"),
            f"loss {hp.loss} requires outputs in 0..1, such as those of a sigmoid",
        ),
    ]


def _added_output(hp: Hyperparameters) -> str:
    """The setting by which outputs are UV, or are added to an image, so that 0..1 is no limit; else empty."""
    if name := get_task(hp.task).output_name(hp):
        return name
    if hp.residual:
        return "residual"
    if hp.linear_path:
        return "linear path"
    return "pca" if hp.pca else ""
