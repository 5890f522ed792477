"""Questions of a search: what varies, over which values, how trials are chosen, and how many there are."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from lib.cli.conversation import Step, ask_in_order
from lib.cli.picture_questions import ask_picture_size, picture_fit
from lib.cli.preset_choices import adapt_preset
from lib.cli.prompt_keys import GoBack
from lib.cli.prompts import Answers
from lib.cli.run_questions import ask_dataset, labeled_data_steps
from lib.common.errors import UserError
from lib.common.value_types import MAX_FOLDS, IntRange, choices
from lib.config.suited_defaults import ImageSet
from lib.data import dataset_names
from lib.data.splits import training_count
from lib.search.space import (
    COMMA,
    EXAMPLES,
    Space,
    describe_example,
    grid_size,
    list_variables,
    parse_range,
    parse_space,
    parse_values,
)

NUMBER_TYPES = {
    "trials": IntRange(1, 1_000_000),
    "minutes": IntRange(1, 1_000_000),
    "folds": IntRange(2, MAX_FOLDS),
    "keep": IntRange(1, 1_000_000),
}
DEFAULT_TRIALS = 20  # if neither a grid nor a time limit ends the search
SAMPLER_TEXTS = {
    "grid": "grid search: every combination",
    "tpe": "TPE (Tree-structured Parzen Estimator): learns from earlier trials",
    "random": "random search",
}
SPACE_QUESTION = "Which hyperparameters should vary?"


class SearchQuestions:
    """The questions of a search, and their answers.

    Attributes:
        values: values of the settings that are not varied.
        space: the dimension of each hyperparameter that is varied.
        sampler: `grid`, `random` or `tpe`.
        numbers: values of the flags of `NUMBER_TYPES`, `None` for those that are left open.
    """

    def __init__(self, answers: Answers, args: argparse.Namespace):
        self.values: dict[str, Any] = {}
        self.space: Space = {}
        self.sampler = ""
        self.numbers = {name: getattr(args, name) for name in NUMBER_TYPES}
        self._answers, self._args = answers, args
        self._given_numbers = dict(self.numbers)
        self._provided = dict(answers.provided)
        self._asks = not args.grid and not args.range

    def steps(self) -> list[Step]:
        """Return the steps of the conversation."""
        numbers = [
            ("trials", f"How many trials? [{DEFAULT_TRIALS}]"),
            ("folds", "Cross-validation in how many folds? [none]"),
            ("keep", "Keep the models of how many of the best trials? [all]"),
        ]
        if self._answers.program == "autoencoder":
            data: list[Step] = [self._ask_dataset, self._ask_size]
        else:
            data = labeled_data_steps(self._answers, self.values)
        return [
            *data,
            self._ask_space,
            *(partial(self._ask_setting, name) for name in self._answers.asked_settings),
            self._ask_sampler,
            *(partial(self._ask_number, *number) for number in numbers),
        ]

    def _ask_dataset(self) -> None:
        answers = self._answers
        answers.provided = dict(self._provided)
        self.values["dataset"] = ask_dataset(answers)

    def _ask_size(self) -> None:
        answers, dataset = self._answers, self.values["dataset"]
        ask_picture_size(answers, self.values)
        header = dataset_names.peek(dataset, picture_fit(answers, self.values))
        adapt_preset(answers, dataset, header)
        self._provided = dict(answers.provided)
        data = answers.data_settings(self.values)
        answers.images = ImageSet(header.shape, training_count(header, data))

    def _ask_space(self) -> None:
        answers = self._answers
        if not self._asks:
            texts = (self._args.grid, self._args.range)
        elif not answers.interactive:
            raise UserError(f"nothing is varied: use {EXAMPLES['--grid']} or {EXAMPLES['--range']}")
        else:
            texts = self._ask_dimensions()
        self.space = parse_space(answers.program, *texts)
        answers.provided = {name: value for name, value in self._provided.items() if name not in self.space}

    def _ask_dimensions(self) -> tuple[list[str], list[str]]:
        """Ask which hyperparameters to vary; return texts as `--grid` and `--range` take them."""
        answers = self._answers
        questions = answers.asked_settings
        others = [name for name in list_variables(answers.program) if name not in questions]
        labels = {name: answers.settings[name].label for name in (*questions, *others)}
        details = {name: answers.settings[name].help for name in labels}
        texts: dict[str, str] = {}

        def ask_dimension(name: str) -> None:
            texts[name] = _ask_dimension(answers, name)

        while True:
            names = answers.choose_several(SPACE_QUESTION, labels, details)
            answers.can_go_back = True
            try:
                ask_in_order(answers, [partial(ask_dimension, name) for name in names])
                break
            except GoBack:
                continue
        dimensions = [f"{name}={texts[name]}" for name in names]
        ranges = [text for text in dimensions if ".." in text]
        return [text for text in dimensions if text not in ranges], ranges

    def _ask_setting(self, name: str) -> None:
        """Ask for a setting; where nothing is asked, its default may follow the values of each trial."""
        self.values.pop(name, None)
        answers = self._answers
        if name in self.space or not (answers.interactive or name in answers.provided):
            return
        default = answers.defaults_with(self.values)[name]
        if answers.settings[name].is_per_layer and "layers" in self.space:
            default = default[:1]  # for any number of layers
        self.values[name] = answers.ask(name, default=default)

    def _ask_sampler(self) -> None:
        size = grid_size(self.space)
        self.sampler = self._args.sampler or _choose_sampler(self._answers, size, self._asks)
        if self.sampler == "grid" and size is None:
            raise UserError("--sampler grid requires --grid for all hyperparameters; a range has no points")

    def _ask_number(self, name: str, question: str) -> None:
        """Ask for a number that no flag gives; an empty answer leaves it at its default."""
        answers, given = self._answers, self._given_numbers
        if not (self._asks and answers.interactive) or given[name] is not None:
            return
        if name == "trials" and (given["minutes"] is not None or self.sampler == "grid"):
            self.numbers[name] = None
            return
        if name == "keep" and not answers.has_terminal:
            return

        def check(text: str) -> None:
            if text.strip():
                NUMBER_TYPES[name].parse(text)

        text = answers.ask_text(question, check)
        self.numbers[name] = int(text) if text else None


def _ask_dimension(answers: Answers, name: str) -> str:
    """Ask for the values or the range of a hyperparameter."""

    def check(text: str) -> None:
        parse_range(name, text) if ".." in text else parse_values(name, text)

    setting = answers.settings[name]
    words = choices(setting.value_type)
    if words and answers.has_terminal:
        question = f"Which values of {setting.label}?"
        return COMMA.join(answers.choose_several(question, {word: word for word in words}, min_count=2))
    example = describe_example(name, answers.defaults[name])
    return answers.ask_text(f"Values of {setting.label} ({example})", check)


def _choose_sampler(answers: Answers, size: int | None, ask: bool) -> str:
    default = "tpe" if size is None else "grid"
    if not ask or not answers.interactive:
        return default
    texts = {name: text for name, text in SAMPLER_TEXTS.items() if name != "grid" or size is not None}
    if size is not None:
        texts["grid"] += f" ({size:,} trials)"
    return answers.choose("How?", texts, at_end=default)
