"""Reports on recorded runs, as documents for Markdown or HTML: settings, histories, scores, comparisons."""

import math
import time
from collections import Counter
from pathlib import Path
from typing import Any

from lib.common.errors import UserError
from lib.common.formatting import MISSING
from lib.config.changed_settings import changed_settings
from lib.config.hyperparameters import Hyperparameters
from lib.config.program_settings import PROGRAMS, display_name, settings
from lib.config.suited_defaults import ImageSet, suited_defaults
from lib.runs import documents, records
from lib.runs.detection_results import (
    DetectionResult,
    kind_rows,
    kind_titles,
    kinds_title,
    read_detection,
)
from lib.runs.document_blocks import (
    Block,
    Code,
    Details,
    DocumentTable,
    Link,
    Paragraph,
    Picture,
    Section,
    Strong,
)
from lib.runs.loss_plots import loss_plots
from lib.runs.run_entries import STAR, RunEntry, format_number, rank_entries
from lib.runs.summary import run_remarks, score_rows, score_titles
from lib.runs.validation import is_number

MAX_EPOCH_ROWS = 50  # epochs in the table of a history; the last epoch may be one more
STATUS_WORDS = {
    records.RUNNING: "is still running",
    records.INTERRUPTED: "was interrupted",
    records.FAILED: "failed",
}


def require_free_report(path: Path, force: bool) -> None:
    """Check the path of a new report.

    Args:
        path: the file, .md or .html.
        force: allow a report that exists to be replaced.

    Raises:
        UserError: another suffix, no such parent folder, or an existing file or folder of pictures.
    """
    if path.suffix not in documents.WRITERS:
        raise UserError(f"{path}: the name of a report must end in .md or .html")
    if not path.parent.is_dir():
        raise UserError(f"{path}: cannot be written, the folder {path.parent} does not exist")
    targets = (path, documents.picture_folder(path)) if path.suffix == ".md" else (path,)
    for target in targets:
        if target.exists() and not force:
            raise UserError(f"{target} already exists; choose another name, or replace it with --force")


def export_report(entries: list[RunEntry], path: Path, force: bool) -> list[Path]:
    """Write the report on some runs.

    Args:
        entries: the runs, in the order of the report.
        path: the file, .md or .html.
        force: replace a report that exists.

    Returns:
        The paths of the file and, for Markdown with pictures, of their folder.

    Raises:
        UserError: the path is refused by `require_free_report`, or cannot be written.
    """
    require_free_report(path, force)
    return documents.write_document(compose_report(entries, time.strftime("%Y-%m-%d")), path)


def compose_report(entries: list[RunEntry], date: str) -> Section:
    """Return the report on some runs; `date` is the day on which it is written."""
    groups = list(rank_entries(entries).values())
    best_ids = {id(members[0]) for members in groups}
    anchors = {id(entry): f"run-{number}" for number, entry in enumerate(entries, 1)}
    count = "1 run" if len(entries) == 1 else f"{len(entries):,} runs"
    parts = [Section("Comparison", [_overview_table(entries, anchors, best_ids), *loss_plots(entries)])]
    if groups:
        parts.append(Section("Best run of each task and data set", [_best_table(groups, anchors)]))
    if comparisons := [_differences_table(members, anchors) for members in groups if len(members) > 1]:
        parts.append(Section("Differences between the runs", comparisons))
    parts += [_run_section(entry, anchors[id(entry)]) for entry in entries]
    parts.append(Section("Machines", [_machines_table(entries)]))
    written = Paragraph(f"Written {date}{_training_dates(entries)}.")
    return Section(f"Latent Lab: {count}", [written, *parts])


def _training_dates(entries: list[RunEntry]) -> str:
    dates = sorted(entry.start_text[:10] for entry in entries if entry.start_text != MISSING)
    if not dates:
        return ""
    return f", trained {dates[0]}" + (f" to {dates[-1]}" if dates[-1] != dates[0] else "")


