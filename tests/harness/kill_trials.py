"""Trainings that are killed at random moments and resumed. python -m tests.harness.kill_trials 200

Each trial starts a program in a pseudo-terminal, kills its child, itself or both with SIGKILL, and asks of
what is left what DESIGN promises: every file whole or absent, no process behind, a terminal that shows what
is typed, and a resumed run with the numbers and weights of one that was never interrupted.
"""

import json
import os
import pty
import random
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import psutil
from PIL import Image

from lib.common import filesystem
from lib.runs import records, run_entries
from lib.worker.process import WORKER_ENVIRONMENT
from tests.harness import sample_files
from tests.harness.terminal_session import PROJECT

VICTIMS = ("child", "parent", "both")
PATIENCE = 120  # seconds for what must happen, on a busy machine
NETWORK = [
    "--layers",
    "1",
    "--kernel-size",
    "3",
    "--kernels",
    "2",
    "--batch-size",
    "8",
    "--dropout",
    "0.2",
    "--shift",
]
WORDS = {
    "autoencoder": ["-d", "x.idx", *NETWORK, "--epochs", "30"],
    "classification": [
        "-d",
        "x.idx",
        "-dl",
        "y.idx",
        "--model",
        "encoder/autoencoder.h5",
        "--epochs",
        "15",
        "--batch-size",
        "8",
    ],
}


@dataclass(frozen=True)
class Kill:
    """One trial: the victim, and the seconds after the start, or after the run folder has appeared."""

    number: int
    program: str
    victim: str
    in_training: bool
    seconds: float


class Workplace:
    """A folder with data, an encoder, and a run of each program that nobody interrupts."""

    def __init__(self, folder: Path):
        self.folder = folder
        images, labels = sample_files.shapes(120)
        sample_files.write_idx(folder / "x.idx", images)
        sample_files.write_idx(folder / "y.idx", labels)
        self._expected: dict[str, tuple[dict, float]] = {}

    def expected(self, program: str) -> dict:
        """The outcome of a run that nobody interrupts."""
        return self._reference(program)[0]

    def _reference(self, program: str) -> tuple[dict, float]:
        if program not in self._expected:
            if program == "classification":
                self.expected("autoencoder")  # whose encoder it stands on
            began, output = time.monotonic(), {"autoencoder": "encoder", "classification": "whole"}[program]
            assert self.start(program, "--output", output).wait(PATIENCE) == 0
            self._expected[program] = outcome(self.folder / output), time.monotonic() - began
        return self._expected[program]

    def start(self, program: str, *words: str, terminal=subprocess.DEVNULL) -> subprocess.Popen:
        asked = [] if "--resume" in words else WORDS[program]
        return subprocess.Popen(
            [sys.executable, str(PROJECT / f"{program}.py"), *asked, *words, "--no-input"],
            cwd=self.folder,
            stdin=terminal,
            stdout=subprocess.DEVNULL,
            stderr=terminal,
            env=os.environ | WORKER_ENVIRONMENT | {"TERM": "xterm-256color"},
            start_new_session=True,
        )

    def draw(self, number: int, seed: int = 0) -> Kill:
        """A random trial, most of them in training, since starting takes most of the time."""
        drawn = random.Random(f"{seed} {number}")
        program, in_training = drawn.choice(list(WORDS)), drawn.random() < 0.75
        longest = self._reference(program)[1] * (0.6 if in_training else 1.0)
        return Kill(number, program, drawn.choice(VICTIMS), in_training, drawn.uniform(0, longest))

    def carry_out(self, kill: Kill) -> str:
        """Kill, look, go on; returns what was killed. Raises `AssertionError` for a promise that does not
        hold.
        """
        expected, folder = self.expected(kill.program), self.folder / "models" / f"run-{kill.number}"
        terminal = opened_terminal()
        process = self.start(kill.program, "--output", str(folder), terminal=terminal)
        if kill.in_training:
            record = folder / records.RECORD_FILE
            wait_for("a record", lambda: record.exists() or process.poll() is not None)
        with suppress(subprocess.TimeoutExpired):
            process.wait(kill.seconds)
        children = _children(process)
        for victim in ([process] if kill.victim != "child" else []) + (
            children if kill.victim != "parent" else []
        ):
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                victim.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
        wait_for("the last child", lambda: not any(_lives(child) for child in children))
        lock = folder / records.CHECKPOINT_FOLDER / records.LOCK_FILE
        wait_for("the lock", lambda: not filesystem.is_locked(lock))  # a thread may outlast its process
        if kill.victim != "both":
            wait_for("the terminal", lambda: shows_keys(terminal))
        state = require_whole(folder)
        os.close(terminal)
        if state not in ("absent", records.FINISHED):
            resumed = self.start(kill.program, "--resume", str(folder))
            assert resumed.wait(PATIENCE) == 0, f"--resume ended with {resumed.returncode}"
            assert require_whole(folder) == records.FINISHED
        if state != "absent":
            found = outcome(folder)
            for name, value in expected.items():
                np.testing.assert_equal(found[name], value, err_msg=name)
        return state


