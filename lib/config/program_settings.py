"""The settings of each program, composed of the tables of `lib.config`; answers files with their values."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from lib.common.errors import UserError
from lib.common.formatting import abbreviate
from lib.common.settings import Setting, table_settings
from lib.common.suggestions import closest_name
from lib.common.value_types import OrWord
from lib.config.code_settings import CodeSettings
from lib.config.data_settings import DataSettings
from lib.config.head_settings import HeadSettings
from lib.config.network_settings import NetworkSettings
from lib.config.task_settings import TaskSettings
from lib.config.training_settings import AutoencoderTraining, ClassifierTraining


# Dataclasses take the fields of the last base first.
@dataclass(frozen=True)
class AutoencoderSettings(AutoencoderTraining, NetworkSettings, CodeSettings, TaskSettings, DataSettings):
    """All settings of an autoencoder."""

    @property
    def code_width(self) -> int:
        """Size of a dense code, or channels of a convolutional one."""
        return self.kernels[-1] if self.latent_dim is None else self.latent_dim


@dataclass(frozen=True)
class ClassifierSettings(ClassifierTraining, HeadSettings, DataSettings):
    """All settings of a classifier."""


TABLES = {"autoencoder": AutoencoderSettings, "classification": ClassifierSettings}
PROGRAMS = tuple(TABLES)


@cache
def settings(program: str) -> dict[str, Setting]:
    """Return the settings of a program by name, in the order in which help and documents list them.

    Raises:
        KeyError: there is no such program.
    """
    return table_settings(TABLES[program])


def find_setting(name: str) -> Setting:
    """Return the setting of a name; where both programs have it, that of an autoencoder.

    Raises:
        KeyError: no program has it.
    """
    return _all_settings()[name]


@cache
def _all_settings() -> dict[str, Setting]:
    return settings("classification") | settings("autoencoder")


def default_values(program: str) -> dict:
    """Return the canonical defaults of all settings of a program, by name."""
    return {name: setting.default for name, setting in settings(program).items()}


def display_name(key: str) -> str:
    """Return the name of a setting, or of another key of a record, in messages and tables."""
    known = _all_settings().get(key)
    return known.label if known else key.replace("_", " ")


@cache
def former_names() -> dict[str, str]:
    """Return the present name of each key in answers files, records and models of earlier versions."""
    return {known.former_name: name for name, known in _all_settings().items() if known.former_name}


def rename_former_keys(values: dict) -> dict:
    """Return hyperparameters of any version with the names of this one."""
    return dict(_rename(key, value) for key, value in values.items())


def _rename(key: str, value) -> tuple[str, Any]:
    name = former_names().get(key)
    if name is None:
        return key, value
    former = find_setting(name).former_values
    return name, next((new for old, new in former.items() if old is value), value)


def restore_former_keys(values: dict) -> dict:
    """Return hyperparameters with the names of earlier versions, for digests that must stay the same."""
    former = {present: name for name, present in former_names().items()}
    restored = {}
    for key, value in values.items():
        values_before = find_setting(key).former_values if key in former else {}
        before = next((old for old, new in values_before.items() if new == value), value)
        restored[former.get(key, key)] = before
    return restored


def parse_answers(record, program: str, source: str) -> dict:
    """Return the canonical values in an answers file or a record, which may have been edited by hand.

    Args:
        record: the decoded JSON.
        program: the program that reads it.
        source: beginning of an error message, such as the name of the file.

    Returns:
        The values by name; `null` and `program` are left out, former names are replaced.

    Raises:
        UserError: `record` is no object, is for the other program, or has an unknown key or an invalid value.
    """
    if not isinstance(record, dict):
        raise UserError(f'{source}: must be a JSON object such as {{"epochs": 20}}')
    _require_program(record.get("program", program), program, source)
    answers = {}
    for name, value in rename_former_keys(record).items():
        if name == "program":
            continue
        _require_known(name, program, source)
        value_type = settings(program)[name].value_type
        # A value that a word stands for is one: "auto" is `null`.
        if value is not None or isinstance(value_type, OrWord):
            answers[name] = value_type.parse_as(f"{source}: {name}", value)
    return answers


def complete_earlier_answers(answers: dict, program: str) -> dict:
    """Return answers with the constant defaults of settings that the version which wrote them did not have.

    Answers of a whole run name every setting whose default follows the images or the task. Such settings of
    later versions would otherwise change the network of the run.

    Args:
        answers: canonical values by name, as `parse_answers` returns them.
        program: the program that they are for.
    """
    followers = {name: setting for name, setting in settings(program).items() if setting.follows}
    if any(name not in answers for name, setting in followers.items() if not setting.is_later):
        return answers
    return {name: setting.default for name, setting in followers.items() if setting.is_later} | answers


def _require_program(value, program: str, source: str) -> None:
    if value not in PROGRAMS:
        raise UserError(f"{source}: program must be {' or '.join(PROGRAMS)}, not {abbreviate(value)}")
    if value != program:
        raise UserError(f"{source}: the answers are for {value}.py, not for {program}.py")


def _require_known(name: str, program: str, source: str) -> None:
    known = settings(program)
    if name in known:
        return
    close = closest_name(name, known)
    hint = f"did you mean {close!r}?" if close else "keys are names of flags, such as 'learning_rate'"
    raise UserError(f"{source}: unknown key {abbreviate(name)}; {hint}")
