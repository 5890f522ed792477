"""A disk that is full from some write on, whichever that is, in both programs. python -m pytest -m slow
tests/test_full_disk.py

Every file of a run is flushed to the disk before it takes its place (`written.replacing`), so a disk is full
at every write when it is full at every flush.
"""

import errno
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import h5py
import pytest

from lib.common import filesystem
from lib.common.errors import RunFailed, UserError
from lib.config.hyperparameters import Hyperparameters
from lib.runs import records, run_folder
from lib.worker import open_data, training_jobs
from lib.worker.messages import Train
from tests.harness.terminal_session import PROJECT
from tests.worker.test_training_jobs import classify, run

FEWEST = 8  # flushes in the shortest run


class Disk:
    """Takes so many flushes, and then says that it is full."""

    def __init__(self, room: int | None):
        self.room, self.flushed = room, 0

    def fsync(self, file: int) -> None:
        self.flushed += 1
        if self.room is not None and self.flushed > self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def left(monkeypatch):
    """The runs that were begun, so that their folders can be left as by a process that has ended."""
    begun = []
    lock = run_folder.Run.lock
    monkeypatch.setattr(run_folder.Run, "lock", lambda run: (lock(run), begun.append(run))[0])

    def leave():
        for one in begun:
            with suppress(OSError):
                one.release(delete_checkpoint=False)
        begun.clear()

    return leave


def attempt(program: str, tiny: dict, output: str) -> None:
    if program == "classification":
        run(
            output,
            **classify(
                tiny, model="encoder/autoencoder.h5", epochs=2, fc_units=(4,), batch_size=20
            ).to_json(),
        )
    else:
        run(output, dataset=tiny["-d"], testset=tiny["-t"], layers=1, kernels=2, epochs=2, batch_size=20)


@pytest.mark.slow
@pytest.mark.parametrize("program", ["autoencoder", "classification"])
def test_a_full_disk_at_every_write(tiny, monkeypatch, left, program):
    run("encoder", dataset=tiny["-d"], layers=1, kernels=2, epochs=1)
    whole = Disk(None)
    monkeypatch.setattr(filesystem.os, "fsync", whole.fsync)
    attempt(program, tiny, "whole")
    left()
    earlier = {path: path.read_bytes() for path in Path("whole").rglob("*") if path.is_file()}
    assert whole.flushed > FEWEST
    for room in range(whole.flushed):
        folder = Path(f"room-{room}")
        monkeypatch.setattr(filesystem.os, "fsync", Disk(room).fsync)
        with pytest.raises(
            RunFailed, match=r"cannot be written \(No space left on device\); free some space, or choose"
        ):
            attempt(program, tiny, str(folder))
        left()
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert not [path for path in files if filesystem.PARTIAL_MARK in path.name]
        for path in files:
            if path.suffix == ".h5":
                h5py.File(path).close()
        if (folder / records.RECORD_FILE).exists():
            assert records.load_record(folder)["status"] == "interrupted"  # the last that could be said of it
        monkeypatch.setattr(filesystem.os, "fsync", Disk(None).fsync)  # with room again it goes on
        with suppress(UserError):
            resumed(program, tiny, folder)
            left()
            assert records.load_record(folder)["status"] == "finished"
    assert {path: path.read_bytes() for path in Path("whole").rglob("*") if path.is_file()} == earlier


def resumed(program: str, tiny: dict, folder: Path) -> None:
    from tests.harness.in_process_worker import RecordingChannel

    hp = Hyperparameters.from_json(records.load_record(folder)["hyperparameters"], "the record")
    request = Train(hp, resume=str(folder))
    training_jobs.run_training(RecordingChannel(), request, open_data.open_dataset(hp))


@pytest.mark.slow
def test_a_training_ends_well_with_a_full_disk_under_its_progress_and_its_results(tiny):
    words = ["-d", tiny["-d"], "--layers", "1", "--kernels", "2", "--epochs", "2", "--no-input", "--output"]
    for stream in ("stderr", "stdout"):
        with open("/dev/full", "wb") as full:
            streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
            done = subprocess.run(
                [sys.executable, str(PROJECT / "autoencoder.py"), *words, stream],
                check=False,
                **streams | {stream: full},
            )
        assert records.load_record(Path(stream))["status"] == "finished"
        log = (Path(stream) / records.LOG_FILE).read_text(encoding="utf-8")
        assert (log.count("epoch "), log.count("this autoencoder: MSE")) == (2, 1)
        if stream == "stderr":
            assert (done.returncode, b"this autoencoder" in done.stdout) == (0, True)
        else:
            assert done.returncode == 1
            assert done.stderr.splitlines()[-1].startswith(b"autoencoder.py: the output cannot be written")
