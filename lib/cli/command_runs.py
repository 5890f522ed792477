"""The command `runs`: a table of the recorded runs in a folder, the difference of two, a figure, a report."""

import argparse
import json
import re
from pathlib import Path

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from lib.cli.commands import Command
from lib.cli.display import Display
from lib.cli.jobs import draw_comparison
from lib.cli.output import BAD, GOOD, QUIET
from lib.cli.parser import CommandParser
from lib.cli.session import Session
from lib.cli.tables import print_table
from lib.common.errors import UserError, shorten
from lib.common.formatting import MISSING
from lib.common.text_layout import wrap_words
from lib.common.value_types import IntRange
from lib.config.program_settings import PROGRAMS, display_name
from lib.data.formats.base import exists
from lib.runs import records, report, run_entries
from lib.runs.run_entries import STAR, RunEntry
from lib.runs.validation import sanitize_value
from lib.tasks import TASKS
from lib.tasks.classification import CLASSIFY
from lib.tasks.metrics import find_metric

UNFINISHED = "!"  # a narrow table has no column for the status
TEXT_COLUMNS = ("", "run", "task", "data set", "started", "status")  # left-aligned, unlike numbers
# Columns that a narrow terminal does not show, the least important first.
OPTIONAL_COLUMNS = ("started", "time", "epochs", "parameters", "latent size", "best baseline", "status")
LAST_OPTIONAL_COLUMNS = ("data set", "task")  # hidden only if names have fewer than MIN_NAME_WIDTH columns
MIN_NAME_WIDTH = 20
MAX_CELL, MAX_PATH = 200, 4096  # characters of a name in a table, on a terminal and elsewhere
MAX_CHECKSUM_LENGTH = 16  # letters of a checksum in the table of differences
DATA_KEYS = {"status": ("status",), "data set": ("dataset", "name"), "checksum": ("dataset", "sha256")}


class RunsCommand(Command):
    """Lists, comparisons and reports of runs."""

    name = "runs"
    programs = PROGRAMS
    description = "List and compare the recorded runs of both programs."
    order = 50
    menu_text = "List all recorded runs, write a report"
    menu_order = 60

    def add_flags(self, parser: CommandParser) -> None:
        add = parser.add_argument
        folder_help = "folder to search, with subfolders (default models)"
        folder = str(records.MODELS_FOLDER)
        parser.add_value("folder", "FOLDER", folder_help, nargs="?", default=folder)
        sort_help = "score (best first), time, date, name, a hyperparameter or a metric"
        parser.add_value("--sort", "KEY", sort_help, default="date")
        parser.add_switch("--reverse", "reverse the order; runs without the value stay last")
        add("--task", choices=(*TASKS, CLASSIFY), help="only runs of this task")
        add("--dataset", "-d", metavar="NAME", help="only runs on this data set")
        add("--program", choices=PROGRAMS, help="only runs of this program")
        add("--status", choices=records.STATUSES, help="only runs with this status")
        parser.add_value("--last", "N", "only the newest N runs", IntRange(1, 1_000_000_000))
        only_help = "only these runs: folders or unique parts of their names"
        parser.add_value("--only", "RUN", only_help, nargs="+")
        parser.add_switch("--force", "let --export replace an existing report")
        figure_help = "plot a metric against each hyperparameter that differs"
        export_help = "write a report of these runs: FILE.md or FILE.html"
        with parser.exclusive():
            diff_help = "show the differences between two runs"
            add("--diff", nargs=2, metavar=("A", "B"), help=diff_help)
            add("--figure", metavar="METRIC", help=figure_help)
            add("--export", metavar="FILE", help=export_help)
            parser.add_switch("--json", "print the records as JSON")

    def run(self, program: str, arguments: list[str]) -> int:
        list_runs(self.make_parser(program).parse(arguments), program)
        return 0

    def run_from_menu(self, session: Session) -> None:
        """List all recorded runs, and write a report of them if a name for it is given."""
        program = session.answers.program
        # A run with --output may be anywhere; without others its own folder is listed.
        has_others = bool(run_entries.list_entries(records.MODELS_FOLDER)[0])
        place = [] if has_others else [str(session.last_run.folder)]
        self.run(program, place)
        name = session.answers.ask_text(
            "File of the report, .html or .md (leave empty for none)", _check_report_name
        )
        if name:
            session.wait_for_figures()  # which are part of the report
            self.run(program, [*place, "--export", name])


