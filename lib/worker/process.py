"""Both ends of the pipe between the program that talks to the person and the process that trains.

Requests go down the worker's standard input, events come up what was its standard output, one JSON object a
line.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path

from lib.common.errors import (
    MEMORY_ADVICE,
    OUT_OF_MEMORY,
    Interrupted,
    RunFailed,
    UserError,
    is_out_of_memory,
    reason,
)
from lib.common.terminal_state import restore_terminal, terminal_environment
from lib.config.process_group import ProcessGroup

EVENT_PREFIX = b'{"event": '  # begins each line that is one
PROJECT = Path(__file__).resolve().parents[2]

# Said before the backend starts, since it reads them only then; whatever the person has set stays.
WORKER_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    # GPU memory is taken as it is needed, so that others can use the same card.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    # oneDNN's convolutions are off by default on processors without AVX-512, where they are faster as well.
    "TF_ENABLE_ONEDNN_OPTS": "1",
    # glibc hands every large buffer back to the kernel and takes it anew at each step; one arena that keeps
    # its memory, with oneDNN, trains 2.7 times as fast on two cores (tests/benchmarks/environment.py).
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(4 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(4 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
}

# How the kernel ends a process for which there is no memory, and how native code ends itself where it did not
# look.
MEMORY_SIGNALS: dict[int, str] = {signal.SIGKILL: "was killed", signal.SIGSEGV: "crashed"}
LOG_LINES = 30  # lines of a dead process's log that may say what it died of
ERROR_CLASSES = {
    "user": UserError,
    "run": RunFailed,
    "interrupted": Interrupted,
}  # what a `failed` event becomes


class Worker:
    """A process that opens one data set, trains one network and ends.

    It starts with the first request, so that it does not compete with the first question; send `open` early,
    and it imports Keras and loads the data while the person answers the rest.
    """

    def __init__(self, team: ProcessGroup | None = None):
        self.team = team  # of processes that train together
        self.folder: str | None = None  # of the run, once the worker has said it
        self._process: subprocess.Popen | None = None
        self._events: queue.SimpleQueue[dict | None] = queue.SimpleQueue()  # a signal handler may put

    def start(self) -> None:
        """Start the process before there is a request, so that Keras is there when one comes."""
        try:
            self._log = tempfile.TemporaryFile()
        except OSError as error:
            raise RunFailed(
                f"no temporary file can be written ({reason(error)}); free some space there"
            ) from None
        path = os.pathsep.join([str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = process = subprocess.Popen(
            [sys.executable, "-m", "lib.worker.main"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=WORKER_ENVIRONMENT | os.environ | terminal_environment() | {"PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for the program, which then asks the worker to stop
        )
        assert process.stdin is not None, "a pipe, as asked for above"
        assert process.stdout is not None, "a pipe as well"
        self._requests, self._answers, self._wait = process.stdin, process.stdout, process.wait
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        for line in self._answers:
            if line.startswith(EVENT_PREFIX):  # what a library prints while it is imported is none
                self._events.put(json.loads(line))
        self._events.put(None)

    def send(self, verb: str, **content) -> None:
        """Send a request; one that arrives nowhere is noticed when the events end."""
        if self._process is None:
            self.start()
            if self.team:
                content |= {"team": self.team.to_json()}
        try:
            self._requests.write(json.dumps({"verb": verb} | content).encode() + b"\n")
            self._requests.flush()
        except OSError:
            pass

    def check(self) -> None:
        """Raise the error that the worker has found so far, if any; never waits."""
        while not self._events.empty():
            self._judge(self._events.get())

    def follow(self, on_event: Callable[[dict], None]) -> dict:
        """Pass events on until the run is finished, and return that last event.

        The first Ctrl-C asks the worker to stop after the batch under way, the second one leaves
        (`KeyboardInterrupt`). Raises `UserError`, `RunFailed` or `Interrupted` as the worker says, and
        `RunFailed` when it dies.
        """
        with self._first_ctrl_c_as_event():
            while True:
                event = self._judge(self._events.get())
                if event["event"] == "stopping":
                    self.send("stop")
                on_event(event)
                if event["event"] == "finished":
                    return event

    @contextmanager
    def _first_ctrl_c_as_event(self):
        """An exception in the middle of `follow` could lose the event at hand; a `stopping` among the others
        cannot.
        """

        def stop(number, frame):
            signal.signal(signal.SIGINT, before)
            self._events.put({"event": "stopping"})

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _judge(self, event: dict | None) -> dict:
        if event is None:
            raise self._died()
        if event["event"] == "run":
            self.folder = event["folder"]
        if event["event"] == "failed":
            raise ERROR_CLASSES[event["kind"]](event["message"])
        return event

    def _died(self) -> RunFailed:
        status = self._wait()
        if ended := MEMORY_SIGNALS.get(-status):
            return RunFailed(f"the training process {ended}, most likely for want of memory; {MEMORY_ADVICE}")
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        if is_out_of_memory("\n".join(lines[-LOG_LINES:])):
            return RunFailed(OUT_OF_MEMORY)
        return RunFailed(f"the training process {how}: {lines[-1] if lines else 'it said nothing'}")

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """End the process and forget it; a further request starts another."""
        self.kill()
        if self._process is not None:
            self._listener.join()
            for file in (self._requests, self._answers, self._log):
                with suppress(
                    OSError
                ):  # what a dead process left unread in its pipe does not matter any more
                    file.close()
            self._process, self._events = None, queue.SimpleQueue()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_) -> None:
        self.close()


class Channel:
    """The worker's end: requests in order, `stop` at once, and the end of the process when the program is
    gone.
    """

    def __init__(self):
        self._out = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)  # what libraries print is not an event
        self._requests: queue.Queue[dict] = queue.Queue()
        self._lock = threading.Lock()
        self.stopped, self.why = (
            threading.Event(),
            "",
        )  # whether training is to end before its time, and what for
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        for line in sys.stdin.buffer:
            request = json.loads(line)
            if request["verb"] == "stop":
                self.why = request.get("why", "")
                self.stopped.set()
            else:
                self._requests.put(request)
        restore_terminal()
        os._exit(0)  # nobody is there any more: a daemon thread can end a training in no other way

    def outlast(self) -> None:
        """Stay, with nothing left to do, until the program is gone or ends this process.

        One that is killed before it has put its terminal right leaves that to this process.
        """
        self._listener.join()

    def request(self) -> dict:
        return self._requests.get()

    def tell(self, event: str, **content) -> None:
        with self._lock:
            self._out.write(json.dumps({"event": event} | content).encode() + b"\n")
            self._out.flush()
