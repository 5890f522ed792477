"""The command `reproduce`: trains the tables of the five reports again and compares the results."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lib.cli.commands import Command
from lib.cli.display import Display
from lib.cli.output import ACCENT, BAD, QUIET
from lib.cli.parser import CommandParser
from lib.cli.tables import new_table, print_table
from lib.cli.terminal_graphics import ARROW
from lib.common.errors import Interrupted, RunFailed, UserError
from lib.common.formatting import format_duration
from lib.common.terminal_state import muted_keyboard
from lib.common.value_types import IntRange
from lib.config.hyperparameters import ClassifierHyperparameters, Hyperparameters
from lib.reproduction.comparison import RowOutcome, TableComparison
from lib.reproduction.context import MAX_SEEDS, QUICK_EPOCHS, QUICK_IMAGES, ReproductionContext
from lib.reproduction.tables import ALL, TABLES, TIME_TARGETS, ReportRow, RowSettings
from lib.reproduction.time_to_target import TimeToTarget
from lib.runs import documents, records, run_folder
from lib.runs.resume import locate_run
from lib.runs.run_entries import RunEntry, load_entry
from lib.tasks import list_tasks
from lib.worker.run_sequence import StoppedByUser

DEFAULT_FOLDER = "reproduce"  # below models/


class ReproduceCommand(Command):
    """Train the networks of the course reports again."""

    name = "reproduce"
    programs = ("autoencoder",)
    description = "Train the networks of the five course reports and compare with the published values."
    order = 60

    def add_flags(self, parser: CommandParser) -> None:
        names = (
            f"{', '.join(TABLES)}; a letter selects all tables of a report, {ALL} all tables (default: list "
            f"the tables)"
        )
        best = (
            "our settings for the same tasks, with the latent size of the report where the task is "
            f"{list_tasks(lambda task: task.targets_are_inputs)}"
        )
        quick = f"quick run without comparable results: {QUICK_IMAGES:,} images, {QUICK_EPOCHS} epochs"
        seeds = "number of seeds, starting at 0; the table shows mean and spread (default 1)"
        folder = f"models/{DEFAULT_FOLDER}"
        output = f"folder of the runs and tables (default {folder}, with --quick {folder}-quick)"
        parser.add_value("tables", "TABLE", names, nargs="*")
        parser.add_switch("--best", best)
        parser.add_switch("--race", f"compare the time to a published value: {', '.join(TIME_TARGETS)}")
        parser.add_switch("--quick", quick)
        parser.add_value("--seeds", "N", seeds, IntRange(1, MAX_SEEDS), default=1)
        parser.add_value("--output", "DIR", output)

    def run(self, program: str, words: list[str]) -> int:
        """Carry out `reproduce`; return the exit status.

        Args:
            program: `autoencoder`, the only program with this command.
            words: the command line after `reproduce`.

        Raises:
            UserError: a word is invalid, or data are missing.
            Interrupted: the training was stopped; the same command continues it.
        """
        args = self.make_parser(program).parse(words)
        if not words:
            return list_tables()
        if not args.tables and not args.race:
            raise UserError(f"{' '.join(words)} needs the tables to reproduce: {', '.join(TABLES)}, or {ALL}")
        if args.best and args.race:
            raise UserError("--race compares both settings; remove --best")
        names = select_names(args.tables or [ALL], TIME_TARGETS if args.race else TABLES)
        folder = run_folder.make_output_folder(_output_folder(args))
        command = shlex.join(["python", f"{program}.py", "reproduce", *words])
        context = ReproductionContext(folder, args.quick, range(args.seeds), command, Display())
        with context.run_sequence:
            try:
                with muted_keyboard():
                    if args.race:
                        return TimeToTarget(context).run(names)
                    return Reproduction(context, ours=args.best).run(names)
            except (StoppedByUser, Interrupted, KeyboardInterrupt):
                raise Interrupted(f"interrupted; to continue: {command}") from None
            finally:
                context.display.close()


def _output_folder(args: argparse.Namespace) -> Path:
    if args.output:
        return Path(args.output)
    return records.MODELS_FOLDER / (f"{DEFAULT_FOLDER}-quick" if args.quick else DEFAULT_FOLDER)


def select_names(words: list[str], known: dict) -> list[str]:
    """Return the names of tables or time targets that names and letters stand for, each once.

    Raises:
        UserError: a word stands for none.
    """
    selected = []
    for word in words:
        spelled = word.lower().replace("colour", "color")  # earlier versions spelled it so
        matches = [
            name
            for name in known
            if word == ALL or name.lower() == spelled or name.split("-")[0] == word.upper()
        ]
        if not matches:
            problem = "has no race" if known is TIME_TARGETS else "is not a table"
            raise UserError(f"{word!r} {problem}; available: {', '.join(known)}, and {ALL}")
        selected += matches
    return list(dict.fromkeys(selected))


def list_tables() -> int:
    """Print the names of all tables, with example commands; return the exit status."""
    display = Display()
    names = ("table", "content", "data set")
    screen_table = new_table("Tables that can be reproduced", (*names, "rows"), left=names)
    for name, table in TABLES.items():
        screen_table.add_row(name, table.title, table.dataset, str(len(table.rows)))
    print_table(display.out, screen_table)
    targets = ", ".join(TIME_TARGETS)
    for example, text in (
        ("A-variants", "one table with the settings of the report"),
        ("C --best", "all tables of a report with our settings"),
        ("all --quick", "a quick run of everything, in minutes"),
        ("--race", f"time until the report's settings and ours reach the published value: {targets}"),
    ):
        display.result(f"python autoencoder.py reproduce {example}", ACCENT)
        display.result(f"    {text}", QUIET)
    return 0


@dataclass(frozen=True)
class PlannedRow:
    """A row to train with one seed.

    Attributes:
        row: the row.
        seed: the seed.
        label: name of the row, with the seed if there are several.
        epochs: number of epochs of all its runs, if none stops early.
        is_trained: whether an earlier call has trained it.
    """

    row: ReportRow
    seed: int
    label: str
    epochs: int
    is_trained: bool


class Reproduction:
    """Trains the rows of tables and writes the comparisons; settings that rows share are trained once."""

    def __init__(self, context: ReproductionContext, ours: bool):
        self.context = context
        self.ours = ours
        self.display = context.display
        self._folder_names = _name_folders(context)

    def run(self, names: list[str]) -> int:
        """Train tables; return the exit status."""
        return self.context.for_each(names, self._reproduce)

    def _reproduce(self, name: str) -> int:
        """Train a table, show each row when it is trained, and write the document; return the exit status."""
        table = TABLES[name]
        comparison = TableComparison(self.context, name, table, self.ours)
        title = self.context.full_title(comparison.title)
        self.display.note(f"{title}  {ARROW}  {self.context.folder}", "bold")
        planned = [self._plan(row, table.dataset, seed) for row in table.rows for seed in self.context.seeds]
        outcomes: dict[str, list[RowOutcome]] = {}
        errors: dict[str, str] = {}
        seconds, epochs = 0.0, 0  # of the rows before, including those of earlier calls
        for index, item in enumerate(planned):
            remaining = _describe_remaining(planned[index:], seconds / epochs if epochs else 0.0)
            self.display.note(f"{index + 1} of {len(planned)}: {item.label}{remaining}", ACCENT)
            try:
                outcome = self._train(item.row.settings(self.ours), table.dataset, item.seed)
            except RunFailed as error:
                errors[item.label] = str(error)
                self.display.note(f"{item.label} failed: {error}", BAD)
                continue
            seconds, epochs = seconds + outcome.seconds, epochs + item.epochs
            outcomes.setdefault(item.row.name, []).append(outcome)
            self.display.result(f"{name}, {item.label}: {comparison.describe(item.row, outcome)}")
        comparison.show(outcomes)
        path = self.context.folder / self.context.file_name(f"{name}{'-best' if self.ours else ''}", ".md")
        documents.write_document(comparison.document(outcomes, errors), path)
        self.display.result(str(path), ACCENT)
        return 1 if errors else 0

    def _plan(self, row: ReportRow, dataset: str, seed: int) -> PlannedRow:
        settings = row.settings(self.ours)
        return PlannedRow(
            row,
            seed,
            label=f"{row.name}, seed {seed}" if len(self.context.seeds) > 1 else row.name,
            epochs=sum(hp.epochs for hp in self.context.hyperparameters(settings, dataset, seed)),
            is_trained=self._is_trained(settings, dataset, seed),
        )

    def _train(self, settings: RowSettings, dataset: str, seed: int) -> RowOutcome:
        """Train the runs of a row, unless they are trained already.

        Raises:
            StoppedByUser: Ctrl-C has stopped a training.
            RunFailed: a training has failed.
            UserError: the data cannot be used.
        """
        entries: list[RunEntry] = []
        for hp, folder in self._runs(settings, dataset, seed):
            if isinstance(hp, ClassifierHyperparameters):
                hp = dataclasses.replace(hp, model=str(entries[-1].folder / "autoencoder.h5"))
            trained_folder, _ = self.context.run_sequence.train(hp, folder, self.display)
            entries.append(load_entry(trained_folder, self.context.folder))
        return RowOutcome(tuple(entries))

    def _is_trained(self, settings: RowSettings, dataset: str, seed: int) -> bool:
        model = None
        for hp, folder in self._runs(settings, dataset, seed):
            if isinstance(hp, ClassifierHyperparameters):
                hp = dataclasses.replace(hp, model=model)
            location = locate_run(hp, folder)
            if location.finished_record is None:
                return False
            model = str(location.folder / "autoencoder.h5")
        return True

    def _runs(self, settings: RowSettings, dataset: str, seed: int) -> Iterator[tuple[Hyperparameters, Path]]:
        """Yield autoencoder and classifier, if any, with the folder of each."""
        runs = self.context.hyperparameters(settings, dataset, seed)
        for count, hp in enumerate(runs, start=1):
            yield hp, self.context.folder / self._folder_names[_settings_key(runs[:count])] / f"seed-{seed}"


def _describe_remaining(planned: list[PlannedRow], seconds_per_epoch: float) -> str:
    """Return the end of the line that announces the first of some rows: the estimated time of all."""
    if planned[0].is_trained:
        return "; already trained"
    seconds = seconds_per_epoch * sum(item.epochs for item in planned if not item.is_trained)
    return f"; about {format_duration(seconds)} left" if seconds >= 1 else ""


def _name_folders(context: ReproductionContext) -> dict[str, str]:
    """Return the folder of each run by its settings, named after the first row with these settings."""
    names: dict[str, str] = {}
    for ours in (False, True):
        for table_name, table in TABLES.items():
            for row in table.rows:
                runs = context.hyperparameters(row.settings(ours), table.dataset, 0)
                for count, hp in enumerate(runs, start=1):
                    # Earlier versions named their folders so: what they trained is found.
                    words = [*(["best"] if ours else []), table_name.replace("color", "colour"), row.name]
                    words += ["autoencoder"] if hp.program == "autoencoder" and len(runs) > 1 else []
                    name = re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower()).strip("-")
                    names.setdefault(_settings_key(runs[:count]), name)
    return names


def _settings_key(runs: list[Hyperparameters]) -> str:
    """Return a text that is equal for runs that differ only in their seed and the path of their model."""
    excluded = ("seed", "model")
    values = [{key: value for key, value in hp.to_json().items() if key not in excluded} for hp in runs]
    return json.dumps(values, sort_keys=True)
