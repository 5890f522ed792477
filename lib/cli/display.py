"""Screen output: live training progress, tables, loss curves and images; plain lines without a terminal.

`python -m lib.cli.display` shows a made-up run, to judge the screen without training.
"""

import os
import time
from pathlib import Path

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.status import Status
from rich.table import Table
from rich.text import Text

from lib.cli.terminal_graphics import (
    ARROW,
    MAX_SIDE,
    groups_per_row,
    half_blocks,
    image_strips,
    loss_chart,
    scatter_plot,
    subsample,
    terminal_image,
)
from lib.common.errors import printable, shorten
from lib.common.formatting import format_decimal, format_duration, format_psnr, metric_label
from lib.common.serialization import pack_images, unpack_images
from lib.config.fields import format_json_value
from lib.runs.records import FINISHED
from lib.runs.run_log import epoch_line, phase_line, start_line
from lib.runs.summary import (
    Remark,
    autoencoder_remarks,
    classifier_remarks,
    describe_ending,
    describe_timing,
    score_columns,
    score_rows,
)

# The look, in one place.
ACCENT, GOOD, BAD, QUIET = "cyan", "green", "red", "dim"
REMARK_STYLES = {"": "", "bad": BAD, "quiet": QUIET}
BAR_WIDTH = 40  # of a progress bar, and of the longest bar of a metric
MAX_LINE = 10_000  # characters; commands that replay a run have up to some thousand
MAX_BARS = 30  # of one hyperparameter; the figure shows more


def scores_table(record: dict) -> Table:
    """Return a table of MSE and PSNR of an autoencoder and of its baselines."""
    table = Table(title=f"Test set, {record['dataset']['sizes']['test']:,} images", title_justify="left")
    table.add_column("method", no_wrap=True)
    for column in score_columns(record):
        table.add_column(column, justify="right")
    for row, (label, (mse, *psnr)) in enumerate(score_rows(record).items()):
        table.add_row(label, format_decimal(mse), *map(format_psnr, psnr), style="" if row else "bold")
    return table


def _safe(text: str) -> str:
    """The lines of a text, in which names of files may stand, without control characters and not too long."""
    return "\n".join(shorten(printable(line), MAX_LINE) for line in text.split("\n"))


