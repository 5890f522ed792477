"""The report that writes itself: chosen runs as a Markdown file with its pictures beside it, or as one HTML
page.
"""

import math
import os
import shutil
import tempfile
import time
from pathlib import Path

from lib.common.errors import UserError, reason
from lib.config.fields import default_of, display_name, format_value, settings
from lib.runs import documents, records
from lib.runs.documents import Block, Code, Details, Link, Paragraph, Picture, Section, Strong, Table
from lib.runs.run_entries import MISSING, STAR, RunEntry, display_key, format_number, rank_entries
from lib.runs.summary import CLASSIFY, autoencoder_remarks, classifier_remarks, score_columns, score_rows
from lib.runs.validation import is_number

WRITERS = {".md": documents.to_markdown, ".html": documents.to_html}
MAX_EPOCH_ROWS = 50  # rows that the table of a training has at most
STATUS_WORDS = {
    records.RUNNING: "is under way",
    records.INTERRUPTED: "was interrupted",
    records.FAILED: "failed",
}


def require_free_report(path: Path, force: bool) -> None:
    """Refuse a name that means no form of a report, or one that is taken. Raises `UserError`."""
    if path.suffix not in WRITERS:
        raise UserError(
            f"{path}: what form the report has is told by its name, which must end in .md or .html"
        )
    if not path.parent.is_dir():
        raise UserError(f"{path}: cannot be written, there is no folder {path.parent}")
    for taken in (path, figures_folder(path)) if path.suffix == ".md" else (path,):
        if taken.exists() and not force:
            raise UserError(f"{taken} exists already; choose another name, or replace it with --force")


def figures_folder(path: Path) -> Path:
    """Where the pictures of a Markdown report are."""
    return path.with_name(f"{path.stem}-figures")


def export_report(entries: list[RunEntry], path: Path, force: bool) -> list[Path]:
    """Write the report of these runs, whole or not at all; what was written. Raises `UserError`."""
    require_free_report(path, force)
    return write_document(compose_report(entries, time.strftime("%Y-%m-%d")), path)


