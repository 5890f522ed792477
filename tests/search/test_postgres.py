"""A study in a PostgreSQL server, shared by worker processes.

python -m pytest tests/search/test_postgres.py

Needs initdb and pg_ctl (Debian's package postgresql) and psycopg; without them it is skipped. As root, the
server runs as the user postgres.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.harness.terminal_session import PROJECT

WORKER = """
import json, sys
from lib.search.state import study_state
from lib.search.study import importances, open_study, run_trials
from tests.search.test_study import SilentObserver, definition, objective
study = open_study("s", definition(), sys.argv[1])
run_trials(study, objective(), 6, None, SilentObserver())
tried = [trial.params for trial in study_state(study).complete]
print(json.dumps({"tried": tried, "most_important": next(iter(importances(study, 0)))}))
"""


def program(name: str) -> str | None:
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(installed[-1]) if installed else None)


@pytest.fixture
def postgres():
    """The URL of an empty database on a server that runs for the test."""
    pytest.importorskip("psycopg")
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    if not initdb or not pg_ctl:
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        if as_user:
            shutil.chown(folder, "postgres")

        def call(*words: str) -> None:
            done = subprocess.run([*as_user, *words], cwd=folder, capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"PostgreSQL does not start here: {done.stderr.strip() or done.stdout.strip()}")

        call(initdb, "--no-sync", "--auth", "trust", "--username", "lab", "--pgdata", str(data))
        options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off"
        call(
            pg_ctl, "start", "--wait", "--pgdata", str(data), "--log", str(data / "log"), "--options", options
        )
        try:
            yield f"postgresql+psycopg://lab@127.0.0.1:{port}/postgres"
        finally:
            call(pg_ctl, "stop", "--mode", "immediate", "--pgdata", str(data))


@pytest.mark.slow
def test_workers_share_a_study_in_postgresql(postgres):
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", WORKER, postgres]
    workers = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    results = [json.loads(worker.communicate()[0]) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert results[0] == results[1] == results[2]  # each waits for the others
    tried = {tuple(sorted(params.items())) for params in results[0]["tried"]}
    assert len(tried) == len(results[0]["tried"]) == 6
    assert results[0]["most_important"] == "kernels"
