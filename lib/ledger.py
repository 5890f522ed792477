"""The verb `runs`: the recorded runs below a folder in one table, two of them beside one another, charts, and a report."""

import difflib
import json
import re
from pathlib import Path

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from lib import records, report, runs
from lib.display import BAD, GOOD, QUIET, Display, clock
from lib.errors import UserError
from lib.fields import PROGRAMS, TASKS, settings
from lib.kinds import Whole
from lib.process import Worker
from lib.questions import Flags
from lib.records import MISSING, Entry
from lib.results import CLASSIFY

STAR = "★"
STATUSES = ("finished", "interrupted", "failed", "running")
NAMED = 5  # of many things that an error or a remark names
SORTS = {
    "date": lambda entry: entry.started,
    "name": lambda entry: entry.name,
    "score": lambda entry: None if entry.score is None else (entry.task == CLASSIFY, entry.better(entry.score)),
    "time": lambda entry: entry.record["timing"].get("seconds"),
}
# What a terminal that is too narrow does without, the least important first.
DISPENSABLE = ("started", "time", "epochs", "parameters", "latent size", "best baseline", "status")


def flags(program: str) -> Flags:
    """The flags of the verb."""
    parser = Flags(f"{program}.py runs", "The recorded runs of both programs below a folder.")
    add = parser.add_argument
    add("folder", nargs="?", default=str(runs.MODELS), metavar="FOLDER", help="where to look, however deep (default models)")
    add("--sort", default="date", metavar="KEY", help="score (best first), time, date, name, a hyperparameter or a metric")
    add("--reverse", action="store_true", help="the other way round; what has no such value stays last")
    add("--task", choices=(*TASKS, CLASSIFY), help="only runs of this task")
    add("--dataset", "-d", metavar="NAME", help="only runs on this data set")
    add("--program", choices=PROGRAMS, help="only runs of this program")
    add("--status", choices=STATUSES, help="only runs that ended like this")
    add("--last", metavar="N", help="only the newest N of them")
    add("--only", nargs="+", metavar="RUN", help="only these runs, each a folder or a unique part of its name")
    add("--force", action="store_true", help="let --export replace a report that exists")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--diff", nargs=2, metavar=("A", "B"), help="what differs between two runs")
    instead.add_argument("--figure", metavar="METRIC", help="draw a metric against each hyperparameter that differs")
    instead.add_argument("--export", metavar="FILE", help="write a report of these runs: FILE.md or FILE.html")
    instead.add_argument("--json", action="store_true", help="their records as JSON")
    return parser


def command(program: str, words: list[str]) -> int:
    """Carry out `runs` for either program; the exit status."""
    args = flags(program).parse(words)
    if args.export:
        report.require_free(Path(args.export), args.force)
    folder, display = Path(args.folder), Display()
    if not folder.is_dir() and folder != runs.MODELS:
        raise UserError(f"{folder}: no such folder; give one with runs in it, or none for models")
    entries, unreadable = records.listed(folder)
    if unreadable:
        what = "1 record" if len(unreadable) == 1 else f"{len(unreadable):,} records"
        display.note(f"{what} cannot be read and {'is' if what[:2] == '1 ' else 'are'} left out: {_some(unreadable)}", QUIET)
    if args.diff:
        difference(display, *(find(name, entries, folder) for name in args.diff))
        return 0
    chosen = choose(args, entries, folder)
    best = {id(entry) for entry in records.best(entries).values()}
    if args.json:
        listing = [{"folder": str(e.folder), "best": id(e) in best, "score": e.score} | e.record for e in chosen]
        display.out.out(json.dumps(listing, indent=1), highlight=False)
    elif not chosen:
        nothing(display, program, entries, folder)
    elif args.figure:
        draw(display, chosen, args.figure, folder)
    elif args.export:
        for path in report.export(chosen, Path(args.export), args.force):
            display.result(str(path), whole=True)
    else:
        extra = "" if args.sort in SORTS else args.sort
        display.out.print(table(display, chosen, best, extra))
        of = "" if len(chosen) == len(entries) else f" of {len(entries):,}"
        below = f"{len(chosen):,}{of} {'run' if len(entries) == 1 else 'runs'} below {records.clean(str(folder))}"
        display.result(f"{below}; {STAR} the best finished run of its task and data set", QUIET)
    return 0


