"""Stand-ins for both ends of the pipe: jobs run in the process of the test, without waiting for Keras."""

import math
import threading
from contextlib import nullcontext

from lib.common import errors
from lib.common.errors import RunFailed, UserError
from lib.runs.events import EpochEnded, Event
from lib.worker import open_data, training_jobs
from lib.worker.messages import (
    ItemProgress,
    Request,
    Stop,
    Stopping,
    Train,
    decode_message,
    encode_message,
    find_object,
)
from tests.harness.eager import eager_functions


class RecordingChannel:
    """Takes the place of `lib.worker.process.Channel`: keeps all events, and stops a job by its progress.

    Args:
        stop_after: number of images after which a job on a saved model is stopped, as by Ctrl-C.
    """

    def __init__(self, stop_after: float = math.inf):
        self.stop_event, self.stop_reason = threading.Event(), ""
        self.stop_after = stop_after
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, ItemProgress) and event.done >= self.stop_after:
            self.stop_event.set()


class InProcessWorker:
    """Takes the place of `lib.worker.process.Worker`: `follow` carries out the last request."""

    trainings = 0  # of all workers
    in_graphs = False  # long trainings are faster in graphs

    def __init__(self, group=None):
        self.folder, self.requests = None, []
        self.stop_event, self.stop_reason = threading.Event(), ""

    def send(self, request: Request) -> None:
        if isinstance(request, Stop):
            self.stop_reason = request.why
            self.stop_event.set()
        else:
            self.requests.append(decode_message(encode_message(request), Request))

    def emit(self, event: Event) -> None:
        self.last_event = decode_message(encode_message(event), Event)
        self.on_event(self.last_event)

    def follow(self, on_event, until) -> Event:
        self.on_event, request = on_event, self.requests[-1]
        try:
            with nullcontext() if self.in_graphs else eager_functions():
                self._carry_out(request)
        except UserError:
            raise
        except Exception as error:
            raise RunFailed(errors.describe_failure(error)) from None
        return self.last_event

    def _carry_out(self, request: Request) -> None:
        if isinstance(request, Train):
            InProcessWorker.trainings += 1
            dataset = open_data.open_dataset(request.hyperparameters)
            training_jobs.run_training(self, request, dataset)
        else:
            find_object(request.job)(self, request)

    def start(self) -> None: ...

    def raise_pending_error(self) -> None: ...

    def kill(self) -> None: ...

    def close(self) -> None: ...

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None: ...


def press_ctrl_c_in(training: int, monkeypatch, event: type[Event] = EpochEnded) -> None:
    """Press Ctrl-C from now on after the first epoch, or another event, of that training, counted from 1."""
    real = InProcessWorker.follow

    def follow(self, on_event, until):
        def on_event_and_stop(content):
            on_event(content)
            ready = isinstance(content, event) and InProcessWorker.trainings == training
            if ready and not self.stop_event.is_set():
                on_event(Stopping())
                self.stop_event.set()

        return real(self, on_event_and_stop, until)

    monkeypatch.setattr(InProcessWorker, "follow", follow)
