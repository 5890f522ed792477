"""Tests of the child process and the pipe to it. python -m pytest tests/worker/test_process.py"""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from lib.common.errors import RunFailed, UserError
from lib.config.hyperparameters import Hyperparameters
from lib.runs.events import EpochEnded, PhaseStarted, RunResult, RunStarted, Stage
from lib.runs.records import main_curves
from lib.worker.messages import JobResult, LivePictures, Open, Ready, Stop, Stopping, Train, TrainingFinished
from lib.worker.process import Worker


def request(tiny, **values) -> Hyperparameters:
    defaults = {"dataset": tiny["-d"], "layers": 1, "kernels": 2, "epochs": 1, "batch_size": 16}
    return Hyperparameters(**defaults | values)


def test_a_run_through_the_pipe(tiny):
    events = []
    with Worker() as worker:
        worker.send(Open(request(tiny)))
        worker.send(Train(request(tiny), output="run"))
        finished = worker.follow(events.append, until=TrainingFinished)
    types = [type(event) for event in events]
    assert types[:3] == [Ready, RunStarted, PhaseStarted]
    assert types[-1] == TrainingFinished
    assert {EpochEnded, LivePictures, Stage} <= set(types)
    assert finished.record["status"] == "finished"
    assert worker.folder == "run"
    log = Path("run/log.txt").read_text(encoding="utf-8").splitlines()
    assert log[0].endswith("  →  run")
    assert [line.partition("   ")[0] for line in log if line.startswith("epoch")] == ["epoch 1/1"]
    assert f"latent size {finished.record['metrics']['latent_size']}" in "\n".join(log)
    assert log[-1].endswith("images/s in training")
    assert "log.txt" in finished.record["files"]


def test_a_worker_that_draws_during_the_menu_ends_by_itself(tiny):
    with Worker() as worker:
        worker.start()
        process = worker._process
        worker.start()  # it has started
        worker.send(Open(request(tiny)))
        worker.send(Train(request(tiny), output="run", background=True))
        assert worker._process is process
        result = worker.follow(lambda event: None, until=RunResult)
        assert result.record["status"] == "finished"
        worker._listener.join(timeout=60)
        assert process.returncode == 0  # its memory is free, and it is no zombie
        assert worker.follow(lambda event: None, until=TrainingFinished).record["files"]
        assert Path("run/figures/latent.png").is_file()


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


def test_errors_of_the_child_are_raised(tiny):
    with Worker() as worker:
        worker.send(Open(request(tiny, dataset="nowhere")))
        with pytest.raises(UserError, match="nowhere: no such file or folder"):
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


def test_a_killed_child_is_reported(tiny):
    def kill(event):
        if isinstance(event, EpochEnded):
            os.kill(worker._process.pid, signal.SIGKILL)

    with Worker() as worker:
        worker.send(Open(request(tiny)))
        worker.send(Train(request(tiny, epochs=500), output="run"))
        with pytest.raises(RunFailed, match="was killed, probably out of memory; use a smaller batch size"):
            worker.follow(kill, until=TrainingFinished)


def test_a_child_whose_program_is_gone_ends(tiny):
    with Worker() as worker:
        worker.send(Open(request(tiny)))
        process = psutil.Process(worker._process.pid)
        worker.send(Train(request(tiny, epochs=100_000), output="run"))
        while not isinstance(worker._events.get(), EpochEnded):
            pass
        worker._process.stdin.close()
        process.wait(timeout=10)


def test_stop_keeps_the_trained_weights(tiny):
    def stop(event):
        if isinstance(event, EpochEnded) and event.epoch == 2:
            worker.send(Stop())

    with Worker() as worker:
        worker.send(Open(request(tiny)))
        worker.send(Train(request(tiny, epochs=100_000), output="run"))
        record = worker.follow(stop, until=TrainingFinished).record
    assert record["status"] == "interrupted"
    assert 2 <= len(main_curves(record)["loss"]) < 1000
    assert {"autoencoder.h5", "encoder.h5", "decoder.h5"} <= set(record["files"])


def test_ctrl_c_loses_no_event(tiny):
    def interrupt(event):
        if isinstance(event, TrainingFinished) or (isinstance(event, EpochEnded) and event.epoch == 1):
            os.kill(os.getpid(), signal.SIGINT)

    events = []
    with Worker() as worker:
        worker.send(Open(request(tiny)))
        worker.send(Train(request(tiny, epochs=100_000), output="run"))
        with pytest.raises(KeyboardInterrupt):  # the second, which comes with the last event
            worker.follow(
                lambda event: (events.append(type(event)), interrupt(event)), until=TrainingFinished
            )
    assert events.count(Stopping) == 1
    assert events[-1] is TrainingFinished
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