def write_document(document: Section, path: Path) -> list[Path]:
    """Write a document in the form that its name tells, with its pictures, in place of what was there. Raises
    `UserError`.
    """
    pictures = figures_folder(path)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as staging:
            text, figures = WRITERS[path.suffix](document, pictures.name)
            partial = Path(staging) / "report"
            partial.write_text(text, encoding="utf-8")
            for name, source in figures.items():
                shutil.copyfile(source, Path(staging) / name)
            if figures:  # first, so that the report is there when all of it is
                pictures.mkdir(exist_ok=True)
            for name in figures:
                os.replace(Path(staging) / name, pictures / name)
            os.replace(partial, path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({reason(error)})") from None
    return [path, *([pictures] if figures else [])]


def compose_report(entries: list[RunEntry], written: str) -> Section:
    """The whole report. `written` is its date."""
    groups = list(rank_entries(entries).values())
    best = {id(members[0]) for members in groups}
    anchors = {id(entry): f"run-{place}" for place, entry in enumerate(entries, 1)}
    count = "1 run" if len(entries) == 1 else f"{len(entries):,} runs"
    dates = sorted(entry.date[:10] for entry in entries if entry.date != MISSING)
    trained = f", trained {dates[0]}" + (f" to {dates[-1]}" if dates[-1] != dates[0] else "") if dates else ""
    parts = [
        Section("Machines", [_machines_table(entries)]),
        Section("Runs", [_overview_table(entries, anchors, best)]),
        *(_run_section(entry, anchors[id(entry)]) for entry in entries),
    ]
    if groups:
        parts.append(Section("The best of each task and data set", [_best_table(groups, anchors)]))
    if compared := [_differences_table(members, anchors) for members in groups if len(members) > 1]:
        parts.append(Section("What differed between the runs", compared))
    return Section(f"Latent Lab: {count}", [Paragraph(f"Written {written}{trained}."), *parts])


def _machines_table(entries: list[RunEntry]) -> Table:
    found: dict[tuple, int] = {}
    for entry in entries:
        known = {name: value for name, value in entry.record["environment"].items() if isinstance(value, str)}
        backend = " on ".join(
            filter(None, [f"Keras {known['keras']}" if "keras" in known else "", known.get("backend")])
        )
        others = ", ".join(
            f"{name} {known[name]}" for name in ("python", "numpy", "scikit-learn") if name in known
        )
        row = tuple(text or MISSING for text in (known.get("device"), backend, others, known.get("platform")))
        found[row] = found.get(row, 0) + 1
    rows = [(*row, f"{count:,}") for row, count in found.items()]
    return Table("What trained them", ("device", "backend", "versions", "system", "runs"), rows, "llllr")


def _overview_table(entries: list[RunEntry], anchors: dict, best: set[int]) -> Table:
    rows = []
    for entry in entries:
        name = Link(f"{STAR} {entry.name}" if id(entry) in best else entry.name, anchors[id(entry)])
        score = Strong(entry.scored) if id(entry) in best else entry.scored
        numbers = (entry.text("latent_size"), entry.text("parameters"), entry.epochs, entry.took)
        rows.append((name, entry.status, entry.kind, entry.dataset, score, entry.rival, *numbers))
    head = (
        "run",
        "status",
        "task",
        "data set",
        "score",
        "best baseline",
        "latent size",
        "parameters",
        "epochs",
        "time",
    )
    return Table(f"All runs; {STAR} the best finished one of its task and data set", head, rows, "llllrrrrrr")


def _run_section(entry: RunEntry, anchor: str) -> Section:
    record = entry.record
    parts: list[Block] = []
    if entry.status != records.FINISHED:
        said = f"{STATUS_WORDS.get(entry.status, entry.status)}{': ' + record['error'] if record.get('error') else ''}"
        parts.append(Paragraph(f"This run {said}. It takes no part in comparisons.", "bad"))
    parts += [
        Section("Data set", [_dataset_table(entry)]),
        Section("Network and training", _settings_blocks(entry)),
        Section("Training history", _history_blocks(entry)),
        Section("Test scores", _score_blocks(entry)),
    ]
    figures = sorted((entry.folder / "figures").glob("*.png"))
    pictures = [
        Picture(path, f"{entry.name}: {display_key(path.stem)}") for path in figures if documents.is_png(path)
    ]
    if pictures:
        parts.append(Section("Figures", pictures))
    if record.get("command"):
        parts.append(Section("To repeat it", [Code(record["command"])]))
    return Section(f"{entry.name}: {entry.kind}, {entry.dataset}", parts, anchor)


def _dataset_table(entry: RunEntry) -> Table:
    data = entry.record["dataset"]
    sizes = [(f"{part} images", format_number(size)) for part, size in data["sizes"].items()]
    rows = [("name", entry.dataset), ("image", "×".join(map(str, data["shape"])) or MISSING), *sizes]
    if data["classes"]:
        rows.append(("classes", f"{len(data['classes'])}: {', '.join(data['classes'])}"))
    return Table("", (), [*rows, ("SHA-256", data.get("sha256", MISSING))], "ll")


def _settings_blocks(entry: RunEntry) -> list[Block]:
    """What was set otherwise than by default, and everything, folded."""
    program = entry.record.get("program", "")
    defaults = {
        setting.name: format_value(setting.name, default_of(setting, program)) or MISSING
        for setting in settings(program)
    }
    texts = {name: entry.text(name) for name in entry.record["hyperparameters"] if name != "program"}
    set_otherwise = [
        (display_name(name), Strong(text), defaults[name])
        for name, text in texts.items()
        if text != defaults.get(name, text)
    ]
    every = Table("", ("setting", "value"), [(display_key(name), text) for name, text in texts.items()], "ll")
    if not texts:
        return [Paragraph("Its settings were not recorded.", "quiet")]
    otherwise = Table("Set otherwise than by default", ("setting", "value", "default"), set_otherwise, "lll")
    first = otherwise if set_otherwise else Paragraph("All settings are the defaults.")
    return [first, Details(f"All {len(texts)} settings", [every])]


def _history_blocks(entry: RunEntry) -> list[Block]:
    blocks: list[Block] = []
    for phase, curves in entry.phases.items():
        epochs = max(map(len, curves.values()), default=0)
        if not epochs:
            continue
        spoken = f"Phase {phase}: " if phase else ""
        validation = [
            (value, epoch) for epoch, value in enumerate(curves.get("val_loss", []), 1) if is_number(value)
        ]
        lowest = (
            f"; the validation loss is lowest after epoch {min(validation)[1]}, {min(validation)[0]:.5g}"
            if validation
            else ""
        )
        blocks.append(Paragraph(f"{spoken}{'1 epoch' if epochs == 1 else f'{epochs:,} epochs'}{lowest}."))
        step = math.ceil(epochs / MAX_EPOCH_ROWS)
        rows = []
        for epoch in sorted({*range(1, epochs + 1, step), epochs}):
            values = [curve[epoch - 1] if epoch <= len(curve) else None for curve in curves.values()]
            rows.append(
                (str(epoch), *(format_number(value) if is_number(value) else MISSING for value in values))
            )
        head = ("epoch", *(name.replace("val_", "validation ").replace("_", " ") for name in curves))
        which = "Every epoch" if step == 1 else f"The first epoch, every {step}th after it, and the last"
        blocks.append(Details(which, [Table("", head, rows, "r" * len(head))]))
    return blocks or [Paragraph("No epoch was recorded.", "quiet")]


def _score_blocks(entry: RunEntry) -> list[Block]:
    record = entry.record
    if not record["metrics"]:
        return [Paragraph("It was never tested.", "quiet")]
    decimals = (4,) if "accuracy" in entry.metric else (5, 2)
    rows: list[tuple] = []
    for text, values in score_rows(record).items():
        cells = [_format_score(value, places) for value, places in zip(values, decimals, strict=False)]
        rows.append((Strong(text), *map(Strong, cells)) if not rows else (text, *cells))
    tested = record["dataset"]["sizes"].get("test")
    caption = f"Test set, {format_number(tested)} images" if tested is not None else "Test set"
    blocks: list[Block] = [
        Table(caption, ("method", *score_columns(record)), rows, "l" + "r" * len(score_columns(record)))
    ]
    lines = classifier_remarks(record) if entry.task == CLASSIFY else autoencoder_remarks(record)
    blocks += [Paragraph(text, style) for text, style in lines if text]
    metrics = record["metrics"]
    if "report" in metrics:
        keys = ("precision", "recall", "f1-score", "support")
        rows = [
            (name, *(_format_score(row.get(key, math.nan), 0 if key == "support" else 4) for key in keys))
            for name, row in metrics["report"].items()
        ]
        blocks.append(Table("Classification report", ("", *keys), rows, "lrrrr"))
    if "confusion_matrix" in metrics:
        matrix = metrics["confusion_matrix"]
        known = record["dataset"]["classes"]
        classes = known if len(known) == len(matrix) else [str(place) for place in range(len(matrix))]
        rows = [
            (
                name,
                *(
                    Strong(format_number(n)) if here == there else format_number(n)
                    for there, n in enumerate(row)
                ),
            )
            for here, (name, row) in enumerate(zip(classes, matrix, strict=True))
        ]
        blocks.append(
            Table(
                "Confusion matrix (rows: true class, columns: predicted)",
                ("", *classes),
                rows,
                "l" + "r" * len(matrix),
            )
        )
    return blocks


def _best_table(groups: list[list[RunEntry]], anchors: dict) -> Table:
    rows = []
    for entry, *others in groups:
        link = Link(entry.name, anchors[id(entry)])
        rows.append(
            (entry.kind, entry.dataset, link, Strong(entry.scored), entry.rival, f"{1 + len(others):,}")
        )
    head = ("task", "data set", "best run", "score", "best baseline", "finished runs")
    return Table("", head, rows, "lllrrr")


def _differences_table(entries: list[RunEntry], anchors: dict) -> Table:
    """Runs of one task and data set, best first, and the settings that are not the same in all of them."""
    names = [
        name
        for name in records.differing_hyperparameters([entry.record for entry in entries])
        if name != "program"
    ]
    links = [Link(entry.name, anchors[id(entry)]) for entry in entries]
    lines = [("run", *links), ("score", Strong(entries[0].scored), *(entry.scored for entry in entries[1:]))]
    lines += [(display_key(name), *(entry.text(name) for entry in entries)) for name in names]
    if len(entries) > len(names):  # the fewer are the columns
        lines = list(zip(*lines, strict=True))
    return Table(
        f"{entries[0].kind}, {entries[0].dataset}; best first",
        lines[0],
        lines[1:],
        "l" + "r" * (len(lines[0]) - 1),
    )


def _format_score(value: float | None, places: int) -> str:
    """A number as it is shown; `None` is the PSNR of no error at all, NaN what the record does not hold."""
    return "∞" if value is None else MISSING if math.isnan(value) else f"{value:,.{places}f}"
