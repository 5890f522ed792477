"""Menus for all further settings, offered on a terminal before a training starts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from lib.cli.preset_choices import adapted_values, fitting_presets, preset_lines
from lib.cli.prompt_keys import GoBack
from lib.cli.prompts import Answers
from lib.cli.terminal_prompts import prompt_choice, prompt_text
from lib.common.errors import UserError
from lib.common.settings import Setting
from lib.common.text_layout import wrap_for
from lib.common.value_types import choices
from lib.config.hyperparameters import Hyperparameters
from lib.config.presets import presets_for
from lib.config.suited_defaults import OTHER_CODES
from lib.data import dataset_names
from lib.data.formats.picture_fit import PictureFit
from lib.data.user_images import are_pictures, require_user_images
from lib.runs import run_folder
from lib.tasks import TASKS

TASK = "task"
TRAIN, BACK, PRESET = "train", "back", "preset"
CODE = "code"
GROUPS = {
    TASK: "the task",
    CODE: "the latent code",
    "network": "the network",
    "training": "the training",
    "data": "the data",
}

MAX_VALUE_WIDTH = 20  # columns of the current values in a menu

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
            with suppress(GoBack):
                values = _try_change(answers, values, _apply_preset(answers, values), describe)
            continue
        name = BACK
        while (name := _choose_setting(answers, values, choice, name)) != BACK:
            with suppress(GoBack):
                value = _ask_value(answers, answers.hyperparameters(values), name)
                defaults, line = _new_defaults(answers, values, name, value)
                changed = _try_change(answers, values, values | {name: value} | defaults, describe)
                if line and changed is not values:
                    print(wrap_for(line, sys.stdout))
                values = changed
    return values


def _choose_group(answers: Answers, values: dict, describe: Describe) -> str:
    hp = answers.hyperparameters(values)
    groups = {setting.group for setting in _applicable_settings(hp)}
    texts = {TRAIN: "no, start training", PRESET: "a preset: a network and its training settings"}
    for group, title in GROUPS.items():
        if group in groups:
            texts[group] = f"{title}: {_summarize_group(hp, group)}"
    if description := describe(hp):
        print(wrap_for(description, sys.stdout))
    answers.prompt_count += 1
    return prompt_choice("Advanced settings?", texts, can_go_back=answers.can_go_back)


def _applicable_settings(hp: Hyperparameters, group: str | None = None) -> list[Setting]:
    """The settings of a group, or of all, that menus offer and that apply to the others and to the data."""
    has_pictures = hp.dataset is not None and are_pictures(hp.dataset)
    return [
        setting
        for setting in hp.settings().values()
        if group in (None, setting.group)
        and setting.is_in_menu
        and not setting.inapplicable_reason(hp)
        and (has_pictures or not setting.for_pictures)
    ]


def _summarize_group(hp: Hyperparameters, group: str) -> str:
    """The settings of a group that differ from their defaults; without any, the names of the first four."""
    applicable = _applicable_settings(hp, group)
    members = [setting for setting in applicable if not setting.is_asked]
    changed = [setting for setting in members if getattr(hp, setting.name) != setting.default]
    if changed:
        return ", ".join(setting.describe(getattr(hp, setting.name)) for setting in changed)
    if group == TASK and TASK in {setting.name for setting in members}:
        others = [name for name in TASKS if name != hp.task_name]
        return f"{hp.task_name} (or {', '.join(others)})"
    if group == CODE:
        return "plain (or VAE, WAE, adversarial; conditional, quantized, …)"
    if not members:  # all have been asked for
        return ", ".join(setting.label for setting in applicable)
    return ", ".join([*(setting.label for setting in members[:4]), "…"])


def _choose_setting(answers: Answers, values: dict, group: str, last: str) -> str:
    """A setting of a group, or `BACK`; the cursor is on the last one that was chosen."""
    hp = answers.hyperparameters(values)
    members = _applicable_settings(hp, group)
    width = max(len(setting.label) for setting in members)
    values_now = {setting.name: setting.format(getattr(hp, setting.name)) for setting in members}
    value_width = min(MAX_VALUE_WIDTH, max(map(len, values_now.values())))
    texts, details = {BACK: "done"}, {}
    for setting in members:
        value = values_now[setting.name]
        texts[setting.name] = f"{setting.label:<{width}}  {value:<{value_width}}  {setting.help}"
        details[setting.name] = _describe_setting(answers, hp, setting)
    try:
        question, default = f"Change {GROUPS[group]}?", last if last in texts else None
        return prompt_choice(question, texts, default=default, details=details, can_go_back=True)
    except GoBack:
        return BACK


def _describe_setting(answers: Answers, hp: Hyperparameters, setting: Setting) -> str:
    """Help, allowed values, current value and default of a setting."""
    value = setting.format(getattr(hp, setting.name)) or "none"
    default = setting.format(answers.default_beside(hp, setting.name)) or "none"
    of_default = "" if value == default else f", default {default}"
    text = f"{setting.help}: {setting.value_type.description} (now {value}{of_default})"
    return f"{text}; an empty line removes it" if setting.is_path and value != "none" else text


def _ask_value(answers: Answers, hp: Hyperparameters, name: str):
    """A new value of a setting: from a menu if it has few values, else typed; Enter keeps the current one.

    An empty line at the prompt for a path means none.
    """
    setting, current = answers.settings[name], getattr(hp, name)
    title = f"{setting.label[:1].upper()}{setting.label[1:]}"
    value = setting.format(current)
    help_text = _describe_setting(answers, hp, setting)
    if values := choices(setting.value_type):
        texts, details = {text: text for text in values}, dict.fromkeys(values, help_text)
        value_help = {name: task.help for name, task in TASKS.items()} if name == TASK else setting.value_help
        if value_help:
            width = max(map(len, texts))
            texts = {text: f"{text:<{width}}  {value_help[text]}" for text in texts}
        chosen = prompt_choice(title, texts, default=value, details=details, can_go_back=True)
        return setting.parse(chosen)

    def check(text: str) -> None:
        if text.strip():
            setting.parse(text)
            if setting.is_path:
                _check_path(setting, text)

    options: dict[str, Any] = {"instruction": f"[{value}]"}
    if setting.is_path:
        options, current = {"is_path": True, "default": value}, None
    text = prompt_text(title, check, help_text, can_go_back=True, **options)
    return setting.parse(text) if text else current


def _check_path(setting: Setting, text: str) -> None:
    """Raise `UserError` for a path without pictures, data set or model."""
    if setting.group == "data":
        require_user_images(text)
    else:
        run_folder.locate_model(text, run_folder.FIRST_MODELS, setting.flag)


def _new_defaults(answers: Answers, values: dict, name: str, value: Any) -> tuple[dict, str]:
    """The defaults beside a new value of a setting, for all settings that have those beside the old one.

    Also returns a line about those that change.

    Layers and kernels are asked for before the task: without this a denoiser would get the narrow code of a
    reconstruction.
    """
    if not answers.follows_images or TASK not in answers.settings:
        return {}, ""
    hp = answers.hyperparameters(values)
    unchanged = answers.provided | {TASK: hp.task_name, name: getattr(hp, name)}
    unchanged |= {other: getattr(hp, other) for other in OTHER_CODES if other not in unchanged}
    for other, setting in answers.settings.items():  # in their order: kernels follow layers
        before = answers.suited_defaults(unchanged)
        can_follow = other in before or other in answers.suited_defaults(unchanged | {name: value})
        if can_follow and getattr(hp, other) != before.get(other, setting.default):
            unchanged[other] = getattr(hp, other)
    before, after = answers.suited_defaults(unchanged), answers.suited_defaults(unchanged | {name: value})
    new = {other: after.get(other, answers.settings[other].default) for other in before | after}
    changes = []
    for other, default in new.items():
        setting, current = answers.settings[other], getattr(hp, other)
        if current != default:
            changes.append(f"{setting.describe(current)} → {setting.format(default)}")
    head = value if name == TASK else answers.settings[name].describe(value)
    return new, f"Defaults for {head}: {', '.join(changes)}" if changes else ""


def _apply_preset(answers: Answers, values: dict) -> dict:
    """The values with a preset chosen in a menu, and defaults for what it leaves open, except the data."""
    hp = answers.hyperparameters(values)
    header = dataset_names.peek(hp.require("dataset"), PictureFit.of(hp))
    names = fitting_presets(answers.program, hp.require("dataset"), header.shape, hp.task_name)
    count = len(presets_for(answers.program))
    fitting = "" if len(names) == count else f" ({len(names)} of {count} fit the images)"
    texts = {BACK: "none, go back"} | preset_lines(names)
    preset = prompt_choice(f"Which preset?{fitting}", texts, can_go_back=True)
    if preset == BACK:
        return values
    defaults = {
        name: setting.default for name, setting in answers.settings.items() if setting.group != "data"
    }
    is_labeled = header.labeled or hp.label_files[0] is not None
    preset_settings, note = adapted_values(preset, answers.program, is_labeled)
    if note:
        print(wrap_for(note, sys.stdout))
    after = values | defaults | preset_settings
    # A preset chosen here wins over answers and flags, but the program says which it changes.
    before = answers.provided | values
    changes = [
        f"{answers.settings[name].describe(value)} → {answers.settings[name].format(after[name])}"
        for name, value in before.items()
        if value != after.get(name, value)
    ]
    if changes:
        text = f"{preset} overrides your settings: {', '.join(changes)}"
        print(wrap_for(text, sys.stdout))
    return after


def _try_change(answers: Answers, before: dict, after: dict, describe: Describe) -> dict:
    """Return `after` without inapplicable settings, or `before`, with a message, if that is refused."""
    all_values = answers.defaults | answers.provided | after
    after = {
        name: value
        for name, value in after.items()
        if not answers.settings[name].inapplicable_reason(all_values)
    }
    try:
        describe(answers.hyperparameters(after))
    except UserError as error:
        print(wrap_for(f"Not changed: {error}", sys.stdout))
        return before
    # Kept, also if the conversation is left before the training.
    changed = [name for name in after if name not in before or after[name] != before[name]]
    answers.drafts |= {name: after[name] for name in changed}
    return after