def choose(args, entries: list[Entry], folder: Path) -> list[Entry]:
    """The runs that the filters let through, in the order that was asked for. Raises `UserError` for what no run has."""
    if args.only:
        named = [find(name, entries, folder) for name in args.only]
        entries = [entry for entry in entries if entry in named]
    asked = {"task": args.task, "dataset": args.dataset, "status": args.status}
    chosen = [e for e in entries if all(wanted in (None, getattr(e, name)) for name, wanted in asked.items())]
    chosen = [e for e in chosen if args.program in (None, e.record.get("program"))]
    if args.last is not None:
        try:
            chosen = chosen[-Whole(1, 1_000_000_000).read(args.last) :]
        except UserError as error:
            raise UserError(f"--last {error}") from None
    by = args.sort.replace("-", "_") if args.sort not in SORTS else args.sort
    known = {key for entry in entries for key in entry.keys()} | {setting.name for setting in settings()}
    if entries and by not in SORTS and by not in known:
        raise _unknown("--sort", args.sort, [*SORTS, *known])
    args.sort = by
    places = {id(entry): SORTS[by](entry) if by in SORTS else entry.rank(by) for entry in chosen}
    placed = [entry for entry in chosen if places[id(entry)] is not None]
    placed.sort(key=lambda entry: places[id(entry)], reverse=args.reverse)
    return placed + [entry for entry in chosen if places[id(entry)] is None]


