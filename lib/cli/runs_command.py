"""The verb `runs`: the recorded runs below a folder in one table, two of them beside one another, charts, and
a report.
"""

import json
import re
from pathlib import Path

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from lib.cli.display import BAD, GOOD, QUIET, Display
from lib.cli.parser import CommandParser
from lib.cli.session import draw_comparison
from lib.common.errors import UserError
from lib.config.fields import PROGRAMS
from lib.config.value_types import IntRange
from lib.data.formats.base import exists
from lib.runs import records, report
from lib.runs.run_entries import (
    MISSING,
    SECTIONS,
    SORT_KEYS,
    STAR,
    RunEntry,
    abbreviate_list,
    display_key,
    find_entry,
    list_entries,
    rank_entries,
    resolve_sort_key,
    sort_entries,
    unknown_key_error,
)
from lib.runs.summary import CLASSIFY
from lib.runs.validation import sanitize_value
from lib.tasks import TASKS

TEXT_COLUMNS = ("", "run", "task", "data set", "started", "status")  # columns of words
# What a terminal that is too narrow does without, the least important first.
OPTIONAL_COLUMNS = ("started", "time", "epochs", "parameters", "latent size", "best baseline", "status")
LAST_OPTIONAL_COLUMNS = ("data set", "task")  # where else the names would have no room
MIN_NAME_WIDTH = 20


def make_parser(program: str, verb: str) -> CommandParser:
    """The flags of the verb."""
    parser = CommandParser(f"{program}.py runs", "The recorded runs of both programs below a folder.")
    add = parser.add_argument
    add(
        "folder",
        nargs="?",
        default=str(records.MODELS_FOLDER),
        metavar="FOLDER",
        help="where to look, however deep (default models)",
    )
    add(
        "--sort",
        default="date",
        metavar="KEY",
        help="score (best first), time, date, name, a hyperparameter or a metric",
    )
    add("--reverse", action="store_true", help="the other way round; what has no such value stays last")
    add("--task", choices=(*TASKS, CLASSIFY), help="only runs of this task")
    add("--dataset", "-d", metavar="NAME", help="only runs on this data set")
    add("--program", choices=PROGRAMS, help="only runs of this program")
    add("--status", choices=records.STATUSES, help="only runs that ended like this")
    add("--last", metavar="N", help="only the newest N of them")
    add(
        "--only", nargs="+", metavar="RUN", help="only these runs, each a folder or a unique part of its name"
    )
    add("--force", action="store_true", help="let --export replace a report that exists")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--diff", nargs=2, metavar=("A", "B"), help="what differs between two runs")
    instead.add_argument(
        "--figure", metavar="METRIC", help="draw a metric against each hyperparameter that differs"
    )
    instead.add_argument(
        "--export", metavar="FILE", help="write a report of these runs: FILE.md or FILE.html"
    )
    instead.add_argument("--json", action="store_true", help="their records as JSON")
    return parser


def run_runs(program: str, words: list[str]) -> int:
    """Carry out `runs` for either program; the exit status."""
    args = make_parser(program, "runs").parse(words)
    if args.export:
        report.require_free_report(Path(args.export), args.force)
    folder, display = Path(args.folder), Display()
    if not (exists(folder) and folder.is_dir()) and folder != records.MODELS_FOLDER:
        raise UserError(f"{folder}: no such folder; give one with runs in it, or none for models")
    entries, unreadable = list_entries(folder)
    if unreadable:
        what = (
            "1 record cannot be read and is"
            if len(unreadable) == 1
            else f"{len(unreadable):,} records cannot be read and are"
        )
        display.note(f"{what} left out: {abbreviate_list(unreadable)}", QUIET)
    if args.diff:
        show_difference(display, *(find_entry(name, entries, folder) for name in args.diff))
        return 0
    by = resolve_sort_key(args.sort, entries)
    chosen = sort_entries(filter_entries(args, entries, folder), by, args.reverse)
    best = {id(members[0]) for members in rank_entries(entries).values()}
    if args.json:
        listing = (
            {"folder": str(e.folder), "best": id(e) in best, "score": e.score} | e.record for e in chosen
        )
        display.out.out("[" + ",\n".join(map(json.dumps, listing)) + "]", highlight=False)
    elif not chosen:
        explain_empty(display, program, entries, folder)
    elif args.figure:
        draw_metric(display, chosen, args.figure, folder)
    elif args.export:
        for path in report.export_report(chosen, Path(args.export), args.force):
            display.result(str(path), whole=True)
    else:
        display.out.print(runs_table(display, chosen, best, "" if by in SORT_KEYS else by))
        of = "" if len(chosen) == len(entries) else f" of {len(entries):,}"
        below = (
            f"{len(chosen):,}{of} {'run' if len(entries) == 1 else 'runs'} below "
            f"{sanitize_value(str(folder))}"
        )
        display.result(f"{below}; {STAR} the best finished run of its task and data set", QUIET)
    return 0


