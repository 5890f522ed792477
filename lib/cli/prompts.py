"""Answers of a program: from flags, an answers file, standard input or prompts, in this order, else defaults.

questionary is imported only for a prompt on a terminal, so that everything else starts fast.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from lib.cli.answer_lines import read_answer, read_choice, read_choices
from lib.cli.prompt_keys import GoBack
from lib.cli.provided_values import ProvidedValues
from lib.cli.terminal_prompts import (
    preview_text,
    prompt_choice,
    prompt_several,
    prompt_text,
    validation_result,
)
from lib.common.errors import UserError
from lib.common.settings import Setting
from lib.common.text_layout import wrap_for
from lib.common.value_types import ALL, LayerNumbers
from lib.config.hyperparameters import HYPERPARAMETERS, Hyperparameters
from lib.config.program_settings import default_values, settings
from lib.config.suited_defaults import ImageSet, suited_defaults

OTHER_PATH = "another path …"


class Answers:
    """Values of a program's settings, and prompts for those that are still open.

    Args:
        program: `autoencoder` or `classification`.
        args: values of the flags of `TrainParser`.

    Attributes:
        program: the argument.
        settings: the program's settings by name.
        defaults: value of each setting that is neither provided nor answered.
        provided: values of the settings that need no prompt: from flags, answers file or preset.
        interactive: whether to prompt for settings that are not provided; False with --yes and --no-input.
        has_terminal: standard input is a terminal; else answers are read from it line by line.
        preset: name of the preset that the program was started with; None without.
        images: that the defaults follow, unless a preset or an earlier run gives them; None if unknown.
        drafts: answers at prompts of a conversation that has not led to a run; defaults of its prompts.
        can_go_back: whether Esc at the next prompt raises `GoBack`.
        prompt_count: number of questions that were asked on the terminal.
        shown_lines: what was last printed about the pictures of a folder.

    Raises:
        UserError: a value is wrong, a flag does not go with --resume, or --no-input lacks a required one.
    """

    def __init__(self, program: str, args: argparse.Namespace):
        self.program, self.settings = program, settings(program)
        self.defaults = default_values(program)
        self.interactive = not (args.yes or args.no_input)
        self.has_terminal = sys.stdin.isatty()
        given = ProvidedValues(program, args)
        self.provided, self.preset = given.values, given.preset
        self._flag_names, self._explicit = given.flag_names, given.explicit
        self.images: ImageSet | None = None
        self.drafts: dict[str, Any] = {}
        self.can_go_back, self.prompt_count = False, 0
        self.shown_lines: list[str] = []
        self._is_repeated = False

    @property
    def asked_settings(self) -> list[str]:
        """The settings that the basic prompts ask for, in their order."""
        return [name for name, setting in self.settings.items() if setting.is_asked]

    def replace_preset_values(self, values: dict[str, Any]) -> bool:
        """Give the settings that only the preset provides other values; return whether one was different."""
        replaced = {
            name: value
            for name, value in values.items()
            if name not in self._explicit and self.provided.get(name) != value
        }
        self.provided |= replaced
        return bool(replaced)

    @property
    def follows_images(self) -> bool:
        """Whether defaults follow the images, as they do without a preset."""
        return self.images is not None and self.preset is None

    def defaults_with(self, answers: dict[str, Any]) -> dict[str, Any]:
        """Return the default of each setting, given the answers so far."""
        suited = {} if self._is_repeated else self.suited_defaults(self.provided | answers)
        return self.defaults | suited

    def default_beside(self, hp: Hyperparameters, name: str):
        """Return the default of a setting, given the values of all other settings."""
        others = {other: getattr(hp, other) for other in self.settings if other != name}
        return self.suited_defaults(others).get(name, self.settings[name].default)

    def suited_defaults(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the defaults that follow the images, beside other values; none with a preset."""
        return suited_defaults(self.images, given) if self.images and self.preset is None else {}

    def hyperparameters(self, answers: dict[str, Any]) -> Hyperparameters:
        """Return the hyperparameters of given answers, provided values and defaults, in this order.

        Values of a preset or of the last run that do not apply to the others, or do not fit the number of
        layers, are replaced by defaults.

        Raises:
            UserError: an answer, or a value from a flag or file, does not fit the others.
        """
        drafts = self._fitting_drafts(answers)
        suited = self.suited_defaults(self.provided | drafts | answers)
        values = self.defaults | ({} if self._is_repeated else suited) | drafts | self.provided | answers
        for name, value in list(values.items()):
            if name in self._explicit or name in answers:
                continue
            setting = self.settings[name]
            fits = name in self.provided or _fits_layers(setting, value, values.get("layers", 0))
            if setting.inapplicable_reason(values) or not fits:
                values[name] = suited.get(name, setting.default)
        for name in self._flag_names:
            if reason := self.settings[name].inapplicable_reason(values):
                raise UserError(reason)
        return HYPERPARAMETERS[self.program](**values)

    def _fitting_drafts(self, answers: dict[str, Any]) -> dict[str, Any]:
        """The drafts, except the paths of the data and values for another number of layers."""
        layers = (self.defaults | self.drafts | self.provided | answers).get("layers", 0)
        return {
            name: value
            for name, value in self.drafts.items()
            if self.settings[name].is_in_menu and _fits_layers(self.settings[name], value, layers)
        }

    def data_settings(self, answers: dict[str, Any]) -> Hyperparameters:
        """Return hyperparameters with all that loading the data needs; the network's have defaults."""
        values = self.defaults | self._fitting_drafts(answers) | self.provided | answers
        data = [name for name, setting in self.settings.items() if setting.group == "data"]
        conditions = [name for setting in data for name in self.settings[setting].only_when]
        # With these an autoencoder needs the labels.
        names = {*data, *conditions, "seed"} | ({"label_weight", "conditional"} & self.settings.keys())
        applicable = {
            name: values[name]
            for name in names
            if name in self._flag_names or not self.settings[name].inapplicable_reason(values)
        }
        return HYPERPARAMETERS[self.program](**applicable)

    def use_as_defaults(self, hp: Hyperparameters) -> None:
        """Make the values of a run the defaults of the next one, with a prompt for all but paths."""
        paths = [
            name for name, setting in self.settings.items() if setting.is_path and not setting.single_run
        ]
        self._explicit, self._flag_names = set(), []
        self._is_repeated, self.drafts, self.preset = True, {}, None
        # Through text: kernels that are equal in all layers become one number, which fits any other depth.
        for name, setting in self.settings.items():
            text = setting.format(getattr(hp, name))
            self.defaults[name] = setting.parse(text) if text and not setting.single_run else None
        self.provided = {name: self.defaults[name] for name in paths if self.defaults[name] is not None}

    def ask(
        self,
        name: str,
        check: Callable[[Any], object] = lambda value: None,
        preview: Callable[[Any], str] | None = None,
        default=None,
    ):
        """Return the value of a setting: the provided one, else the answer to its question.

        Args:
            name: the setting.
            check: raises `UserError` for a value that does not fit.
            preview: describes a value in the line below the prompt.
            default: value for an empty answer, instead of the setting's default.

        Raises:
            UserError: the value is wrong and was not typed at a prompt, which asks again.
        """
        setting = self.settings[name]
        default = self.defaults[name] if default is None else default
        shown = self.drafts.get(name, default)
        if name in self.drafts and validation_result(lambda _: check(shown), "") is not True:
            shown = default
        default_text = setting.format(shown)

        def parse(text: str):
            value = setting.parse(text if text.strip() else default_text)
            check(value)
            return value

        if name in self.provided:
            check(self.provided[name])
            return self.provided[name]
        if not self.interactive:
            return parse("")
        question = setting.question or setting.label
        if not self.has_terminal:
            return parse(read_answer(question, default_text))
        toolbar = (lambda: preview_text(parse, preview)) if preview else None
        self.prompt_count += 1
        value = parse(
            prompt_text(
                question,
                parse,
                can_go_back=self.can_go_back,
                toolbar=toolbar,
                instruction=f"[{default_text}]",
            )
        )
        if value == default:
            self.drafts.pop(name, None)
        else:
            self.drafts[name] = value
        return value

    def ask_path(
        self, name: str, choices: dict[str, str], check: Callable[[str], object], hint: str = ""
    ) -> str:
        """Return the value of a setting that names a file or folder.

        Args:
            name: the setting.
            choices: paths to choose from, with a description each. A prompt also offers any other path;
                without a prompt the first is the default.
            check: raises `UserError` for a path that does not fit.
            hint: a remedy besides the flag, for the error message.

        Raises:
            UserError: the path is wrong and was not typed at a prompt, or there is neither path nor prompt.
        """
        setting, first = self.settings[name], next(iter(choices), None)
        if name in self.provided or not self.interactive or not self.has_terminal:
            if first is None and name not in self.provided and not self.interactive:
                raise UserError(f"{setting.label} missing: {hint}give {' or '.join(setting.flags)}")
            return self.ask(name, check, default=first)
        question = setting.question or setting.label
        self.prompt_count += 1
        draft = self.drafts.get(name)
        last = None if draft is None else draft if draft in choices else ""  # the cursor is on it
        while True:
            path = last = self._choose_path(question, choices, last) if choices else ""
            if path and (message := validation_result(check, path)) is not True:
                print(wrap_for(str(message), sys.stderr), file=sys.stderr)
                path = ""
            if not path:
                try:
                    path = prompt_text(
                        question,
                        lambda text: check(setting.parse(text)),
                        is_path=True,
                        can_go_back=self.can_go_back or bool(choices),
                        default="" if draft is None or draft in choices else draft,
                    )
                except GoBack:
                    if not choices:
                        raise
                    continue  # to the choices
            self.drafts[name] = path
            return path

    def _choose_path(self, question: str, choices: dict[str, str], default: str | None) -> str:
        """Return one of several paths; empty for another one."""
        texts = {path: f"{path:<15} {text}" if text else path for path, text in choices.items()}
        return prompt_choice(
            question,
            texts | {"": OTHER_PATH},
            default=default,
            can_go_back=self.can_go_back,
        )

    def choose(
        self,
        title: str,
        choices: dict[str, str],
        at_end: str,
        kept_lines: int = 0,
        default: str | None = None,
    ) -> str:
        """Return the key of one of several choices.

        Args:
            title: the question.
            choices: text of each key. A line of standard input may be a key, its number or its text.
            at_end: the key at the end of standard input.
            kept_lines: lines above a menu on a terminal that stay on the screen.
            default: the key that the cursor of a menu is on; the first one without it.

        Raises:
            UserError: a line of standard input is no choice.
        """
        if self.has_terminal:
            self.prompt_count += 1
            return prompt_choice(title, choices, default, kept_lines=kept_lines, can_go_back=self.can_go_back)
        return read_choice(title, choices, at_end)

    def choose_several(
        self, title: str, choices: dict[str, str], details: dict[str, str] | None = None, min_count: int = 1
    ) -> list[str]:
        """Return the keys of some of several choices.

        Args:
            title: the question.
            choices: text of each key. A line of standard input is keys with commas between them.
            details: a further text of each key, shown below the menu for the one under the pointer.
            min_count: how many must be chosen at a prompt.

        Raises:
            UserError: a line of standard input has a key that is no choice.
        """
        if self.has_terminal:
            self.prompt_count += 1
            return prompt_several(title, choices, details or {}, min_count, self.can_go_back)
        return read_choices(title, choices)

    def ask_text(
        self, question: str, check: Callable[[str], object], default: str = "", is_path: bool = False
    ) -> str:
        """Return a line of text, stripped, for which `check` does not raise `UserError`.

        Args:
            question: the question.
            check: raises `UserError` for a text that does not fit.
            default: text for an empty line.
            is_path: complete paths at a prompt.
        """

        def check_or_default(text: str) -> object:
            return check(text if text.strip() else default)

        if self.has_terminal:
            self.prompt_count += 1
            options: dict[str, Any] = {"instruction": f"[{default}]"} if default else {}
            if is_path and default:  # a prompt for paths has no instruction
                question, options = f"{question} [{default}]", {}
            options |= {"is_path": is_path, "can_go_back": self.can_go_back}
            return prompt_text(question, check_or_default, **options) or default
        answer = read_answer(question, default)
        check_or_default(answer)
        return answer or default


def _fits_layers(setting: Setting, value, layers: int) -> bool:
    """Return whether a value per layer, or of layer numbers, fits the number of layers."""
    if setting.is_per_layer:
        return value is None or len(value) in (1, layers) or len(set(value)) == 1
    if not isinstance(setting.value_type, LayerNumbers):
        return True
    return value in (ALL, ()) or value[-1] <= layers