def _check_report_name(name: str) -> None:
    if name.strip():
        report.require_free_report(Path(name.strip()), False)


def list_runs(args: argparse.Namespace, program: str) -> None:
    """List, compare, draw or export the recorded runs in a folder."""
    if args.export:
        report.require_free_report(Path(args.export), args.force)
    folder, display = Path(args.folder), Display()
    if not (exists(folder) and folder.is_dir()) and folder != records.MODELS_FOLDER:
        raise UserError(f"{folder}: no such folder; use a folder with runs, or omit it for models")
    entries = _load_entries(display, folder)
    if args.diff:
        show_difference(display, *(run_entries.find_entry(name, entries, folder) for name in args.diff))
        return
    sort_key = run_entries.resolve_sort_key(args.sort, entries)
    selected = run_entries.sort_entries(filter_entries(args, entries, folder), sort_key, args.reverse)
    best = {id(members[0]) for members in run_entries.rank_entries(entries).values()}
    if args.json:
        _print_json(display, selected, best)
    elif not selected:
        explain_empty(display, program, entries, folder)
    elif args.figure:
        draw_metric(display, selected, args.figure, folder)
    elif args.export:
        for path in report.export_report(selected, Path(args.export), args.force):
            display.result(str(path))
    else:
        display.out.print(
            runs_table(display, selected, best, "" if sort_key in run_entries.SORT_KEYS else sort_key)
        )
        total = "" if len(selected) == len(entries) else f" of {len(entries):,}"
        noun = "run" if len(entries) == 1 else "runs"
        count = f"{len(selected):,}{total} {noun} below {sanitize_value(str(folder))}"
        legend = f"{STAR} best finished run of its task and data set"
        if any(entry.status != records.FINISHED for entry in selected):
            legend += f"; {UNFINISHED} not finished"
        display.result(f"{count}; {legend}", QUIET)


def _load_entries(display: Display, folder: Path) -> list[RunEntry]:
    """The runs in a folder; notes name the records that cannot be read or have invalid values."""
    entries, unreadable = run_entries.list_entries(folder)
    if unreadable:
        count = len(unreadable)
        subject = (
            "1 record cannot be read and is" if count == 1 else f"{count:,} records cannot be read and are"
        )
        display.note(f"{subject} ignored: {run_entries.abbreviate_list(unreadable)}", QUIET)
    if faults := [f"{entry.name}: {entry.fault}" for entry in entries if entry.fault]:
        subject = "1 record has an" if len(faults) == 1 else f"{len(faults):,} records have an"
        shown = run_entries.abbreviate_list(faults, separator="; ")
        display.note(f"{subject} invalid value: {shown}", QUIET)
    return entries


def _print_json(display: Display, entries: list[RunEntry], best: set[int]) -> None:
    listing = (
        {"folder": str(entry.folder), "best": id(entry) in best, "score": entry.score}
        | records.to_json(entry.record)
        for entry in entries
    )
    display.out.out("[" + ",\n".join(map(json.dumps, listing)) + "]", highlight=False)


def filter_entries(args: argparse.Namespace, entries: list[RunEntry], folder: Path) -> list[RunEntry]:
    """Return the runs that the filters of a command line select, the oldest first."""
    if args.only:
        only = {
            id(entry): entry
            for entry in (run_entries.find_entry(name, entries, folder) for name in args.only)
        }
        entries = sorted(only.values(), key=lambda entry: entry.start_time or 0)
    for name in ("task", "dataset", "status"):
        value = getattr(args, name)
        entries = [entry for entry in entries if value in (None, getattr(entry, name))]
    entries = [entry for entry in entries if args.program in (None, entry.record.get("program"))]
    return entries[-args.last :] if args.last else entries


