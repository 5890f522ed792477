"""Studies shared by workers, with objectives that cost nothing. python -m pytest tests/search/test_study.py"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import optuna
import pytest

from lib.common.errors import Interrupted, RunFailed, UserError
from lib.search.space import Choices, Range
from lib.search.study import (
    MIN_REPORTS,
    PRUNED,
    StudyDefinition,
    importances,
    open_study,
    requeue_trial,
    run_trials,
    study_state,
    suggest_params,
)
from tests.harness.terminal_session import PROJECT

GRID = {"kernels": Choices((1, 2, 3)), "epochs": Choices((1, 2))}
FREE = {
    "learning_rate": Range(0.0001, 0.1, log=True),
    "kernels": Range(1, 8),
    "activation": Choices(("relu", "silu")),
}
URL = "sqlite:///study.db"


def purpose(space=GRID, sampler="grid", **values) -> StudyDefinition:
    return StudyDefinition(
        **dict(base={"layers": 2}, space=space, sampler=sampler, folds=1, prune=False, maximize=False, seed=3)
        | values
    )


class Silent:
    def ended(self, now): ...

    def waits(self, now): ...


def objective(space=GRID):
    return lambda trial: float(suggest_params(trial, space)["kernels"])


def done(study, wanted=None, budget=None) -> list[dict]:
    run_trials(study, wanted or objective(), budget, None, Silent())
    return [trial.params for trial in study_state(study).done]


def test_a_grid_is_tried_point_by_point_and_then_it_is_over():
    study = open_study("s", purpose(), URL)
    tried = done(study, budget=6)
    assert sorted((point["kernels"], point["epochs"]) for point in tried) == [
        (k, e) for k in (1, 2, 3) for e in (1, 2)
    ]
    assert done(open_study("s", purpose(), URL), budget=6) == tried  # nothing is left
    assert [score for score, _ in study_state(study).ranked] == [1, 1, 2, 2, 3, 3]


def test_a_search_draws_the_same_with_the_same_seed_and_goes_on_where_it_was():
    parts = [purpose(FREE, sampler, seed=seed) for sampler in ("tpe", "random") for seed in (1, 1, 2)]
    drawn = []
    for number, part in enumerate(parts):
        study = open_study(f"s{number}", part, URL)
        assert len(done(study, objective(FREE), 3)) == 3
        drawn.append(done(study, objective(FREE), 5))
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[3] == drawn[4] != drawn[5]
    assert all(
        0.0001 <= params["learning_rate"] <= 0.1 and params["kernels"] in range(1, 9)
        for tried in drawn
        for params in tried
    )


def test_an_interruption_changes_nothing_of_what_is_drawn():
    def broken(trial):
        suggest_params(trial, FREE)
        raise Interrupted("interrupted")

    whole = done(open_study("whole", purpose(FREE, "random"), URL), objective(FREE), 4)
    study = open_study("broken", purpose(FREE, "random"), URL)
    done(study, objective(FREE), 1)
    for number in (1, 2):  # the second trial, twice
        with pytest.raises(Interrupted):
            run_trials(study, broken, 4, None, Silent())
        requeue_trial(study, number)
    assert done(study, objective(FREE), 4) == whole
    now = study_state(study)
    assert [trial.number for trial in now.trials] == [0, 3, 4, 5]
    assert [now.place(trial) for trial in now.trials] == [0, 1, 2, 3]


def test_what_is_drawn_from_a_range_has_few_digits_and_stays_in_it():
    rates = [
        params["learning_rate"]
        for params in done(open_study("s", purpose(FREE, "tpe"), URL), objective(FREE), 15)
    ]
    assert all(len(f"{rate:.12f}".replace("0.", "").strip("0")) <= 4 for rate in rates)
    narrow = {"learning_rate": Range(0.123456, 0.123457)}
    study = open_study("n", purpose(narrow, "random"), URL)
    done(study, lambda trial: suggest_params(trial, narrow)["learning_rate"], 3)
    assert {trial.params["learning_rate"] for trial in study_state(study).trials} <= {0.123456, 0.123457}


def test_importance_needs_two_trials_for_each_hyperparameter():
    study = open_study("s", purpose(), URL)
    done(study, budget=3)
    assert importances(study, 0) == {}
    done(study, budget=4)
    assert sum(importances(study, 0).values()) == pytest.approx(1)


def test_importances_of_many_trials_are_those_of_a_sample(monkeypatch):
    study = open_study("s", purpose(FREE, "random", maximize=True), URL)
    done(study, objective(FREE), 30)
    whole = importances(study, 0)
    monkeypatch.setattr(study, "MAX_IMPORTANCE_TRIALS", 20)
    assert next(iter(importances(study, 0))) == next(iter(whole)) == "kernels"
    assert importances(study, 0) == importances(study, 0) != whole


def test_the_best_is_the_largest_where_larger_is_better():
    study = open_study("s", purpose(maximize=True), URL)
    done(study, budget=6)
    assert [score for score, _ in study_state(study).ranked] == [3, 3, 2, 2, 1, 1]
    assert next(iter(importances(study, 0))) == "kernels"


def test_a_failed_trial_counts_and_says_why():
    def failing(trial):
        kernels = suggest_params(trial, GRID)["kernels"]
        if kernels == 2:
            raise RunFailed("diverged")
        return kernels

    study = open_study("s", purpose(), URL)
    assert len(done(study, failing, 6)) == 6
    assert Counter(trial.state.name for trial in study_state(study).done) == {"COMPLETE": 4, "FAIL": 2}


def test_an_interrupted_trial_is_run_again():
    study = open_study("s", purpose(), URL)

    def interrupted(trial):
        params = suggest_params(trial, GRID)
        trial.set_user_attr("folder", "there")
        if trial.number == 2:
            raise Interrupted("interrupted")
        return float(params["kernels"])

    with pytest.raises(Interrupted):
        run_trials(study, interrupted, 6, None, Silent())
    requeue_trial(study, 2)
    assert study_state(study).waiting[0].user_attrs == {"folder": "there"}
    tried = done(open_study("s", purpose(), URL), budget=6)
    assert len({tuple(point.items()) for point in tried}) == len(tried) == 6


def test_two_workers_share_a_study_and_never_do_too_much():
    counted = []

    def slowly(trial):
        params = suggest_params(trial, FREE)
        counted.append(trial.number)
        time.sleep(0.02)
        return params["learning_rate"]

    open_study("s", purpose(FREE, "tpe"), URL)

    def worker():
        run_trials(open_study("s", purpose(FREE, "tpe"), URL), slowly, 12, None, Silent())

    workers = [threading.Thread(target=worker) for _ in range(3)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    study = open_study("s", purpose(FREE, "tpe"), URL)
    assert len(study_state(study).complete) == len(counted) == 12
    assert len({tuple(trial.params.items()) for trial in study_state(study).complete}) == 12


COLLIDING = """
import multiprocessing
from lib.search.study import open_study
from tests.search.test_study import purpose

