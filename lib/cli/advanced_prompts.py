"""Menus for all further settings, offered on a terminal before a training starts."""

from __future__ import annotations

from collections.abc import Callable

from lib.cli.prompts import Answers, prompt_choice, prompt_text
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

Describe = Callable[[Hyperparameters], str]


def ask_advanced_settings(answers: Answers, values: dict, describe: Describe = lambda hp: "") -> dict:
    """Return values of settings with the changes made in the menus; without a terminal unchanged.

    Args:
        answers: the session's answers.
        values: answers so far, by setting.
        describe: describes a run in a line, or raises `UserError` for one that cannot be built; then the
            change is not made.
    """
    if not (answers.interactive and answers.has_terminal):
        return values
    while (choice := _choose_group(answers, values, describe)) != TRAIN:
        if choice == PRESET:
            values = _try_change(answers, values, _apply_preset(answers, values), describe)
            continue
        while (name := _choose_setting(answers, values, group=choice)) != BACK:
            changed = values | {name: _ask_value(answers.hyperparameters(values), name)}
            values = _try_change(answers, values, changed, describe)
    return values


def _choose_group(answers: Answers, values: dict, describe: Describe) -> str:
    hp = answers.hyperparameters(values)
    groups = {setting.metadata["group"] for setting in _applicable_settings(answers.program, hp)}
    texts = {
        TRAIN: "no: start training",
        PRESET: "a preset: the networks of the five reports, and our best",
    }
    for group, title in GROUPS.items():
        if group in groups:
            texts[group] = f"{title}: {_summarize_group(answers.program, hp, group)}"
    if description := describe(hp):
        print(description)
    return prompt_choice("Advanced settings?", texts)


def _applicable_settings(program: str, hp: Hyperparameters) -> list:
    """The settings that apply to the others, except paths."""
    return [
        setting
        for setting in settings(program)
        if not isinstance(setting.metadata["value_type"], Text) and not inapplicable_reason(setting, hp)
    ]


def _summarize_group(program: str, hp: Hyperparameters, group: str) -> str:
    """The settings of a group that differ from their defaults; without any, the names of the first four."""
    members = [
        setting
        for setting in _applicable_settings(program, hp)
        if setting.metadata["group"] == group and setting.name not in QUESTIONS[program]
    ]
    changed = [s.name for s in members if getattr(hp, s.name) != default_of(s, program)]
    if changed:
        return ", ".join(f"{display_name(name)} {format_value(name, getattr(hp, name))}" for name in changed)
    return ", ".join([*(display_name(setting.name) for setting in members[:4]), "…"])


def _choose_setting(answers: Answers, values: dict, group: str) -> str:
    hp = answers.hyperparameters(values)
    members = [s for s in _applicable_settings(answers.program, hp) if s.metadata["group"] == group]
    width = max(len(display_name(setting.name)) for setting in members)
    texts = {BACK: "done"}
    for setting in members:
        value = format_value(setting.name, getattr(hp, setting.name))
        texts[setting.name] = f"{display_name(setting.name):<{width}} {value:<12} {setting.metadata['help']}"
    return prompt_choice(f"Change {GROUPS[group]}?", texts)


def _ask_value(hp: Hyperparameters, name: str):
    """A new value of a setting: from a menu if it has few values, else typed; Enter keeps the current one."""
    setting, current = get_field(name), getattr(hp, name)
    title = f"{display_name(name)[:1].upper()}{display_name(name)[1:]}"
    if values := choices(setting.metadata["value_type"]):
        texts = {value: value for value in values}
        return parse_value(name, prompt_choice(title, texts, default=format_value(name, current)))

    def check(text: str) -> None:
        if text.strip():
            parse_value(name, text)

    instruction = f"({setting.metadata['help']}) [{format_value(name, current)}]"
    text = prompt_text(title, check, instruction=instruction)
    return parse_value(name, text) if text else current


def _apply_preset(answers: Answers, values: dict) -> dict:
    """The values with a preset chosen in a menu, and defaults for what it leaves open, except the data."""
    presets = presets_for(answers.program)
    width = max(map(len, presets))
    texts = {BACK: "none: back"}
    texts |= {name: f"{name:<{width}} {p.description}; for {p.dataset}" for name, p in presets.items()}
    preset = prompt_choice("Which network?", texts)
    if preset == BACK:
        return values
    defaults = {
        setting.name: default_of(setting, answers.program)
        for setting in settings(answers.program)
        if setting.metadata["group"] != "data"
    }
    after = values | defaults | preset_values(preset, answers.program)
    # A preset chosen here wins over answers and flags, but the program says which it changes.
    before = answers.provided | values
    changes = [
        f"{display_name(name)} {format_value(name, value)} → {format_value(name, after[name])}"
        for name, value in before.items()
        if value != after.get(name, value)
    ]
    if changes:
        print(f"{preset} changes what you have said: {', '.join(changes)}")
    return after


def _try_change(answers: Answers, before: dict, after: dict, describe: Describe) -> dict:
    """Return `after` without inapplicable settings, or `before`, with a message, if that is refused."""
    all_values = answers.defaults | answers.provided | after
    after = {
        name: value
        for name, value in after.items()
        if name == "program" or not inapplicable_reason(get_field(name), all_values)
    }
    try:
        describe(answers.hyperparameters(after))
    except UserError as error:
        print(f"Not changed: {error}")
        return before
    return after
