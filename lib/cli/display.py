"""Screen output: live training progress, tables, loss curves and images; plain lines without a terminal."""

import os
import time
from functools import singledispatchmethod

import numpy as np
from rich.console import Group, RenderableType
from rich.control import Control
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.segment import ControlType, Segment
from rich.status import Status
from rich.text import Text

from lib.cli.image_views import ImageViews
from lib.cli.output import ACCENT, QUIET, fit_text
from lib.cli.result_views import ResultViews
from lib.cli.terminal_graphics import image_strips, strip_layout, subsample
from lib.common.errors import printable
from lib.common.formatting import format_decimal, format_duration
from lib.common.serialization import unpack_images
from lib.runs.events import EpochEnded, Event, Note, PhaseStarted, RunStarted, Stage, Step, TrainingMeasured
from lib.runs.run_log import epoch_line, measured_line, phase_line, start_line
from lib.worker.messages import ItemProgress, JobResult, LivePictures, Stopping

BAR_WIDTH, MIN_BAR_WIDTH = 40, 4  # of a progress bar
BAR_TEXTS = 38  # columns of the texts beside it
LIVE_LINES = 5  # of bars and numbers, and the line below them


class Display(ResultViews, ImageViews):
    """Screen output of a program. Called with an event of the worker, it shows the progress of the run.

    Results go to standard output, progress and notes to standard error.

    Attributes:
        live_allowed: standard error is a terminal on which bars can be redrawn in place.
    """

    def __init__(self):
        super().__init__()
        # isatty(2): rich's FORCE_COLOR would switch live bars on in a log file too.
        self.live_allowed = self.err.is_terminal and os.isatty(2) and not self.err.is_dumb_terminal
        self._live: Live | Status | Progress | None = None
        self._reported_tenths = 0
        self._is_training = False
        self._phase: PhaseStarted
        self._shown: Group | None = None  # by the live display of a training, in a terminal of `_shown_width`
        self._shown_width = 0

    def __call__(self, event: Event) -> None:
        """Show an event of the worker; unknown ones are ignored."""
        self._show_event(event)

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

    @singledispatchmethod
    def _show_event(self, event: Event) -> None:
        pass

    @_show_event.register
    def _on_run(self, event: RunStarted) -> None:
        self.close()
        self.note(start_line(event), ACCENT)

    @_show_event.register
    def _on_phase(self, event: PhaseStarted) -> None:
        self.close()
        self._is_training = event.kept
        self._phase = event
        self._phase_started = time.monotonic()
        self._epochs_before: int | None = None
        self._step_line = Text("")
        self._epoch_line = Text("")
        self._sample_images: list[np.ndarray] = []
        if event.plan:
            self.note(event.plan, QUIET)
        if line := phase_line(event):
            self.note(line, "bold")
        if self.live_allowed:
            images, epochs = event.images, event.epochs
            self._bars = self._new_progress("{task.fields[count]}")
            self._bar_column = next(c for c in self._bars.columns if isinstance(c, BarColumn))
            count = f"0/{epochs}" if epochs else "0"
            total = images * epochs if event.minutes is None else 60 * event.minutes
            self._epoch_bar = self._bars.add_task("epochs", total=total, count=count)
            self._image_bar = self._bars.add_task("images", total=images, count=f"0/{images:,}")
            self._shown = None
            self._live = Live(get_renderable=self._live_content, console=self.err, refresh_per_second=8)
            self._live.start()

    @_show_event.register
    def _on_step(self, event: Step) -> None:
        if isinstance(self._live, Live):
            images = self._phase.images
            if event.images < self._bars.tasks[self._image_bar].completed:
                self._bars.reset(self._image_bar)  # a new epoch, with its own estimate of the time left
            self._bars.update(self._image_bar, completed=event.images, count=f"{event.images:,}/{images:,}")
            self._bars.update(
                self._epoch_bar, completed=self._completed((event.epoch - 1) * images + event.images)
            )
            self._step_line = Text(
                f"loss {format_decimal(event.loss)}   {event.speed:,.0f} images/s", style=QUIET
            )

    @_show_event.register
    def _on_measurement(self, event: TrainingMeasured) -> None:
        line = measured_line(event)
        if isinstance(self._live, Live):
            self._live.console.print(Text(line, style=QUIET))  # above the bars
        else:
            self.note(line, QUIET)

    @_show_event.register
    def _on_epoch(self, event: EpochEnded) -> None:
        epoch, epochs = event.epoch, self._phase.epochs
        if self._epochs_before is None:  # trained before the run was resumed
            self._epochs_before = epoch - 1
        line = epoch_line(event, epochs)
        if isinstance(self._live, Live):
            images = self._phase.images
            self._step_line = Text("")
            self._epoch_line = Text(line)
            self._bars.update(self._image_bar, completed=images, count=f"{images:,}/{images:,}")
            count = f"{epoch}/{epochs}" if epochs else f"{epoch}"
            self._bars.update(self._epoch_bar, completed=self._completed(epoch * images), count=count)
        else:
            self.note(f"{line}   {format_duration(self._seconds_left(epoch))} left")

    def _completed(self, images: int) -> float:
        """How much of the phase is done: images, or seconds where a time limit ends it."""
        return images if self._phase.minutes is None else time.monotonic() - self._phase_started

    def _seconds_left(self, epoch: int) -> float:
        elapsed = time.monotonic() - self._phase_started
        if self._phase.minutes is not None:
            return max(0.0, 60 * self._phase.minutes - elapsed)
        assert self._epochs_before is not None
        return elapsed / (epoch - self._epochs_before) * (self._phase.epochs - epoch)

    @_show_event.register
    def _on_pictures(self, event: LivePictures) -> None:
        if isinstance(self._live, Live):
            self._sample_images = [unpack_images(images) for images in event.pictures.values()]

    @_show_event.register
    def _on_progress(self, event: ItemProgress) -> None:
        """Show how many items are done: a bar on a terminal, elsewhere a line per tenth."""
        done, of = event.done, event.of
        if self.live_allowed:
            if not isinstance(self._live, Progress):
                self.close()
                self._live = self._new_progress("{task.completed:,}/{task.total:,}")
                self._live.add_task(event.what, total=of)
                self._live.start()
            self._live.update(self._live.task_ids[0], completed=done)
        elif 10 * done // of > self._reported_tenths:
            self._reported_tenths = 10 * done // of
            self.note(f"{done:,} of {of:,} {event.what}")

    @_show_event.register
    def _on_stopping(self, event: Stopping) -> None:
        stops_after = (
            "this batch; the best weights are kept"
            if self._is_training
            else "the current item; finished items are kept"
        )
        self.note(f"Stopping after {stops_after}. A second Ctrl-C quits at once.", "bold")

    @_show_event.register
    def _on_stage(self, event: Stage) -> None:
        self.close()
        self._is_training = False
        self._reported_tenths = 0  # what follows counts from the beginning
        self.note(f"{event.text} …", QUIET)
        self.show_status("")

    @_show_event.register
    def _on_note(self, event: Note) -> None:
        self.close()
        self.note(printable(event.text))

    @_show_event.register
    def _on_result(self, event: JobResult) -> None:
        self.close()

    def _new_progress(self, count: str) -> Progress:
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(self._bar_width),
            TextColumn(count),
            TimeRemainingColumn(),
            TextColumn("left", style=QUIET),
            console=self.err,
        )

    @property
    def _bar_width(self) -> int:
        return max(MIN_BAR_WIDTH, min(BAR_WIDTH, self.err.width - BAR_TEXTS))

    def _live_content(self) -> Group:
        self._bar_column.bar_width = self._bar_width
        lines: list[RenderableType] = [self._bars]
        texts = [fit_text(self.err, text.plain) for text in (self._step_line, self._epoch_line)]
        lines += [Text(texts[0], style=QUIET), Text(texts[1])]
        # A live display higher than the screen leaves remains behind when it is redrawn.
        free_lines = self.err.height - LIVE_LINES - "".join(texts).count("\n")
        if columns := self._sample_images:
            layout = strip_layout(self.err, columns, free_lines)
            shown = [images[: layout.per_row] for images in columns]
            if subsample(shown[0][:1], layout.max_side).shape[1] // 2 <= free_lines:
                lines.append(image_strips(self.err, shown, layout.max_side))
        self._erase_broken_lines()
        self._shown, self._shown_width = Group(*lines), self.err.width
        return self._shown

    def _erase_broken_lines(self) -> None:
        """Erase lines that a terminal has broken when it became narrower; rich does not know of them."""
        if self._shown is None or self.err.width >= self._shown_width:
            return
        lines = self.err.render_lines(
            self._shown, self.err.options.update_width(self._shown_width), pad=False
        )
        widths = [Segment.get_line_length(line) for line in lines]
        broken = sum((width - 1) // self.err.width for width in widths if width)
        steps = [(ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)] * broken
        self.err.control(Control(*steps))
