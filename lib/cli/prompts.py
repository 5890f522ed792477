"""Answers of a program: from flags, an answers file, standard input or prompts, in this order, else defaults.

questionary is imported only for a prompt on a terminal, so that everything else starts fast.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from lib.cli._compat import interrupt_on_signal, wrap_validation_message
from lib.cli.streams import TextOnly, has_all_characters
from lib.common.errors import PromptCancelled, UserError, printable
from lib.common.reading import MAX_SETTINGS_BYTES, read_json
from lib.config.fields import (
    PER_LAYER,
    default_of,
    default_values,
    display_name,
    format_value,
    get_field,
    inapplicable_reason,
    long_flag,
    parse_answers,
    parse_value,
    settings,
)
from lib.config.hyperparameters import Hyperparameters
from lib.config.presets import preset_values
from lib.config.suited_defaults import ImageSet, suited_defaults
from lib.config.value_types import ALL, LayerNumbers, Text

if TYPE_CHECKING:
    from questionary import Question

OTHER_PATH = "another path …"


class Answers:
    """Values of a program's settings, and prompts for those that are still open.

    Args:
        program: `autoencoder` or `classification`.
        args: values of the flags of `TrainParser`.

    Attributes:
        program: the argument.
        defaults: value of each setting that is neither provided nor answered.
        provided: values of the settings that need no prompt: from flags, answers file or preset.
        interactive: whether to prompt for settings that are not provided; False with --yes and --no-input.
        has_terminal: standard input is a terminal; else answers are read from it line by line.

    Raises:
        UserError: a value is wrong, a flag does not go with --resume, or --no-input lacks a required one.
    """

    def __init__(self, program: str, args: argparse.Namespace):
        self.program = program
        self.defaults = default_values(program)
        self.interactive = not (args.yes or args.no_input)
        self.has_terminal = sys.stdin.isatty()
        content = _read_answers_file(args.answers) if args.answers else {}
        file_preset = content.pop("preset", None) if isinstance(content, dict) else None
        if file_preset is not None:
            _check_preset(file_preset, program, args.answers)
        self.provided = parse_answers(content, program, args.answers) if args.answers else {}
        from_flags = _parse_flags(program, args)
        self.provided |= from_flags
        self._flag_names = list(from_flags)
        self._explicit = set(self.provided)  # from flags or file; never dropped, unlike those of a preset
        self._images: ImageSet | None = None
        preset = args.preset or file_preset
        self._has_preset, self._is_repeated = preset is not None, False
        if preset is not None:
            self.provided = preset_values(preset, program) | self.provided
        if args.resume:
            self._refuse_settings_of_resumed_run(args)
        elif args.no_input:
            self._require_complete()

    def _refuse_settings_of_resumed_run(self, args: argparse.Namespace) -> None:
        flags = [long_flag(name) for name in self._flag_names]
        flags += [f"--{name}" for name in ("preset", "answers", "output") if getattr(args, name, None)]
        if flags:
            raise UserError(f"--resume goes on with a run as it was asked for; leave {', '.join(flags)} out")

    def _require_complete(self) -> None:
        required = [setting for setting in settings(self.program) if setting.metadata["required"]]
        missing = [" or ".join(s.metadata["flags"]) for s in required if s.name not in self.provided]
        if missing:
            raise UserError(f"--no-input needs {' and '.join(missing)}")

    def is_open(self, name: str) -> bool:
        """Return whether a setting has no provided value."""
        return name not in self.provided

    def suit_defaults(self, images: ImageSet) -> None:
        """Make the defaults follow the images, unless a preset or an earlier run gives them."""
        self._images = images

    def defaults_with(self, answers: dict[str, Any]) -> dict[str, Any]:
        """Return the default of each setting, given the answers so far."""
        return self.defaults if self._is_repeated else self.defaults | self._suited_defaults(answers)

    def _suited_defaults(self, answers: dict[str, Any]) -> dict[str, Any]:
        if self._images is None or self._has_preset:
            return {}
        return suited_defaults(self._images, self.provided | answers)

    def hyperparameters(self, answers: dict[str, Any]) -> Hyperparameters:
        """Return the hyperparameters of given answers, provided values and defaults, in this order.

        Values of a preset or of the last run that do not apply to the others, or do not fit the number of
        layers, are replaced by defaults.

        Raises:
            UserError: an answer, or a value from a flag or file, does not fit the others.
        """
        values = self.defaults_with(answers) | self.provided | answers
        suited = self._suited_defaults(answers)
        for name, value in list(values.items()):
            if name in self._explicit or name in answers or name == "program":
                continue
            fits = name in self.provided or _fits_layers(name, value, values.get("layers", 0))
            if inapplicable_reason(get_field(name), values) or not fits:
                values[name] = suited.get(name, default_of(get_field(name), self.program))
        for name in self._flag_names:
            if reason := inapplicable_reason(get_field(name), values):
                raise UserError(reason)
        return Hyperparameters(**values)

    def data_settings(self, answers: dict[str, Any]) -> Hyperparameters:
        """Return hyperparameters with all that loading the data needs; the network's have defaults."""
        values = self.defaults | self.provided | answers
        names = [
            setting.name
            for setting in settings(self.program)
            # With a label weight an autoencoder needs the labels.
            if setting.metadata["group"] == "data" or setting.name == "label_weight"
        ]
        return Hyperparameters(
            program=self.program, seed=values["seed"], **{name: values[name] for name in names}
        )

    def use_as_defaults(self, hp: Hyperparameters) -> None:
        """Make the values of a run the defaults of the next one, with a prompt for all but paths."""
        paths = [s.name for s in settings(self.program) if isinstance(s.metadata["value_type"], Text)]
        self._explicit, self._flag_names = set(), []
        self._is_repeated = True
        # Through text: kernels that are equal in all layers become one number, which fits any other depth.
        texts = {s.name: format_value(s.name, getattr(hp, s.name)) for s in settings(self.program)}
        self.defaults = self.defaults | {
            name: parse_value(name, text) if text else None for name, text in texts.items()
        }
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
        default = self.defaults[name] if default is None else default
        default_text = format_value(name, default)

        def parse(text: str):
            value = parse_value(name, text if text.strip() else default_text)
            check(value)
            return value

        if name in self.provided:
            check(self.provided[name])
            return self.provided[name]
        if not self.interactive:
            return parse("")
        question = get_field(name).metadata["question"]
        if not self.has_terminal:
            return parse(self._read_line(question, default_text))
        toolbar = (lambda: _preview_text(parse, preview)) if preview else None
        return parse(prompt_text(question, parse, instruction=f"[{default_text}]", bottom_toolbar=toolbar))

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
        first = next(iter(choices), None)
        if name in self.provided or not self.interactive or not self.has_terminal:
            if first is None and name not in self.provided and not self.interactive:
                flags = " or ".join(get_field(name).metadata["flags"])
                raise UserError(f"{display_name(name)} missing: {hint}give {flags}")
            return self.ask(name, check, default=first)
        question = get_field(name).metadata["question"]
        if choices:
            texts = {path: f"{path:<15} {text}" if text else path for path, text in choices.items()}
            path = prompt_choice(question, texts | {"": OTHER_PATH})
            if path and (message := validation_result(check, path)) is True:
                return path
            if path:
                print(message, file=sys.stderr)
        return prompt_text(question, lambda text: check(parse_value(name, text)), is_path=True)

    def choose(self, title: str, choices: dict[str, str], at_end: str) -> str:
        """Return the key of one of several choices.

        Args:
            title: the question.
            choices: text of each key. A line of standard input may be a key, its number or its text.
            at_end: the key at the end of standard input.

        Raises:
            UserError: a line of standard input is no choice.
        """
        if self.has_terminal:
            return prompt_choice(title, choices)
        keys = list(choices)
        line = sys.stdin.readline()
        answer = line.strip()
        if not answer:
            return keys[0] if line else at_end
        key_of = {key: key for key in keys}
        key_of |= {str(number): key for number, key in enumerate(keys, 1)}
        key_of |= {text: key for key, text in choices.items()}
        if answer not in key_of:
            raise UserError(f"{title}: {answer!r} is not one of {', '.join(keys)}")
        print(f"{title} {key_of[answer]}", file=sys.stderr)
        return key_of[answer]

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
            return _prompt_several(title, choices, details or {}, min_count)
        keys = [part.strip().replace("-", "_") for part in self._read_line(title, "").split(",")]
        if unknown := [key for key in keys if key not in choices]:
            raise UserError(f"{title}: {unknown[0]!r} is not one of {', '.join(choices)}")
        return keys

    def ask_text(self, question: str, check: Callable[[str], object]) -> str:
        """Return a line of text, stripped, for which `check` does not raise `UserError`."""
        if self.has_terminal:
            return prompt_text(question, check)
        answer = self._read_line(question, "").strip()
        check(answer)
        return answer

    def _read_line(self, question: str, default: str) -> str:
        line = sys.stdin.readline()
        if not line:
            raise UserError(
                f"standard input ended before this was answered: {question}; give a flag, one more line, or "
                f"--yes"
            )
        print(f"{question}: {printable(line.strip()) or default}", file=sys.stderr)
        return line.strip()


