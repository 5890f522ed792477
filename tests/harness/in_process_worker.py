"""A worker that is no process: it trains here, so that a test of what is around it need not wait for Keras to
start.
"""

import json
import threading

from lib.common import errors
from lib.common.errors import RunFailed, UserError
from lib.worker import main, training_jobs


class InProcess:
    """Takes the place of `lib.worker.process.Worker`: `send` keeps the requests, `follow` carries the last
    one out.
    """

    begun = 0  # trainings, in all

    def __init__(self):
        self.folder, self.requests = None, []
        self.stopped, self.why = threading.Event(), ""

    def send(self, verb: str, **content) -> None:
        if verb == "stop":
            self.why = content.get("why", "")
            self.stopped.set()
        else:
            self.requests.append(json.loads(json.dumps({"verb": verb} | content)))

    def tell(self, event: str, **content) -> None:
        self.last = json.loads(json.dumps({"event": event} | content))
        self.on_event(self.last)

    def follow(self, on_event) -> dict:
        self.on_event, request = on_event, self.requests[-1]
        try:
            if request["verb"] == "train":
                InProcess.begun += 1
                training_jobs.run_training(
                    self, request, training_jobs.open_dataset(training_jobs.read_hyperparameters(request))
                )
            else:
                main.JOBS[request["verb"]](self, request)
        except UserError:
            raise
        except Exception as error:
            raise RunFailed(errors.describe_failure(error)) from None
        return self.last

    def start(self) -> None: ...

    def kill(self) -> None: ...

    def close(self) -> None: ...

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None: ...


def interrupted_in(training: int, monkeypatch, at: str = "epoch") -> None:
    """From now on Ctrl-C is pressed after the first epoch (or another event) of that training, counted from
    1.
    """
    real = InProcess.follow

    def follow(self, on_event):
        def stop(event):
            on_event(event)
            if event["event"] == at and InProcess.begun == training and not self.stopped.is_set():
                on_event({"event": "stopping"})
                self.stopped.set()

        return real(self, stop)

    monkeypatch.setattr(InProcess, "follow", follow)