def runs_table(display: Display, entries: list[RunEntry], best: set[int], extra_key: str) -> Table:
    """Return a table with a row per run and as many columns as the terminal has room for.

    In a file or a pipe all columns have the width of their content, and the display gets that of the table.

    Args:
        display: the display.
        entries: the runs, in the order of the rows.
        best: `id` of each entry that is the best of its group.
        extra_key: a key of the records that gets a column of its own, or "".
    """
    columns = _table_columns(entries, best, extra_key)
    limit = MAX_CELL if display.out.is_terminal else MAX_PATH
    columns = {title: [shorten(text, limit) for text in cells] for title, cells in columns.items()}
    widths = {title: max(map(cell_len, (title, *cells))) + 3 for title, cells in columns.items()}
    if not display.out.is_terminal:
        display.out.width = sum(widths.values()) + 1
    _hide_columns(widths, display.out.width, display_name(extra_key))
    columns = {title: columns[title] for title in widths}
    free = display.out.width - 1 - sum(widths.values())
    if free < 0:  # names of runs are broken
        widths["run"] = max(MIN_NAME_WIDTH, widths["run"] + free)
        columns["run"] = ["\n ".join(wrap_words(name, widths["run"] - 3)) for name in columns["run"]]
    # With padding of its own and fixed widths a table takes rich half the time.
    table = Table(padding=0, pad_edge=False)
    for title, width in widths.items():
        table.add_column(_cell(title, title, width), no_wrap=True, width=width - 1)
    for entry, row in zip(entries, zip(*columns.values(), strict=True), strict=True):
        finished_style = "bold" if id(entry) in best else ""
        style = {records.FAILED: BAD, records.FINISHED: finished_style}.get(entry.status, QUIET)
        cells = {title: _cell(title, text, widths[title]) for title, text in zip(columns, row, strict=True)}
        if entry.is_comparable and (baseline := entry.best_baseline()):
            cost = entry.metric.cost
            cells["score"].stylize(GOOD if cost(entry.score) < cost(baseline[1]) else BAD)
        table.add_row(*cells.values(), style=style)
    return table


def _table_columns(entries: list[RunEntry], best: set[int], extra_key: str) -> dict[str, list[str]]:
    columns = {
        "": [
            STAR if id(entry) in best else "" if entry.status == records.FINISHED else UNFINISHED
            for entry in entries
        ],
        "run": [entry.name for entry in entries],
        "task": [entry.task_label for entry in entries],
        "data set": [entry.dataset for entry in entries],
        "score": [entry.score_text for entry in entries],
        "best baseline": [entry.best_baseline_text for entry in entries],
        "latent size": [entry.value_text("latent_size") for entry in entries],
        "parameters": [entry.value_text("parameters") for entry in entries],
        "epochs": [entry.epochs_text for entry in entries],
        "time": [entry.duration_text for entry in entries],
        "started": [entry.start_text for entry in entries],
        "status": [entry.status for entry in entries],
    }
    if extra_key:
        columns[display_name(extra_key)] = [entry.value_text(extra_key) for entry in entries]
    return columns


def _hide_columns(widths: dict[str, int], available: int, extra_title: str) -> None:
    """Remove columns from `widths` until the table is at most `available` columns wide, if possible."""
    for title in OPTIONAL_COLUMNS:
        if sum(widths.values()) + 1 > available and title != extra_title:
            del widths[title]
    for title in LAST_OPTIONAL_COLUMNS:
        if sum(widths.values()) - widths["run"] + min(widths["run"], MIN_NAME_WIDTH) > available:
            del widths[title]


