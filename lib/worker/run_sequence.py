"""Many runs one after another, each in a folder that is named for it: trained once, gone on with where it was
interrupted.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lib.common.errors import RunFailed
from lib.config.hyperparameters import Hyperparameters
from lib.runs import records, run_folder
from lib.runs.resume import has_checkpoint, locate_run
from lib.worker.process import Worker


class StoppedByUser(Exception):
    """A person has stopped the training of a run."""


class RunSequence:
    """What searches and reproductions are made of. The process of the next run starts while one trains."""

    def __init__(self):
        self._next = Worker()

    def __enter__(self) -> RunSequence:
        return self

    def __exit__(self, *_) -> None:
        self._next.close()

    def train(
        self,
        hp: Hyperparameters,
        folder: Path,
        watch: Callable[[dict], str | None],
        trial: bool = False,
        ahead: bool = True,
    ) -> tuple[Path, dict]:
        """A run of just these settings in `folder`, or in one numbered after it where that holds another: its
        folder and record.

        One that is finished is not trained again. `watch` gets all events, and what it returns is why the run
        is to end before its time, which its record then has as `error`. `trial` keeps the test set closed;
        without `ahead` no process for the next run is started beside this one. Raises `Stopped` where a
        person has stopped the run, and what `Worker.follow` raises; `RunFailed` for one that failed.
        """
        record, folder, resumed = locate_run(hp, folder)
        if record is not None:
            return folder, record
        given_up: list[str] = []
        stopped: list[bool] = []

        def follow(event: dict) -> None:
            if event["event"] == "phase" and event["number"] == 1 and ahead:
                self._next.start()
            if event["event"] == "stopping":
                stopped.append(True)
            if (why := watch(event)) and not given_up and not stopped:
                given_up.append(why)
                worker.send("stop", why=why)

        worker, self._next = self._next, Worker()
        with worker:
            if resumed:
                how = (
                    ": going on from its last whole epoch"
                    if has_checkpoint(folder)
                    else " its first epoch ended: beginning again"
                )
                watch({"event": "stage", "text": f"interrupted before{how}"})
            worker.send("open", hyperparameters=hp.to_json())
            where = {"output": str(folder), "resume": str(folder) if resumed else None}
            worker.send("train", hyperparameters=hp.to_json(), trial=trial, **where)
            try:
                record = worker.follow(follow)["record"]
            except KeyboardInterrupt:
                worker.kill()
                run_folder.close_record(folder, records.INTERRUPTED, "left with a second Ctrl-C")
                raise
        if record["status"] == records.INTERRUPTED and not given_up:
            raise StoppedByUser
        if record["status"] == records.FAILED:
            raise RunFailed(record["error"])
        return folder, record
