"""Pipe between the program and its child process: `Worker` at the program's end, `Channel` at the child's.

Requests go to the child on its standard input, events come back on its standard output, one line each, as
`messages` describes.
"""

import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from lib.common.errors import (
    MEMORY_ADVICE,
    OUT_OF_MEMORY,
    Interrupted,
    RunFailed,
    UserError,
    is_out_of_memory,
    printable,
    reason,
)
from lib.common.filesystem import remedy
from lib.common.terminal_state import terminal_environment
from lib.config.process_group import ProcessGroup
from lib.runs.events import Event, RunStarted
from lib.worker.messages import (
    EVENT_PREFIX,
    Failed,
    JobResult,
    Open,
    Request,
    Stop,
    Stopping,
    decode_message,
    encode_message,
)

E = TypeVar("E", bound=Event)
PROJECT = Path(__file__).resolve().parents[2]

# Set before the child starts, since backends read these only then; the user's own values take precedence.
WORKER_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    # GPU memory is allocated as it is needed, so that other processes can use the same card.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    # oneDNN's convolutions are off by default on processors without AVX-512, where they are faster as well.
    "TF_ENABLE_ONEDNN_OPTS": "1",
    # glibc returns every large buffer to the kernel and requests it again at each step; one arena that keeps
    # its memory, with oneDNN, trains 2.7 times as fast on two cores (tests/benchmarks/environment.py).
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(4 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(4 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
}
# Set whatever the user's environment says, since the child relies on it.
FIXED_ENVIRONMENT = {
    "PYTHONSAFEPATH": "1",  # a Python file in the working folder must not be imported in place of a library's
    "MPLBACKEND": "agg",  # a notebook's backend does not import outside of it
    "PYTHONIOENCODING": "utf-8",  # of the log, whatever that of the program's terminal is
    "PYTHONWARNINGS": "ignore",  # "error" would turn warnings of the libraries into failures
}
BACKENDS = ("tensorflow", "jax")  # of Keras, the default first; keras.json does not choose

# Signals that mean "out of memory": the kernel's kill, and a crash of native code that ignores a failed
# allocation.
KILL_SIGNAL = getattr(signal, "SIGKILL", None)  # Windows has none
MEMORY_SIGNALS: dict[int | None, str] = {KILL_SIGNAL: "was killed", signal.SIGSEGV: "crashed"}
# A page of a memory-mapped file is gone. Windows has no such signal.
BUS_ERROR = getattr(signal, "SIGBUS", None)
DEATH_TIMEOUT = 10  # seconds for a process whose events have ended to end as well
LOG_LINES = 30  # last lines of a dead process's log that are searched for its error
# The exception for each `kind` of `Failed`.
ERROR_CLASSES = {"user": UserError, "run": RunFailed, "interrupted": Interrupted}


def child_environment() -> dict[str, str]:
    """Return the environment of the child process.

    Modules are looked up in the project and in the absolute folders of the user's PYTHONPATH, never in the
    working folder. Keras's backend is KERAS_BACKEND's or the default.

    Raises:
        UserError: KERAS_BACKEND names a backend that the programs do not support.
    """
    backend = os.environ.get("KERAS_BACKEND") or BACKENDS[0]
    if backend not in BACKENDS:
        raise UserError(
            f"KERAS_BACKEND {printable(backend)!r} is not supported; set it to {' or '.join(BACKENDS)}"
        )
    folders = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    path = os.pathsep.join([str(PROJECT), *filter(os.path.isabs, folders)])
    return (
        WORKER_ENVIRONMENT | os.environ | FIXED_ENVIRONMENT | {"PYTHONPATH": path, "KERAS_BACKEND": backend}
    )


class Worker:
    """The program's handle of a child process, which loads one data set, trains one network and ends.

    The process starts with the first request, so that it does not compete with the first prompt for the
    processor. Send `open` early: the child then imports Keras and loads the data while the user answers the
    other prompts.

    Args:
        group: the processes that train together, for `--distributed`; None for a process of its own.

    Attributes:
        folder: the run folder, once the child has reported it.
    """

    def __init__(self, group: ProcessGroup | None = None):
        self.group = group
        self.folder: str | None = None
        self._process: subprocess.Popen | None = None
        # SimpleQueue is reentrant: a signal handler may put events in it.
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()

    def start(self) -> None:
        """Start the process ahead of the first request, so that Keras is imported when it comes.

        Nothing happens if it has started.

        Raises:
            UserError: KERAS_BACKEND names a backend that the programs do not support.
            RunFailed: no temporary file can be written for the log of the process.
        """
        if self._process is not None:
            return
        environment = child_environment() | terminal_environment()
        try:
            self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        except OSError as error:
            raise RunFailed(
                f"no temporary file can be written ({reason(error)}); {remedy(error, 'TMPDIR')}"
            ) from None
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "lib.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            # Ctrl-C reaches only the program, which then asks the worker to stop.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # of Windows
        )
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._listener = threading.Thread(target=self._listen, args=(process,), daemon=True)
        self._listener.start()
        self._process = process  # last: `close` joins the listener of a process, also after Ctrl-C here

    def _listen(self, process: subprocess.Popen) -> None:
        try:
            for line in self._stdout:
                if line.startswith(EVENT_PREFIX):  # libraries may print other lines while they are imported
                    self._events.put(decode_message(line, Event))
        except ValueError:
            pass  # half a line, of a process that was killed while it wrote
        except RunFailed as error:
            self._events.put(Failed("run", str(error)))
        finally:
            self._events.put(None)
            with suppress(subprocess.TimeoutExpired):  # it may have ended by itself
                process.wait(DEATH_TIMEOUT)

    def send(self, request: Request) -> None:
        """Send a request and start the process if there is none.

        A request to a dead process is dropped: its death is reported where the events end.
        """
        self.start()
        if self.group and isinstance(request, Open):
            request = replace(request, group=self.group)
        try:
            self._stdin.write(encode_message(request))
            self._stdin.flush()
        except OSError:
            pass

    def raise_pending_error(self) -> None:
        """Raise the error that the worker has reported so far, if any; never waits."""
        while not self._events.empty():
            self._check_event(self._events.get())

    def follow(self, on_event: Callable[[Event], object], until: type[E]) -> E:
        """Pass events on until the job is finished.

        The first Ctrl-C asks the worker to stop after the current batch, the second one raises
        `KeyboardInterrupt`.

        Args:
            on_event: called with each event; after the first Ctrl-C with `Stopping`. If it raises an
                exception then, the worker goes on.
            until: the event to return at: the result of the job, or an earlier one.

        Returns:
            The event.

        Raises:
            UserError, RunFailed, Interrupted: as the worker reports.
            RunFailed: the process has died.
        """
        with self._first_ctrl_c_as_event():
            while True:
                event = self._check_event(self._events.get())
                on_event(event)
                if isinstance(event, Stopping):
                    self.send(Stop())
                if isinstance(event, until):
                    return event
                assert not isinstance(event, JobResult), f"{event} in place of {until}"

    @contextmanager
    def _first_ctrl_c_as_event(self):
        # An exception in the middle of `follow` could lose the current event.

        def put_stopping(number, frame):
            signal.signal(signal.SIGINT, previous)
            self._events.put(Stopping())

        previous = signal.signal(signal.SIGINT, put_stopping)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)

    def _check_event(self, event: Event | None) -> Event:
        """Return the event, unless it is the end of the events or `Failed`: these are raised."""
        if event is None:
            raise self._death_error()
        if isinstance(event, RunStarted):
            self.folder = event.folder
        if isinstance(event, Failed):
            raise ERROR_CLASSES[event.kind](event.message)
        return event

    def _death_error(self) -> RunFailed:
        assert self._process is not None
        try:
            status = self._process.wait(DEATH_TIMEOUT)
        except subprocess.TimeoutExpired:  # what it wrote was no event: it cannot be followed any more
            self.kill()
            status = self._process.wait()
        if cause := MEMORY_SIGNALS.get(-status):
            return RunFailed(f"the training process {cause}, probably out of memory; {MEMORY_ADVICE}")
        if -status == BUS_ERROR:
            return RunFailed(
                "the training process crashed because a data file was truncated, or its disk failed while "
                "it was being read; do not change data files during a run"
            )
        if status < 0 and -status != signal.SIGABRT:  # the log's last line is about something else
            name = signal.strsignal(-status)
            return RunFailed(f"the training process was ended by signal {-status} ({name}); start it again")
        ending = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        if is_out_of_memory("\n".join(lines[-LOG_LINES:])):
            return RunFailed(OUT_OF_MEMORY)
        return RunFailed(f"the training process {ending}: {lines[-1] if lines else 'no output'}")

    def kill(self) -> None:
        """End the process and its watcher at once."""
        if self._process is not None:
            self._process.kill()
            if hasattr(os, "killpg") and KILL_SIGNAL:
                with suppress(OSError):  # the group has ended
                    os.killpg(self._process.pid, KILL_SIGNAL)
            self._process.wait()
            with suppress(OSError):  # a first process, as in a container, has inherited the watcher
                os.waitpid(-self._process.pid, 0)

    def close(self) -> None:
        """End the process; another request starts a new one."""
        self.kill()
        if self._process is not None:
            self._listener.join()
            for file in (self._stdin, self._stdout, self._log):
                with suppress(OSError):  # unread data in the pipe of a dead process does not matter
                    file.close()
            self._process = None
            self._events = queue.SimpleQueue()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_) -> None:
        self.close()


