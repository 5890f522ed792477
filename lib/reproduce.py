"""The verb `reproduce`: the tables of the five reports, trained again and put beside their figures."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import shlex
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table as Screen
from rich.text import Text

from lib import documents, records, report, runs, unfinished
from lib.catalogue import ALL, CONTESTS, TABLES, Row, Settings, Table
from lib.display import ACCENT, BAD, GOOD, QUIET, Display, clock
from lib.documents import Block, Code, Paragraph, Picture, Section, Strong
from lib.errors import Interrupted, RunFailed, UserError
from lib.flags import Flags
from lib.hyperparameters import Hyperparameters
from lib.kinds import Whole, fixed
from lib.pictures import ARROW
from lib.race import Race
from lib.records import MISSING, Entry
from lib.series import Stopped
from lib.terminal import deaf_keyboard
from lib.work import MOST_SEEDS, QUICK, QUICK_EPOCHS, QUICK_IMAGES, Work

FOLDER = "reproduce"  # below models/
PICTURES = ("reconstructions", "loss", "noise", "classes", "grid", "confusion")  # of a run, in the document
COPY = "a copy: the code is as large as the image"
FIRST = 2  # columns before the quantities: the row, and how many numbers are in its code
PENALISED = "Losses have the L2 penalty on kernels in them, as Keras's do; errors on the test set do not."

# What the figures of a report are: in words, how many decimals, and whether more is better.
QUANTITIES = {
    "loss": ("training loss", 5, False),
    "val_loss": ("validation loss", 5, False),
    "test_mse": ("test MSE", 5, False),
    "test_negative_elbo": ("negative ELBO in nats", 2, False),
    "test_largest_channel_accuracy": ("largest channel right", 4, True),
    "test_loss": ("test loss", 4, False),
    "test_accuracy": ("test accuracy", 4, True),
    "scratch_accuracy": ("accuracy from scratch", 4, True),
}


def flags(program: str, verb: str) -> Flags:
    """The flags of the verb."""
    parser = Flags(f"{program}.py {verb}", "Train the tables of the five course reports again, beside their figures.")
    add = parser.add_argument
    names = f"{', '.join(TABLES)}; a letter means all tables of that report, {ALL} every one; without any they are listed"
    add("tables", nargs="*", metavar="TABLE", help=names)
    add(
        "--best",
        action="store_true",
        help=("our own settings for the same tasks; what reconstructs has a code of the same size, and the table says which"),
    )
    add("--race", action="store_true", help=f"who reaches a report's figure first: {', '.join(CONTESTS)}")
    add("--quick", action="store_true", help=f"a first look at all of it: {QUICK_IMAGES:,} images, {QUICK_EPOCHS} epochs")
    add(
        "--seeds",
        metavar="N",
        default="1",
        help="train everything with so many seeds, from 0 on; the spread is shown (default 1)",
    )
    add("--output", metavar="DIR", help=f"where runs and tables go (default models/{FOLDER}, with --quick models/{FOLDER}-quick)")
    return parser


def command(program: str, line: list[str]) -> int:
    """Carry out `reproduce`; the exit status."""
    args = flags(program, "reproduce").parse(line)
    if not line:
        return offer()
    if not args.tables and not args.race:
        raise UserError(f"reproduce what? Name tables beside {' '.join(line)}: {', '.join(TABLES)}, or {ALL}")
    try:
        seeds = Whole(1, MOST_SEEDS).read(args.seeds)
    except UserError as error:
        raise UserError(f"--seeds {error}") from None
    if args.best and args.race:
        raise UserError("--race sets the plain recipe against ours; leave --best out")
    names = chosen(args.tables or [ALL], CONTESTS if args.race else TABLES)
    folder = Path(args.output) if args.output else runs.MODELS / (f"{FOLDER}-quick" if args.quick else FOLDER)
    again = shlex.join(["python", f"{program}.py", "reproduce", *line])
    work = Work(runs.make(folder), args.quick, range(seeds), again, Display())
    with work.series:
        try:
            with deaf_keyboard():
                return (Race(work) if args.race else Reproduction(work, args.best)).run(names)
        except (Stopped, Interrupted, KeyboardInterrupt):
            raise Interrupted(f"interrupted; to go on: {again}") from None
        finally:
            work.display.close()


def chosen(words: list[str], known: dict) -> list[str]:
    """The tables, or contests, that are meant by names and letters. Raises `UserError`."""
    found = []
    for word in words:
        meant = [name for name in known if word == ALL or name.lower() == word.lower() or name.split("-")[0] == word.upper()]
        if not meant:
            what = "has no race" if known is CONTESTS else "is no table"
            raise UserError(f"{word!r} {what}; there are {', '.join(known)}, and {ALL}")
        found += meant
    return list(dict.fromkeys(found))


def offer() -> int:
    """List what can be reproduced."""
    out = Display().out
    table = Screen(title="What can be reproduced", title_justify="left")
    for column in ("table", "what", "data set", "rows"):
        table.add_column(column, justify="right" if column == "rows" else "left")
    for name, one in TABLES.items():
        table.add_row(name, one.what, one.dataset, str(len(one.rows)))
    out.print(table)
    for example, what in (
        ("A-variants", "one table with the report's own settings"), ("C --best", "all tables of a report with ours"),
        ("all --quick", "a first look at everything, in minutes"),
        ("--race", f"the plain recipe against ours, until each has the report's figure: {', '.join(CONTESTS)}"),
    ):  # fmt: skip
        out.print(f"python autoencoder.py reproduce {example}", style=ACCENT, markup=False, highlight=False)
        out.print(f"    {what}", style=QUIET, markup=False)
    return 0


@dataclass(frozen=True)
class Outcome:
    """What training a row with one seed has given: its runs, a classifier's after its autoencoder's."""

    runs: tuple[Entry, ...]

    @property
    def entry(self) -> Entry:
        """The last run, which has the figures."""
        return self.runs[-1]

    @property
    def code(self) -> str:
        """How many numbers are in a code."""
        return self.runs[0].text("latent_size")

    @property
    def seconds(self) -> float:
        """How long all runs took."""
        return sum(run.record["timing"]["seconds"] for run in self.runs)


class Reproduction:
    """Trains rows of tables into run folders of their own, once each, and writes what came of them."""

    def __init__(self, work: Work, best: bool):
        self.work, self.best, self.display = work, best, work.display
        self._places = self._named()

    def run(self, names: list[str]) -> int:
        """Train tables; the exit status."""
        return self.work.through(names, self._table)

    def _table(self, name: str) -> int:
        """Train a table, showing each row as it is there, and write it to a file; the exit status."""
        table = TABLES[name]
        title = f"{name}: {table.what}, {table.dataset}" + (", our settings" if self.best else "")
        self.display.note(f"{self.work.titled(title)}  {ARROW}  {self.work.folder}", "bold")
        found: dict[str, list[Outcome]] = {}
        wrong: dict[str, str] = {}
        planned = [(row, seed) for row in table.rows for seed in self.work.seeds]
        known = [self._trained(self.settings(row), table.dataset, seed) for row, seed in planned]
        epochs = [self._epochs(row, table.dataset) for row, _ in planned]
        seconds, trained = 0.0, 0  # of the rows before, also where an earlier call has trained them
        for number, (row, seed) in enumerate(planned):
            seeded = f", seed {seed}" if len(self.work.seeds) > 1 else ""
            ahead = sum(count for count, there in zip(epochs[number:], known[number:], strict=True) if not there)
            left = seconds / trained * ahead if trained else 0
            about = "; trained already" if known[number] else f"; about {clock(left)} left" if left >= 1 else ""
            self.display.note(f"{number + 1} of {len(planned)}: {row.name}{seeded}{about}", ACCENT)
            try:
                outcome = self.outcome(self.settings(row), table.dataset, seed)
            except RunFailed as error:
                wrong[f"{row.name}{seeded}"] = str(error)
                self.display.note(f"{row.name}{seeded} failed: {error}", BAD)
                continue
            seconds, trained = seconds + outcome.seconds, trained + epochs[number]
            found.setdefault(row.name, []).append(outcome)
            self.display.result(f"{name}, {row.name}{seeded}: {self._line(table, row, outcome)}")
        self._show(title, table, found)
        path = self.work.folder / self.work.file(f"{name}{'-best' if self.best else ''}", ".md")
        report.publish(self._document(title, table, found, wrong), path)
        self.display.result(str(path), ACCENT, whole=True)
        return 1 if wrong else 0

    def settings(self, row: Row) -> Settings:
        return row.best if self.best else row.plain

    def _epochs(self, row: Row, dataset: str) -> int:
        """How many a row trains for, in all its runs, unless it stops before."""
        return sum(hp.epochs for hp in self.work.runs(self.settings(row), dataset, 0))

    def outcome(self, settings: Settings, dataset: str, seed: int) -> Outcome:
        """Train what the settings say, or find it trained. Raises `Stopped`, `RunFailed`, and `UserError` for the data."""
        entries: list[Entry] = []
        for hp, place in self._placed(settings, dataset, seed):
            hp = dataclasses.replace(hp, model=str(entries[-1].folder / "autoencoder.h5")) if entries else hp
            folder, _ = self.work.series.train(hp, place, self.display)
            entries.append(records.entry(folder, self.work.folder))
        return Outcome(tuple(entries))

    def _trained(self, settings: Settings, dataset: str, seed: int) -> bool:
        """Whether an earlier call has trained what the settings say."""
        model = None
        for hp, place in self._placed(settings, dataset, seed):
            record, folder, _ = unfinished.standing(dataclasses.replace(hp, model=model), place)
            if record is None:
                return False
            model = str(folder / "autoencoder.h5")
        return True

    def _placed(self, settings: Settings, dataset: str, seed: int) -> Iterator[tuple[Hyperparameters, Path]]:
        """The runs of some settings, in order, and the folder of each."""
        chain = self.work.runs(settings, dataset, seed)
        for number, hp in enumerate(chain, start=1):
            yield hp, self.work.folder / self._places[_key(chain[:number])] / f"seed-{seed}"

    def _named(self) -> dict[str, str]:
        """The folder of each run: what rows and tables share lies under the name of the first that has it."""
        found: dict[str, str] = {}
        for best in (False, True):
            for name, table in TABLES.items():
                for row in table.rows:
                    chain = self.work.runs(row.best if best else row.plain, table.dataset, 0)
                    for number, hp in enumerate(chain, start=1):
                        words = [*(["best"] if best else []), name, row.name]
                        words += ["autoencoder"] if hp.program == "autoencoder" and len(chain) > 1 else []
                        found.setdefault(_key(chain[:number]), re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower()).strip("-"))
        return found

    # What came of it

    def _cells(self, table: Table, row: Row, outcomes: list[Outcome]) -> list[tuple[str, bool]]:
        """The cells after the row's name, each with whether it is as good as the report's figure."""
        cells: list[tuple[str, bool]] = [(", ".join(dict.fromkeys(outcome.code for outcome in outcomes)), False)]
        for quantity, figure in zip(table.quantities, row.figures, strict=True):
            cells.append((MISSING if figure is None else f"{figure:g}", False))
            cells.append(_measured(quantity, [value(o.entry.record, quantity) for o in outcomes], figure))
        if self._scored(table):
            cells.append(_measured("test_mse", [value(o.entry.record, "test_mse") for o in outcomes], None))
        cells.append((_rival(outcomes[0].entry), False))
        return [*cells, (clock(statistics.mean(o.seconds for o in outcomes)), False)]

    def _scored(self, table: Table) -> bool:
        """Whether a table that does not ask for it gets the error on the test set besides."""
        return "test_mse" not in table.quantities and self.settings(table.rows[0]).head is None

    def _head(self, table: Table) -> list[str]:
        words = [QUANTITIES[quantity][0] for quantity in table.quantities]
        head = [
            "the report's row" if self.best else "row",
            "code",
            *(cell for word in words for cell in (f"{word}, report", "here")),
        ]
        return [*head, *(["test MSE"] if self._scored(table) else []), "trivial, on the test set", "time"]

    def _line(self, table: Table, row: Row, outcome: Outcome) -> str:
        """A row in words, as it comes."""
        parts = []
        for quantity, figure in zip(table.quantities, row.figures, strict=True):
            words, decimals, _ = QUANTITIES[quantity]
            here = value(outcome.entry.record, quantity)
            number = MISSING if here is None else fixed(here, decimals)
            parts.append(f"{words} {number}" + (f" (report {figure:g})" if figure is not None else ""))
        said = f"{', '.join(parts)}; {_rival(outcome.entry)}; {clock(outcome.seconds)}"
        return f"a quick look, no results; {said}" if self.work.quick else said

    def _named_row(self, row: Row, outcomes: list[Outcome]) -> str:
        """A row's name, and how many of its seeds have failed."""
        failed = len(self.work.seeds) - len(outcomes)
        return f"{row.name} ({failed} of {len(self.work.seeds)} seeds failed)" if failed else row.name

    def _show(self, title: str, table: Table, found: dict) -> None:
        """The table on the screen, each of the report's figures in brackets after what is here."""
        head = self._head(table)
        pairs = range(FIRST, FIRST + 2 * len(table.quantities), 2)
        ends = slice(FIRST + 2 * len(table.quantities), None)
        short = [*head[:FIRST], *(head[place].replace(", report", " (report)") for place in pairs), *head[ends]]
        rows = []
        for row in table.rows:
            if row.name not in found:
                rows.append([Text(row.name), Text("failed", style=BAD), *[Text("")] * (len(short) - 2)])
                continue
            cells = [(self._named_row(row, found[row.name]), False), *self._cells(table, row, found[row.name])]
            beside = [(f"{cells[place + 1][0]} ({cells[place][0]})", cells[place + 1][1]) for place in pairs]
            texts = [*cells[:FIRST], *beside, *cells[ends]]
            texts = [(text.replace(f" ({MISSING})", "").replace(COPY, COPY.partition(":")[0]), good) for text, good in texts]
            rows.append([Text(text, style=GOOD if good else "") for text, good in texts])
        self.work.show(title, short, rows)

    def _document(self, title: str, table: Table, found: dict, wrong: dict) -> Section:
        rows = [
            (
                self._named_row(row, found[row.name]),
                *(Strong(text) if good else text for text, good in self._cells(table, row, found[row.name])),
            )
            for row in table.rows
            if row.name in found
        ]
        seeds = (
            f"Seeds {', '.join(map(str, self.work.seeds))}; the mean and the standard deviation."
            if len(self.work.seeds) > 1
            else ""
        )
        entries = [outcome.entry for outcomes in found.values() for outcome in outcomes]
        machines = sorted({_machine(entry.record) for entry in entries})
        penalised = any(entry.record["hyperparameters"].get("l2") for entry in entries)
        parts: list[Block] = [
            *([Paragraph(f"{QUICK[0].upper()}{QUICK[1:]}.", "bad")] if self.work.quick else []),
            Paragraph(f"Written {time.strftime('%Y-%m-%d')}. Trained on {'; '.join(machines) or 'nothing'}."),
            *([Paragraph(seeds)] if seeds else []),
            *([Paragraph(PENALISED)] if penalised else []),
            Code(self.work.again),
        ]
        head = tuple(self._head(table))
        parts += [documents.Table("", head, rows, "l" + "r" * (len(head) - 1))] if rows else []
        parts += [Paragraph(f"{name} failed: {reason}", "bad") for name, reason in wrong.items()]
        return Section(title, [*parts, *(self._pictures(name, outcomes[0]) for name, outcomes in found.items())])

    def _pictures(self, name: str, outcome: Outcome) -> Section:
        paths = (outcome.entry.folder / "figures" / f"{picture}.png" for picture in PICTURES)
        pictures = [Picture(path, f"{name}: {path.stem}") for path in paths if documents.is_png(path)]
        return Section(name, [*(Code(run.record.get("command", "")) for run in outcome.runs), *pictures])