def _machines_table(entries: list[RunEntry]) -> DocumentTable:
    machines = Counter(_machine_cells(entry.record["environment"]) for entry in entries)
    rows = [(*cells, f"{count:,}") for cells, count in machines.items()]
    head = ("device", "backend", "versions", "system", "runs")
    return DocumentTable("Devices and versions", head, rows, "llllr")


def _machine_cells(environment: dict) -> tuple[str, ...]:
    texts = {name: value for name, value in environment.items() if isinstance(value, str)}
    keras = f"Keras {texts['keras']}" if "keras" in texts else ""
    backend = " on ".join(filter(None, [keras, texts.get("backend")]))
    names = [name for name in ("python", "numpy", "scikit-learn") if name in texts]
    versions = ", ".join(f"{name} {texts[name]}" for name in names)
    cells = (texts.get("device"), backend, versions, texts.get("platform"))
    return tuple(cell or MISSING for cell in cells)


def _overview_table(entries: list[RunEntry], anchors: dict[int, str], best_ids: set[int]) -> DocumentTable:
    columns = "run, status, task, data set, score, best baseline, latent size, parameters, epochs, time"
    rows = []
    for entry in entries:
        is_best = id(entry) in best_ids
        rows.append(
            (
                Link(f"{STAR} {entry.name}" if is_best else entry.name, anchors[id(entry)]),
                entry.status,
                entry.task_label,
                entry.dataset,
                Strong(entry.score_text) if is_best else entry.score_text,
                entry.best_baseline_text,
                entry.value_text("latent_size"),
                entry.value_text("parameters"),
                entry.epochs_text,
                entry.duration_text,
            )
        )
    caption = f"All runs; {STAR} best finished run of its task and data set"
    return DocumentTable(caption, columns.split(", "), rows, "llllrrrrrr")


def _run_section(entry: RunEntry, anchor: str) -> Section:
    record = entry.record
    parts: list[Block] = []
    if entry.status != records.FINISHED:
        error = f": {record['error']}" if record.get("error") else ""
        ending = f"{STATUS_WORDS.get(entry.status, entry.status)}{error}"
        parts.append(Paragraph(f"This run {ending}. It is not part of the comparisons.", "bad"))
    parts += [
        Section("Data set", [_dataset_table(entry)]),
        Section("Network and training", _settings_blocks(entry)),
        Section("Training history", _history_blocks(entry)),
        Section("Test scores", _score_blocks(entry)),
    ]
    paths = sorted((entry.folder / records.FIGURES_FOLDER).glob("*.png"))
    pictures = [
        Picture(path, f"{entry.name}: {display_name(path.stem)}") for path in paths if documents.is_png(path)
    ]
    if pictures:
        parts.append(Section("Figures", pictures))
    if record.get("command"):
        parts.append(Section("Command", [Code(record["command"])]))
    return Section(f"{entry.name}: {entry.task_label}, {entry.dataset}", parts, anchor)


def _dataset_table(entry: RunEntry) -> DocumentTable:
    dataset = entry.record["dataset"]
    shape = "×".join(map(str, dataset["shape"])) or MISSING
    sizes = [(f"{subset} images", format_number(size)) for subset, size in dataset["sizes"].items()]
    rows = [("name", entry.dataset), ("image", shape), *sizes]
    if dataset["classes"]:
        rows.append(("classes", f"{len(dataset['classes'])}: {', '.join(dataset['classes'])}"))
    rows += _defect_rows(dataset.get("defects", {}))
    return DocumentTable("", (), [*rows, ("SHA-256", dataset.get("sha256", MISSING))], "ll")


def _defect_rows(defects: dict) -> list[tuple[str, str]]:
    """Return what the data set of a task that detects defects says of them."""
    rows = [("normal classes", ", ".join(defects["normal_classes"]))] if defects.get("normal_classes") else []
    labels = {
        "defective": "defective test images",
        "with_masks": "of these with masks",
        "for_threshold": "defective images for the threshold",
    }
    return rows + [(label, format_number(defects[key])) for key, label in labels.items() if defects.get(key)]


