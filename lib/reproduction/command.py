"""The verb `reproduce`: the tables of the five reports, trained again and put beside their figures."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table as Screen

from lib.cli.display import ACCENT, BAD, QUIET, Display
from lib.cli.parser import CommandParser
from lib.cli.terminal_graphics import ARROW
from lib.common.errors import Interrupted, RunFailed, UserError
from lib.common.formatting import format_duration
from lib.common.terminal_state import muted_keyboard
from lib.config.hyperparameters import Hyperparameters
from lib.config.value_types import IntRange
from lib.reproduction.comparison import RowOutcome, TableComparison
from lib.reproduction.context import MAX_SEEDS, QUICK_EPOCHS, QUICK_IMAGES, ReproductionContext
from lib.reproduction.tables import ALL, TABLES, TIME_TARGETS, ReportRow, RowSettings
from lib.reproduction.time_to_target import TimeToTarget
from lib.runs import records, report, run_folder
from lib.runs.resume import locate_run
from lib.runs.run_entries import RunEntry, load_entry
from lib.worker.run_sequence import StoppedByUser

DEFAULT_FOLDER = "reproduce"  # below models/


def make_parser(program: str, verb: str) -> CommandParser:
    """The flags of the verb."""
    parser = CommandParser(
        f"{program}.py {verb}", "Train the tables of the five course reports again, beside their figures."
    )
    add = parser.add_argument
    names = (
        f"{', '.join(TABLES)}; a letter means all tables of that report, {ALL} every one; without any "
        f"they are listed"
    )
    add("tables", nargs="*", metavar="TABLE", help=names)
    add(
        "--best",
        action="store_true",
        help=(
            "our own settings for the same tasks; what reconstructs has a code of the same size, and the "
            "table says which"
        ),
    )
    add("--race", action="store_true", help=f"who reaches a report's figure first: {', '.join(TIME_TARGETS)}")
    add(
        "--quick",
        action="store_true",
        help=f"a first look at all of it: {QUICK_IMAGES:,} images, {QUICK_EPOCHS} epochs",
    )
    add(
        "--seeds",
        metavar="N",
        default="1",
        help="train everything with so many seeds, from 0 on; the spread is shown (default 1)",
    )
    add(
        "--output",
        metavar="DIR",
        help=f"where runs and tables go (default models/{DEFAULT_FOLDER}, with --quick "
        f"models/{DEFAULT_FOLDER}-quick)",
    )
    return parser


def run_reproduce(program: str, line: list[str]) -> int:
    """Carry out `reproduce`; the exit status."""
    args = make_parser(program, "reproduce").parse(line)
    if not line:
        return list_tables()
    if not args.tables and not args.race:
        raise UserError(f"reproduce what? Name tables beside {' '.join(line)}: {', '.join(TABLES)}, or {ALL}")
    try:
        seeds = IntRange(1, MAX_SEEDS).read(args.seeds)
    except UserError as error:
        raise UserError(f"--seeds {error}") from None
    if args.best and args.race:
        raise UserError("--race sets the plain recipe against ours; leave --best out")
    names = select_names(args.tables or [ALL], TIME_TARGETS if args.race else TABLES)
    folder = (
        Path(args.output)
        if args.output
        else records.MODELS_FOLDER / (f"{DEFAULT_FOLDER}-quick" if args.quick else DEFAULT_FOLDER)
    )
    again = shlex.join(["python", f"{program}.py", "reproduce", *line])
    work = ReproductionContext(
        run_folder.make_output_folder(folder), args.quick, range(seeds), again, Display()
    )
    with work.series:
        try:
            with muted_keyboard():
                return (TimeToTarget(work) if args.race else Reproduction(work, args.best)).run(names)
        except (StoppedByUser, Interrupted, KeyboardInterrupt):
            raise Interrupted(f"interrupted; to go on: {again}") from None
        finally:
            work.display.close()


def select_names(words: list[str], known: dict) -> list[str]:
    """The tables, or contests, that are meant by names and letters. Raises `UserError`."""
    found = []
    for word in words:
        word = word.replace("colour", "color")  # as earlier versions spelled it
        meant = [
            name
            for name in known
            if word == ALL or name.lower() == word.lower() or name.split("-")[0] == word.upper()
        ]
        if not meant:
            what = "has no race" if known is TIME_TARGETS else "is no table"
            raise UserError(f"{word!r} {what}; there are {', '.join(known)}, and {ALL}")
        found += meant
    return list(dict.fromkeys(found))


def list_tables() -> int:
    """List what can be reproduced."""
    out = Display().out
    table = Screen(title="What can be reproduced", title_justify="left")
    for column in ("table", "what", "data set", "rows"):
        table.add_column(column, justify="right" if column == "rows" else "left")
    for name, one in TABLES.items():
        table.add_row(name, one.what, one.dataset, str(len(one.rows)))
    out.print(table)
    for example, what in (
        ("A-variants", "one table with the report's own settings"),
        ("C --best", "all tables of a report with ours"),
        ("all --quick", "a first look at everything, in minutes"),
        (
            "--race",
            f"the plain recipe against ours, until each has the report's figure: {', '.join(TIME_TARGETS)}",
        ),
    ):
        out.print(f"python autoencoder.py reproduce {example}", style=ACCENT, markup=False, highlight=False)
        out.print(f"    {what}", style=QUIET, markup=False)
    return 0


class Reproduction:
    """Trains rows of tables into run folders of their own, once each, and writes what came of them."""

    def __init__(self, work: ReproductionContext, best: bool):
        self.work, self.best, self.display = work, best, work.display
        self._places = self._named()

    def run(self, names: list[str]) -> int:
        """Train tables; the exit status."""
        return self.work.through(names, self._table)

    def _table(self, name: str) -> int:
        """Train a table, showing each row as it is there, and write it to a file; the exit status."""
        table = TABLES[name]
        compared = TableComparison(self.work, name, table, self.best)
        self.display.note(f"{self.work.titled(compared.title)}  {ARROW}  {self.work.folder}", "bold")
        found: dict[str, list[RowOutcome]] = {}
        wrong: dict[str, str] = {}
        planned = [(row, seed) for row in table.rows for seed in self.work.seeds]
        known = [self._trained(row.settings(self.best), table.dataset, seed) for row, seed in planned]
        epochs = [self._epochs(row, table.dataset) for row, _ in planned]
        seconds, trained = 0.0, 0  # of the rows before, also where an earlier call has trained them
        for number, (row, seed) in enumerate(planned):
            seeded = f", seed {seed}" if len(self.work.seeds) > 1 else ""
            ahead = sum(
                count for count, there in zip(epochs[number:], known[number:], strict=True) if not there
            )
            left = seconds / trained * ahead if trained else 0
            about = (
                "; trained already"
                if known[number]
                else f"; about {format_duration(left)} left"
                if left >= 1
                else ""
            )
            self.display.note(f"{number + 1} of {len(planned)}: {row.name}{seeded}{about}", ACCENT)
            try:
                outcome = self.outcome(row.settings(self.best), table.dataset, seed)
            except RunFailed as error:
                wrong[f"{row.name}{seeded}"] = str(error)
                self.display.note(f"{row.name}{seeded} failed: {error}", BAD)
                continue
            seconds, trained = seconds + outcome.seconds, trained + epochs[number]
            found.setdefault(row.name, []).append(outcome)
            self.display.result(f"{name}, {row.name}{seeded}: {compared.line(row, outcome)}")
        compared.show(found)
        path = self.work.folder / self.work.file(f"{name}{'-best' if self.best else ''}", ".md")
        report.write_document(compared.document(found, wrong), path)
        self.display.result(str(path), ACCENT, whole=True)
        return 1 if wrong else 0

    def _epochs(self, row: ReportRow, dataset: str) -> int:
        """How many a row trains for, in all its runs, unless it stops before."""
        return sum(hp.epochs for hp in self.work.runs(row.settings(self.best), dataset, 0))

    def outcome(self, settings: RowSettings, dataset: str, seed: int) -> RowOutcome:
        """Train what the settings say, or find it trained. Raises `Stopped`, `RunFailed`, and `UserError` for
        the data.
        """
        entries: list[RunEntry] = []
        for hp, place in self._placed(settings, dataset, seed):
            hp = dataclasses.replace(hp, model=str(entries[-1].folder / "autoencoder.h5")) if entries else hp
            folder, _ = self.work.series.train(hp, place, self.display)
            entries.append(load_entry(folder, self.work.folder))
        return RowOutcome(tuple(entries))

    def _trained(self, settings: RowSettings, dataset: str, seed: int) -> bool:
        """Whether an earlier call has trained what the settings say."""
        model = None
        for hp, place in self._placed(settings, dataset, seed):
            record, folder, _ = locate_run(dataclasses.replace(hp, model=model), place)
            if record is None:
                return False
            model = str(folder / "autoencoder.h5")
        return True

    def _placed(
        self, settings: RowSettings, dataset: str, seed: int
    ) -> Iterator[tuple[Hyperparameters, Path]]:
        """The runs of some settings, in order, and the folder of each."""
        chain = self.work.runs(settings, dataset, seed)
        for number, hp in enumerate(chain, start=1):
            yield hp, self.work.folder / self._places[_settings_key(chain[:number])] / f"seed-{seed}"

    def _named(self) -> dict[str, str]:
        """The folder of each run: what rows and tables share lies under the name of the first that has it."""
        found: dict[str, str] = {}
        for best in (False, True):
            for name, table in TABLES.items():
                for row in table.rows:
                    chain = self.work.runs(row.settings(best), table.dataset, 0)
                    for number, hp in enumerate(chain, start=1):
                        words = [*(["best"] if best else []), name, row.name]
                        words += ["autoencoder"] if hp.program == "autoencoder" and len(chain) > 1 else []
                        found.setdefault(
                            _settings_key(chain[:number]),
                            re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower()).strip("-"),
                        )
        return found


def _settings_key(chain: list[Hyperparameters]) -> str:
    """What makes runs the same, but for their seed and where their model lies."""
    return json.dumps(
        [{k: v for k, v in hp.to_json().items() if k not in ("seed", "model")} for hp in chain],
        sort_keys=True,
    )


COMMANDS = {"reproduce": run_reproduce}
