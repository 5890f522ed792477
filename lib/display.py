"""What the person sees: live training, tables, curves, pictures in half-blocks; plain lines without a terminal.

`python -m lib.display` plays a made-up run.
"""

import os
import time

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.status import Status
from rich.table import Table
from rich.text import Text

# The look, in one place.
ACCENT, GOOD, BAD, QUIET = "cyan", "green", "red", "dim"
RAMP = " ░▒▓█"  # for pictures where there are no colours
HALF = "▀"  # the upper pixel in the foreground colour, the lower one in the background's
ARROW = "→"
LARGEST_PICTURE = 32  # pixels a side in the terminal; larger images are thinned
HALF_BLOCK_COLOURS = ("truecolor", "256")
CHART = (64, 14)  # columns and rows of a curve


class Display:
    """Follows a run's events. Results go to standard output, everything on the way to standard error."""

    def __init__(self):
        self.out = Console(highlight=False)
        self.err = Console(stderr=True, highlight=False)
        # rich's FORCE_COLOR would also switch live bars on, into somebody's log.
        self.live_allowed = self.err.is_terminal and os.isatty(2) and not self.err.is_dumb_terminal
        self._live: Live | Status | None = None
        self._numbers, self._picture, self._phase = Text(), Text(), {}

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
        self.err.print(text, style=style, markup=False, soft_wrap=True)

    def result(self, text: str, style: str = "") -> None:
        self.out.print(text, style=style, markup=False, soft_wrap=True)

    # Events of the worker

    def _on_run(self, event: dict) -> None:
        self.close()
        self.note(f"{event['device']}  {ARROW}  {event['folder']}", ACCENT)

    def _on_phase(self, event: dict) -> None:
        self.close()
        self._phase, self._started = event, time.monotonic()
        self._numbers, self._picture = Text(""), Text("")
        if event.get("plan"):
            self.note(event["plan"], QUIET)
        if event["of"] > 1:
            self.note(f"Phase {event['number']} of {event['of']}: {event['why']}.", "bold")
        if self.live_allowed:
            self._bars = Progress(
                TextColumn("{task.description}"), BarColumn(40), TextColumn("{task.fields[count]}"), TimeRemainingColumn(),
                TextColumn("left", style=QUIET), console=self.err,
            )  # fmt: skip
            images, epochs = event["images"], event["epochs"]
            self._epochs = self._bars.add_task("epochs", total=images * epochs, count=f"0/{epochs}")
            self._steps = self._bars.add_task("images", total=images, count=f"0/{images:,}")
            self._live = Live(self._drawing(), console=self.err, refresh_per_second=8)
            self._live.start()

    def _on_step(self, event: dict) -> None:
        if self._live:
            images = self._phase["images"]
            self._bars.update(self._steps, completed=event["images"], count=f"{event['images']:,}/{images:,}")
            self._bars.update(self._epochs, completed=(event["epoch"] - 1) * images + event["images"])
            self._running = f"loss {event['loss']:.5f}   {event['speed']:,.0f} images/s"
            self._live.update(self._drawing())

    def _on_epoch(self, event: dict) -> None:
        epoch, epochs = event["epoch"], self._phase["epochs"]
        names = [name for name in event if name.endswith(("loss", "accuracy"))]
        numbers = "   ".join(f"{name.replace('val_', 'validation ')} {event[name]:.5f}" for name in names)
        line = f"epoch {epoch:>{len(str(epochs))}}/{epochs}   {numbers}   {event['speed']:,.0f} images/s"
        if self._live:
            self._numbers = Text(line)
            self._bars.update(self._epochs, completed=epoch * self._phase["images"], count=f"{epoch}/{epochs}")
            self._live.update(self._drawing())
        else:
            left = (time.monotonic() - self._started) / epoch * (epochs - epoch)
            self.note(f"{line}   {clock(left)} left")

    def _on_picture(self, event: dict) -> None:
        if self._live:
            self._picture = pictures(self.err, *_pairs(event))
            self._live.update(self._drawing())

    def _on_stopping(self, event: dict) -> None:
        self.note("Stopping after this batch; the best weights are kept. Ctrl-C again leaves at once.", "bold")

    def _on_stage(self, event: dict) -> None:
        self.close()
        self.note(f"{event['text']} …", QUIET)

    def _on_finished(self, event: dict) -> None:
        self.close()

    def _drawing(self) -> Group:
        running = Text(getattr(self, "_running", ""), style=QUIET)
        return Group(self._bars, running, self._numbers, self._picture)

    # Results

    def autoencoder_result(self, folder: str, record: dict) -> None:
        """Scores of an autoencoder beside the baselines of the same test set, and where everything lies."""
        metrics, baselines = record["metrics"], record["baselines"]
        table = Table(title=f"Test set, {record['dataset']['sizes']['test']:,} images", title_justify="left")
        for column in ("method", "MSE", "PSNR (dB)"):
            table.add_column(column, justify="left" if column == "method" else "right")
        table.add_row("this autoencoder", f"{metrics['test_mse']:.5f}", _decibel(metrics["test_mse"]), style="bold")
        table.add_row("constant mean image", f"{baselines['constant_mse']:.5f}", _decibel(baselines["constant_mse"]))
        table.add_row(f"PCA, {baselines['pca_components']:,} components", f"{baselines['pca_mse']:.5f}", _decibel(baselines["pca_mse"]))
        self.out.print(table)
        pixels = int(np.prod(record["dataset"]["shape"]))
        self.result(f"test loss {metrics['test_loss']:.6f}   PSNR {_decibel(metrics['test_mse'])} dB   latent size {metrics['latent_size']:,}   {metrics['parameters']:,} parameters")
        if metrics["latent_size"] >= pixels:
            self.result(f"The code holds {metrics['latent_size']:,} numbers, the image {pixels:,}: a copy would be perfect. Fewer kernels make a smaller code.", QUIET)
        self._where(folder, record)

    def classifier_result(self, folder: str, record: dict) -> None:
        """scikit-learn's report per class, the totals, the baselines and the confusion matrix."""
        self.report(record)
        self.confusion(record)
        self._where(folder, record)

    def report(self, record: dict) -> None:
        metrics, baselines = record["metrics"], record["baselines"]
        table = Table(title="Classification report", title_justify="left")
        for column in ("", "precision", "recall", "f1-score", "support"):
            table.add_column(column, justify="right" if column else "left")
        for name, row in metrics["report"].items():
            if name == "accuracy":
                table.add_row(name, "", "", f"{row:.4f}", f"{metrics['correct'] + metrics['incorrect']:,}", style="bold")
            else:
                cells = [f"{row[key]:.4f}" for key in ("precision", "recall", "f1-score")]
                table.add_row(name, *cells, f"{row['support']:,.0f}", end_section=name == record["dataset"]["classes"][-1])
        self.out.print(table)
        self.result(f"Test loss: {metrics['test_loss']:.4f}   Test accuracy: {metrics['test_accuracy']:.4f}")
        self.result(f"Correct labels found: {metrics['correct']:,}   Incorrect labels found: {metrics['incorrect']:,}")
        named = {
            "most_frequent_accuracy": "always the most frequent class",
            "logistic_regression_accuracy": "logistic regression on pixels",
            "nearest_neighbours_accuracy": "3 nearest neighbours",
        }
        beside = "   ".join(f"{text} {baselines[key]:.4f}" for key, text in named.items() if key in baselines)
        self.result(f"Beside it, learned from {baselines['images_learned_from']:,} images: {beside}", QUIET)

    def confusion(self, record: dict) -> None:
        classes, matrix = record["dataset"]["classes"], record["metrics"]["confusion_matrix"]
        table = Table(title="Confusion matrix (rows: true class, columns: predicted)", title_justify="left", padding=(0, 0), pad_edge=False)
        table.add_column("")
        short = [name[: max(4, 60 // len(classes))] for name in classes]
        for name in short:
            table.add_column(f" {name}", justify="right", no_wrap=True)
        for place, (name, row) in enumerate(zip(classes, matrix, strict=True)):
            cells = [Text(str(n) if n else "·", style=GOOD if place == column else BAD if n else QUIET) for column, n in enumerate(row)]
            table.add_row(name, *cells)
        self.out.print(table)

    def _where(self, folder: str, record: dict) -> None:
        if record["status"] == "interrupted":
            self.result("Interrupted: these are the best weights up to there.", BAD)
        timing = record["timing"]
        self.result(f"{clock(timing['seconds'])} in all, {timing['images_per_second']:,.0f} images/s in training")
        self.result(f"{folder}: {', '.join(name for name in record['files'] if not name.endswith('.json'))}")
        self.result(f"Again: {record['command']}", ACCENT)

    def curves(self, histories: dict[str, dict], path: str) -> None:
        """Loss and validation loss of each phase as a chart in the terminal, and where the picture lies."""
        for name, history in histories.items():
            self.out.print(Text(f"{name}: loss (logarithmic) per epoch", style="bold"))
            self.out.print(Text.from_ansi(loss_chart(history, colours=self.out.color_system is not None and not self.out.no_color)))
        self.result(path, ACCENT)

    def strip(self, packed: dict, path: str) -> None:
        """Inputs and outputs of the network, as many as fit, and where the picture lies."""
        inputs, outputs = _pairs(packed)
        per_row = _per_row(self.out, inputs, pair=True)
        for start in range(0, len(inputs), per_row):
            self.out.print(pictures(self.out, inputs[start : start + per_row], outputs[start : start + per_row]))
        self.result(f"input {ARROW} output, from the test set; {path}", ACCENT)

    def gallery(self, packed: dict, path: str) -> None:
        """Images with their captions."""
        from lib.process import unpack

        images, captions = unpack(packed["images"]), packed["captions"]
        width = max(_thinned(images).shape[2], max(map(len, captions))) + 2
        per_row = max(1, self.out.width // width)
        for start in range(0, min(len(images), 2 * per_row), per_row):
            table = Table.grid(padding=(0, 2))
            row = range(start, min(start + per_row, len(images)))
            table.add_row(*(half_blocks(self.out, image) for image in _thinned(images[row.start : row.stop])))
            table.add_row(*(captions[place] for place in row))
            self.out.print(Padding(table, (0, 0, 1, 0)))
        self.result(path, ACCENT)

    def comparison(self, rows: list[tuple[str, dict]], differing: list[str], metric: str) -> None:
        """The runs so far, best first: what differed between them, and how well each did."""
        from lib.hyperparameters import show

        table = Table(title="The runs so far, best first", title_justify="left")
        for column in ("run", *differing, metric, "images/s"):
            table.add_column(column.replace("_", " "), justify="left" if column == "run" else "right")
        for place, (folder, record) in enumerate(rows):
            values = (show(name, record["hyperparameters"][name]) for name in differing)
            table.add_row(folder, *values, f"{record['metrics'][metric]:.5f}", f"{record['timing']['images_per_second']:,.0f}", style="bold" if place == 0 else "")
        self.out.print(table)


    def against(self, points: dict[str, list[tuple[str, float]]], metric: str) -> None:
        """The metric against each hyperparameter, a bar a run."""
        for name, pairs in points.items():
            table = Table(title=f"{metric} against {name}".replace("_", " "), title_justify="left", box=None, show_header=False)
            highest = max(score for _, score in pairs) or 1
            for value, score in pairs:
                table.add_row(value, f"{score:.5f}", Text("█" * max(1, round(40 * score / highest)), style=ACCENT))
            self.out.print(table)


def loss_chart(history: dict[str, list[float]], colours: bool) -> str:
    """Loss and validation loss per epoch on a logarithmic axis, in braille dots."""
    import plotille

    figure = plotille.Figure()
    figure.width, figure.height = CHART
    figure.with_colors, figure.color_mode = colours, "names"
    figure.x_label, figure.y_label = "epoch", "loss"
    epochs = len(history["loss"])
    figure.set_x_limits(1, max(2, epochs))
    figure.x_ticks_fkt = lambda low, high: f"{low:.0f}" if epochs >= 10 else f"{low:.1f}"
    figure.y_ticks_fkt = lambda low, high: f"{10**low:.2g}"
    for name, label, colour in (("loss", "training", "cyan"), ("val_loss", "validation", "yellow")):
        values = [np.log10(max(value, 1e-12)) for value in history[name]]
        plot = figure.scatter if epochs == 1 else figure.plot
        look = {"lc": colour} if colours else {"marker": label[0]}
        plot(list(range(1, epochs + 1)), values, label=label, **look)
    return figure.show(legend=True)


def pictures(console: Console, inputs: np.ndarray, outputs: np.ndarray) -> Table:
    """input → output pairs side by side, as many as the console is wide. uint8, shape (n, height, width, channels)."""
    grid = Table.grid(padding=(0, 1))
    count = _per_row(console, inputs, pair=True)
    cells = []
    for before, after in zip(_thinned(inputs[:count]), _thinned(outputs[:count]), strict=True):
        arrow = Text("\n" * (before.shape[0] // 4) + ARROW, style=QUIET)
        cells += [half_blocks(console, before), arrow, half_blocks(console, after), Text("  ")]
    grid.add_row(*cells)
    return grid


def half_blocks(console: Console, image: np.ndarray) -> Text:
    """An image as text, two pixels a character; shades of grey characters where the console has no colours."""
    height = image.shape[0] // 2 * 2
    coloured = console.color_system in HALF_BLOCK_COLOURS and not console.no_color
    text = Text(no_wrap=True)
    for row in range(0, height, 2):
        for upper, lower in zip(image[row], image[row + 1], strict=True):
            if coloured:
                text.append(HALF, f"{_hex(upper)} on {_hex(lower)}")
            else:
                shade = (int(np.mean(upper)) + int(np.mean(lower))) // 2
                text.append(RAMP[shade * len(RAMP) // 256])
        if row + 2 < height:
            text.append("\n")
    return text


def clock(seconds: float) -> str:
    """Seconds as people say them: 0:07, 12:34, 1:02:03."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _per_row(console: Console, images: np.ndarray, pair: bool) -> int:
    width = _thinned(images[:1]).shape[2]
    return max(1, console.width // (2 * width + 8 if pair else width + 2))


def _thinned(images: np.ndarray) -> np.ndarray:
    step = -(-max(images.shape[1:3]) // LARGEST_PICTURE)
    return images[:, ::step, ::step]


def _pairs(packed: dict) -> tuple[np.ndarray, np.ndarray]:
    from lib.process import unpack

    return unpack(packed["inputs"]), unpack(packed["outputs"])


def _hex(pixel: np.ndarray) -> str:
    red, green, blue = pixel if len(pixel) == 3 else (pixel[0],) * 3
    return f"#{red:02x}{green:02x}{blue:02x}"


def _decibel(mse: float) -> str:
    return f"{-10 * np.log10(mse):.2f}" if mse > 0 else "∞"


def _demonstrate() -> None:
    from lib.process import pack

    display, random = Display(), np.random.default_rng(0)
    clean = (np.hypot(*np.mgrid[-1:1:28j, -1:1:28j]) < 0.7)[None, :, :, None] * np.uint8(255)
    clean = np.repeat(clean, 3, axis=0)
    display({"event": "run", "device": "CPU: made up, 2 cores", "folder": "models/made-up"})
    display({"event": "phase", "number": 1, "of": 1, "why": "", "epochs": 5, "images": 6000, "plan": "28×28×1 → 7×7×32"})
    for epoch in range(1, 6):
        for images in range(500, 6001, 500):
            time.sleep(0.05)
            display({"event": "step", "epoch": epoch, "images": images, "loss": 0.1 / epoch, "speed": 9000})
        noisy = np.clip(clean + random.normal(0, 200 / epoch, clean.shape), 0, 255).astype(np.uint8)
        display({"event": "epoch", "epoch": epoch, "loss": 0.1 / epoch, "val_loss": 0.11 / epoch, "speed": 9000.0, "seconds": 1.0})
        display({"event": "picture", "inputs": pack(clean), "outputs": pack(noisy)})
    display.close()
    display.curves({"training": {"loss": [0.1 / n for n in range(1, 6)], "val_loss": [0.11 / n for n in range(1, 6)]}}, "models/made-up/figures/loss.png")


if __name__ == "__main__":
    _demonstrate()