def _settings_blocks(entry: RunEntry) -> list[Block]:
    """Return the settings that differ from the defaults, and all settings as details."""
    defaults = _default_texts(entry)
    texts = {name: entry.value_text(name) for name in entry.record["hyperparameters"] if name != "program"}
    if not texts:
        return [Paragraph("The settings were not recorded.", "quiet")]
    changed = [
        (display_name(name), Strong(text), defaults[name])
        for name, text in texts.items()
        if text != defaults.get(name, text)
    ]
    first: Block = Paragraph("All settings have their default values.")
    if changed:
        head = ("setting", "value", "default")
        first = DocumentTable("Settings that differ from the defaults", head, changed, "lll")
    rows = [(display_name(name), text) for name, text in texts.items()]
    all_settings = DocumentTable("", ("setting", "value"), rows, "ll")
    return [first, Details(f"All {len(texts)} settings", [all_settings])]


def _default_texts(entry: RunEntry) -> dict[str, str]:
    program = entry.record.get("program", "")
    known = settings(program) if program in PROGRAMS else {}
    defaults = {name: setting.default for name, setting in known.items()}
    if program == "autoencoder":
        defaults |= _defaults_for_images(entry)
    return {name: known[name].format(value) or MISSING for name, value in defaults.items()}


def _defaults_for_images(entry: RunEntry) -> dict[str, Any]:
    """Return the defaults that follow the images of an autoencoder; none if its record is incomplete."""
    dataset = entry.record["dataset"]
    shape, count = dataset["shape"], dataset["sizes"].get("train")
    if len(shape) != 3 or not isinstance(count, int):
        return {}
    images = ImageSet((shape[0], shape[1], shape[2]), count)
    try:
        values = entry.record["hyperparameters"] | {"program": "autoencoder"}
        changed = changed_settings(Hyperparameters.from_json(values, ""), images)
        defaults = suited_defaults(images, changed)
        for name in changed:
            others = {other: value for other, value in changed.items() if other != name}
            defaults |= {key: value for key, value in suited_defaults(images, others).items() if key == name}
    except UserError:
        return {}
    return defaults


def _history_blocks(entry: RunEntry) -> list[Block]:
    blocks: list[Block] = []
    for phase, curves in entry.record["history"].items():
        epochs = max(map(len, curves.values()), default=0)
        if epochs:
            count = "1 epoch" if epochs == 1 else f"{epochs:,} epochs"
            prefix = f"Phase {phase}: " if phase else ""
            blocks.append(Paragraph(f"{prefix}{count}{_lowest_loss(curves)}."))
            blocks.append(_epoch_details(curves, epochs))
    return blocks or [Paragraph("No epochs were recorded.", "quiet")]


def _lowest_loss(curves: dict[str, list]) -> str:
    losses = [(loss, epoch) for epoch, loss in enumerate(curves.get("val_loss", []), 1) if is_number(loss)]
    if not losses:
        return ""
    loss, epoch = min(losses)
    return f"; lowest validation loss {loss:.5g} after epoch {epoch}"


def _epoch_details(curves: dict[str, list], epochs: int) -> Details:
    step = math.ceil(epochs / MAX_EPOCH_ROWS)
    rows = []
    for epoch in sorted({*range(1, epochs + 1, step), epochs}):
        values = [curve[epoch - 1] if epoch <= len(curve) else None for curve in curves.values()]
        cells = (format_number(value) if is_number(value) else MISSING for value in values)
        rows.append((str(epoch), *cells))
    head = ("epoch", *(name.replace("val_", "validation ").replace("_", " ") for name in curves))
    summary = "Every epoch" if step == 1 else f"The first epoch, every {step}th after it, and the last"
    return Details(summary, [DocumentTable("", head, rows, "r" * len(head))])


