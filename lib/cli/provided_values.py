"""Values of settings that need no prompt: from flags, an answers file and a preset, in this order."""

import argparse
from pathlib import Path
from typing import Any

from lib.common.errors import UserError
from lib.common.reading import MAX_SETTINGS_BYTES, read_json
from lib.config.presets import preset_name, preset_values
from lib.config.program_settings import complete_earlier_answers, parse_answers, settings
from lib.runs.continuation import continued_settings


class ProvidedValues:
    """The values that a command line gives.

    Args:
        program: `autoencoder` or `classification`.
        args: values of the flags of `TrainParser`.

    Attributes:
        values: canonical values by setting.
        flag_names: the settings that flags give.
        explicit: the settings that flags or the answers file give; unlike values of a preset they stay.
        preset: name of the preset; None without.

    Raises:
        UserError: a value is wrong, a flag does not go with --resume, or --no-input lacks a required one.
    """

    def __init__(self, program: str, args: argparse.Namespace):
        content = _read_answers_file(args.answers) if args.answers else {}
        file_preset = content.pop("preset", None) if isinstance(content, dict) else None
        if file_preset is not None:
            _check_preset(file_preset, program, args.answers)
        answers = parse_answers(content, program, args.answers) if args.answers else {}
        self.values = complete_earlier_answers(answers, program)
        from_flags = _parse_flags(program, args)
        self.values |= from_flags
        self.flag_names, self.explicit = list(from_flags), set(self.values)
        preset = args.preset or file_preset
        self.preset = None if preset is None else preset_name(preset, program)
        if self.preset is not None:
            self.values = preset_values(self.preset, program) | self.values
        self._add_values_of_parent(program, args)
        self._replace_epochs_by_minutes(program)
        if args.resume:
            self._refuse_settings_of_resumed_run(program, args)
        elif args.no_input:
            self._require_complete(program)

    def _add_values_of_parent(self, program: str, args: argparse.Namespace) -> None:
        """With --continue, all settings of the run that is continued, with those that are given."""
        epochs = getattr(args, "epochs", None)
        folder = self.values.get("continues")
        if folder is None:
            if isinstance(epochs, str) and epochs.strip().startswith("+"):
                raise UserError(f"--epochs {epochs}: the sign is for --continue; give a number without it")
            return
        if self.preset is not None:
            raise UserError("--continue keeps the settings of the run; remove --preset")
        self.values = continued_settings(Path(folder), program, self.values)
        self.explicit = set(self.values)

    def _replace_epochs_by_minutes(self, program: str) -> None:
        if self.values.get("training_minutes") is None:
            return
        if "epochs" in self.flag_names:
            raise UserError("--minutes decides how many epochs there are; remove --epochs")
        self.values.setdefault("epochs", settings(program)["epochs"].default)

    def _refuse_settings_of_resumed_run(self, program: str, args: argparse.Namespace) -> None:
        flags = [settings(program)[name].flag for name in self.flag_names]
        flags += [f"--{name}" for name in ("preset", "answers", "output") if getattr(args, name, None)]
        if flags:
            raise UserError(f"--resume keeps the settings of the run; remove {', '.join(flags)}")

    def _require_complete(self, program: str) -> None:
        missing = [
            " or ".join(setting.flags)
            for name, setting in settings(program).items()
            if setting.required and name not in self.values
        ]
        if missing:
            raise UserError(f"--no-input needs {' and '.join(missing)}")


def _parse_flags(program: str, args: argparse.Namespace) -> dict[str, Any]:
    return {
        name: setting.value_type.parse_as(setting.flag, text)
        for name, setting in settings(program).items()
        if (text := getattr(args, name, None)) is not None
    }


def _check_preset(name, program: str, path: str) -> None:
    try:
        preset_values(name, program)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _read_answers_file(name: str):
    path = Path(name)
    try:
        return read_json(path, MAX_SETTINGS_BYTES)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
