"""Tests of the child process and the pipe to it. python -m pytest tests/worker/test_process.py"""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from lib.common.errors import RunFailed, UserError
from lib.config.hyperparameters import AutoencoderHyperparameters, Hyperparameters
from lib.runs.events import EpochEnded, PhaseStarted, RunResult, RunStarted, Stage
from lib.runs.records import main_curves
from lib.worker.messages import (
    Failed,
    JobResult,
    LivePictures,
    Open,
    Ready,
    Stopping,
    Train,
    TrainingFinished,
)
from lib.worker.process import Worker


def request(tiny, **values) -> Hyperparameters:
    defaults = {"dataset": tiny["-d"], "layers": 1, "kernels": 2, "epochs": 1, "batch_size": 16}
    return AutoencoderHyperparameters(**defaults | values)


def test_a_run_through_the_pipe_whose_figures_are_drawn_during_the_menu(tiny):
    events = []
    with Worker() as worker:
        worker.start()
        process = worker._process
        worker.start()  # it has started
        worker.send(Open(request(tiny)))
        worker.send(Train(request(tiny), output="run", background=True))
        assert worker._process is process
        result = worker.follow(events.append, until=RunResult)
        assert result.record["status"] == "finished"
        worker._listener.join(timeout=60)
        assert process.returncode == 0  # its memory is free, and it is no zombie
        finished = worker.follow(events.append, until=TrainingFinished)
    types = [type(event) for event in events]
    assert types[:3] == [Ready, RunStarted, PhaseStarted]
    assert types[-1] == TrainingFinished
    assert {EpochEnded, LivePictures, Stage} <= set(types)
    assert worker.folder == "run"
    assert Path("run/figures/latent.png").is_file()
    log = Path("run/log.txt").read_text(encoding="utf-8").splitlines()
    assert log[0].endswith("  →  run")
    assert [line.partition("   ")[0] for line in log if line.startswith("epoch")] == ["epoch 1/1"]
    assert f"latent size {finished.record['metrics']['latent_size']}" in "\n".join(log)
    assert log[-2].endswith("images/s in training")
    assert log[-1] == "drawing figures …"
    assert {"log.txt", "figures/latent.png"} <= set(finished.record["files"])


def test_an_exception_at_ctrl_c_does_not_stop_the_worker():
    class Leaving(Exception):
        pass

    def leave(event):
        raise Leaving

    worker, sent = Worker(), []
    worker.send = sent.append
    worker._events.put(Stopping())
    with pytest.raises(Leaving):
        worker.follow(leave, until=JobResult)
    assert not sent


@pytest.mark.parametrize(("kind", "error"), [("user", UserError), ("run", RunFailed)])
def test_an_error_of_the_child_is_raised_where_it_is_followed(kind, error):
    worker = Worker()
    worker._events.put(Failed(kind, "nowhere: no such file"))
    with pytest.raises(error, match="nowhere: no such file"):
        worker.follow(lambda event: None, until=JobResult)


def test_errors_are_raised_while_the_user_answers_prompts(tiny):
    with Worker() as worker:
        worker.raise_pending_error()
        worker.send(Open(request(tiny, dataset="nowhere")))
        with pytest.raises(UserError, match="nowhere"):
            _wait_for_error(worker)


def _wait_for_error(worker):
    for _ in range(600):
        worker.raise_pending_error()
        time.sleep(0.1)


def test_a_child_whose_program_is_gone_ends(tiny):
    with Worker() as worker:
        worker.send(Open(request(tiny)))
        process = psutil.Process(worker._process.pid)
        worker.send(Train(request(tiny, epochs=100_000), output="run"))
        while not isinstance(worker._events.get(), EpochEnded):
            pass
        worker._process.stdin.close()
        process.wait(timeout=10)


def test_ctrl_c_loses_no_event_and_keeps_the_trained_weights(tiny):
    def interrupt(event):
        if isinstance(event, TrainingFinished) or (isinstance(event, EpochEnded) and event.epoch == 2):
            os.kill(os.getpid(), signal.SIGINT)

    events = []
    with Worker() as worker:
        worker.send(Open(request(tiny)))
        worker.send(Train(request(tiny, epochs=100_000), output="run"))
        with pytest.raises(KeyboardInterrupt):  # the second, which comes with the last event
            worker.follow(lambda event: (events.append(event), interrupt(event)), until=TrainingFinished)
    types = [type(event) for event in events]
    assert types.count(Stopping) == 1
    assert types[-1] is TrainingFinished
    record = events[-1].record
    assert record["status"] == "interrupted"
    assert 2 <= len(main_curves(record)["loss"]) < 1000
    assert {"autoencoder.h5", "encoder.h5", "decoder.h5"} <= set(record["files"])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