def prompt_text(question: str, check: Callable[[str], object], is_path: bool = False, **options: Any) -> str:
    """Ask for a text on the terminal until `check` raises no `UserError`; return it stripped.

    Args:
        question: text before the input.
        check: raises `UserError` with the message for a wrong input.
        is_path: complete paths with the Tab key.
        options: further options of `questionary.text`.
    """
    import questionary

    make_prompt = questionary.path if is_path else questionary.text
    prompt = make_prompt(
        question,
        validate=lambda text: validation_result(check, text),
        validate_while_typing=False,
        **options,
        **_output_options(),
    )
    wrap_validation_message(prompt)
    return _run_prompt(prompt).strip()


def prompt_choice(title: str, choices: dict[str, str], default: str | None = None) -> str:
    """Show a menu on the terminal; return the key of the choice.

    Args:
        title: the question.
        choices: text of each key.
        default: the key that is selected first.
    """
    import questionary

    listed = [questionary.Choice(text, key) for key, text in choices.items()]
    return _run_prompt(questionary.select(title, listed, default=default, **_output_options()))


def _prompt_several(
    title: str, choices: dict[str, str], details: dict[str, str], min_count: int
) -> list[str]:
    import questionary

    def check(keys: list[str]) -> bool | str:
        return len(keys) >= min_count or f"mark {min_count} at least, with the space bar"

    prompt = questionary.checkbox(
        title,
        [questionary.Choice(text, key, description=details.get(key)) for key, text in choices.items()],
        validate=check,
        use_search_filter=True,
        use_jk_keys=False,
        instruction="(space marks, Enter goes on, letters filter)",
        **_output_options(),
    )
    return _run_prompt(prompt)


