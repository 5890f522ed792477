"""Training of many runs one after another, for searches and reproductions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lib.common.errors import RunFailed
from lib.config.hyperparameters import Hyperparameters
from lib.runs import records, run_folder
from lib.runs.events import Event, PhaseStarted, Stage
from lib.runs.resume import has_checkpoint, locate_run
from lib.worker.messages import Open, Stop, Stopping, Train, TrainingFinished
from lib.worker.process import Worker


class StoppedByUser(Exception):
    """A run that Ctrl-C has stopped during its training."""


class RunSequence:
    """Runs that train one after another, each in its own process; use it as a context manager.

    The process of the next run starts while one trains, so that no run waits for the import of Keras.
    """

    def __init__(self):
        self._next_worker = Worker()

    def __enter__(self) -> RunSequence:
        return self

    def __exit__(self, *_) -> None:
        self._next_worker.close()

    def train(
        self,
        hp: Hyperparameters,
        folder: Path,
        on_event: Callable[[Event], str | None],
        trial: bool = False,
        start_next: bool = True,
    ) -> tuple[Path, dict]:
        """Train a run, or continue it where it was interrupted; a finished run is not trained again.

        Args:
            hp: all settings of the run.
            folder: the run folder; where it holds a run with other settings, the first suitable one of
                FOLDER-2, FOLDER-3, …
            on_event: called with each event of the worker. A text that it returns ends the training after the
                current batch, and becomes the `error` of the record.
            trial: score the run on validation images and never use the test set.
            start_next: start the process of the next run during this training.

        Returns:
            The run folder and its record.

        Raises:
            StoppedByUser: Ctrl-C has stopped the training.
            RunFailed: the training has failed.
            UserError, Interrupted, KeyboardInterrupt: as in `Worker.follow`.
        """
        location = locate_run(hp, folder)
        if location.finished_record is not None:
            return location.folder, location.finished_record
        folder = location.folder
        stop_reason: str | None = None
        stopping = False  # after Ctrl-C

        def follow(event: Event) -> None:
            nonlocal stop_reason, stopping
            if isinstance(event, PhaseStarted) and event.number == 1 and start_next:
                self._next_worker.start()
            if isinstance(event, Stopping):
                stopping = True
            if (reason := on_event(event)) and not stop_reason and not stopping:
                stop_reason = reason
                worker.send(Stop(reason))

        worker, self._next_worker = self._next_worker, Worker()
        with worker:
            if location.is_resumable:
                on_event(Stage(_resume_text(folder)))
            resume = str(folder) if location.is_resumable else None
            worker.send(Open(hp))
            worker.send(Train(hp, output=str(folder), resume=resume, trial=trial))
            try:
                record = worker.follow(follow, until=TrainingFinished).record
            except KeyboardInterrupt:
                worker.kill()
                run_folder.close_record(folder, records.INTERRUPTED, "stopped by a second Ctrl-C")
                raise
        if record["status"] == records.INTERRUPTED and not stop_reason:
            raise StoppedByUser
        if record["status"] == records.FAILED:
            raise RunFailed(record["error"])
        return folder, record


def _resume_text(folder: Path) -> str:
    if has_checkpoint(folder):
        return "interrupted before: continuing after the last complete epoch"
    return "interrupted before the end of its first epoch: starting again"
