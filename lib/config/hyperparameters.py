"""Hyperparameters: the complete, validated and immutable description of one run of a program."""

import shlex
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from lib.common.errors import UserError
from lib.common.settings import IMAGES, TASK, Setting
from lib.common.value_types import ALL, Switch
from lib.config.data_settings import DataSettings
from lib.config.program_settings import AutoencoderSettings, ClassifierSettings, parse_answers, settings
from lib.config.quantization import Quantization
from lib.config.setting_rules import refuse_combinations
from lib.config.training_choices import SCHEDULES
from lib.config.training_settings import TrainingSettings
from lib.tasks import get_task
from lib.tasks.classification import CLASSIFY
from lib.tasks.settings import DefectData


@dataclass(frozen=True)
class Hyperparameters(TrainingSettings, DataSettings):
    """Base of the hyperparameters of both programs; each program has a subclass.

    The constructors take each value as text or as JSON holds it, and store the canonical value.

    Attributes:
        program: the program that the hyperparameters are for, `autoencoder` or `classification`.

    Raises:
        UserError: a value is out of bounds, has no effect with the others, or contradicts them.
    """

    program: ClassVar[str]

    def __post_init__(self):
        for name, setting in self.settings().items():
            value = getattr(self, name)
            if value is not None or setting.default is not None:
                object.__setattr__(self, name, setting.parse(value))
        self._complete()
        for name, setting in self.settings().items():
            reason = setting.inapplicable_reason(self)
            if reason and getattr(self, name) != setting.default:
                raise UserError(reason)
        if not self.validates and (self.patience or SCHEDULES[self.schedule].lowers_on_plateau):
            watches = "patience" if self.patience else f"schedule {self.schedule}"
            split = self.settings()["split"].describe(self.split)
            raise UserError(f"{watches} requires a validation set, and {split} leaves none")
        self._check_combinations()

    def _complete(self) -> None:
        """Give values the form that follows from other values."""

    def _check_combinations(self) -> None:
        """Raise `UserError` for settings that contradict each other."""

    @classmethod
    def settings(cls) -> dict[str, Setting]:
        """Return the settings of the program by name."""
        return settings(cls.program)

    @property
    def task_name(self) -> str:
        """The task in names of folders, records and model files."""
        return CLASSIFY

    @property
    def needs_labels(self) -> bool:
        """Whether the training uses labels."""
        return True

    @property
    def needs_test_labels(self) -> bool:
        """Whether test images need labels, of classes that occur in training."""
        return True

    @property
    def label_files(self) -> tuple[str | None, str | None]:
        """Files with the labels of training and test images; `None` where the images have their own."""
        return None, None

    @property
    def target_files(self) -> tuple[str | None, str | None]:
        """Clean pictures for the training and test images, which then are inputs; `None` without pairs."""
        return None, None

    @property
    def defect_data(self) -> DefectData | None:
        """Which images are normal, of a task that detects others; `None` for other tasks."""
        return None

    @property
    def validates(self) -> bool:
        """True if there is a validation set, on which the best epoch is chosen."""
        return self.fold is not None or self.split[1] > 0

    def require(self, name: str) -> str:
        """The value of a setting without a default, `dataset` or `model`.

        Raises:
            UserError: it is missing, as in a record that was edited by hand.
        """
        value, setting = getattr(self, name), self.settings()[name]
        if value is None:
            raise UserError(f"{setting.label} is missing in the record; start a new run with {setting.flag}")
        return value

    def to_json(self) -> dict:
        """The program and the values of its settings, as JSON values."""
        return {"program": self.program} | {
            name: setting.value_type.to_json(getattr(self, name)) for name, setting in self.settings().items()
        }

    @staticmethod
    def from_json(record: dict, source: str) -> "Hyperparameters":
        """The inverse of `to_json`, for either program; missing settings get their defaults.

        Args:
            record: hyperparameters as JSON holds them; keys of earlier versions are read as well.
            source: beginning of an error message, such as the name of the file.

        Raises:
            UserError: an unknown key, or values that the constructor refuses.
        """
        program = record.get("program", "autoencoder")
        values = parse_answers(record, program, source)
        return HYPERPARAMETERS[program](**values)

    def command(self) -> str:
        """The command line that repeats this run without prompts."""
        return shlex.join(["python", f"{self.program}.py", *self.flags(), "--no-input"])

    def flags(self, without: Collection[str] = ()) -> list[str]:
        """The command-line arguments of all settings that differ from their defaults or are always named.

        Args:
            without: names of settings to leave out.
        """
        arguments = []
        for name, setting in self.settings().items():
            if name in without or not self._is_in_command(setting):
                continue
            value = getattr(self, name)
            if isinstance(setting.value_type, Switch):
                arguments.append(setting.flag if value else setting.flag.replace("--", "--no-", 1))
            else:
                text = setting.format(value)
                # A value such as -gt would be read as a flag.
                arguments += [f"{setting.flag}={text}"] if text.startswith("-") else [setting.flag, text]
        return arguments

    def _is_in_command(self, setting: Setting) -> bool:
        if setting.name == "epochs" and self.training_minutes:
            return False
        value = getattr(self, setting.name)
        differs = setting.format(value) != setting.format(setting.default)
        if setting.inapplicable_reason(self):
            return differs
        return differs or (value is not None and setting.question is not None) or self._is_suited(setting)

    def _is_suited(self, setting: Setting) -> bool:
        """Whether the default of a setting would otherwise follow the images or the task."""
        return False


