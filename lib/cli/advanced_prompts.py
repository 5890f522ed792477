"""The rest of the hyperparameters, for those who want them: one question on a terminal whose first answer is
to train.
"""

from __future__ import annotations

from collections.abc import Callable

from lib.cli.prompts import Answers, ask_question, ask_text, prompt_output, validation_result
from lib.common.errors import UserError
from lib.config.fields import (
    QUESTIONS,
    default_of,
    display_name,
    format_value,
    get_field,
    inapplicable_reason,
    parse_value,
    settings,
)
from lib.config.hyperparameters import Hyperparameters
from lib.config.presets import preset_values, presets_for
from lib.config.value_types import Text, choices

TRAIN, BACK, PRESET = "train", "back", "preset"
GROUPS = {"task": "what it learns", "network": "the network", "training": "the training", "data": "the data"}


def ask_advanced_settings(
    answers: Answers, values: dict, judge: Callable[[Hyperparameters], str] = lambda hp: ""
) -> dict:
    """`values` with whatever the person changes before the training starts; nothing is asked but on a
    terminal.

    `judge` describes a run in a line, or raises `UserError` for one that cannot be; then the change is not
    made.
    """
    if not (answers.asks and answers.terminal):
        return values
    while (chosen := _choose_group(answers, values, judge)) != TRAIN:
        if chosen == PRESET:
            values = _try_change(answers, values, _apply_preset(answers, values), judge)
            continue
        while (name := _choose_setting(answers, values, chosen)) != BACK:
            changed = values | {name: _ask_value(answers.hyperparameters(values), name)}
            values = _try_change(answers, values, changed, judge)
    return values


def _choose_group(answers: Answers, values: dict, judge) -> str:
    hp = answers.hyperparameters(values)
    groups = dict.fromkeys(setting.metadata["group"] for setting in _applicable_settings(answers.program, hp))
    offered = {
        TRAIN: "no: start training",
        PRESET: "a preset: the networks of the five reports, and our best",
    }
    offered |= {
        group: f"{GROUPS[group]}: {_summary(answers.program, hp, group)}"
        for group in GROUPS
        if group in groups
    }
    described = judge(hp)
    if described:
        print(described)
    return _select("Advanced settings?", offered)


def _applicable_settings(program: str, hp: Hyperparameters) -> list:
    """The settings that mean something beside the others, but for paths."""
    return [
        s
        for s in settings(program)
        if not isinstance(s.metadata["kind"], Text) and not inapplicable_reason(s, hp)
    ]


def _summary(program: str, hp: Hyperparameters, group: str) -> str:
    """What of a group is not as usual, else the names of its first settings."""
    offered = [
        s
        for s in _applicable_settings(program, hp)
        if s.metadata["group"] == group and s.name not in QUESTIONS[program]
    ]
    changed = [s.name for s in offered if getattr(hp, s.name) != default_of(s, program)]
    shown = [f"{display_name(name)} {format_value(name, getattr(hp, name))}" for name in changed]
    return ", ".join(shown or [*(display_name(s.name) for s in offered[:4]), "…"])


def _choose_setting(answers: Answers, values: dict, group: str) -> str:
    hp = answers.hyperparameters(values)
    offered = [s for s in _applicable_settings(answers.program, hp) if s.metadata["group"] == group]
    width = max(len(display_name(s.name)) for s in offered)
    listed = {
        s.name: f"{display_name(s.name):<{width}} {format_value(s.name, getattr(hp, s.name)):<12} "
        f"{s.metadata['help']}"
        for s in offered
    }
    return _select(f"Change {GROUPS[group]}?", {BACK: "done"} | listed)


def _ask_value(hp: Hyperparameters, name: str):
    """A new value for one field, asked for as its kind wants it."""
    import questionary

    kind, current = get_field(name).metadata["kind"], getattr(hp, name)
    title = f"{display_name(name)[:1].upper()}{display_name(name)[1:]}"
    if offered := choices(kind):
        return parse_value(
            name, _select(title, {choice: choice for choice in offered}, default=format_value(name, current))
        )
    text = ask_text(
        questionary.text(
            title,
            instruction=f"({get_field(name).metadata['help']}) [{format_value(name, current)}]",
            validate=lambda text: (
                not text.strip() or validation_result(lambda text: parse_value(name, text), text)
            ),
            validate_while_typing=False,
            **prompt_output(),
        )
    )
    return parse_value(name, text) if text else current


def _apply_preset(answers: Answers, values: dict) -> dict:
    """Everything but the data as a preset has it; what had been said otherwise is named."""
    known = presets_for(answers.program)
    width = max(map(len, known))
    listed = {name: f"{name:<{width}} {preset.what}; for {preset.dataset}" for name, preset in known.items()}
    name = _select("Which network?", {BACK: "none: back"} | listed)
    if name == BACK:
        return values
    usuals = {
        s.name: default_of(s, answers.program)
        for s in settings(answers.program)
        if s.metadata["group"] != "data"
    }
    after = values | usuals | preset_values(name, answers.program)
    said = (
        answers.given | values
    )  # chosen last, a preset wins over answers and even flags, but not in silence
    changes = [
        f"{display_name(key)} {format_value(key, said[key])} → {format_value(key, after[key])}"
        for key in said
        if said[key] != after.get(key, said[key])
    ]
    if changes:
        print(f"{name} changes what you have said: {', '.join(changes)}")
    return after


def _try_change(answers: Answers, before: dict, after: dict, judge) -> dict:
    """`after` without what means nothing any more; `before`, and the reason on the screen, where it cannot
    be.
    """
    everything = answers.defaults | answers.given | after
    after = {
        name: value
        for name, value in after.items()
        if name == "program" or not inapplicable_reason(get_field(name), everything)
    }
    try:
        judge(answers.hyperparameters(after))
    except UserError as error:
        print(f"Not changed: {error}")
        return before
    return after


def _select(title: str, offered: dict[str, str], default: str | None = None) -> str:
    import questionary

    listed = [questionary.Choice(text, key) for key, text in offered.items()]
    return ask_question(questionary.select(title, listed, default=default, **prompt_output()))
