"""Options of a search, read from flags and prompts."""

from __future__ import annotations

import argparse
import itertools
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from lib.cli.conversation import Step, ask_in_order
from lib.cli.picture_questions import ask_picture_size, picture_fit
from lib.cli.preset_choices import adapt_preset
from lib.cli.prompt_keys import GoBack
from lib.cli.prompts import Answers
from lib.cli.run_questions import ask_dataset, labeled_data_steps
from lib.common.errors import UserError
from lib.common.formatting import abbreviate
from lib.common.settings import IMAGES, flag_of
from lib.common.value_types import MAX_FOLDS, IntRange, choices
from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters, Hyperparameters
from lib.config.program_settings import find_setting
from lib.config.suited_defaults import ImageSet
from lib.data import datasets
from lib.data.splits import training_count
from lib.search.space import (
    COMMA,
    EXAMPLES,
    Choices,
    Space,
    describe_example,
    grid_size,
    list_variables,
    parse_params,
    parse_range,
    parse_space,
    parse_values,
)

MAX_STUDY_NAME = 60  # characters, so that a folder can be named after the study
SAMPLERS = ("grid", "random", "tpe")
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


@dataclass(frozen=True)
class SearchOptions:
    """The options of a search, from flags, an answers file and prompts.

    Attributes:
        answers: the settings that all trials share, from flags, answers file, preset and defaults.
        values: those that were answered at prompts.
        space: the dimension of each hyperparameter that is varied.
        image_shape: (height, width, channels) of the images.
        sampler: `grid`, `random` or `tpe`.
        folds: number of folds of the cross-validation; 1 for a single validation set.
        budget: number of trials; `None` if only `minutes` limits them.
        minutes: time after which no trial is started; `None` for no limit.
        prune: whether trials worse than the median are stopped early.
        keep: number of trials that keep their models; `None` for all.
        output: the folder of the search; `None` for the default.
        study: the name of the study; `None` for one derived from its definition.
        storage: the URL of a shared storage; `None` for an SQLite file in the folder of the search.
        retrain: whether the winner is trained again on all training images.
    """

    answers: Answers
    values: dict
    space: Space
    image_shape: tuple[int, int, int]
    sampler: str
    folds: int
    budget: int | None
    minutes: int | None
    prune: bool
    keep: int | None
    output: str | None
    study: str | None
    storage: str | None
    retrain: bool

    def command(self, point: Hyperparameters) -> str:
        """Return the command line that repeats the search without prompts.

        Args:
            point: the hyperparameters of any trial; those that are varied are ignored.
        """
        chosen = self.answers.provided.keys() | self.values.keys()
        without = set(self.space)
        if self.answers.follows_images:  # as they will again, if they are not chosen
            followers = {name for name, entry in point.settings().items() if entry.follows == IMAGES}
            without |= followers - chosen
        words = ["python", f"{point.program}.py", "search", *point.flags(without)]
        for name, dimension in self.space.items():
            flag = "--grid" if isinstance(dimension, Choices) else "--range"
            words += [flag, f"{flag_of(name).removeprefix('--')}={dimension}"]
        words += ["--sampler", self.sampler, "--prune" if self.prune else "--no-prune"]
        from lib.search.storage import without_password  # with Optuna, which takes a while to load

        optional = {
            "trials": self.budget if self.sampler != "grid" else None,
            "minutes": self.minutes,
            "folds": self.folds if self.folds > 1 else None,
            "keep": self.keep,
            "study": self.study,
            "storage": self.storage and without_password(self.storage),
            "output": self.output,
        }
        for name, value in optional.items():
            if value is not None:
                words += [f"--{name}", str(value)]
        return shlex.join([*words, *([] if self.retrain else ["--no-retrain"]), "--no-input"])

    def hyperparameters(self, params: dict) -> Hyperparameters:
        """Return the hyperparameters of a trial.

        Args:
            params: the values of the trial, as Optuna stores them.

        Raises:
            UserError: values do not go together, or the network cannot be built.
        """
        hp = self.answers.hyperparameters(self.values | parse_params(params))
        if isinstance(hp, AutoencoderHyperparameters):
            plan_architecture(hp, self.image_shape)
        return hp

    def points(self, count: int) -> Iterator[dict]:
        """Yield the values of the first points of the space, of a range those of its ends."""
        axes = [
            dimension.values if isinstance(dimension, Choices) else (dimension.low, dimension.high)
            for dimension in self.space.values()
        ]
        for point in itertools.islice(itertools.product(*axes), count):
            yield dict(zip(self.space, point, strict=True))

    @property
    def summary(self) -> str:
        """The search in one line."""
        space = ", ".join(f"{find_setting(name).label} {dimension}" for name, dimension in self.space.items())
        folds = f", {self.folds}-fold cross-validation" if self.folds > 1 else ""
        limit = f"{self.budget:,} trials" if self.budget else f"{self.minutes} minutes"
        return f"{self.sampler} over {space}: {limit}{folds}"


def read_options(program: str, args: argparse.Namespace) -> SearchOptions:
    """Return the options of a search from flags and, for what they leave open, from prompts.

    Args:
        program: `autoencoder` or `classification`.
        args: values of the flags of `lib.search.command_search`.

    Raises:
        UserError: a flag or an answer is invalid, or two do not go together.
    """
    _require_no_single_run_flags(args)
    if args.study is not None:
        _require_name(args.study)
    answers = Answers(program, args)
    questions = SearchQuestions(answers, args)
    ask_in_order(answers, questions.steps())
    numbers, space = questions.numbers, questions.space
    size = grid_size(space)
    if questions.sampler == "grid" and numbers["trials"]:
        raise UserError(f"--trials requires --sampler random or tpe; this grid has {size:,} points")
    default_budget = None if numbers["minutes"] else DEFAULT_TRIALS
    return SearchOptions(
        answers=answers,
        values=questions.values,
        space=space,
        image_shape=datasets.peek(questions.values["dataset"], picture_fit(answers, questions.values)).shape,
        sampler=questions.sampler,
        folds=numbers["folds"] or 1,
        budget=size if questions.sampler == "grid" else numbers["trials"] or default_budget,
        minutes=numbers["minutes"],
        prune=questions.sampler != "grid" if args.prune is None else args.prune,
        keep=numbers["keep"],
        output=args.output,
        study=args.study,
        storage=args.storage,
        retrain=not args.no_retrain,
    )


def _require_name(study: str) -> None:
    """Raise `UserError` unless the name of a study can be part of the name of a folder."""
    if not study.strip() or not study.isprintable() or {"/", "\\"} & {*study} or len(study) > MAX_STUDY_NAME:
        raise UserError(
            f"--study {abbreviate(study)}: is not a name of 1 to {MAX_STUDY_NAME} characters without slashes"
        )


def _require_no_single_run_flags(args: argparse.Namespace) -> None:
    if args.resume:
        raise UserError("--resume applies to a single run; repeat the command to continue a search")
    if args.distributed is not None:
        raise UserError(
            "--distributed applies to a single run; start the same command several times to share a search"
        )


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
        header = datasets.peek(dataset, picture_fit(answers, self.values))
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