def filter_entries(args, entries: list[RunEntry], folder: Path) -> list[RunEntry]:
    """The runs that the filters let through, the oldest first."""
    if args.only:
        only = {id(entry): entry for entry in (find_entry(name, entries, folder) for name in args.only)}
        entries = sorted(only.values(), key=lambda entry: entry.started or 0)
    asked = {"task": args.task, "dataset": args.dataset, "status": args.status}
    chosen = [e for e in entries if all(wanted in (None, getattr(e, name)) for name, wanted in asked.items())]
    chosen = [e for e in chosen if args.program in (None, e.record.get("program"))]
    if args.last is None:
        return chosen
    try:
        return chosen[-IntRange(1, 1_000_000_000).read(args.last) :]
    except UserError as error:
        raise UserError(f"--last {error}") from None


def runs_table(display: Display, entries: list[RunEntry], best: set[int], extra: str) -> Table:
    """A row a run. `extra` is a key that has no column of its own; `best` holds the identities of the best
    runs.
    """
    columns = {
        "": [STAR if id(entry) in best else "" for entry in entries],
        "run": [entry.name for entry in entries],
        "task": [entry.kind for entry in entries],
        "data set": [entry.dataset for entry in entries],
        "score": [entry.scored for entry in entries],
        "best baseline": [entry.rival for entry in entries],
        "latent size": [entry.text("latent_size") for entry in entries],
        "parameters": [entry.text("parameters") for entry in entries],
        "epochs": [entry.epochs for entry in entries],
        "time": [entry.took for entry in entries],
        "started": [entry.date for entry in entries],
        "status": [entry.status for entry in entries],
    }
    if extra:
        columns[display_key(extra)] = [entry.text(extra) for entry in entries]
    widths = {title: max(map(cell_len, (title, *cells))) + 3 for title, cells in columns.items()}
    if not display.out.is_terminal:
        display.out.width = (
            sum(widths.values()) + 1
        )  # names in a file or a pipe are whole, whatever their length
    for title in OPTIONAL_COLUMNS:
        if sum(widths.values()) + 1 > display.out.width and title != display_key(extra):
            del columns[title], widths[title]
    for title in LAST_OPTIONAL_COLUMNS:
        if sum(widths.values()) - widths["run"] + min(widths["run"], MIN_NAME_WIDTH) > display.out.width:
            del columns[title], widths[title]
    fits = sum(widths.values()) + 1 <= display.out.width
    # rich is twice as fast where it need neither measure the columns nor pad the cells.
    drawn = Table(padding=0, pad_edge=False)
    for title, width in widths.items():
        look = {"no_wrap": True, "width": width - 1} if fits or title != "run" else {"overflow": "fold"}
        drawn.add_column(_cell(title, title, width), **look)
    for entry, row in zip(entries, zip(*columns.values(), strict=True), strict=True):
        style = {records.FAILED: BAD, records.FINISHED: "bold" if id(entry) in best else ""}.get(
            entry.status, QUIET
        )
        cells = {title: _cell(title, text, widths[title]) for title, text in zip(columns, row, strict=True)}
        if entry.counts and (baseline := entry.best_baseline()):
            cells["score"].stylize(GOOD if entry.better(entry.score) < entry.better(baseline[1]) else BAD)
        drawn.add_row(*cells.values(), style=style)
    return drawn


