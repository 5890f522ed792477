"""End of a run: its figures and its complete record."""

import time

from lib.data.datasets import Dataset
from lib.evaluation.run_figures import RunFigures, list_figures
from lib.runs import records
from lib.runs.continuation import parent_epochs
from lib.runs.events import Note, Stage
from lib.runs.run_folder import Run
from lib.runs.views import FigureViews
from lib.training.trainer import images_per_second
from lib.worker.messages import FiguresDrawn
from lib.worker.process import Channel


def resumed_start_time(run: Run) -> float:
    """Return when the run would have started without a break: epochs before a resume count as well."""
    phases = run.record.get("history", {}).values()
    first = parent_epochs(run.record)
    return time.time() - sum(sum(curves.get("seconds", ())[first:]) for curves in phases)


def draw_figures(channel: Channel, figures_of: RunFigures) -> FigureViews:
    """Draw the figures of a run until Ctrl-C, and return what the program shows of each, after its event.

    The record lists each figure as soon as it is drawn, because the program may end the process at any time.
    """
    views: FigureViews = {}
    run = figures_of.run
    channel.emit(Stage("drawing figures"))
    for figure in list_figures(figures_of):
        if channel.stop_event.is_set():
            channel.emit(Note("The remaining figures are skipped."))
            break
        path = run.figure_path(figure.entry.name)
        drawn = {figure.entry.name: figure.draw(figures_of, path)}
        run.update(files=run.list_files())
        if path.exists():
            views |= drawn
            channel.emit(FiguresDrawn(drawn))
    return views


def complete_record(
    run: Run, channel: Channel, dataset: Dataset, start_time: float, interrupted: bool, problem: str
) -> None:
    """Write timing, files and status of a run, and unlock its folder.

    Args:
        run: its training has ended.
        channel: receives a note if the files of the data have changed meanwhile.
        dataset: that was trained on.
        start_time: of the run.
        interrupted: by Ctrl-C or by a search.
        problem: the reason for which it has failed, or "".
    """
    images = run.record["dataset"]["sizes"]["train"]
    own_seconds = records.main_curves(run.record)["seconds"][parent_epochs(run.record) :]
    speed = images_per_second({"seconds": own_seconds}, images)
    seconds = time.time() - start_time
    run.update(timing={"seconds": seconds, "images_per_second": speed}, files=run.list_files())
    if change := dataset.describe_changes():
        channel.emit(Note(change))
        data = run.record["dataset"]
        run.update(dataset=data | {"notes": [*data["notes"], change]})
    if not problem and not interrupted:
        run.finish()
        return
    error = problem or channel.stop_reason
    status = records.FAILED if problem else records.INTERRUPTED
    run.update(status=status, **({"error": error} if error else {}))
    # A trial that the search has stopped is never resumed.
    run.release(delete_checkpoint=bool(channel.stop_reason))
