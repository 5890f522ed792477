"""What the person sees: live training, tables, curves, pictures in half-blocks; plain lines without a
terminal.

`python -m lib.display` plays a made-up run.
"""

import os
import time

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
from lib.common.formatting import format_decimal, format_duration, format_psnr
from lib.common.serialization import pack_images, unpack_images
from lib.config.fields import format_json_value
from lib.runs.summary import (
    autoencoder_remarks,
    classifier_remarks,
    describe_ending,
    score_columns,
    score_rows,
)


def scores_table(record: dict) -> Table:
    """MSE and PSNR of an autoencoder beside the baselines."""
    table = Table(title=f"Test set, {record['dataset']['sizes']['test']:,} images", title_justify="left")
    table.add_column("method", no_wrap=True)
    for column in score_columns(record):
        table.add_column(column, justify="right")
    for place, (text, (mse, *psnr)) in enumerate(score_rows(record).items()):
        table.add_row(text, format_decimal(mse), *map(format_psnr, psnr), style="" if place else "bold")
    return table


# The look, in one place.
ACCENT, GOOD, BAD, QUIET = "cyan", "green", "red", "dim"
MAX_BARS = 30  # of one quantity, under each other


class Display:
    """Follows a run's events. Results go to standard output, everything on the way to standard error."""

    def __init__(self):
        self.out = Console(highlight=False)
        self.err = Console(stderr=True, highlight=False)
        # rich's FORCE_COLOR would also switch live bars on, into somebody's log.
        self.live_allowed = self.err.is_terminal and os.isatty(2) and not self.err.is_dumb_terminal
        self._live: Live | Status | Progress | None = None
        self._tenths, self._training = 0, False
        self._running, self._numbers, self._phase = Text(), Text(), {}
        self._picture: Table | None = None

    def __call__(self, event: dict) -> None:
        getattr(self, f"_on_{event['event']}", lambda event: None)(event)

    def wait(self, text: str) -> None:
        """Say what is being waited for, until something comes."""
        if self.live_allowed:
            self.close()
            self._live = self.err.status(text)
            self._live.start()

    def close(self) -> None:
        """Take the live display down; what it showed last stays."""
        if self._live:
            self._live.stop()
            self._live = None

    def note(self, text: str, style: str = "") -> None:
        self.err.print(text, style=style, markup=False, soft_wrap=not self.err.is_terminal)

    def result(self, text: str, style: str = "", whole: bool = False) -> None:
        """A line of results, wrapped between words on a terminal; `whole` ones (paths, commands) can be
        copied as one.
        """
        self.out.print(text, style=style, markup=False, soft_wrap=whole or not self.out.is_terminal)

    # Events of the worker

    def _on_run(self, event: dict) -> None:
        self.close()
        self.note(f"{event['device']}  {ARROW}  {event['folder']}", ACCENT)

    def _on_phase(self, event: dict) -> None:
        self.close()
        self._training = event.get("kept", True)
        self._phase, self._started, self._before = event, time.monotonic(), None
        self._running, self._numbers, self._picture = Text(""), Text(""), None
        if event.get("plan"):
            self.note(event["plan"], QUIET)
        if event["of"] > 1:
            self.note(f"Phase {event['number']} of {event['of']}: {event['why']}.", "bold")
        if self.live_allowed:
            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(40),
                TextColumn("{task.fields[count]}"),
                TimeRemainingColumn(),
                TextColumn("left", style=QUIET),
                console=self.err,
            )
            images, epochs = event["images"], event["epochs"]
            self._epochs = self._bars.add_task("epochs", total=images * epochs, count=f"0/{epochs}")
            self._steps = self._bars.add_task("images", total=images, count=f"0/{images:,}")
            self._live = Live(self._drawing(), console=self.err, refresh_per_second=8)
            self._live.start()

    def _on_step(self, event: dict) -> None:
        if isinstance(self._live, Live):
            images = self._phase["images"]
            if event["images"] < self._bars.tasks[self._steps].completed:
                self._bars.reset(self._steps)  # a new epoch, and a new reckoning of the time left
            self._bars.update(self._steps, completed=event["images"], count=f"{event['images']:,}/{images:,}")
            self._bars.update(self._epochs, completed=(event["epoch"] - 1) * images + event["images"])
            self._running = Text(
                f"loss {format_decimal(event['loss'])}   {event['speed']:,.0f} images/s", style=QUIET
            )
            self._live.update(self._drawing())

    def _on_epoch(self, event: dict) -> None:
        epoch, epochs = event["epoch"], self._phase["epochs"]
        if self._before is None:  # epochs that an earlier process has trained
            self._before = epoch - 1
        names = [name for name in event if name.endswith(("loss", "accuracy"))]
        names.sort(key=lambda name: name.removeprefix("val_") != "loss")  # the whole before its parts
        numbers = "   ".join(f"{_spoken_quantity(name)} {format_decimal(event[name])}" for name in names)
        line = f"epoch {epoch:>{len(str(epochs))}}/{epochs}   {numbers}   {event['speed']:,.0f} images/s"
        if isinstance(self._live, Live):
            images = self._phase["images"]
            self._running, self._numbers = Text(""), Text(line)
            self._bars.update(self._steps, completed=images, count=f"{images:,}/{images:,}")
            self._bars.update(
                self._epochs, completed=epoch * self._phase["images"], count=f"{epoch}/{epochs}"
            )
            self._live.update(self._drawing())
        else:
            left = (time.monotonic() - self._started) / (epoch - self._before) * (epochs - epoch)
            self.note(f"{line}   {format_duration(left)} left")

    def _on_picture(self, event: dict) -> None:
        if isinstance(self._live, Live):
            self._picture = image_strips(self.err, _columns(event))
            self._live.update(self._drawing())

    def _on_progress(self, event: dict) -> None:
        """How many of how many: a bar on a terminal, elsewhere a line whenever a tenth more is done."""
        done, of = event["done"], event["of"]
        if self.live_allowed:
            if not isinstance(self._live, Progress):
                self.close()
                self._live = Progress(
                    TextColumn("{task.description}"),
                    BarColumn(40),
                    TextColumn("{task.completed:,}/{task.total:,}"),
                    TimeRemainingColumn(),
                    TextColumn("left", style=QUIET),
                    console=self.err,
                )
                self._live.add_task(event["what"], total=of)
                self._live.start()
            self._live.update(self._live.task_ids[0], completed=done)
        elif 10 * done // of > self._tenths:
            self._tenths = 10 * done // of
            self.note(f"{done:,} of {of:,} {event['what']}")

    def _on_stopping(self, event: dict) -> None:
        now = (
            "this batch; the best weights are kept"
            if self._training
            else "what is under way; what is done is kept"
        )
        self.note(f"Stopping after {now}. A second Ctrl-C leaves at once.", "bold")

    def _on_stage(self, event: dict) -> None:
        self.close()
        self._training = False
        self.note(f"{event['text']} …", QUIET)
        self.wait("")

    def _on_finished(self, event: dict) -> None:
        self.close()

    def _drawing(self) -> Group:
        lines: list[RenderableType] = [self._bars, self._running, self._numbers]
        # What is higher than the screen leaves pieces of itself behind when it is drawn anew.
        if self._picture is not None and self.err.height > self._picture.row_count * MAX_SIDE // 2 + 6:
            lines.append(self._picture)
        return Group(*lines)

    # Results

    def autoencoder_result(self, folder: str, record: dict) -> None:
        """Scores of an autoencoder beside the baselines of the same test set, and where everything lies."""
        self.out.print(scores_table(record))
        for text, style in autoencoder_remarks(record):
            self.result(text, {"bad": BAD, "quiet": QUIET}.get(style, style))
        self._where(folder, record)

    def classifier_result(self, folder: str, record: dict) -> None:
        """scikit-learn's report per class, the totals, the baselines and the confusion matrix."""
        self.report(record)
        self.confusion(record)
        self._where(folder, record)

    def report(self, record: dict) -> None:
        metrics = record["metrics"]
        table = Table(title="Classification report", title_justify="left")
        for column in ("", "precision", "recall", "f1-score", "support"):
            table.add_column(column, justify="right" if column else "left")
        for name, row in metrics["report"].items():
            if name == "accuracy":
                table.add_row(
                    Text(name),
                    "",
                    "",
                    f"{row:.4f}",
                    f"{metrics['correct'] + metrics['incorrect']:,}",
                    style="bold",
                )
            else:
                cells = [f"{row[key]:.4f}" for key in ("precision", "recall", "f1-score")]
                table.add_row(
                    Text(name),
                    *cells,
                    f"{row['support']:,.0f}",
                    end_section=name == record["dataset"]["classes"][-1],
                )
        self.out.print(table)
        for text, style in classifier_remarks(record):
            self.result(text, {"bad": BAD, "quiet": QUIET}.get(style, style))

    def confusion(self, record: dict) -> None:
        classes, matrix = record["dataset"]["classes"], record["metrics"]["confusion_matrix"]
        self.out.print(Text("Confusion matrix (rows: true class, columns: predicted)", style="italic"))
        table = Table(padding=(0, 0), pad_edge=False)
        table.add_column("")
        for name in classes:
            table.add_column(Text(f" {name[: max(4, 50 // len(classes))]}"), justify="right", no_wrap=True)
        for place, (name, row) in enumerate(zip(classes, matrix, strict=True)):
            styles = (
                GOOD if place == column else BAD if count else QUIET for column, count in enumerate(row)
            )
            table.add_row(
                Text(name),
                *(Text(str(n) if n else "·", style=style) for n, style in zip(row, styles, strict=True)),
            )
        self.out.print(table)

    def _where(self, folder: str, record: dict) -> None:
        if said := describe_ending(record):
            self.result(said, BAD)
        timing = record["timing"]
        self.result(
            f"{format_duration(timing['seconds'])} in all, {timing['images_per_second']:,.0f} images/s in "
            f"training"
        )
        self.result(f"{folder}: {', '.join(name for name in record['files'] if not name.endswith('.json'))}")
        self.result(f"Again: {record['command']}", ACCENT, whole=True)

    def curves(self, histories: dict[str, dict], path: str) -> None:
        """Loss and validation loss of each phase as a chart in the terminal, and where the picture lies."""
        if self._graphic(path):
            return
        for name, history in histories.items():
            if len(history["loss"]) == 1:
                numbers = (
                    f"{_spoken_quantity(key)} {format_decimal(history[key][0])}"
                    for key in ("loss", "val_loss")
                    if key in history
                )
                self.result(f"{name}: one epoch makes no curve: {', '.join(numbers)}")
                continue
            self.out.print(Text(f"{name}: loss (logarithmic) per epoch", style="bold"))
            colors = self.out.color_system is not None and not self.out.no_color
            self.out.print(Text.from_ansi(loss_chart(history, colors)))
        self.result(path, ACCENT, whole=True)

    def strip(self, packed: dict, path: str, words: str = "") -> None:
        """Images in columns, such as inputs, outputs and targets (`words` says what they are), and where the
        picture lies.
        """
        columns = [unpack_images(images) for images in packed.values()]
        words = words or f"input {ARROW} output{' │ target' if len(columns) > 2 else ''}, from the test set"
        if self._graphic(path):
            return
        count = groups_per_row(self.out, columns)
        for start in range(0, len(columns[0]), count):
            self.out.print(image_strips(self.out, [images[start : start + count] for images in columns]))
        self.result(f"{words}; {path}", ACCENT)

    def sheet(self, packed: dict, per_row: int, path: str) -> None:
        """Many images close together, row by row, and where the picture lies."""
        if self._graphic(path):
            return
        images = subsample(unpack_images(packed))
        count = max(1, min(per_row, (self.out.width + 1) // (images.shape[2] + 1)))
        rows = max(1, self.out.height // -(-images.shape[1] // 2)) if self.out.is_terminal else len(images)
        for start in range(0, min(len(images), rows * count), count):
            table = Table.grid(padding=(0, 1, 0, 0))
            table.add_row(*(half_blocks(self.out, image) for image in images[start : start + count]))
            self.out.print(table)
        self.result(path, ACCENT, whole=True)

    def latent(self, views: dict[str, list], labels: list[int] | None, classes: list[str], path: str) -> None:
        """Codes as points in the plane, each with the first sign of its class, and where the picture lies."""
        if self._graphic(path):
            return
        for name, points in views.items():
            self.out.print(Text(name, style="bold"))
            self.out.print(
                Text.from_ansi(
                    scatter_plot(np.array(points), labels, classes, self.out.color_system is not None)
                )
            )
        self.result(path, ACCENT, whole=True)

    def _graphic(self, path: str) -> bool:
        """Show the picture itself where the terminal can; whether it could."""
        picture = terminal_image(path) if self.out.is_terminal else None
        if picture is not None:
            self.out.print(picture)
            self.result(path, ACCENT, whole=True)
        return picture is not None

    def gallery(self, packed: dict, path: str) -> None:
        """Images with their captions."""
        if self._graphic(path):
            return
        images, captions = unpack_images(packed["images"]), packed["captions"]
        width = max(subsample(images).shape[2], max(map(len, captions))) + 2
        per_row = max(1, self.out.width // width)
        for start in range(0, min(len(images), 2 * per_row), per_row):
            table = Table.grid(padding=(0, 2))
            row = range(start, min(start + per_row, len(images)))
            table.add_row(
                *(half_blocks(self.out, image) for image in subsample(images[row.start : row.stop]))
            )
            table.add_row(*(captions[place] for place in row))
            self.out.print(Padding(table, (0, 0, 1, 0)))
        self.result(path, ACCENT, whole=True)

    def comparison(self, rows: list[tuple[str, dict]], differing: list[str], metric: str) -> None:
        """The runs so far, best first: what differed between them, and how well each did."""
        table = Table(title="The runs so far, best first", title_justify="left")
        for column in ("run", *differing, metric, "images/s"):
            table.add_column(column.replace("_", " "), justify="left" if column == "run" else "right")
        for place, (folder, record) in enumerate(rows):
            values = (format_json_value(name, record["hyperparameters"].get(name)) for name in differing)
            stopped = record["status"] != "finished"
            table.add_row(
                f"{folder} (stopped in epoch {len(record['history']['loss'])})" if stopped else folder,
                *values,
                format_decimal(record["metrics"][metric]),
                f"{record['timing']['images_per_second']:,.0f}",
                style="bold" if place == 0 else "",
            )
        self.out.print(table)

    def against(self, points: dict[str, list[tuple[str, float]]], metric: str) -> None:
        """The metric against each hyperparameter, a bar a run."""
        for name, scored in points.items():
            if len(scored) > MAX_BARS:
                continue  # the figure has them
            table = Table(
                title=f"{metric} against {name}".replace("_", " "),
                title_justify="left",
                box=None,
                show_header=False,
            )
            highest = max(score for _, score in scored) or 1
            for value, score in scored:
                table.add_row(
                    value,
                    format_decimal(score),
                    Text("█" * max(1, round(40 * score / highest)), style=ACCENT),
                )
            self.out.print(table)


def _spoken_quantity(name: str) -> str:
    """A quantity of the history as people say it."""
    return name.replace("val_", "validation ").replace("_loss", "").replace("_", " ")


def _columns(packed: dict) -> list[np.ndarray]:
    return [unpack_images(packed[name]) for name in ("inputs", "outputs", "targets") if name in packed]


def _demonstrate() -> None:
    display, random = Display(), np.random.default_rng(0)
    clean = (np.hypot(*np.mgrid[-1:1:28j, -1:1:28j]) < 0.7)[None, :, :, None] * np.uint8(255)
    clean = np.repeat(clean, 3, axis=0)
    display({"event": "run", "device": "CPU: made up, 2 cores", "folder": "models/made-up"})
    display(
        {
            "event": "phase",
            "number": 1,
            "of": 1,
            "why": "",
            "epochs": 5,
            "images": 6000,
            "plan": "28×28×1 → 7×7×32",
        }
    )
    for epoch in range(1, 6):
        for images in range(500, 6001, 500):
            time.sleep(0.05)
            display({"event": "step", "epoch": epoch, "images": images, "loss": 0.1 / epoch, "speed": 9000})
        noisy = np.clip(clean + random.normal(0, 200 / epoch, clean.shape), 0, 255).astype(np.uint8)
        losses = {"loss": 0.1 / epoch, "val_loss": 0.11 / epoch}
        display({"event": "epoch", "epoch": epoch, "speed": 9000.0, "seconds": 1.0} | losses)
        display({"event": "picture", "inputs": pack_images(clean), "outputs": pack_images(noisy)})
    display.close()
    display.curves(
        {"training": {"loss": [0.1 / n for n in range(1, 6)], "val_loss": [0.11 / n for n in range(1, 6)]}},
        "models/made-up/figures/loss.png",
    )


if __name__ == "__main__":
    _demonstrate()
