"""The rest of the hyperparameters, for those who want them: one question on a terminal whose first answer is to train."""

from __future__ import annotations

from collections.abc import Callable

from lib import presets
from lib.errors import UserError
from lib.fields import QUESTIONS, find, meaningless, read, settings, show, usual, words
from lib.hyperparameters import Hyperparameters
from lib.kinds import Text, choices
from lib.questions import Answers, asked, prompt_output, typed, verdict

TRAIN, BACK, PRESET = "train", "back", "preset"
GROUPS = {"task": "what it learns", "network": "the network", "training": "the training", "data": "the data"}


def adjust(answers: Answers, values: dict, judge: Callable[[Hyperparameters], str] = lambda hp: "") -> dict:
    """`values` with whatever the person changes before the training starts; nothing is asked but on a terminal.

    `judge` describes a run in a line, or raises `UserError` for one that cannot be; then the change is not made.
    """
    if not (answers.asks and answers.terminal):
        return values
    while (chosen := _first(answers, values, judge)) != TRAIN:
        if chosen == PRESET:
            values = _try(answers, values, _preset(answers, values), judge)
            continue
        while (name := _setting(answers, values, chosen)) != BACK:
            changed = values | {name: _value(answers.hyperparameters(values), name)}
            values = _try(answers, values, changed, judge)
    return values


def _first(answers: Answers, values: dict, judge) -> str:
    hp = answers.hyperparameters(values)
    groups = dict.fromkeys(setting.metadata["group"] for setting in _offered(answers.program, hp))
    offered = {TRAIN: "no: start training", PRESET: "a preset: the networks of the five reports, and our best"}
    offered |= {group: f"{GROUPS[group]}: {_summary(answers.program, hp, group)}" for group in GROUPS if group in groups}
    described = judge(hp)
    if described:
        print(described)
    return _select("Advanced settings?", offered)


def _offered(program: str, hp: Hyperparameters) -> list:
    """The settings that mean something beside the others, but for paths."""
    return [s for s in settings(program) if not isinstance(s.metadata["kind"], Text) and not meaningless(s, hp)]


def _summary(program: str, hp: Hyperparameters, group: str) -> str:
    """What of a group is not as usual, else the names of its first settings."""
    offered = [s for s in _offered(program, hp) if s.metadata["group"] == group and s.name not in QUESTIONS[program]]
    changed = [s.name for s in offered if getattr(hp, s.name) != usual(s, program)]
    shown = [f"{words(name)} {show(name, getattr(hp, name))}" for name in changed]
    return ", ".join(shown or [*(words(s.name) for s in offered[:4]), "…"])


def _setting(answers: Answers, values: dict, group: str) -> str:
    hp = answers.hyperparameters(values)
    offered = [s for s in _offered(answers.program, hp) if s.metadata["group"] == group]
    width = max(len(words(s.name)) for s in offered)
    listed = {s.name: f"{words(s.name):<{width}} {show(s.name, getattr(hp, s.name)):<12} {s.metadata['help']}" for s in offered}
    return _select(f"Change {GROUPS[group]}?", {BACK: "done"} | listed)


def _value(hp: Hyperparameters, name: str):
    """A new value for one field, asked for as its kind wants it."""
    import questionary

    kind, current = find(name).metadata["kind"], getattr(hp, name)
    title = f"{words(name)[:1].upper()}{words(name)[1:]}"
    if offered := choices(kind):
        return read(name, _select(title, {choice: choice for choice in offered}, default=show(name, current)))
    text = typed(questionary.text(
        title, instruction=f"({find(name).metadata['help']}) [{show(name, current)}]",
        validate=lambda text: not text.strip() or verdict(lambda text: read(name, text), text), validate_while_typing=False,
        **prompt_output(),
    ))  # fmt: skip
    return read(name, text) if text else current


def _preset(answers: Answers, values: dict) -> dict:
    """Everything but the data as a preset has it; what had been said otherwise is named."""
    known = presets.of(answers.program)
    width = max(map(len, known))
    listed = {name: f"{name:<{width}} {preset.what}; for {preset.dataset}" for name, preset in known.items()}
    name = _select("Which network?", {BACK: "none: back"} | listed)
    if name == BACK:
        return values
    usuals = {s.name: usual(s, answers.program) for s in settings(answers.program) if s.metadata["group"] != "data"}
    after = values | usuals | presets.values(name, answers.program)
    said = answers.given | values  # chosen last, a preset wins over answers and even flags, but not in silence
    changes = [
        f"{words(key)} {show(key, said[key])} → {show(key, after[key])}" for key in said if said[key] != after.get(key, said[key])
    ]
    if changes:
        print(f"{name} changes what you have said: {', '.join(changes)}")
    return after


def _try(answers: Answers, before: dict, after: dict, judge) -> dict:
    """`after` without what means nothing any more; `before`, and the reason on the screen, where it cannot be."""
    everything = answers.defaults | answers.given | after
    after = {name: value for name, value in after.items() if name == "program" or not meaningless(find(name), everything)}
    try:
        judge(answers.hyperparameters(after))
    except UserError as error:
        print(f"Not changed: {error}")
        return before
    return after


def _select(title: str, offered: dict[str, str], default: str | None = None) -> str:
    import questionary

    listed = [questionary.Choice(text, key) for key, text in offered.items()]
    return asked(questionary.select(title, listed, default=default, **prompt_output()))
