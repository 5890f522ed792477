"""Jobs of the worker other than trainings, such as the figure that compares runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lib.common.terminal_state import muted_keyboard
from lib.worker.messages import Compare, JobRequest, JobResult
from lib.worker.process import Worker

if TYPE_CHECKING:
    from lib.cli.display import Display


def do_job(
    request: JobRequest, display: Display, worker: Worker | None = None, status: str = "starting Keras …"
) -> Any:
    """Let the worker do a job, and show its progress.

    Args:
        request: names the job, with its options.
        display: the display.
        worker: does the job; by default a new one.
        status: shown until the first event.

    Returns:
        The result, of the class of `JobResult` that the job emits.
    """
    display.show_status(status)
    with muted_keyboard(), worker or Worker() as worker:
        try:
            worker.send(request)
            return worker.follow(display, until=JobResult)
        finally:
            display.close()


def draw_comparison(
    display: Display, points: dict, metric: str, path: str, worker: Worker | None = None
) -> None:
    """Show a metric of several runs against the hyperparameters that differ, and draw it as a figure.

    Args:
        display: the display.
        points: as `lib.runs.records.metric_points` returns them.
        metric: name of the metric.
        path: the figure's file.
        worker: draws it; by default a new one.
    """
    display.show_metric_bars(points, metric)
    do_job(Compare(points, metric, path), display, worker, "drawing …")
    display.result(path)
