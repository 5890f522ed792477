"""Figures that are drawn while the menu is shown. python -m pytest tests/cli/test_figure_drawing.py"""

from pathlib import Path

import pytest

from lib.cli.display import Display
from lib.cli.figure_drawing import FigureDrawing
from lib.common.errors import PromptCancelled, RunFailed, UserError
from lib.worker.messages import FiguresDrawn, Stopping, TrainingFinished

RUN = Path("models/run")
STRIP = FiguresDrawn({"strip": "images"})
LATENT = FiguresDrawn({"latent": "points", "samples": None})
FINISHED = TrainingFinished(folder=str(RUN), record={"files": ["figures/latent.png"]}, views={})
CTRL_C = Stopping()


class Worker:
    """Stands in for a worker with these events; an exception among them is raised."""

    def __init__(self, *events):
        self.events, self.is_closed = list(events), False

    def follow(self, on_event, until):
        while True:
            event = self.events.pop(0)
            if isinstance(event, BaseException):
                raise event
            on_event(event)
            if isinstance(event, until):
                return event

    def close(self) -> None:
        self.is_closed = True


def drawing_of(*events) -> tuple[FigureDrawing, Worker, dict, dict]:
    worker, record, views = Worker(*events), {"files": []}, {}
    return FigureDrawing(RUN, record, views, worker, Display()), worker, record, views


def test_a_picture_is_waited_for_alone():
    drawing, worker, record, views = drawing_of(STRIP, LATENT, FINISHED)
    drawing.wait("strip")
    assert (views, worker.events, worker.is_closed) == ({"strip": "images"}, [LATENT, FINISHED], False)
    drawing.wait("strip")
    assert worker.events == [LATENT, FINISHED]
    drawing.wait("grid")  # which this run has not
    assert (set(views), worker.is_closed) == ({"strip", "latent", "samples"}, True)
    assert record["files"] == ["figures/latent.png"]
    drawing.finish()


def test_ctrl_c_leads_back_to_the_menu_and_the_drawing_goes_on():
    drawing, worker, _, views = drawing_of(CTRL_C, STRIP, FINISHED)
    with pytest.raises(PromptCancelled):
        drawing.wait("strip")
    assert not worker.is_closed
    drawing.wait()
    assert (views, worker.is_closed) == ({"strip": "images"}, True)


def test_ctrl_c_between_two_events_leads_back_to_the_menu():
    drawing, worker, *_ = drawing_of(KeyboardInterrupt(), STRIP, FINISHED)
    with pytest.raises(PromptCancelled):
        drawing.wait("strip")
    assert not worker.is_closed


def test_ctrl_c_at_the_end_skips_the_figures_that_are_left(capsys):
    drawing, worker, *_ = drawing_of(STRIP, CTRL_C, LATENT)
    drawing.finish()
    assert worker.is_closed
    assert "The remaining figures are skipped." in capsys.readouterr().err
    drawing.wait("strip")
    with pytest.raises(RunFailed, match="models/run: the remaining figures were skipped; its models are"):
        drawing.wait("latent")


@pytest.mark.parametrize("error", [RunFailed("it broke"), UserError("no folder")])
def test_a_failure_is_said_once(capsys, error):
    drawing, worker, *_ = drawing_of(STRIP, error)
    with pytest.raises(RunFailed, match=f"models/run: not all figures could be drawn .{error}.; its models"):
        drawing.wait("latent")
    assert worker.is_closed
    with pytest.raises(RunFailed, match="not all figures could be drawn"):  # not: there is no such picture
        drawing.wait("latent")
    drawing.finish()
    drawing, *_ = drawing_of(error)
    drawing.finish()
    assert capsys.readouterr().err.count("not all figures could be drawn") == 1
