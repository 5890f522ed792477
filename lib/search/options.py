"""Options of a search, read from flags and prompts."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass

from lib.cli.parser import CommandParser, TrainParser
from lib.cli.prompts import Answers
from lib.cli.session import ask_dataset, ask_labeled_data
from lib.common.errors import UserError
from lib.common.formatting import abbreviate
from lib.config.architecture_planner import plan_architecture
from lib.config.fields import QUESTIONS, display_name, get_field, long_flag
from lib.config.hyperparameters import Hyperparameters
from lib.config.value_types import MAX_FOLDS, IntRange, choices
from lib.data import datasets
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
from lib.search.study import without_password

MAX_STUDY_NAME = 60  # characters, so that a folder can be named after the study
SAMPLERS = ("grid", "random", "tpe")
NUMBER_TYPES = {
    "trials": IntRange(1, 1_000_000),
    "minutes": IntRange(1, 1_000_000),
    "folds": IntRange(2, MAX_FOLDS),
}
DEFAULT_TRIALS = 20  # if neither a grid nor a time limit ends the search
SAMPLER_TEXTS = {
    "grid": "a grid: every combination",
    "tpe": "TPE: from what earlier trials have shown (Tree-structured Parzen Estimator)",
    "random": "at random",
}
SPACE_QUESTION = "Vary which hyperparameters?"


def make_parser(program: str, command: str) -> CommandParser:
    """Return the parser of the command `search`: the flags of training for all trials, and its own."""
    parser = TrainParser(
        program, "Search for better hyperparameters; every other flag says what all trials share."
    )
    parser.prog = f"{program}.py {command}"
    parser.set_help("--output", "the folder of the search (default models/search-<dataset>-<what it is for>)")
    for flag in ("--resume", "--distributed"):
        parser.set_help(flag, argparse.SUPPRESS)
    add = parser.add_argument
    grid = (
        "vary a hyperparameter over some values: kernels=16,32,64; with slashes where they have commas: "
        "kernels=8,16/16,32"
    )
    span = "vary a number: learning-rate=0.0001..0.01:log, or kernels=8..64:8 in steps of 8"
    add("--grid", action="append", default=[], metavar="NAME=VALUES", help=grid)
    add("--range", action="append", default=[], metavar="NAME=LOW..HIGH", help=span)
    add("--sampler", choices=SAMPLERS, help="grid (default where there are only grids), random, or tpe")
    add(
        "--trials",
        metavar="N",
        help=f"how many trials in all (default {DEFAULT_TRIALS}; a grid has as many as it has points)",
    )
    add("--minutes", metavar="N", help="begin no trial after so many minutes")
    add(
        "--folds",
        metavar="K",
        help="K-fold cross-validation of every trial (default: the validation part of --split)",
    )
    add(
        "--prune",
        action="store_true",
        default=None,
        help="give up trials worse than the median (default, but for grids)",
    )
    add("--no-prune", action="store_false", dest="prune", help="train every trial to its end")
    add("--study", metavar="NAME", help="the name of the search (default: made of what it is for)")
    add(
        "--storage",
        metavar="URL",
        help="a database that several machines share (default: SQLite in the folder of the search)",
    )
    add("--no-retrain", action="store_true", help="leave the winner as it is, and the test set closed")
    return parser


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
    output: str | None
    study: str | None
    storage: str | None
    retrain: bool

    def command(self, point: Hyperparameters) -> str:
        """Return the command line that repeats the search without prompts.

        Args:
            point: the hyperparameters of any trial; those that are varied are ignored.
        """
        words = ["python", f"{point.program}.py", "search", *point.flags(without=self.space)]
        for name, dimension in self.space.items():
            flag = "--grid" if isinstance(dimension, Choices) else "--range"
            words += [flag, f"{long_flag(name).removeprefix('--')}={dimension}"]
        words += ["--sampler", self.sampler, "--prune" if self.prune else "--no-prune"]
        optional = {
            "trials": self.budget if self.sampler != "grid" else None,
            "minutes": self.minutes,
            "folds": self.folds if self.folds > 1 else None,
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
        if hp.program == "autoencoder":
            plan_architecture(hp, self.image_shape)
        return hp

    @property
    def summary(self) -> str:
        """The search in one line."""
        space = ", ".join(f"{display_name(name)} {dimension}" for name, dimension in self.space.items())
        folds = f", {self.folds}-fold cross-validation" if self.folds > 1 else ""
        limit = f"{self.budget:,} trials" if self.budget else f"{self.minutes} minutes"
        return f"{self.sampler} over {space}: {limit}{folds}"


def read_options(program: str, words: list[str]) -> SearchOptions:
    """Return the options of a search from flags and, for what they leave open, from prompts.

    Args:
        program: `autoencoder` or `classification`.
        words: the command line after `search`.

    Raises:
        UserError: a flag or an answer is invalid, or two do not go together.
    """
    args = make_parser(program, "search").parse(words)
    _require_no_single_run_flags(args)
    if args.study is not None:
        _require_name(args.study)
    answers = Answers(program, args)
    values = {"dataset": ask_dataset(answers)} if program == "autoencoder" else ask_labeled_data(answers)
    image_shape = datasets.peek(values["dataset"]).shape
    ask = not args.grid and not args.range
    grids, ranges = _ask_space(answers) if ask else (args.grid, args.range)
    space = parse_space(program, grids, ranges)
    for name in space:
        answers.provided.pop(name, None)
    values |= {name: answers.ask(name) for name in QUESTIONS[program] if name not in space}
    size = grid_size(space)
    sampler = args.sampler or _choose_sampler(answers, size, ask)
    if sampler == "grid" and size is None:
        raise UserError("--sampler grid needs --grid for everything that varies; a range has no points")
    numbers = {name: _parse_number(getattr(args, name), name) for name in NUMBER_TYPES}
    if ask and answers.interactive:
        numbers = _ask_numbers(answers, numbers, sampler)
    if sampler == "grid" and numbers["trials"]:
        raise UserError(f"--trials is for --sampler random and tpe; this grid has {size:,} points")
    default_budget = None if numbers["minutes"] else DEFAULT_TRIALS
    return SearchOptions(
        answers=answers,
        values=values,
        space=space,
        image_shape=image_shape,
        sampler=sampler,
        folds=numbers["folds"] or 1,
        budget=size if sampler == "grid" else numbers["trials"] or default_budget,
        minutes=numbers["minutes"],
        prune=sampler != "grid" if args.prune is None else args.prune,
        output=args.output,
        study=args.study,
        storage=args.storage,
        retrain=not args.no_retrain,
    )


def _require_name(study: str) -> None:
    """Raise `UserError` unless the name of a study can be part of the name of a folder."""
    if not study.strip() or not study.isprintable() or {"/", "\\"} & {*study} or len(study) > MAX_STUDY_NAME:
        raise UserError(
            f"--study {abbreviate(study)}: is no name; give 1 to {MAX_STUDY_NAME} characters without slashes"
        )


def _require_no_single_run_flags(args: argparse.Namespace) -> None:
    if args.resume:
        raise UserError("--resume is for a single run; a search goes on when the same command is given again")
    if args.distributed is not None:
        raise UserError(
            "--distributed is for a single run; a search is shared by as many as are given the same command"
        )


def _parse_number(text: str | None, name: str) -> int | None:
    try:
        return None if text is None else NUMBER_TYPES[name].parse(text)
    except UserError as error:
        raise UserError(f"--{name} {error}") from None


def _ask_space(answers: Answers) -> tuple[list[str], list[str]]:
    """Ask which hyperparameters to vary; return texts as `--grid` and `--range` take them."""
    if not answers.interactive:
        raise UserError(f"nothing is varied: give {EXAMPLES['--grid']} or {EXAMPLES['--range']}")
    questions = QUESTIONS[answers.program]
    others = [name for name in list_variables(answers.program) if name not in questions]
    labels = {name: display_name(name) for name in (*questions, *others)}
    details = {name: get_field(name).metadata["help"] for name in labels}
    grids: list[str] = []
    ranges: list[str] = []
    for name in answers.choose_several(SPACE_QUESTION, labels, details):
        text = _ask_dimension(answers, name)
        (ranges if ".." in text else grids).append(f"{name}={text}")
    return grids, ranges


def _ask_dimension(answers: Answers, name: str) -> str:
    """Ask for the values or the range of a hyperparameter."""

    def check(text: str) -> None:
        parse_range(name, text) if ".." in text else parse_values(name, text)

    words = choices(get_field(name).metadata["value_type"])
    if words and answers.has_terminal:
        question = f"Which values of {display_name(name)}?"
        return COMMA.join(answers.choose_several(question, {word: word for word in words}, min_count=2))
    example = describe_example(name, answers.defaults[name])
    return answers.ask_text(f"Values of {display_name(name)} ({example})", check)


def _choose_sampler(answers: Answers, size: int | None, ask: bool) -> str:
    default = "tpe" if size is None else "grid"
    if not ask or not answers.interactive:
        return default
    texts = {name: text for name, text in SAMPLER_TEXTS.items() if name != "grid" or size is not None}
    if size is not None:
        texts["grid"] += f" ({size:,} trials)"
    return answers.choose("How?", texts, at_end=default)


def _ask_numbers(answers: Answers, numbers: dict, sampler: str) -> dict:
    """Ask for the numbers that no flag gives; Enter leaves them at their defaults."""
    numbers = dict(numbers)
    if numbers["trials"] is None and numbers["minutes"] is None and sampler != "grid":
        numbers["trials"] = _ask_number(answers, f"How many trials? [{DEFAULT_TRIALS}]", "trials")
    if numbers["folds"] is None:
        numbers["folds"] = _ask_number(answers, "Cross-validation in how many folds? [none]", "folds")
    return numbers


def _ask_number(answers: Answers, question: str, name: str) -> int | None:
    def check(text: str) -> None:
        if text.strip():
            NUMBER_TYPES[name].parse(text)

    text = answers.ask_text(question, check)
    return int(text) if text else None