def _cell(title: str, text: str, width: int) -> Text:
    """A cell with its padding; `width` includes two spaces and a line."""
    padding = "" if title in TEXT_COLUMNS else " " * (width - 3 - cell_len(text))
    return Text(f" {padding}{text} ")


def show_difference(display: Display, first: RunEntry, second: RunEntry) -> None:
    """Show what differs between two runs, and the relative change of metrics, baselines and timing."""
    table = Table(title="Differences")
    for title in ("", first.name, second.name, "change"):
        header = Text(shorten(title, MAX_CELL))
        table.add_column(header, justify="right" if title else "left", overflow="fold")
    for title, path in DATA_KEYS.items():
        values = [_value_at(entry.record, path) for entry in (first, second)]
        if values[0] != values[1]:
            table.add_row(title, *(Text(str(value)[:MAX_CHECKSUM_LENGTH]) for value in values), "")
    keys = dict.fromkeys((*first.value_keys(), *second.value_keys()))
    for section in run_entries.VALUE_SECTIONS:
        table.add_section()
        before, after = first.record[section], second.record[section]
        for key in keys:
            texts = first.value_text(key), second.value_text(key)
            if (key not in before and key not in after) or texts[0] == texts[1]:
                continue
            is_number = section != "hyperparameters"
            change = _relative_change(key, before.get(key), after.get(key)) if is_number else ""
            cells = (Text(shorten(text, MAX_CELL)) for text in (display_name(key), *texts))
            table.add_row(*cells, change)
    if table.row_count:
        print_table(display.out, table)
    else:
        display.result("The runs do not differ.")
    if first.group != second.group:
        display.result("The runs differ in task or data set: their scores are not comparable.", QUIET)


def draw_metric(display: Display, entries: list[RunEntry], metric: str, folder: Path) -> None:
    """Show and draw a metric of the finished runs against each hyperparameter that differs between them.

    Raises:
        UserError: no run has the metric.
    """
    known = sorted({key for entry in entries for key in entry.value_keys() if key in entry.record["metrics"]})
    if metric not in known:
        raise run_entries.unknown_key_error("--figure", metric, known)
    drawable = [
        entry
        for entry in entries
        if entry.status == records.FINISHED and isinstance(entry.record["metrics"].get(metric), int | float)
    ]
    drawn_records = [entry.record for entry in drawable]
    differing = records.differing_hyperparameters(drawn_records)
    if len(drawable) < 2 or not differing:
        reason = (
            "The runs do not differ" if len(drawable) > 1 else "Fewer than two finished runs have this value"
        )
        display.result(f"{reason}: there is nothing to plot yet.")
        return
    if len({entry.group for entry in drawable}) > 1:
        display.result(
            "The runs are of several tasks or data sets, which are not comparable: use --task and --dataset.",
            QUIET,
        )
    path = folder / f"comparison-{re.sub(r'[^A-Za-z0-9_-]', '-', metric)}.png"
    draw_comparison(display, records.metric_points(drawn_records, differing, metric), metric, str(path))


def explain_empty(display: Display, program: str, entries: list[RunEntry], folder: Path) -> None:
    """Show why no run was selected, and what would help."""
    if not entries:
        display.result(
            f"No runs below {folder} yet: train one with python {program}.py, or python {program}.py -d "
            f"digits --yes."
        )
        return
    values = ({getattr(entry, name) for entry in entries} for name in ("task", "dataset", "status"))
    existing = "; ".join(run_entries.abbreviate_list(sorted(names)) for names in values)
    display.result(f"No run matches ({len(entries):,} runs searched below {folder}); available: {existing}.")


def _value_at(record: dict, path: tuple[str, ...]):
    return record.get(path[0], MISSING) if len(path) == 1 else record[path[0]].get(path[1], MISSING)


def _relative_change(key: str, before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return ""
    if (metric := find_metric(key)) and metric.unit == "dB":
        return f"{after - before:+.1f} dB"  # decibels are logarithmic
    return f"{100 * (after - before) / abs(before):+.1f} %" if before else ""