class Display:
    """Screen output of a program. Called with an event of the worker, it shows the progress of the run.

    Results go to standard output, progress and notes to standard error.

    Attributes:
        out: console of standard output.
        err: console of standard error.
        live_allowed: standard error is a terminal on which bars can be redrawn in place.
    """

    def __init__(self):
        self.out = Console(highlight=False)
        self.err = Console(stderr=True, highlight=False)
        # isatty(2): rich's FORCE_COLOR would switch live bars on in a log file too.
        self.live_allowed = self.err.is_terminal and os.isatty(2) and not self.err.is_dumb_terminal
        self._live: Live | Status | Progress | None = None
        self._reported_tenths = 0
        self._is_training = False
        self._phase: dict = {}
        self._step_line = Text()
        self._epoch_line = Text()
        self._sample_images: Table | None = None

    def __call__(self, event: dict) -> None:
        """Show an event of the worker; unknown ones are ignored."""
        getattr(self, f"_on_{event['event']}", lambda event: None)(event)

    def show_status(self, text: str) -> None:
        """Show a spinner with this text until the next output; nothing without a terminal."""
        if self.live_allowed:
            self.close()
            self._live = self.err.status(text)
            self._live.start()

    def close(self) -> None:
        """Stop the live display; what it showed last stays on the screen."""
        if self._live:
            self._live.stop()
            self._live = None

    def note(self, text: str, style: str = "") -> None:
        """Print a line to standard error."""
        self.err.print(_safe(text), style=style, markup=False, soft_wrap=not self.err.is_terminal)

    def result(self, text: str, style: str = "", unwrapped: bool = False) -> None:
        """Print a line to standard output.

        Args:
            text: the line.
            style: a rich style.
            unwrapped: do not wrap it between words on a terminal, so that a path or command can be copied.
        """
        soft_wrap = unwrapped or not self.out.is_terminal
        self.out.print(_safe(text), style=style, markup=False, soft_wrap=soft_wrap)

    # Events of the worker

    def _on_run(self, event: dict) -> None:
        self.close()
        self.note(start_line(event), ACCENT)

    def _on_phase(self, event: dict) -> None:
        self.close()
        self._is_training = event.get("kept", True)
        self._phase = event
        self._phase_started = time.monotonic()
        self._epochs_before: int | None = None
        self._step_line = Text("")
        self._epoch_line = Text("")
        self._sample_images = None
        if event.get("plan"):
            self.note(event["plan"], QUIET)
        if line := phase_line(event):
            self.note(line, "bold")
        if self.live_allowed:
            images, epochs = event["images"], event["epochs"]
            self._bars = self._new_progress("{task.fields[count]}")
            self._epoch_bar = self._bars.add_task("epochs", total=images * epochs, count=f"0/{epochs}")
            self._image_bar = self._bars.add_task("images", total=images, count=f"0/{images:,}")
            self._live = Live(self._live_content(), console=self.err, refresh_per_second=8)
            self._live.start()

    def _on_step(self, event: dict) -> None:
        if isinstance(self._live, Live):
            images = self._phase["images"]
            if event["images"] < self._bars.tasks[self._image_bar].completed:
                self._bars.reset(self._image_bar)  # a new epoch, with its own estimate of the time left
            self._bars.update(
                self._image_bar, completed=event["images"], count=f"{event['images']:,}/{images:,}"
            )
            self._bars.update(self._epoch_bar, completed=(event["epoch"] - 1) * images + event["images"])
            self._step_line = Text(
                f"loss {format_decimal(event['loss'])}   {event['speed']:,.0f} images/s", style=QUIET
            )
            self._live.update(self._live_content())

    def _on_epoch(self, event: dict) -> None:
        epoch, epochs = event["epoch"], self._phase["epochs"]
        if self._epochs_before is None:  # trained before the run was resumed
            self._epochs_before = epoch - 1
        line = epoch_line(event, epochs)
        if isinstance(self._live, Live):
            images = self._phase["images"]
            self._step_line = Text("")
            self._epoch_line = Text(line)
            self._bars.update(self._image_bar, completed=images, count=f"{images:,}/{images:,}")
            self._bars.update(self._epoch_bar, completed=epoch * images, count=f"{epoch}/{epochs}")
            self._live.update(self._live_content())
        else:
            seconds_per_epoch = (time.monotonic() - self._phase_started) / (epoch - self._epochs_before)
            self.note(f"{line}   {format_duration(seconds_per_epoch * (epochs - epoch))} left")

    def _on_picture(self, event: dict) -> None:
        if isinstance(self._live, Live):
            packed = [event[name] for name in ("inputs", "outputs", "targets") if name in event]
            self._sample_images = image_strips(self.err, [unpack_images(images) for images in packed])
            self._live.update(self._live_content())

    def _on_progress(self, event: dict) -> None:
        """Show how many items are done: a bar on a terminal, elsewhere a line per tenth."""
        done, of = event["done"], event["of"]
        if self.live_allowed:
            if not isinstance(self._live, Progress):
                self.close()
                self._live = self._new_progress("{task.completed:,}/{task.total:,}")
                self._live.add_task(event["what"], total=of)
                self._live.start()
            self._live.update(self._live.task_ids[0], completed=done)
        elif 10 * done // of > self._reported_tenths:
            self._reported_tenths = 10 * done // of
            self.note(f"{done:,} of {of:,} {event['what']}")

    def _on_stopping(self, event: dict) -> None:
        stops_after = (
            "this batch; the best weights are kept"
            if self._is_training
            else "what is under way; what is done is kept"
        )
        self.note(f"Stopping after {stops_after}. A second Ctrl-C leaves at once.", "bold")

    def _on_stage(self, event: dict) -> None:
        self.close()
        self._is_training = False
        self.note(f"{event['text']} …", QUIET)
        self.show_status("")

    def _on_note(self, event: dict) -> None:
        self.close()
        self.note(printable(event["text"]))

    def _on_finished(self, event: dict) -> None:
        self.close()

    def _new_progress(self, count: str) -> Progress:
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(BAR_WIDTH),
            TextColumn(count),
            TimeRemainingColumn(),
            TextColumn("left", style=QUIET),
            console=self.err,
        )

    def _live_content(self) -> Group:
        lines: list[RenderableType] = [self._bars, self._step_line, self._epoch_line]
        # A live display higher than the screen leaves remains behind when it is redrawn.
        images = self._sample_images
        if images is not None and self.err.height > images.row_count * MAX_SIDE // 2 + 6:
            lines.append(images)
        return Group(*lines)

    # Results

    def show_autoencoder_result(self, folder: Path, record: dict) -> None:
        """Show scores of an autoencoder and of its baselines, remarks, duration, files and command."""
        self.out.print(scores_table(record))
        self._show_remarks(autoencoder_remarks(record))
        self._show_run_details(folder, record)

    def show_classifier_result(self, folder: Path, record: dict) -> None:
        """Show the classification report, remarks, confusion matrix, duration, files and command."""
        self.show_classification_report(record)
        self.show_confusion_matrix(record)
        self._show_run_details(folder, record)

    def show_classification_report(self, record: dict) -> None:
        """Show scikit-learn's report per class, and remarks with the totals and the baselines."""
        metrics = record["metrics"]
        table = Table(title="Classification report", title_justify="left")
        for column in ("", "precision", "recall", "f1-score", "support"):
            table.add_column(column, justify="right" if column else "left")
        for name, row in metrics["report"].items():
            if name == "accuracy":
                count = metrics["correct"] + metrics["incorrect"]
                table.add_row(Text(name), "", "", f"{row:.4f}", f"{count:,}", style="bold")
            else:
                scores = [f"{row[key]:.4f}" for key in ("precision", "recall", "f1-score")]
                is_last_class = name == record["dataset"]["classes"][-1]
                table.add_row(Text(name), *scores, f"{row['support']:,.0f}", end_section=is_last_class)
        self.out.print(table)
        self._show_remarks(classifier_remarks(record))

    def show_confusion_matrix(self, record: dict) -> None:
        classes, matrix = record["dataset"]["classes"], record["metrics"]["confusion_matrix"]
        self.out.print(Text("Confusion matrix (rows: true class, columns: predicted)", style="italic"))
        table = Table(padding=(0, 0), pad_edge=False)
        table.add_column("")
        for name in classes:
            table.add_column(Text(f" {name[: max(4, 50 // len(classes))]}"), justify="right", no_wrap=True)
        for true_class, (name, counts) in enumerate(zip(classes, matrix, strict=True)):
            cells = []
            for predicted_class, count in enumerate(counts):
                style = GOOD if predicted_class == true_class else BAD if count else QUIET
                cells.append(Text(str(count) if count else "·", style=style))
            table.add_row(Text(name), *cells)
        self.out.print(table)

    def _show_remarks(self, remarks: list[Remark]) -> None:
        for remark in remarks:
            self.result(remark.text, REMARK_STYLES[remark.style])

    def _show_run_details(self, folder: Path, record: dict) -> None:
        if ending := describe_ending(record):
            self.result(ending, BAD)
        self.result(describe_timing(record))
        self.result(f"{folder}: {', '.join(name for name in record['files'] if not name.endswith('.json'))}")
        self.result(f"Again: {record['command']}", ACCENT, unwrapped=True)

    def show_loss_curves(self, histories: dict[str, dict], path: str) -> None:
        """Show loss and validation loss of each phase as a chart, and the path of the figure.

        Args:
            histories: values per epoch of `loss` and, where there is one, `val_loss`; by phase.
            path: the figure's file.
        """
        if self._show_graphic(path):
            return
        for phase, history in histories.items():
            if len(history["loss"]) == 1:
                losses = (
                    f"{metric_label(name)} {format_decimal(history[name][0])}"
                    for name in ("loss", "val_loss")
                    if name in history
                )
                self.result(f"{phase}: one epoch makes no curve: {', '.join(losses)}")
                continue
            self.out.print(Text(f"{phase}: loss (logarithmic) per epoch", style="bold"))
            colors = self.out.color_system is not None and not self.out.no_color
            self.out.print(Text.from_ansi(loss_chart(history, colors)))
        self.result(path, ACCENT, unwrapped=True)

    def show_image_strip(self, packed: dict, path: str, caption: str = "") -> None:
        """Show images of several columns side by side, such as inputs, outputs and targets.

        Args:
            packed: packed images of each column, equally many.
            path: the figure's file.
            caption: names the columns; by default input, output and, of three, target.
        """
        columns = [unpack_images(images) for images in packed.values()]
        target = " │ target" if len(columns) > 2 else ""
        caption = caption or f"input {ARROW} output{target}, from the test set"
        if self._show_graphic(path):
            return
        per_row = groups_per_row(self.out, columns)
        for start in range(0, len(columns[0]), per_row):
            self.out.print(image_strips(self.out, [images[start : start + per_row] for images in columns]))
        self.result(f"{caption}; {path}", ACCENT)

    def show_image_grid(self, packed: dict, per_row: int, path: str) -> None:
        """Show packed images row by row, as many rows as the terminal is high, and the figure's path."""
        if self._show_graphic(path):
            return
        images = subsample(unpack_images(packed))
        columns = max(1, min(per_row, (self.out.width + 1) // (images.shape[2] + 1)))
        rows = max(1, self.out.height // -(-images.shape[1] // 2)) if self.out.is_terminal else len(images)
        for start in range(0, min(len(images), rows * columns), columns):
            table = Table.grid(padding=(0, 1, 0, 0))
            table.add_row(*(half_blocks(self.out, image) for image in images[start : start + columns]))
            self.out.print(table)
        self.result(path, ACCENT, unwrapped=True)

    def show_latent_space(
        self, projections: dict[str, list], labels: list[int] | None, classes: list[str], path: str
    ) -> None:
        """Show latent codes as scatter plots, one per projection, and the path of the figure.

        Args:
            projections: points (n, 2), by the name of the projection.
            labels: class numbers of the n points.
            classes: names of the classes.
            path: the figure's file.
        """
        if self._show_graphic(path):
            return
        for name, points in projections.items():
            self.out.print(Text(name, style="bold"))
            colors = self.out.color_system is not None
            self.out.print(Text.from_ansi(scatter_plot(np.array(points), labels, classes, colors)))
        self.result(path, ACCENT, unwrapped=True)

    def show_captioned_images(self, packed: dict, path: str) -> None:
        """Show at most two rows of images with a caption below each, and the path of the figure.

        Args:
            packed: `images`, which are packed, and `captions`.
            path: the figure's file.
        """
        if self._show_graphic(path):
            return
        images, captions = unpack_images(packed["images"]), packed["captions"]
        width = max(subsample(images).shape[2], max(map(len, captions))) + 2
        per_row = max(1, self.out.width // width)
        for start in range(0, min(len(images), 2 * per_row), per_row):
            row = slice(start, start + per_row)
            table = Table.grid(padding=(0, 2))
            table.add_row(*(half_blocks(self.out, image) for image in subsample(images[row])))
            table.add_row(*captions[row])
            self.out.print(Padding(table, (0, 0, 1, 0)))
        self.result(path, ACCENT, unwrapped=True)

    def _show_graphic(self, path: str) -> bool:
        """Show the figure itself on a terminal that has graphics; return whether it has."""
        image = terminal_image(path) if self.out.is_terminal else None
        if image is not None:
            self.out.print(image)
            self.result(path, ACCENT, unwrapped=True)
        return image is not None

    def show_run_comparison(
        self, runs: list[tuple[Path, dict]], hyperparameters: list[str], metric: str
    ) -> None:
        """Show a table of the runs of a session.

        Args:
            runs: folder and record of each, best first.
            hyperparameters: names of those that differ between the runs.
            metric: name of the metric by which they are sorted.
        """
        table = Table(title="The runs so far, best first", title_justify="left")
        for column in ("run", *hyperparameters, metric, "images/s"):
            table.add_column(column.replace("_", " "), justify="left" if column == "run" else "right")
        for place, (folder, record) in enumerate(runs):
            values = (
                format_json_value(name, record["hyperparameters"].get(name)) for name in hyperparameters
            )
            stopped = record["status"] != FINISHED
            ending = f" (stopped in epoch {len(record['history']['loss'])})" if stopped else ""
            table.add_row(
                f"{folder}{ending}",
                *values,
                format_decimal(record["metrics"][metric]),
                f"{record['timing']['images_per_second']:,.0f}",
                style="" if place else "bold",
            )
        self.out.print(table)

    def show_metric_bars(self, points: dict[str, list[tuple[str, float]]], metric: str) -> None:
        """Show a metric against each hyperparameter as horizontal bars.

        Args:
            points: value of the hyperparameter and of the metric, for each run; by hyperparameter. One with
                more than `MAX_BARS` runs is left out.
            metric: its name, for the titles.
        """
        for name, scores in points.items():
            if len(scores) > MAX_BARS:
                continue
            title = f"{metric} against {name}".replace("_", " ")
            table = Table(title=title, title_justify="left", box=None, show_header=False)
            highest = max(score for _, score in scores) or 1
            for value, score in scores:
                bar = "█" * max(1, round(BAR_WIDTH * score / highest))
                table.add_row(value, format_decimal(score), Text(bar, style=ACCENT))
            self.out.print(table)


def _demonstrate() -> None:
    """Show a made-up run of three seconds."""
    display, rng = Display(), np.random.default_rng(0)
    disc = np.hypot(*np.mgrid[-1:1:28j, -1:1:28j]) < 0.7
    clean = np.repeat(disc[None, :, :, None] * np.uint8(255), 3, axis=0)
    phase = {"number": 1, "of": 1, "why": "", "epochs": 5, "images": 6000, "plan": "28×28×1 → 7×7×32"}
    display({"event": "run", "device": "CPU: made up, 2 cores", "folder": "models/made-up"})
    display({"event": "phase"} | phase)
    history = {"loss": [0.1 / n for n in range(1, 6)], "val_loss": [0.11 / n for n in range(1, 6)]}
    for epoch, (loss, val_loss) in enumerate(zip(*history.values(), strict=True), start=1):
        for images in range(500, 6001, 500):
            time.sleep(0.05)
            display({"event": "step", "epoch": epoch, "images": images, "loss": loss, "speed": 9000.0})
        noisy = np.clip(clean + rng.normal(0, 200 / epoch, clean.shape), 0, 255).astype(np.uint8)
        display({"event": "epoch", "epoch": epoch, "loss": loss, "val_loss": val_loss, "speed": 9000.0})
        display({"event": "picture", "inputs": pack_images(clean), "outputs": pack_images(noisy)})
    display.close()
    display.show_loss_curves({"training": history}, "models/made-up/figures/loss.png")


if __name__ == "__main__":
    _demonstrate()
