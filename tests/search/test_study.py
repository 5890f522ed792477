"""Studies shared by workers, with objective functions that train nothing.

python -m pytest tests/search/test_study.py
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import optuna
import pytest

from lib.common.errors import Interrupted, RunFailed, UserError
from lib.search.sampling import MIN_REPORTS, suggest_params
from lib.search.space import Choices, Range
from lib.search.state import PRUNED, WAITING, StudyDefinition, study_state
from lib.search.storage import default_url, without_password
from lib.search.study import importances, open_study, requeue_trial, run_trials
from tests.harness.terminal_session import PROJECT

GRID = {"kernels": Choices((1, 2, 3)), "epochs": Choices((1, 2))}
FREE = {
    "learning_rate": Range(0.0001, 0.1, log=True),
    "kernels": Range(1, 8),
    "activation": Choices(("relu", "silu")),
}
URL = "sqlite:///study.db"


def definition(space=GRID, sampler="grid", **values) -> StudyDefinition:
    return StudyDefinition(
        **dict(base={"layers": 2}, space=space, sampler=sampler, folds=1, prune=False, maximize=False, seed=3)
        | values
    )


class SilentObserver:
    def on_trial_end(self, state): ...

    def on_wait(self, state): ...


def objective(space=GRID):
    return lambda trial: float(suggest_params(trial, space)["kernels"])


def ended_params(study, objective_function=None, budget=None) -> list[dict]:
    """Run trials; return the values of all that have ended."""
    run_trials(study, objective_function or objective(), budget, None, SilentObserver())
    return [trial.params for trial in study_state(study).ended]


def test_a_grid_search_ends_after_every_point():
    study = open_study("s", definition(), URL)
    tried = ended_params(study, budget=6)
    assert sorted((point["kernels"], point["epochs"]) for point in tried) == [
        (k, e) for k in (1, 2, 3) for e in (1, 2)
    ]
    assert ended_params(open_study("s", definition(), URL), budget=6) == tried  # nothing is left
    assert [score for score, _ in study_state(study).ranked] == [1, 1, 2, 2, 3, 3]


def test_trials_are_reproducible_from_the_seed_also_when_a_search_continues():
    definitions = [
        definition(FREE, sampler, seed=seed) for sampler in ("tpe", "random") for seed in (1, 1, 2)
    ]
    drawn = []
    for number, one_definition in enumerate(definitions):
        study = open_study(f"s{number}", one_definition, URL)
        assert len(ended_params(study, objective(FREE), 3)) == 3
        drawn.append(ended_params(study, objective(FREE), 5))
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[3] == drawn[4] != drawn[5]
    assert all(
        0.0001 <= params["learning_rate"] <= 0.1 and params["kernels"] in range(1, 9)
        for tried in drawn
        for params in tried
    )


def test_an_interruption_does_not_change_the_values_drawn():
    def broken(trial):
        suggest_params(trial, FREE)
        raise Interrupted("interrupted")

    uninterrupted = ended_params(open_study("whole", definition(FREE, "random"), URL), objective(FREE), 4)
    study = open_study("broken", definition(FREE, "random"), URL)
    ended_params(study, objective(FREE), 1)
    for number in (1, 2):  # the second trial, twice
        with pytest.raises(Interrupted):
            run_trials(study, broken, 4, None, SilentObserver())
        requeue_trial(study, number)
    assert ended_params(study, objective(FREE), 4) == uninterrupted
    state = study_state(study)
    assert [trial.number for trial in state.trials] == [0, 3, 4, 5]
    assert [state.index_of(trial) for trial in state.trials] == [0, 1, 2, 3]


def test_numbers_from_a_range_are_rounded_and_stay_in_it():
    rates = [
        params["learning_rate"]
        for params in ended_params(open_study("s", definition(FREE, "tpe"), URL), objective(FREE), 15)
    ]
    assert all(len(f"{rate:.12f}".replace("0.", "").strip("0")) <= 4 for rate in rates)
    narrow = {"learning_rate": Range(0.123456, 0.123457)}
    study = open_study("n", definition(narrow, "random"), URL)
    ended_params(study, lambda trial: suggest_params(trial, narrow)["learning_rate"], 3)
    assert {trial.params["learning_rate"] for trial in study_state(study).trials} <= {0.123456, 0.123457}


def test_importance_needs_two_trials_for_each_hyperparameter():
    study = open_study("s", definition(), URL)
    ended_params(study, budget=3)
    assert importances(study, 0) == {}
    ended_params(study, budget=4)
    assert sum(importances(study, 0).values()) == pytest.approx(1)


def test_importances_of_many_trials_are_those_of_a_sample(monkeypatch):
    study = open_study("s", definition(FREE, "random", maximize=True), URL)
    ended_params(study, objective(FREE), 30)
    of_all = importances(study, 0)
    monkeypatch.setattr("lib.search.study.MAX_IMPORTANCE_TRIALS", 20)
    assert next(iter(importances(study, 0))) == next(iter(of_all)) == "kernels"
    assert importances(study, 0) == importances(study, 0) != of_all


def test_the_largest_score_ranks_first_when_maximizing():
    study = open_study("s", definition(maximize=True), URL)
    ended_params(study, budget=6)
    assert [score for score, _ in study_state(study).ranked] == [3, 3, 2, 2, 1, 1]
    assert next(iter(importances(study, 0))) == "kernels"


def test_a_failed_trial_counts():
    def failing(trial):
        kernels = suggest_params(trial, GRID)["kernels"]
        if kernels == 2:
            raise RunFailed("diverged")
        return kernels

    study = open_study("s", definition(), URL)
    assert len(ended_params(study, failing, 6)) == 6
    assert Counter(trial.state.name for trial in study_state(study).ended) == {"COMPLETE": 4, "FAIL": 2}


def test_an_interrupted_trial_is_run_again():
    study = open_study("s", definition(), URL)

    def interrupted(trial):
        params = suggest_params(trial, GRID)
        trial.set_user_attr("folder", "there")
        if trial.number == 2:
            raise Interrupted("interrupted")
        return float(params["kernels"])

    with pytest.raises(Interrupted):
        run_trials(study, interrupted, 6, None, SilentObserver())
    requeue_trial(study, 2)
    assert study_state(study).in_state(WAITING)[0].user_attrs == {"folder": "there"}
    tried = ended_params(open_study("s", definition(), URL), budget=6)
    assert len({tuple(point.items()) for point in tried}) == len(tried) == 6


def test_workers_that_share_a_study_do_not_exceed_its_budget():
    counted = []

    def slowly(trial):
        params = suggest_params(trial, FREE)
        counted.append(trial.number)
        time.sleep(0.02)
        return params["learning_rate"]

    open_study("s", definition(FREE, "tpe"), URL)

    def worker():
        run_trials(open_study("s", definition(FREE, "tpe"), URL), slowly, 12, None, SilentObserver())

    workers = [threading.Thread(target=worker) for _ in range(3)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()
    study = open_study("s", definition(FREE, "tpe"), URL)
    assert len(study_state(study).complete) == len(counted) == 12
    assert len({tuple(trial.params.items()) for trial in study_state(study).complete}) == 12


SIMULTANEOUS_WORKERS = """
import multiprocessing
from lib.search.study import open_study
from tests.search.test_study import definition

