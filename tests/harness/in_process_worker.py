"""Stand-ins for both ends of the pipe: jobs run in the process of the test, without waiting for Keras."""

import json
import math
import threading

from lib.common import errors
from lib.common.errors import RunFailed, UserError
from lib.worker import main, training_jobs


class RecordingChannel:
    """Takes the place of `lib.worker.process.Channel`: keeps all events, and stops a job by its progress.

    Args:
        stop_after: number of images after which a job on a saved model is stopped, as by Ctrl-C.
    """

    def __init__(self, stop_after: float = math.inf):
        self.stop_event, self.stop_reason = threading.Event(), ""
        self.stop_after = stop_after
        self.events: list[dict] = []

    def emit(self, event: str, **content) -> None:
        self.events.append(content | {"event": event})
        if event == "progress" and content["done"] >= self.stop_after:
            self.stop_event.set()


class InProcessWorker:
    """Takes the place of `lib.worker.process.Worker`: `follow` carries out the last request."""

    trainings = 0  # of all workers

    def __init__(self):
        self.folder, self.requests = None, []
        self.stop_event, self.stop_reason = threading.Event(), ""

    def send(self, verb: str, **content) -> None:
        if verb == "stop":
            self.stop_reason = content.get("why", "")
            self.stop_event.set()
        else:
            self.requests.append(json.loads(json.dumps({"verb": verb} | content)))

    def emit(self, event: str, **content) -> None:
        self.last_event = json.loads(json.dumps({"event": event} | content))
        self.on_event(self.last_event)

    def follow(self, on_event) -> dict:
        self.on_event, request = on_event, self.requests[-1]
        try:
            if request["verb"] == "train":
                InProcessWorker.trainings += 1
                training_jobs.run_training(
                    self, request, training_jobs.open_dataset(training_jobs.read_hyperparameters(request))
                )
            else:
                main.JOBS[request["verb"]](self, request)
        except UserError:
            raise
        except Exception as error:
            raise RunFailed(errors.describe_failure(error)) from None
        return self.last_event

    def start(self) -> None: ...

    def kill(self) -> None: ...

    def close(self) -> None: ...

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None: ...


def press_ctrl_c_in(training: int, monkeypatch, event: str = "epoch") -> None:
    """Press Ctrl-C from now on after the first epoch, or another event, of that training, counted from 1."""
    real = InProcessWorker.follow

    def follow(self, on_event):
        def on_event_and_stop(content):
            on_event(content)
            ready = content["event"] == event and InProcessWorker.trainings == training
            if ready and not self.stop_event.is_set():
                on_event({"event": "stopping"})
                self.stop_event.set()

        return real(self, on_event_and_stop)

    monkeypatch.setattr(InProcessWorker, "follow", follow)