class Channel:
    """The child's end of the pipe; it ends the process when the program is gone, as its watcher does.

    Requests are queued in order; `Stop` takes effect at once.

    Attributes:
        stop_event: set by a request `Stop`: training ends after the current batch.
        stop_reason: the reason in that request; empty after Ctrl-C.
        log: called with each event, for the log of a run.
    """

    def __init__(self):
        self.log: Callable[[Event], object] = lambda event: None
        self._events = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)  # libraries that print must not write among the events
        self._requests: queue.Queue[Request | Exception] = queue.Queue()
        self._lock = threading.Lock()
        self.stop_event = threading.Event()
        self.stop_reason = ""
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        try:
            for line in sys.stdin.buffer:
                self._receive(line)
        finally:  # also after half a line, of a program that was killed while it wrote
            os._exit(0)  # the program is gone; a daemon thread can end a training in no other way

    def _receive(self, line: bytes) -> None:
        try:
            request = decode_message(line, Request)
        except (RunFailed, UserError) as error:
            self._requests.put(error)
            return
        if isinstance(request, Stop):
            self.stop_reason = request.why
            self.stop_event.set()
        else:
            self._requests.put(request)

    def next_request(self) -> Request:
        """Wait for a request. Raises `UserError` or `RunFailed` for one that cannot be read."""
        request = self._requests.get()
        if isinstance(request, Exception):
            raise request
        return request

    def emit(self, event: Event) -> None:
        """Send an event to the program."""
        with self._lock:
            self.log(event)
            self._events.write(encode_message(event))
            self._events.flush()

    def end(self) -> None:
        """End this process; the program reads the events that are left."""
        os._exit(0)  # the thread that listens cannot be joined

    def wait_for_program(self) -> None:
        """Wait, when all work is done, until the program is gone or ends this process.

        If the program is killed before it has restored its terminal, the watcher does that.
        """
        self._listener.join()
