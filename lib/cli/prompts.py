"""Where answers come from: flag, answers file, lines on standard input, prompt, in this order; else the
default.

questionary is imported only when something is to be asked on a terminal.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.common.errors import PromptCancelled, UserError, reason
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
from lib.config.value_types import ALL, LayerNumbers, Text

if TYPE_CHECKING:
    from questionary import Question

OTHER_PATH = "another path …"


class Answers:
    """The answers of one session, wherever they come from."""

    def __init__(self, program: str, args: argparse.Namespace):
        self.program = program
        self.defaults = default_values(program)
        answered = _read_answers_file(args.answers) if args.answers else {}
        named = answered.pop("preset", None) if isinstance(answered, dict) else None
        preset = args.preset or named
        if named is not None:
            _check_preset(named, program, args.answers)
        self.given = parse_answers(answered, program, args.answers) if args.answers else {}
        for setting in settings(program):
            if (value := getattr(args, setting.name)) is not None:
                try:
                    self.given[setting.name] = setting.metadata["kind"].read(value)
                except UserError as error:
                    raise UserError(f"{long_flag(setting.name)} {error}") from None
        self._flagged = [s.name for s in settings(program) if getattr(args, s.name) is not None]
        self._said = set(self.given)  # by the person, and so never to be dropped
        if preset is not None:
            self.given = preset_values(preset, program) | self.given
        self.asks = not (args.yes or args.no_input)
        self.terminal = sys.stdin is not None and sys.stdin.isatty()
        if args.resume:
            beside = [long_flag(name) for name in self._flagged]
            beside += [f"--{name}" for name in ("preset", "answers", "output") if getattr(args, name, None)]
            if beside:
                raise UserError(
                    f"--resume goes on with a run as it was asked for; leave {', '.join(beside)} out"
                )
        elif args.no_input:
            needed = [s for s in settings(program) if s.metadata["needed"] and s.name not in self.given]
            missing = [" or ".join(s.metadata["flags"]) for s in needed]
            if missing:
                raise UserError(f"--no-input needs {' and '.join(missing)}")

    def open(self, name: str) -> bool:
        """Whether a field has no answer yet."""
        return name not in self.given

    def hyperparameters(self, answers: dict) -> Hyperparameters:
        """Those answers, what was given without a question, and defaults for the rest.

        Values of a preset or of the last run that mean nothing beside the others, or do not fit the number of
        layers any more, make way; what the person has said is kept, and refused by `Hyperparameters` where it
        must be.
        """
        values = self.defaults | self.given | answers
        for name, value in list(values.items()):
            if name in self._said or name in answers or name == "program":
                continue
            fits = name in self.given or _fits_layers(name, value, values.get("layers", 0))
            if inapplicable_reason(get_field(name), values) or not fits:
                values[name] = default_of(get_field(name), self.program)
        for name in self._flagged:
            if reason := inapplicable_reason(get_field(name), values):
                raise UserError(reason)
        return Hyperparameters(**values)

    def data(self, answers: dict) -> Hyperparameters:
        """What opening the data needs, whatever the network will be: where they are, and whether labels are
        wanted of them.
        """
        values = self.defaults | self.given | answers
        names = [
            s.name
            for s in settings(self.program)
            if s.metadata["group"] == "data" or s.name == "label_weight"
        ]
        return Hyperparameters(
            program=self.program, seed=values["seed"], **{name: values[name] for name in names}
        )

    def run_again(self, hp: Hyperparameters) -> None:
        """From now on everything but the data is asked, with the last answers as defaults."""
        data = [s.name for s in settings(self.program) if isinstance(s.metadata["kind"], Text)]
        self._said, self._flagged = set(), []
        # As they would be typed: one number of kernels stays one, whatever the number of layers will be.
        typed = {s.name: format_value(s.name, getattr(hp, s.name)) for s in settings(self.program)}
        self.defaults = self.defaults | {
            name: parse_value(name, text) if text else None for name, text in typed.items()
        }
        self.given = {name: self.defaults[name] for name in data if self.defaults[name] is not None}

    def ask(self, name: str, check: Callable[[Any], object] = lambda value: None, preview=None, default=None):
        """The value of one field. `check` raises `UserError` for a value that does not fit; `preview`
        describes one.

        A wrong answer at a prompt is asked again; anywhere else it raises `UserError`.
        """
        default = self.defaults[name] if default is None else default

        def judge(text: str):
            value = parse_value(name, text if text.strip() else format_value(name, default))
            check(value)
            return value

        if name in self.given:
            check(self.given[name])
            return self.given[name]
        if not self.asks:
            return judge("")
        question = get_field(name).metadata["question"]
        if not self.terminal:
            return judge(self._line(question, format_value(name, default)))
        import questionary

        return judge(
            ask_text(
                questionary.text(
                    question,
                    instruction=f"[{format_value(name, default)}]",
                    validate=lambda text: validation_result(judge, text),
                    validate_while_typing=False,
                    bottom_toolbar=(lambda: _preview_text(judge, preview)) if preview else None,
                    **prompt_output(),
                )
            )
        )

    def pick(self, name: str, choices: dict[str, str], check: Callable[[str], object], hint: str = "") -> str:
        """The value of a field that names a file or folder: one of `choices` (value: what it is), or any
        other path.

        `hint` says what else than a flag would help where there is nothing to choose from and nobody to ask.
        """
        first = next(iter(choices), None)
        if name in self.given or not self.asks or not self.terminal:
            if first is None and name not in self.given and not self.asks:
                raise UserError(
                    f"{display_name(name)} missing: {hint}give "
                    f"{' or '.join(get_field(name).metadata['flags'])}"
                )
            return self.ask(name, check, default=first)
        import questionary

        question = get_field(name).metadata["question"]
        listed = [
            questionary.Choice(f"{value:<15} {what}" if what else value, value)
            for value, what in choices.items()
        ]
        if listed:
            chosen = ask_question(
                questionary.select(question, [*listed, questionary.Choice(OTHER_PATH, "")], **prompt_output())
            )
            if chosen and (judged := validation_result(check, chosen)) is True:
                return chosen
            if chosen:
                print(judged, file=sys.stderr)

        def judge(text: str):
            check(parse_value(name, text))

        return ask_text(
            questionary.path(
                question,
                validate=lambda text: validation_result(judge, text),
                validate_while_typing=False,
                **prompt_output(),
            )
        )

    def choose(self, title: str, choices: dict[str, str], last: str) -> str:
        """One of `choices` (key: text). Piped answers may be a key, its number or its text; their end means
        `last`.
        """
        if self.terminal:
            import questionary

            listed = [questionary.Choice(text, key) for key, text in choices.items()]
            return ask_question(questionary.select(title, listed, **prompt_output()))
        keys = list(choices)
        line = sys.stdin.readline()
        wanted = line.strip()
        if not wanted:
            return last if not line else keys[0]
        by_name = (
            {key: key for key in keys}
            | {str(n): key for n, key in enumerate(keys, 1)}
            | {text: key for key, text in choices.items()}
        )
        if wanted not in by_name:
            raise UserError(f"{title}: {wanted!r} is not one of {', '.join(keys)}")
        print(f"{title} {by_name[wanted]}", file=sys.stderr)
        return by_name[wanted]

    def several(
        self, title: str, choices: dict[str, str], details: dict[str, str] | None = None, least: int = 1
    ) -> list[str]:
        """At least so many of `choices` (key: text); `details` says more of the one that is pointed at.

        Piped answers are keys with commas between them.
        """
        if self.terminal:
            import questionary

            listed = [
                questionary.Choice(text, key, description=(details or {}).get(key))
                for key, text in choices.items()
            ]
            enough = lambda chosen: len(chosen) >= least or f"mark {least} at least, with the space bar"
            return ask_question(
                questionary.checkbox(
                    title,
                    listed,
                    validate=enough,
                    use_search_filter=True,
                    use_jk_keys=False,
                    instruction="(space marks, Enter goes on, letters filter)",
                    **prompt_output(),
                )
            )
        keys = [part.strip().replace("-", "_") for part in self._line(title, "").split(",")]
        if unknown := [key for key in keys if key not in choices]:
            raise UserError(f"{title}: {unknown[0]!r} is not one of {', '.join(choices)}")
        return keys

    def text(self, question: str, check: Callable[[str], object]) -> str:
        """A line of text that `check` accepts."""
        if not self.terminal:
            answer = self._line(question, "").strip()
            check(answer)
            return answer
        import questionary

        return ask_text(
            questionary.text(
                question,
                validate=lambda text: validation_result(check, text),
                validate_while_typing=False,
                **prompt_output(),
            )
        )

    def _line(self, question: str, default: str) -> str:
        line = sys.stdin.readline() if sys.stdin else ""
        if not line:
            raise UserError(
                f"standard input ended before this was answered: {question}; give a flag, one more line, or "
                f"--yes"
            )
        print(f"{question}: {line.strip() or default}", file=sys.stderr)
        return line.strip()


def ask_question(question: Question):
    """The answer. Ctrl-C leaves (`Withdrawn`) as a signal too, as which it comes while a prompt begins.

    Questionary's menus know it as a key alone, and prompt_toolkit keeps the signal from everybody else.
    """
    from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings
    from prompt_toolkit.keys import Keys

    signals, keys = KeyBindings(), question.application.key_bindings
    signals.add(Keys.SIGINT)(lambda event: event.app.exit(exception=KeyboardInterrupt))
    question.application.key_bindings = merge_key_bindings([keys, signals] if keys else [signals])
    try:
        return question.unsafe_ask()
    except (KeyboardInterrupt, EOFError):  # the last is Ctrl-D
        raise PromptCancelled from None


def ask_text(question: Question) -> str:
    """What is typed at a prompt, whose verdict on a wrong answer is shown whole, in as many lines as the
    window needs.
    """
    from prompt_toolkit.filters import to_filter

    for window in question.application.layout.find_all_windows():
        if window.height == 1:  # the bar of the verdict
            window.height, window.wrap_lines, window.dont_extend_height = (
                None,
                to_filter(True),
                to_filter(True),
            )
    return ask_question(question).strip()


def validation_result(judge: Callable[[str], object], text: str):
    """True, or the sentence to show: the form in which questionary wants it."""
    try:
        judge(text)
    except UserError as error:
        return str(error).removeprefix(f"{text.strip()}: ")  # the line is short, and the path stands above it
    return True


def _preview_text(judge, preview: Callable[[object], str]) -> str:
    from prompt_toolkit.application import get_app

    buffer = get_app().current_buffer
    if buffer.validation_error:
        return ""  # said in a line of its own already
    try:
        return preview(judge(buffer.text))
    except UserError as error:
        return str(error)


def prompt_output() -> dict:
    """Prompts go to the terminal even when the results are sent to a file."""
    if sys.stdout.isatty():
        return {}
    from prompt_toolkit.output import create_output

    return {"output": create_output(sys.stderr)}


def _fits_layers(name: str, value, layers: int) -> bool:
    """Whether a value that goes by layers goes with so many."""
    if name in PER_LAYER:
        return value is None or len(value) in (1, layers) or len(set(value)) == 1
    return (
        not isinstance(get_field(name).metadata["kind"], LayerNumbers)
        or value in (ALL, ())
        or value[-1] <= layers
    )


def _check_preset(name, program: str, where: str) -> None:
    try:
        preset_values(name, program)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def _read_answers_file(name: str):
    path = Path(name)
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))  # some editors put a mark at the beginning
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({reason(error)})") from None