def _run_prompt(prompt: Question):
    """The answer. Raises `PromptCancelled` for Ctrl-C, as a key or a signal, and for Ctrl-D."""
    interrupt_on_signal(prompt)
    try:
        return prompt.unsafe_ask()
    except (KeyboardInterrupt, EOFError):
        raise PromptCancelled from None


def validation_result(check: Callable[[str], object], text: str) -> bool | str:
    """Return True, or the message of the `UserError` that `check` raises, as questionary expects it."""
    try:
        check(text)
    except UserError as error:
        return str(error).removeprefix(f"{text.strip()}: ")  # the line is short, and the text is above it
    return True


def _preview_text(parse: Callable[[str], Any], preview: Callable[[Any], str]) -> str:
    from prompt_toolkit.application import get_app

    buffer = get_app().current_buffer
    if buffer.validation_error:
        return ""  # the message is shown already
    try:
        return preview(parse(buffer.text))
    except UserError as error:
        return str(error)


def _output_options() -> dict[str, Any]:
    """Options that send prompts to standard error if results are redirected, with characters that it has."""
    stream = sys.stdout if sys.stdout.isatty() else sys.stderr
    if stream is sys.stdout and has_all_characters(stream):
        return {}
    from prompt_toolkit.output import create_output

    return {"output": create_output(cast(TextIO, TextOnly(stream)))}


def _fits_layers(name: str, value, layers: int) -> bool:
    """Return whether a value per layer, or of layer numbers, fits the number of layers."""
    if name in PER_LAYER:
        return value is None or len(value) in (1, layers) or len(set(value)) == 1
    if not isinstance(get_field(name).metadata["value_type"], LayerNumbers):
        return True
    return value in (ALL, ()) or value[-1] <= layers


def _parse_flags(program: str, args: argparse.Namespace) -> dict[str, Any]:
    values = {}
    for setting in settings(program):
        text = getattr(args, setting.name)
        if text is not None:
            try:
                values[setting.name] = setting.metadata["value_type"].parse(text)
            except UserError as error:
                raise UserError(f"{long_flag(setting.name)} {error}") from None
    return values


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