@dataclass(frozen=True)
class ClassifierHyperparameters(ClassifierSettings, Hyperparameters):
    """The data, the saved model, the layers on top of its encoder and the training of a classifier."""

    program = "classification"

    @property
    def label_files(self) -> tuple[str | None, str | None]:
        return self.labels, self.test_labels


@dataclass(frozen=True)
class AutoencoderHyperparameters(AutoencoderSettings, Hyperparameters):
    """The data, the task, the network and the training of an autoencoder.

    Settings with one value per layer are tuples with one element per layer.
    """

    program = "autoencoder"

    def _complete(self) -> None:
        for name, setting in self.settings().items():
            if setting.is_per_layer:
                object.__setattr__(self, name, self._per_layer(setting))

    def _per_layer(self, setting: Setting) -> tuple | None:
        """The value of a setting with one element per layer; one element is repeated."""
        values = getattr(self, setting.name)
        if values is None or len(values) == self.layers:
            return values
        if not self.layers:
            return values[:1]
        if len(values) > 1:
            text = ",".join(setting.format((value,)) for value in values)
            raise UserError(
                f"{setting.label} {text} has {len(values)} values for {self.layers} layers; "
                "give one value, or one per layer"
            )
        return values * self.layers

    @property
    def task_name(self) -> str:
        return self.task

    @property
    def needs_labels(self) -> bool:
        return self.label_weight > 0 or self.conditional

    @property
    def needs_test_labels(self) -> bool:
        return self.conditional

    @property
    def quantization(self) -> Quantization | None:
        """The levels of the numbers of a code; None for a code of any numbers."""
        return Quantization.of(self.quantize, self.code_width) if self.quantize else None

    @property
    def target_files(self) -> tuple[str | None, str | None]:
        return get_task(self).target_files(self)

    @property
    def defect_data(self) -> DefectData | None:
        return get_task(self).defect_data(self)

    def _is_suited(self, setting: Setting) -> bool:
        follows_task = setting.follows == TASK and get_task(self).bypasses_code
        return follows_task or setting.follows == IMAGES

    def _check_combinations(self) -> None:
        for name in ("pool", "batch_norm"):
            numbers, setting = getattr(self, name), self.settings()[name]
            if numbers != ALL and numbers and numbers[-1] > self.layers:
                raise UserError(
                    f"{setting.describe(numbers)}: there is no layer {numbers[-1]} with layers {self.layers}"
                )
        refuse_combinations(self)


HYPERPARAMETERS: dict[str, type[Hyperparameters]] = {
    cls.program: cls for cls in (AutoencoderHyperparameters, ClassifierHyperparameters)
}