def find(name: str, entries: list[Entry], top: Path) -> Entry:
    """The run that is meant by a folder, or by a part of a name that no other has. Raises `UserError`."""
    path = Path(name)
    tests = (
        lambda entry: entry.folder == path or entry.name == name,
        lambda entry: entry.folder.name == name,
        lambda entry: name in entry.name,
    )
    for test in tests:
        found = [entry for entry in entries if test(entry)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UserError(f"{name}: {len(found):,} runs are called so ({_some(e.name for e in found)}); give more of the name")
        if (path / runs.RECORD).is_file():
            return records.entry(path, path)
    raise UserError(f"{name}: no run below {top} is called so; give a run folder, or a part of its name")


def table(display: Display, entries: list[Entry], best: set[int], extra: str) -> Table:
    """A row a run. `extra` is a key that has no column of its own; `best` holds the identities of the best runs."""
    columns = {
        "run": [f"{STAR if id(entry) in best else ' '} {entry.name}" for entry in entries],
        "task": [entry.kind for entry in entries],
        "data set": [entry.dataset for entry in entries],
        "score": [report.score(entry) for entry in entries],
        "best baseline": [report.baseline(entry) for entry in entries],
        "latent size": [entry.text("latent_size") for entry in entries],
        "parameters": [entry.text("parameters") for entry in entries],
        "epochs": [entry.epochs for entry in entries],
        "time": [report.duration(entry) for entry in entries],
        "started": [entry.record.get("started", MISSING)[:16].replace("T", " ") for entry in entries],
        "status": [entry.status for entry in entries],
    }
    if extra:
        columns[extra.replace("_", " ")] = [entry.text(extra) for entry in entries]
    widths = {title: max(map(cell_len, (title, *cells))) + 3 for title, cells in columns.items()}
    if not display.out.is_terminal:
        display.out.width = sum(widths.values()) + 1  # names in a file or a pipe are whole, whatever their length
    for title in DISPENSABLE:
        if sum(widths.values()) + 1 > display.out.width and title != extra.replace("_", " "):
            del columns[title], widths[title]
    drawn = Table()
    for title in columns:
        left = title in ("run", "task", "data set", "started", "status")
        drawn.add_column(title, justify="left" if left else "right", no_wrap=title != "run", overflow="fold")
    for entry, row in zip(entries, zip(*columns.values(), strict=True), strict=True):
        look = {"failed": BAD, "finished": "bold" if id(entry) in best else ""}.get(entry.status, QUIET)
        cells = dict(zip(columns, map(Text, row), strict=True))
        if entry.counts and (baseline := entry.best_baseline()):
            cells["score"].stylize(GOOD if entry.better(entry.score) < entry.better(baseline[1]) else BAD)
        drawn.add_row(*cells.values(), style=look)
    return drawn


def difference(display: Display, a: Entry, b: Entry) -> None:
    """Hyperparameters and numbers that are not the same in two runs, and by how much the second differs."""
    drawn = Table(title="What differs", title_justify="left")
    for title in ("", a.name, b.name, "change"):
        drawn.add_column(Text(title), justify="left" if not title else "right", overflow="fold")
    data = {"status": ("status",), "data set": ("dataset", "name"), "checksum": ("dataset", "sha256")}
    for words, path in data.items():
        values = [_at(entry.record, path) for entry in (a, b)]
        if values[0] != values[1]:
            drawn.add_row(words, *(Text(str(value)[:16]) for value in values), "")
    for section in ("hyperparameters", "metrics", "baselines", "timing"):
        drawn.add_section()
        for key in dict.fromkeys((*a.record[section], *b.record[section])):
            pair = [entry.record[section].get(key) for entry in (a, b)]
            if isinstance(pair[0], dict | list) and section == "metrics" or a.text(key) == b.text(key):
                continue  # the report and the matrix are tables of their own
            change = "" if section == "hyperparameters" else _change(*pair)
            drawn.add_row(Text(key.replace("_", " ")), Text(a.text(key)), Text(b.text(key)), change)
    if not display.out.is_terminal:
        display.out.width = display.out.measure(drawn).maximum
    if drawn.row_count:
        display.out.print(drawn)
    else:
        display.result("Nothing differs between them.")
    if a.group != b.group:
        display.result("They are of different tasks or data sets: their scores do not compare.", QUIET)


def draw(display: Display, entries: list[Entry], metric: str, folder: Path) -> None:
    """The metric of the finished runs against each hyperparameter that differs between them, on the screen and as a file."""
    known = {key for entry in entries for key in entry.record["metrics"] if isinstance(entry.rank(key), tuple)}
    if metric not in known:
        raise _unknown("--figure", metric, known)
    drawable = [e for e in entries if e.status == records.FINISHED and isinstance(e.record["metrics"].get(metric), int | float)]
    found = [entry.record for entry in drawable]
    differing = [name for name in runs.differing(found) if name != "program"]
    if len(found) < 2 or not differing:
        what = "Nothing differs between them" if len(found) > 1 else "Fewer than two finished runs have it"
        display.result(f"{what}: there is nothing to draw yet.")
        return
    points = runs.points(found, differing, metric)
    display.against(points, metric)
    if len({entry.group for entry in drawable}) > 1:
        display.result("They are of several tasks or data sets, which do not compare: --task and --dataset narrow it.", QUIET)
    path = folder / f"comparison-{re.sub(r'[^A-Za-z0-9_-]', '-', metric)}.png"
    with Worker() as worker:
        worker.send("compare", points=points, metric=metric, path=str(path))
        worker.follow(display)
    display.result(str(path), whole=True)


def nothing(display: Display, program: str, entries: list[Entry], folder: Path) -> None:
    """Say why there is nothing to show, and what would help."""
    if not entries:
        display.result(
            f"No runs below {folder} yet: python {program}.py trains one, python {program}.py -d digits --yes at once."
        )
        return
    there = "; ".join(f"{_some(sorted({getattr(e, name) for e in entries}))}" for name in ("task", "dataset", "status"))
    display.result(f"None of the {len(entries):,} runs below {folder} is like that; there are {there}.")


def _unknown(flag: str, key: str, known) -> UserError:
    close = difflib.get_close_matches(key.replace("-", "_"), known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {_some(sorted(known), 2 * NAMED)}"
    return UserError(f"{flag} {key}: no run has it; {hint}")


def _some(things, count: int = NAMED) -> str:
    names = [records.clean(str(thing)) for thing in things]
    return ", ".join(names[:count]) + (f" and {len(names) - count:,} more" if len(names) > count else "")


def _at(record: dict, path: tuple[str, ...]):
    return record.get(path[0], MISSING) if len(path) == 1 else record[path[0]].get(path[1], MISSING)


def _change(before: float | None, after: float | None) -> str:
    return f"{100 * (after - before) / abs(before):+.1f} %" if before and after is not None else ""
