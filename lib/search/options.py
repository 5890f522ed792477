"""What a search is asked for: its flags, its questions, and the plan that comes of them."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass

from lib.cli.parser import CommandParser, TrainParser
from lib.cli.prompts import Answers
from lib.cli.session import ask_dataset, ask_labeled_data
from lib.common.errors import UserError
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
    parse_range,
    parse_space,
    parse_values,
)

SAMPLERS = ("grid", "random", "tpe")
NUMBER_TYPES = {
    "trials": IntRange(1, 1_000_000),
    "minutes": IntRange(1, 1_000_000),
    "folds": IntRange(2, MAX_FOLDS),
}
DEFAULT_TRIALS = 20  # where a grid does not say how many
SAMPLER_TEXTS = {
    "grid": "a grid: every combination",
    "tpe": "TPE: from what earlier trials have shown (Tree-structured Parzen Estimator)",
    "random": "at random",
}
VARIED_QUESTION = "Vary which hyperparameters?"


def make_parser(program: str, verb: str) -> CommandParser:
    """The flags of the verb: those of training, for what is not varied, and its own."""
    parser = TrainParser(
        program, "Search for better hyperparameters; every other flag says what all trials share."
    )
    parser.prog = f"{program}.py {verb}"
    parser.describe("--output", "the folder of the search (default models/search-<dataset>-<what it is for>)")
    for single in ("--resume", "--distributed"):
        parser.describe(single, argparse.SUPPRESS)
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
    """Everything that a search needs to know before it begins."""

    answers: Answers
    values: dict  # that were answered and are not varied
    space: Space
    image: tuple[int, int, int]
    sampler: str
    folds: int
    budget: int | None
    minutes: int | None
    prune: bool
    output: str | None
    study: str | None
    storage: str | None
    retrain: bool

    def command(self, first: Hyperparameters) -> str:
        """The command of the same search, without questions; `first` is a point of its space."""
        line = ["python", f"{first.program}.py", "search", *first.flags(without=self.space)]
        for name, one in self.space.items():
            line += [
                "--grid" if isinstance(one, Choices) else "--range",
                f"{long_flag(name).removeprefix('--')}={one}",
            ]
        line += ["--sampler", self.sampler, "--prune" if self.prune else "--no-prune"]
        numbers = {"trials": self.budget if self.sampler != "grid" else None, "minutes": self.minutes}
        others = {
            "folds": self.folds if self.folds > 1 else None,
            "study": self.study,
            "storage": self.storage,
        }
        for name, value in (numbers | others | {"output": self.output}).items():
            if value is not None:
                line += [f"--{name}", str(value)]
        return shlex.join([*line, *([] if self.retrain else ["--no-retrain"]), "--no-input"])

    def make(self, varied: dict) -> Hyperparameters:
        """The hyperparameters of a trial."""
        return self.answers.hyperparameters(self.values | varied)

    @property
    def text(self) -> str:
        """What is searched, in a line."""
        space = ", ".join(f"{display_name(name)} {one}" for name, one in self.space.items())
        folds = f", {self.folds}-fold cross-validation" if self.folds > 1 else ""
        count = f"{self.budget:,} trials" if self.budget else f"{self.minutes} minutes"
        return f"{self.sampler} over {space}: {count}{folds}"


def read_options(program: str, line: list[str]) -> SearchOptions:
    """The plan from flags and, where they leave something open and somebody is there, from prompts. Raises
    `UserError`.
    """
    args = make_parser(program, "search").parse(line)
    if args.resume:
        raise UserError("--resume is for a single run; a search goes on when the same command is given again")
    if args.distributed is not None:
        raise UserError(
            "--distributed is for a single run; a search is shared by as many as are given the same command"
        )
    answers = Answers(program, args)
    values = {"dataset": ask_dataset(answers)} if program == "autoencoder" else ask_labeled_data(answers)
    image = datasets.peek(values["dataset"]).shape
    grids, ranges = args.grid, args.range
    asked = not grids and not ranges
    if asked:
        grids, ranges = _ask_space(answers)
    space = parse_space(program, grids, ranges)
    for name in space:
        if name in answers.given:
            answers.given.pop(name)
    size = grid_size(space)
    for name in QUESTIONS[program]:
        if name not in space:
            values[name] = answers.ask(name)
    sampler = args.sampler or _choose_sampler(answers, size, asked)
    if sampler == "grid" and size is None:
        raise UserError("--sampler grid needs --grid for everything that varies; a range has no points")
    numbers = {name: _read_number(getattr(args, name), name) for name in NUMBER_TYPES}
    if asked and answers.asks:
        numbers = _ask_numbers(answers, numbers, sampler)
    budget = (
        size if sampler == "grid" else numbers["trials"] or (None if numbers["minutes"] else DEFAULT_TRIALS)
    )
    if sampler == "grid" and numbers["trials"]:
        raise UserError(f"--trials is for --sampler random and tpe; this grid has {size:,} points")
    prune = sampler != "grid" if args.prune is None else args.prune
    return SearchOptions(
        answers,
        values,
        space,
        image,
        sampler,
        numbers["folds"] or 1,
        budget,
        numbers["minutes"],
        prune,
        args.output,
        args.study,
        args.storage,
        not args.no_retrain,
    )


def _read_number(text: str | None, name: str) -> int | None:
    try:
        return None if text is None else NUMBER_TYPES[name].read(text)
    except UserError as error:
        raise UserError(f"--{name} {error}") from None


def _ask_space(answers: Answers) -> tuple[list[str], list[str]]:
    """What to vary, and over what, as `--grid` and `--range` take it."""
    if not answers.asks:
        raise UserError(f"nothing is varied: give {EXAMPLES['--grid']} or {EXAMPLES['--range']}")
    program = answers.program
    offered = [
        *QUESTIONS[program],
        *(name for name in list_variables(program) if name not in QUESTIONS[program]),
    ]
    details = {name: get_field(name).metadata["help"] for name in offered}
    names = answers.several(VARIED_QUESTION, {name: display_name(name) for name in offered}, details)
    grids: list[str] = []
    ranges: list[str] = []
    for name in names:

        def judge(text: str, name=name) -> None:
            parse_range(name, text) if ".." in text else parse_values(name, text)

        few = choices(get_field(name).metadata["kind"])
        if few and answers.terminal:
            chosen = answers.several(
                f"Which values of {display_name(name)}?", {value: value for value in few}, least=2
            )
            text = COMMA.join(chosen)
        else:
            text = answers.text(
                f"Values of {display_name(name)} ({describe_example(name, answers.defaults[name])})", judge
            )
        (ranges if ".." in text else grids).append(f"{name}={text}")
    return grids, ranges


def _choose_sampler(answers: Answers, size: int | None, asked: bool) -> str:
    usual = "tpe" if size is None else "grid"
    if not asked or not answers.asks:
        return usual
    offered = {name: text for name, text in SAMPLER_TEXTS.items() if name != "grid" or size is not None}
    if size is not None:
        offered["grid"] += f" ({size:,} trials)"
    return answers.choose("How?", offered, last=usual)


def _ask_numbers(answers: Answers, known: dict, sampler: str) -> dict:
    """The numbers that no flag has given; Enter takes the usual ones."""
    found = dict(known)
    if known["trials"] is None and known["minutes"] is None and sampler != "grid":
        found["trials"] = _ask_number(answers, f"How many trials? [{DEFAULT_TRIALS}]", "trials")
    if known["folds"] is None:
        found["folds"] = _ask_number(answers, "Cross-validation in how many folds? [none]", "folds")
    return found


def _ask_number(answers: Answers, question: str, name: str) -> int | None:
    def judge(text: str) -> None:
        if text.strip():
            NUMBER_TYPES[name].read(text)

    text = answers.text(question, judge)
    return int(text) if text else None
