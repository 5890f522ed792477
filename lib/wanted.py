"""What a search is asked for: its flags, its questions, and the plan that comes of them."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass

from lib import datasets, spaces
from lib.errors import UserError
from lib.fields import QUESTIONS, find, long_flag, words
from lib.flags import Flags, Parser
from lib.hyperparameters import Hyperparameters
from lib.kinds import MOST_FOLDS, Whole, choices
from lib.questions import Answers
from lib.session import pick_dataset, pick_labelled
from lib.spaces import Choice, Space

SAMPLERS = ("grid", "random", "tpe")
NUMBERS = {"trials": Whole(1, 1_000_000), "minutes": Whole(1, 1_000_000), "folds": Whole(2, MOST_FOLDS)}
TRIALS = 20  # where a grid does not say how many
HOW = {
    "grid": "a grid: every combination",
    "tpe": "TPE: from what earlier trials have shown (Tree-structured Parzen Estimator)",
    "random": "at random",
}
VARIED = "Vary which hyperparameters?"


def flags(program: str, verb: str) -> Flags:
    """The flags of the verb: those of training, for what is not varied, and its own."""
    parser = Parser(program, "Search for better hyperparameters; every other flag says what all trials share.")
    parser.prog = f"{program}.py {verb}"
    parser.describe("--output", "the folder of the search (default models/search-<dataset>-<what it is for>)")
    for single in ("--resume", "--distributed"):
        parser.describe(single, argparse.SUPPRESS)
    add = parser.add_argument
    grid = "vary a hyperparameter over some values: kernels=16,32,64; with slashes where they have commas: kernels=8,16/16,32"
    span = "vary a number: learning-rate=0.0001..0.01:log, or kernels=8..64:8 in steps of 8"
    add("--grid", action="append", default=[], metavar="NAME=VALUES", help=grid)
    add("--range", action="append", default=[], metavar="NAME=LOW..HIGH", help=span)
    add("--sampler", choices=SAMPLERS, help="grid (default where there are only grids), random, or tpe")
    add("--trials", metavar="N", help=f"how many trials in all (default {TRIALS}; a grid has as many as it has points)")
    add("--minutes", metavar="N", help="begin no trial after so many minutes")
    add("--folds", metavar="K", help="K-fold cross-validation of every trial (default: the validation part of --split)")
    add("--prune", action="store_true", default=None, help="give up trials worse than the median (default, but for grids)")
    add("--no-prune", action="store_false", dest="prune", help="train every trial to its end")
    add("--study", metavar="NAME", help="the name of the search (default: made of what it is for)")
    add("--storage", metavar="URL", help="a database that several machines share (default: SQLite in the folder of the search)")
    add("--no-retrain", action="store_true", help="leave the winner as it is, and the test set closed")
    return parser


@dataclass(frozen=True)
class Plan:
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
            line += ["--grid" if isinstance(one, Choice) else "--range", f"{long_flag(name).removeprefix('--')}={one}"]
        line += ["--sampler", self.sampler, "--prune" if self.prune else "--no-prune"]
        numbers = {"trials": self.budget if self.sampler != "grid" else None, "minutes": self.minutes}
        others = {"folds": self.folds if self.folds > 1 else None, "study": self.study, "storage": self.storage}
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
        space = ", ".join(f"{words(name)} {one}" for name, one in self.space.items())
        folds = f", {self.folds}-fold cross-validation" if self.folds > 1 else ""
        count = f"{self.budget:,} trials" if self.budget else f"{self.minutes} minutes"
        return f"{self.sampler} over {space}: {count}{folds}"


def planned(program: str, line: list[str]) -> Plan:
    """The plan from flags and, where they leave something open and somebody is there, from prompts. Raises `UserError`."""
    args = flags(program, "search").parse(line)
    if args.resume:
        raise UserError("--resume is for a single run; a search goes on when the same command is given again")
    if args.distributed is not None:
        raise UserError("--distributed is for a single run; a search is shared by as many as are given the same command")
    answers = Answers(program, args)
    values = {"dataset": pick_dataset(answers)} if program == "autoencoder" else pick_labelled(answers)
    image = datasets.peek(values["dataset"]).shape
    grids, ranges = args.grid, args.range
    asked = not grids and not ranges
    if asked:
        grids, ranges = _varied(answers)
    space = spaces.space(program, grids, ranges)
    for name in space:
        if name in answers.given:
            answers.given.pop(name)
    size = spaces.size(space)
    for name in QUESTIONS[program]:
        if name not in space:
            values[name] = answers.ask(name)
    sampler = args.sampler or _sampler(answers, size, asked)
    if sampler == "grid" and size is None:
        raise UserError("--sampler grid needs --grid for everything that varies; a range has no points")
    numbers = {name: _number(getattr(args, name), name) for name in NUMBERS}
    if asked and answers.asks:
        numbers = _numbers(answers, numbers, sampler)
    budget = size if sampler == "grid" else numbers["trials"] or (None if numbers["minutes"] else TRIALS)
    if sampler == "grid" and numbers["trials"]:
        raise UserError(f"--trials is for --sampler random and tpe; this grid has {size:,} points")
    prune = sampler != "grid" if args.prune is None else args.prune
    return Plan(
        answers, values, space, image, sampler, numbers["folds"] or 1, budget, numbers["minutes"], prune,
        args.output, args.study, args.storage, not args.no_retrain,
    )  # fmt: skip


def _number(text: str | None, name: str) -> int | None:
    try:
        return None if text is None else NUMBERS[name].read(text)
    except UserError as error:
        raise UserError(f"--{name} {error}") from None


def _varied(answers: Answers) -> tuple[list[str], list[str]]:
    """What to vary, and over what, as `--grid` and `--range` take it."""
    if not answers.asks:
        raise UserError(f"nothing is varied: give {spaces.EXAMPLES['--grid']} or {spaces.EXAMPLES['--range']}")
    program = answers.program
    offered = [*QUESTIONS[program], *(name for name in spaces.variables(program) if name not in QUESTIONS[program])]
    details = {name: find(name).metadata["help"] for name in offered}
    names = answers.several(VARIED, {name: words(name) for name in offered}, details)
    grids: list[str] = []
    ranges: list[str] = []
    for name in names:

        def judge(text: str, name=name) -> None:
            spaces.numbers(name, text) if ".." in text else spaces.values(name, text)

        few = choices(find(name).metadata["kind"])
        if few and answers.terminal:
            chosen = answers.several(f"Which values of {words(name)}?", {value: value for value in few}, least=2)
            text = spaces.COMMA.join(chosen)
        else:
            text = answers.text(f"Values of {words(name)} ({spaces.example(name, answers.defaults[name])})", judge)
        (ranges if ".." in text else grids).append(f"{name}={text}")
    return grids, ranges


def _sampler(answers: Answers, size: int | None, asked: bool) -> str:
    usual = "tpe" if size is None else "grid"
    if not asked or not answers.asks:
        return usual
    offered = {name: text for name, text in HOW.items() if name != "grid" or size is not None}
    if size is not None:
        offered["grid"] += f" ({size:,} trials)"
    return answers.choose("How?", offered, last=usual)


def _numbers(answers: Answers, known: dict, sampler: str) -> dict:
    """The numbers that no flag has given; Enter takes the usual ones."""
    found = dict(known)
    if known["trials"] is None and known["minutes"] is None and sampler != "grid":
        found["trials"] = _asked(answers, f"How many trials? [{TRIALS}]", "trials")
    if known["folds"] is None:
        found["folds"] = _asked(answers, "Cross-validation in how many folds? [none]", "folds")
    return found


def _asked(answers: Answers, question: str, name: str) -> int | None:
    def judge(text: str) -> None:
        if text.strip():
            NUMBERS[name].read(text)

    text = answers.text(question, judge)
    return int(text) if text else None