def work(number, barrier):
    barrier.wait()
    open_study("s", definition(), f"sqlite:///{number}.db")

fork = multiprocessing.get_context("fork")
for number in range(4):
    barrier = fork.Barrier(4)
    workers = [fork.Process(target=work, args=(number, barrier)) for _ in range(4)]
    for process in workers:
        process.start()
    for process in workers:
        process.join()
    assert [process.exitcode for process in workers] == [0] * 4
"""


@pytest.mark.slow
def test_workers_that_start_at_the_same_time_create_one_storage():
    subprocess.run(
        [sys.executable, "-c", SIMULTANEOUS_WORKERS],
        check=True,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )


WORKER_TO_KILL = """
import os, sys, time
from lib.search import sampling, storage, study
from tests.search.test_study import GRID, SilentObserver, definition
storage.HEARTBEAT_SECONDS, storage.GRACE_SECONDS = 1, 2
def objective(trial):
    sampling.suggest_params(trial, GRID)
    print("started", flush=True)
    time.sleep(600)
opened = study.open_study("s", definition(), "sqlite:///study.db")
study.run_trials(opened, objective, 6, None, SilentObserver())
"""


def test_the_trial_of_a_killed_worker_is_run_again(monkeypatch):
    monkeypatch.setattr("lib.search.storage.HEARTBEAT_SECONDS", 1)
    monkeypatch.setattr("lib.search.storage.GRACE_SECONDS", 2)
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER_TO_KILL],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    waited = []

    class Waiting(SilentObserver):
        def on_wait(self, state):
            waited.append(state)

    study = open_study("s", definition(), URL)
    run_trials(study, objective(), 6, None, Waiting())
    tried = [trial.params for trial in study_state(study).complete]
    assert len({tuple(point.items()) for point in tried}) == len(tried) == 6


def test_no_trial_starts_after_the_deadline():
    study = open_study("s", definition(FREE, "random"), URL)

    def slowly(trial):
        time.sleep(0.05)
        return suggest_params(trial, FREE)["learning_rate"]

    run_trials(study, slowly, None, time.monotonic() + 0.3, SilentObserver())
    assert 1 <= len(study_state(study).complete) <= 7
    assert not study_state(study).running


def test_trials_worse_than_the_median_are_pruned():
    study = open_study("s", definition(FREE, "random", prune=True), URL)

    def curve(trial):
        suggest_params(trial, FREE)
        for epoch in range(1, 11):
            trial.report(1.0 if trial.number < 6 else 2.0, epoch)
            if trial.should_prune():
                assert epoch >= MIN_REPORTS
                raise optuna.TrialPruned
        return 1.0

    run_trials(study, curve, 8, None, SilentObserver())
    assert [trial.number for trial in study_state(study).in_state(PRUNED)] == [6, 7]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            dict(base={"layers": 3}),
            "the study s was started with another layers; choose another name with --study",
        ),
        (dict(folds=5), "another folds"),
        (dict(space=FREE, sampler="tpe"), "another space, another sampler"),
    ],
)
def test_a_study_is_not_opened_with_another_definition(changed, says):
    open_study("s", definition(), URL)
    with pytest.raises(UserError, match=says):
        open_study("s", definition(**changed), URL)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (
            "nonsense",
            "--storage nonsense: cannot be opened (it is not a database URL, such as sqlite:///search.db",
        ),
        ("sqlite:////nowhere/at/all.db", "cannot be opened (unable to open database file"),
        ("oracle://user:secret@host/name", "its driver, the Python package oracledb, is not installed"),
    ],
)
def test_a_storage_that_cannot_be_opened(url, says):
    with pytest.raises(UserError) as error:
        open_study("s", definition(), url)
    assert says in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        *("sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite+pysqlite:///:memory:"),
        *("sqlite:///file::memory:?uri=true", "sqlite:///file::memory:?cache=shared&uri=true"),
        *("sqlite:///file:x?mode=memory&cache=shared&uri=true", "sqlite:///file:x?vfs=memdb&uri=true"),
    ],
)
def test_a_storage_in_memory_is_refused(url):
    with pytest.raises(UserError, match="is in memory and would be lost with this process; use a file"):
        open_study("s", definition(), url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:geheim@host/name", "postgresql://me:***@host/name"),
        ("postgresql://me@host/name?password=geheim", "postgresql://me@host/name?password=***"),
        ("postgresql:me:geheim@host", "***@host"),
        ("postgresql://me:ge/he@im@host:x/name", "postgresql://***@host:x/name"),
        ("sqlite:///a b.db", "sqlite:///a b.db"),
        ("nonsense", "nonsense"),
    ],
)
def test_passwords_are_not_shown(url, shown):
    assert without_password(url) == shown


def test_braces_in_a_storage_are_no_template():
    open_study("s", definition(), "sqlite:///{x}.db")
    assert Path("{x}.db").is_file()


@pytest.mark.parametrize("name", ["a?mode=memory", "{x}", "a b%41#", "grün"])
def test_the_folder_of_a_search_may_have_any_name(name):
    Path(name).mkdir()
    open_study("s", definition(), default_url(Path(name)))
    assert [*Path(name).iterdir()] == [Path(name, "study.db")]