def _cell(title: str, text: str, width: int) -> Text:
    """Words begin where their column does, numbers end where it does; `width` counts the line beside it."""
    room = "" if title in TEXT_COLUMNS else " " * (width - 3 - cell_len(text))
    return Text(f" {room}{text} ")


def show_difference(display: Display, a: RunEntry, b: RunEntry) -> None:
    """Hyperparameters and numbers that are not the same in two runs, and by how much the second differs."""
    drawn = Table(title="What differs", title_justify="left")
    for title in ("", a.name, b.name, "change"):
        drawn.add_column(Text(title), justify="left" if not title else "right", overflow="fold")
    data = {"status": ("status",), "data set": ("dataset", "name"), "checksum": ("dataset", "sha256")}
    for words, path in data.items():
        values = [_value_at(entry.record, path) for entry in (a, b)]
        if values[0] != values[1]:
            drawn.add_row(words, *(Text(str(value)[:16]) for value in values), "")
    keys = dict.fromkeys((*a.known(), *b.known()))
    for section in SECTIONS:
        drawn.add_section()
        for key in (key for key in keys if key in a.record[section] or key in b.record[section]):
            pair = [entry.record[section].get(key) for entry in (a, b)]
            if a.text(key) == b.text(key):
                continue
            change = "" if section == "hyperparameters" else _relative_change(key, *pair)
            drawn.add_row(Text(display_key(key)), Text(a.text(key)), Text(b.text(key)), change)
    if not display.out.is_terminal:
        display.out.width = drawn.__rich_measure__(
            display.out, display.out.options.update(max_width=10_000)
        ).maximum
    if drawn.row_count:
        display.out.print(drawn)
    else:
        display.result("Nothing differs between them.")
    if a.group != b.group:
        display.result("They are of different tasks or data sets: their scores do not compare.", QUIET)


def draw_metric(display: Display, entries: list[RunEntry], metric: str, folder: Path) -> None:
    """The metric of the finished runs against each hyperparameter that differs between them, on the screen
    and as a file.
    """
    known = sorted({key for entry in entries for key in entry.known() if key in entry.record["metrics"]})
    if metric not in known:
        raise unknown_key_error("--figure", metric, known)
    drawable = [
        e
        for e in entries
        if e.status == records.FINISHED and isinstance(e.record["metrics"].get(metric), int | float)
    ]
    found = [entry.record for entry in drawable]
    differing = [name for name in records.differing_hyperparameters(found) if name != "program"]
    if len(found) < 2 or not differing:
        what = "Nothing differs between them" if len(found) > 1 else "Fewer than two finished runs have it"
        display.result(f"{what}: there is nothing to draw yet.")
        return
    if len({entry.group for entry in drawable}) > 1:
        display.result(
            "They are of several tasks or data sets, which do not compare: --task and --dataset narrow it.",
            QUIET,
        )
    path = folder / f"comparison-{re.sub(r'[^A-Za-z0-9_-]', '-', metric)}.png"
    draw_comparison(display, records.metric_points(found, differing, metric), metric, str(path))


def explain_empty(display: Display, program: str, entries: list[RunEntry], folder: Path) -> None:
    """Say why there is nothing to show, and what would help."""
    if not entries:
        display.result(
            f"No runs below {folder} yet: python {program}.py trains one, python {program}.py -d digits "
            f"--yes at once."
        )
        return
    there = "; ".join(
        f"{abbreviate_list(sorted({getattr(e, name) for e in entries}))}"
        for name in ("task", "dataset", "status")
    )
    display.result(f"None of the {len(entries):,} runs below {folder} is like that; there are {there}.")


def _value_at(record: dict, path: tuple[str, ...]):
    return record.get(path[0], MISSING) if len(path) == 1 else record[path[0]].get(path[1], MISSING)


def _relative_change(key: str, before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return ""
    if key.endswith("_psnr"):
        return f"{after - before:+.1f} dB"  # a logarithm already
    return f"{100 * (after - before) / abs(before):+.1f} %" if before else ""


COMMANDS = {"runs": run_runs}
