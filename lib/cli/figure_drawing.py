"""Figures of a run that the worker draws while the menu is shown."""

from pathlib import Path

from lib.cli.display import Display
from lib.common.errors import PromptCancelled, RunFailed, UserError
from lib.common.terminal_state import muted_keyboard
from lib.runs.events import Event
from lib.runs.views import FigureViews
from lib.worker.messages import FiguresDrawn, Stopping, TrainingFinished
from lib.worker.process import Worker


class FigureDrawing:
    """The figures of a run whose result is known, until all are drawn.

    Args:
        folder: the run folder.
        record: content of `run.json`; is updated when all figures are drawn.
        views: what the menu shows of each figure; those that are drawn are added.
        worker: draws the figures, and is closed afterwards.
        display: shows what is waited for.
    """

    def __init__(self, folder: Path, record: dict, views: FigureViews, worker: Worker, display: Display):
        self._folder, self._record, self._views = folder, record, views
        self._worker, self._display = worker, display
        self._is_done = False
        self._failure: RunFailed | None = None  # why some figures are missing when it is done

    def wait(self, name: str = "", advice: str = "Ctrl-C returns to the menu") -> None:
        """Wait until a figure is drawn, or all of them are.

        Args:
            name: of the figure; "" for all of them.
            advice: what Ctrl-C does.

        Raises:
            PromptCancelled: Ctrl-C; the worker goes on.
            RunFailed: a figure could not be drawn, or was skipped.
        """
        if name and self._failure and name not in self._views:
            raise self._failure
        if self._is_done or name in self._views:
            return
        self._display.show_status(f"drawing the figures of {self._folder}; {advice} …")
        try:
            with muted_keyboard():
                while not self._is_done and name not in self._views:
                    self._worker.follow(self._take, until=FiguresDrawn)
        except (UserError, RunFailed) as error:
            self.close()
            self._failure = RunFailed(
                f"{self._folder}: not all figures could be drawn ({error}); its models are saved"
            )
            raise self._failure from None
        except KeyboardInterrupt:  # between two events
            raise PromptCancelled from None
        finally:
            self._display.close()

    def finish(self) -> None:
        """Wait for all figures, unless Ctrl-C skips those that are left."""
        try:
            self.wait(advice="Ctrl-C skips them")
        except RunFailed as error:
            self._display.note(str(error), "bold red")
        except KeyboardInterrupt:
            self._failure = RunFailed(
                f"{self._folder}: the remaining figures were skipped; its models are saved"
            )
            self._display.note("The remaining figures are skipped.")
        finally:
            self.close()

    def close(self) -> None:
        """End the worker."""
        self._is_done = True
        self._worker.close()

    def _take(self, event: Event) -> None:
        if isinstance(event, Stopping):
            raise PromptCancelled
        if isinstance(event, FiguresDrawn):
            self._views |= event.views
        if isinstance(event, TrainingFinished):
            self._record |= event.record
            self.close()
