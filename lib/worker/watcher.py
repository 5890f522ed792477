"""Watcher: a process beside the child process, which ends it when the program is gone.

The child has a thread for that too, but native code that keeps Python's interpreter lock can stop this thread
for minutes. A watcher needs no lock of the child, and no feature of one operating system.
"""

import os
import select
import signal
import sys
import time

from lib.common.terminal_state import restore_terminal

REQUESTS = 0  # descriptor of the pipe from the program: standard input


def start_watcher() -> None:
    """Fork the watcher; must be called before this process has threads.

    It lives in the process group of the child, which the program ends as a whole. Where this process does not
    lead its group, as when it is started by hand or on Windows, there is no watcher.
    """
    if not hasattr(os, "fork") or not _leads_its_group():
        return
    child = os.getpid()
    try:
        is_watcher = os.fork() == 0
    except OSError:  # too many processes: the child's own thread remains
        return
    if is_watcher:
        try:
            _watch(child)
        finally:
            os._exit(0)


def _leads_its_group() -> bool:
    return hasattr(os, "getpgrp") and os.getpgrp() == os.getpid()


def _watch(child: int) -> None:
    os.closerange(1, 3)  # the program waits for the end of the child's output
    _wait_for_end_of_requests()
    if sys.platform != "win32":
        if os.getppid() == child:
            os.kill(child, signal.SIGKILL)
        restore_terminal()  # last, since a terminal that is stopped lets it wait
        os.killpg(0, signal.SIGKILL)  # what the child may have started


def _wait_for_end_of_requests() -> None:
    """Wait until no process can write requests any more, without reading those that wait for the child."""
    if sys.platform != "win32":
        requests = select.poll()
        requests.register(REQUESTS, select.POLLHUP)
        while not any(events & select.POLLHUP for _, events in requests.poll()):
            time.sleep(0.1)  # some systems report unread requests as well