def work(number, together):
    together.wait()
    open_study("s", purpose(), f"sqlite:///{number}.db")

fork = multiprocessing.get_context("fork")
for number in range(4):
    together = fork.Barrier(4)
    workers = [fork.Process(target=work, args=(number, together)) for _ in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert [one.exitcode for one in workers] == [0] * 4
"""


def test_workers_that_begin_at_the_same_moment_make_one_storage():
    subprocess.run(
        [sys.executable, "-c", COLLIDING], check=True, env=os.environ | {"PYTHONPATH": str(PROJECT)}
    )


DYING = """
import os, sys, time
from lib.search import study as studies
from tests.search.test_study import GRID, Silent, purpose
studies.HEARTBEAT_SECONDS, studies.GRACE_SECONDS = 1, 2
study = studies.open_study("s", purpose(), "sqlite:///study.db")
def objective(trial):
    studies.suggest_params(trial, GRID)
    print("begun", flush=True)
    time.sleep(600)
studies.run_trials(study, objective, 6, None, Silent())
"""


def test_the_trial_of_a_killed_worker_is_noticed_and_run_again(monkeypatch):
    monkeypatch.setattr("lib.search.study.HEARTBEAT_SECONDS", 1)
    monkeypatch.setattr("lib.search.study.GRACE_SECONDS", 2)
    process = subprocess.Popen(
        [sys.executable, "-c", DYING],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    waited = []

    class Waiting(Silent):
        def waits(self, now):
            waited.append(now)

    study = open_study("s", purpose(), URL)
    run_trials(study, objective(), 6, None, Waiting())
    tried = [trial.params for trial in study_state(study).complete]
    assert len({tuple(point.items()) for point in tried}) == len(tried) == 6


def test_a_deadline_ends_it_between_two_trials():
    study = open_study("s", purpose(FREE, "random"), URL)

    def slowly(trial):
        time.sleep(0.05)
        return suggest_params(trial, FREE)["learning_rate"]

    run_trials(study, slowly, None, time.monotonic() + 0.3, Silent())
    assert 1 <= len(study_state(study).complete) <= 7
    assert not study_state(study).running


def test_hopeless_trials_are_given_up():
    study = open_study("s", purpose(FREE, "random", prune=True), URL)

    def curve(trial):
        suggest_params(trial, FREE)
        for epoch in range(1, 11):
            trial.report(1.0 if trial.number < 6 else 2.0, epoch)
            if trial.should_prune():
                assert epoch >= MIN_REPORTS
                raise optuna.TrialPruned
        return 1.0

    run_trials(study, curve, 8, None, Silent())
    assert [trial.number for trial in study_state(study).of(PRUNED)] == [6, 7]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            dict(base={"layers": 3}),
            "the study s was begun with another layers; give this one another name with --study",
        ),
        (dict(folds=5), "another folds"),
        (dict(space=FREE, sampler="tpe"), "another space, another sampler"),
    ],
)
def test_a_study_is_for_one_purpose(changed, says):
    open_study("s", purpose(), URL)
    with pytest.raises(UserError, match=says):
        open_study("s", purpose(**changed), URL)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (
            "nonsense",
            "--storage nonsense: cannot be opened (it is no address of a database, such as "
            "sqlite:///search.db",
        ),
        ("sqlite:////nowhere/at/all.db", "cannot be opened (unable to open database file"),
        ("oracle://user:secret@host/name", "its driver, the Python package oracledb, is not installed"),
    ],
)
def test_a_storage_that_cannot_be_opened(url, says):
    with pytest.raises(UserError) as error:
        open_study("s", purpose(), url)
    assert says in str(error.value)
    assert "secret" not in str(error.value)
