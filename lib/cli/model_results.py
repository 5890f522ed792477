"""Results of the commands on a saved model, on the screen or as JSON."""

import itertools
import json
from dataclasses import fields
from functools import singledispatch
from pathlib import Path

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from lib.cli.display import Display
from lib.cli.output import BAD, QUIET
from lib.cli.tables import longest_word, print_table
from lib.cli.terminal_graphics import ARROW, SEPARATOR
from lib.common.errors import printable
from lib.common.formatting import format_shape
from lib.tasks import get_task
from lib.worker.messages import (
    ApplyResult,
    EncodeResult,
    GenerateResult,
    JobResult,
    PredictResult,
    ProbeResult,
    TableResult,
)

MAX_ROWS = 10  # rows of a table on the screen; the file has all of them
MAX_PROBLEMS = 3  # messages about unreadable pictures
COLUMN_TITLES = {"psnr_db": "PSNR (dB)"}  # instead of the names in the file


def print_json(display: Display, result: JobResult) -> None:
    """Print the result of a command, except its pictures, as one JSON object."""
    names = [field.name for field in fields(result) if field.name not in ("pictures", "heads")]
    content = {name: getattr(result, name) for name in names}
    display.out.out(json.dumps(content), highlight=False)


@singledispatch
def show_result(result: JobResult, display: Display) -> None:
    """Show the result of a job."""


@show_result.register
def _show_apply_result(result: ApplyResult, display: Display) -> None:
    title = f"{get_task(result.task).error_label}, largest first"
    _show_table(display, title, result.columns, result.table, "errors.csv")
    if display.out.is_terminal:
        first, *others = result.heads
        caption = f"{first} {ARROW} {f' {SEPARATOR} '.join(others)}"
        display.show_image_strip(result.pictures, str(Path(result.folder) / "worst.png"), caption)
    count, names = len(result.table), result.names
    means = (
        f"{'' if len(names) == 1 else name + ' '}{mse:.6f}"
        for name, mse in zip(names, result.mean, strict=True)
    )
    display.result(
        printable(f"mean over {count:,} picture{'s' if count > 1 else ''}: MSE {'   '.join(means)}")
    )
    if result.refined:
        # Each model is followed by the same model with refined codes.
        for name, before, after in zip(names[::2], result.mean[::2], result.mean[1::2], strict=True):
            display.result(f"{printable(name)}: {_refinement_gain(before, after)}")
    _show_problems(display, result)
    display.result(f"{result.folder}: {', '.join(result.files)}, errors.csv, worst.png")


@show_result.register
def _show_predict_result(result: PredictResult, display: Display) -> None:
    _show_table(display, "predictions", result.columns, result.table, "predictions.csv")
    if display.out.is_terminal:
        path = str(Path(result.folder) / "predictions.png")
        display.show_captioned_images(result.pictures, path)
    if result.accuracy is not None:
        labeled = f"{result.known:,} picture{'s' if result.known > 1 else ''}"
        display.result(f"accuracy {result.accuracy:.4f} on the {labeled} with known labels")
    _show_problems(display, result)
    display.result(f"{result.folder}: predictions.csv, predictions.png")


@show_result.register
def _show_encode_result(result: EncodeResult, display: Display) -> None:
    _show_problems(display, result)
    refined = "refined " if result.refined else ""
    if result.refined:
        before, after = result.refined
        display.result(f"MSE {before:.6f}, refined {after:.6f}: {_refinement_gain(before, after)}")
    display.result(
        f"{result.count:,} {refined}codes of {format_shape(result.shape)} numbers: {', '.join(result.files)}",
    )


def _refinement_gain(before: float, after: float) -> str:
    """The relative reduction of the mean squared error by refining latent codes, as a sentence."""
    gain = 1 - after / before if before else 0
    return f"refined codes reduce the error by {gain:.1%}, which is due to the encoder"


@show_result.register
def _show_generate_result(result: GenerateResult, display: Display) -> None:
    if display.out.is_terminal:
        path = str(Path(result.folder) / "sheet.png")
        display.show_image_grid(result.pictures, result.columns, path)
    display.result(f"{result.count:,} images, {result.how}")
    display.result(f"{result.folder}: the images, codes.npy, sheet.png")


@show_result.register
def _show_probe_result(result: ProbeResult, display: Display) -> None:
    rows = result.record["accuracy"]
    label_counts = list(dict.fromkeys(row["labels"] for row in rows))
    table = Table(title="Test accuracy")
    for column in ("method", "encoder", *(f"{count:,} labels" for count in label_counts)):
        table.add_column(column, justify="right" if "labels" in column else "left")
    for method, weights in dict.fromkeys((row["method"], row["weights"]) for row in rows):
        scores = {
            row["labels"]: row["test_accuracy"]
            for row in rows
            if (row["method"], row["weights"]) == (method, weights)
        }
        cells = (f"{scores[count]:.4f}" if count in scores else "–" for count in label_counts)
        table.add_row(method, weights, *cells)
    print_table(display.out, table)
    silhouettes = (
        f"{name} {score:.3f}" for name, score in result.record["silhouette"].items() if score is not None
    )
    display.result("silhouette of the classes: " + "   ".join(silhouettes))
    display.result(f"{result.folder}: probe.json, probe.png")


def _show_table(
    display: Display, title: str, names: list[str], rows: list[list[str]], file_name: str
) -> None:
    """Show the first rows of a result's table: all columns in a file or pipe, else as many as fit."""
    # Cells are file names in part, which may hold control characters.
    cells = [[*map(printable, row), *[""] * (len(names) - len(row))] for row in rows[:MAX_ROWS]]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    widths[0] = max(longest_word(row[0]) for row in cells)
    right_edges = itertools.accumulate(width + 3 for width in widths)  # two spaces and a line each
    count = len(names)
    if display.out.is_terminal:
        count = sum(edge < display.out.width for edge in right_edges)
    if len(rows) > MAX_ROWS:
        title += f", {MAX_ROWS} of {len(rows):,}"
    if hidden := len(names) - count:
        title += f"; {hidden} more column{'s' if hidden > 1 else ''} in {file_name}"
    table = Table(title=title)
    for number, name in enumerate(names[:count]):
        header = Text(COLUMN_TITLES.get(name, printable(name.replace("_", " "))))
        table.add_column(header, justify="right" if number else "left")
    for row in cells:
        table.add_row(*map(Text, row[:count]))
    print_table(display.out, table)


def _show_problems(display: Display, result: TableResult | EncodeResult) -> None:
    problems = list(result.problems.values())
    for problem in problems[:MAX_PROBLEMS]:
        display.note(problem, BAD)
    if len(problems) > MAX_PROBLEMS:
        count = len(problems) - MAX_PROBLEMS
        display.note(f"and {count:,} more pictures that cannot be read", QUIET)