def outcome(folder: Path) -> dict:
    """What must not depend on interruptions: files, losses, scores, weights."""
    record = records.load_record(folder)
    phases = [record["history"]] if "loss" in record["history"] else record["history"].values()
    curves = [{name: curve for name, curve in phase.items() if name != "seconds"} for phase in phases]
    weights = {path.name: _contents(path) for path in sorted(folder.glob("*.h5"))}
    scores = {"metrics": record["metrics"], "baselines": record["baselines"]}
    there = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {"history": curves, "files": record["files"], "there": there} | scores | weights


def require_whole(folder: Path) -> str:
    """Every file of a run folder can be read to its end, or is not there; returns the status of the run."""
    if not (folder / records.RECORD_FILE).exists():
        return "absent"
    for path in folder.glob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
    for path in folder.glob("*.h5"):
        if filesystem.PARTIAL_MARK not in path.name:
            assert _contents(path), path
    for path in folder.glob("figures/*.png"):
        if filesystem.PARTIAL_MARK not in path.name:
            with Image.open(path) as image:
                image.load()
    entry = run_entries.load_entry(folder, folder.parent)
    assert entry.status in (records.FINISHED, records.INTERRUPTED, records.FAILED), entry.status
    return entry.status


def _contents(path: Path) -> dict[str, np.ndarray]:
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
        )
        assert "model_config" in file.attrs, path
    return found


def _children(process: subprocess.Popen) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def opened_terminal() -> int:
    """A terminal for a program, whose other end reads all that is written."""
    keyboard, terminal = pty.openpty()
    threading.Thread(target=_drain, args=(keyboard,), daemon=True).start()
    return terminal


def shows_keys(terminal: int) -> bool:
    wanted = termios.ECHO | termios.ICANON
    return termios.tcgetattr(terminal)[3] & (wanted | termios.NOFLSH) == wanted


def _drain(keyboard: int) -> None:
    """Somebody must read what is written on a terminal."""
    with suppress(OSError):
        while os.read(keyboard, 4096):
            pass


def wait_for(what: str, condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.005)


def main(count: int, first: int = 0, at_once: int = 2) -> int:
    """Carry out so many trials; returns how many promises were broken."""
    broken, states = 0, {}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(at_once) as pool:
        workplace = Workplace(Path(folder))
        trials = [workplace.draw(number) for number in range(first, first + count)]
        for trial, running in [(trial, pool.submit(workplace.carry_out, trial)) for trial in trials]:
            try:
                said = running.result()
                states[trial.victim, said] = states.get((trial.victim, said), 0) + 1
            except Exception as error:
                broken, said = broken + 1, f"BROKEN: {error!r}"
            print(trial, said, flush=True)
    print(
        f"{count} kills, {broken} broken promises;",
        ", ".join(f"{v} {s}: {n}" for (v, s), n in sorted(states.items())),
    )
    return broken


if __name__ == "__main__":
    sys.exit(bool(main(*map(int, sys.argv[1:]))))