def value(record: dict, quantity: str) -> float | None:
    """A quantity of a finished run: a loss after its last epoch, or a score on the test set."""
    if quantity in ("loss", "val_loss"):
        values = record["history"].get(quantity)
        return values[-1] if values else None
    return (record["baselines"] if quantity == "scratch_accuracy" else record["metrics"]).get(quantity)


def _measured(quantity: str, values: list[float | None], figure: float | None) -> tuple[str, bool]:
    """A quantity over all seeds, and whether its mean is as good as the report's figure."""
    known = [value for value in values if value is not None]
    if not known:
        return MISSING, False
    _, decimals, more = QUANTITIES[quantity]
    mean = statistics.mean(known)
    spread = f" ± {fixed(statistics.stdev(known), decimals)}" if len(known) > 1 else ""
    good = figure is not None and (mean >= figure if more else mean <= figure)
    return f"{fixed(mean, decimals)}{spread}", good


def _rival(entry: Entry) -> str:
    """The best trivial method, unless the code is as large as the image."""
    record = entry.record
    pixels = math.prod(record["dataset"].get("shape") or [0])
    if record.get("task") == "reconstruct" and record["metrics"].get("latent_size", 0) >= pixels:
        return COPY
    return f"{entry.rival} in MSE" if record["hyperparameters"].get("variational") else entry.rival


def _machine(record: dict) -> str:
    known = record["environment"]
    return f"{known.get('device')}, Keras {known.get('keras')}"


def _key(chain: list[Hyperparameters]) -> str:
    """What makes runs the same, but for their seed and where their model lies."""
    return json.dumps([{k: v for k, v in hp.to_json().items() if k not in ("seed", "model")} for hp in chain], sort_keys=True)


VERBS = {"reproduce": command}
