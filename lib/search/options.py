"""Options of a search, from flags and prompts, and the command that repeats it."""

from __future__ import annotations

import argparse
import itertools
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from lib.cli.conversation import ask_in_order
from lib.cli.picture_questions import picture_fit
from lib.cli.prompts import Answers
from lib.common.errors import UserError
from lib.common.formatting import abbreviate
from lib.common.settings import flag_of
from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters, Hyperparameters
from lib.config.program_settings import find_setting
from lib.data import dataset_names
from lib.search.questions import DEFAULT_TRIALS, SearchQuestions
from lib.search.space import Choices, Space, grid_size, parse_params

MAX_STUDY_NAME = 60  # characters, so that a folder can be named after the study
SAMPLERS = ("grid", "random", "tpe")


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
        as_json: the result is printed as JSON, in place of tables.
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
    as_json: bool = False

    def command(self, point: Hyperparameters) -> str:
        """Return the command line that repeats the search without prompts.

        Args:
            point: the hyperparameters of any trial; those that are varied are ignored.
        """
        chosen = self.answers.provided.keys() | self.values.keys()
        without = set(self.space)
        if self.answers.follows_images:  # as they will again, if they are not chosen
            followers = {name for name, entry in point.settings().items() if entry.follows}
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
    _require_no_single_run_settings(answers)
    questions = SearchQuestions(answers, args)
    ask_in_order(answers, questions.steps())
    numbers, space = questions.numbers, questions.space
    size = grid_size(space)
    if questions.sampler == "grid" and numbers["trials"]:
        raise UserError(f"--trials requires --sampler random or tpe; this grid has {size:,} points")
    default_budget = None if numbers["minutes"] else DEFAULT_TRIALS
    values = questions.values
    header = dataset_names.peek(values["dataset"], picture_fit(answers, values))
    return SearchOptions(
        answers=answers,
        values=values,
        space=space,
        image_shape=header.shape,
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
        as_json=args.json,
    )


def _require_name(study: str) -> None:
    """Raise `UserError` unless the name of a study can be part of the name of a folder."""
    if not study.strip() or not study.isprintable() or {"/", "\\"} & {*study} or len(study) > MAX_STUDY_NAME:
        raise UserError(
            f"--study {abbreviate(study)}: is not a name of 1 to {MAX_STUDY_NAME} characters without slashes"
        )


def _require_no_single_run_settings(answers: Answers) -> None:
    """Refuse settings of an answers file that a search has no flags for."""
    for name, setting in answers.settings.items():
        if setting.single_run and answers.provided.get(name) is not None:
            raise UserError(f"{name} in --answers applies to a single run; remove it to search")


def _require_no_single_run_flags(args: argparse.Namespace) -> None:
    if args.resume:
        raise UserError("--resume applies to a single run; repeat the command to continue a search")
    if args.distributed is not None:
        raise UserError(
            "--distributed applies to a single run; start the same command several times to share a search"
        )