def _score_blocks(entry: RunEntry) -> list[Block]:
    record, metrics = entry.record, entry.record["metrics"]
    if not metrics:
        return [Paragraph("The run was not evaluated on the test set.", "quiet")]
    blocks: list[Block] = [_score_table(entry)]
    blocks += [_kinds_table(result)] if (result := read_detection(record)) and result.kinds else []
    blocks += [Paragraph(text, style) for text, style in run_remarks(record) if text]
    if "report" in metrics:
        blocks.append(_classification_report_table(metrics["report"]))
    if "confusion_matrix" in metrics:
        blocks.append(_confusion_table(metrics["confusion_matrix"], record["dataset"]["classes"]))
    return blocks


def _score_table(entry: RunEntry) -> DocumentTable:
    record = entry.record
    (network, scores), *baselines = score_rows(record).items()
    rows: list[tuple] = [(Strong(network), *map(Strong, scores))]
    rows += [(label, *cells) for label, cells in baselines]
    test_images = record["dataset"]["sizes"].get("test")
    caption = "Test set" if test_images is None else f"Test set, {format_number(test_images)} images"
    titles = score_titles(record)
    return DocumentTable(caption, ("method", *titles), rows, "l" + "r" * len(titles))


def _kinds_table(result: DetectionResult) -> DocumentTable:
    titles = kind_titles(result)
    return DocumentTable(kinds_title(result), titles, kind_rows(result), "l" + "r" * (len(titles) - 1))


def _classification_report_table(report: dict[str, dict]) -> DocumentTable:
    decimals = {"precision": 4, "recall": 4, "f1-score": 4, "support": 0}
    rows = [
        (name, *(f"{row[key]:,.{places}f}" if key in row else MISSING for key, places in decimals.items()))
        for name, row in report.items()
    ]
    return DocumentTable("Classification report", ("", *decimals), rows, "lrrrr")


def _confusion_table(matrix: list[list], classes: list[str]) -> DocumentTable:
    if len(classes) != len(matrix):
        classes = [str(label) for label in range(len(matrix))]
    rows = []
    for true, counts in enumerate(matrix):
        texts = map(format_number, counts)
        cells = (Strong(text) if predicted == true else text for predicted, text in enumerate(texts))
        rows.append((classes[true], *cells))
    caption = "Confusion matrix (rows: true class, columns: predicted)"
    return DocumentTable(caption, ("", *classes), rows, "l" + "r" * len(matrix))


def _best_table(groups: list[list[RunEntry]], anchors: dict[int, str]) -> DocumentTable:
    rows = [
        (
            members[0].task_label,
            members[0].dataset,
            Link(members[0].name, anchors[id(members[0])]),
            Strong(members[0].score_text),
            members[0].best_baseline_text,
            f"{len(members):,}",
        )
        for members in groups
    ]
    head = ("task", "data set", "best run", "score", "best baseline", "finished runs")
    return DocumentTable("", head, rows, "lllrrr")


def _differences_table(entries: list[RunEntry], anchors: dict[int, str]) -> DocumentTable:
    """Return the settings that differ between the runs of a group, which are sorted best first."""
    names = records.differing_hyperparameters([entry.record for entry in entries])
    links = [Link(entry.name, anchors[id(entry)]) for entry in entries]
    best, *others = entries
    lines: list[tuple] = [
        ("run", *links),
        ("score", Strong(best.score_text), *(entry.score_text for entry in others)),
        *((display_name(name), *(entry.value_text(name) for entry in entries)) for name in names),
    ]
    if len(entries) > len(names):  # runs as rows, settings as columns: the table is as narrow as possible
        lines = list(zip(*lines, strict=True))
    head, *rows = lines
    caption = f"{best.task_label}, {best.dataset}; best first"
    return DocumentTable(caption, head, rows, "l" + "r" * (len(head) - 1))
