"""Benchmarks of a search: parallel workers, overhead of a trial, 10,000 trials, throughput of a storage.

python -m tests.benchmarks.search [workers|overhead|many|storage] [URL]: without a name all of them, in about
ten minutes; the URL is of a storage other than SQLite.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

import optuna

from lib.search.sampling import suggest_params
from lib.search.space import Range
from lib.search.state import StudyDefinition, study_state
from lib.search.study import importances, open_study, run_trials
from lib.worker.process import PROJECT

TRAINING = [
    "-d",
    "digits",
    "--layers",
    "2",
    "--kernels",
    "8",
    "--kernel-size",
    "3",
    "--latent-dim",
    "convolutional",
    "--batch-size",
    "128",
    "--epochs",
    "3",
    "--no-input",
]
PROGRAM = str(PROJECT / "autoencoder.py")
SPACE = {"learning_rate": Range(0.0001, 0.1, log=True), "kernels": Range(1, 64)}
MANY, REPEATS, SECONDS = 10_000, 3, 10
STORAGE_WORKER = """
import sys, time
from lib.search.sampling import suggest_params
from lib.search.study import open_study, run_trials
from tests.benchmarks.search import SECONDS, SPACE, SilentObserver, definition
def objective(trial):
    params = suggest_params(trial, SPACE)
    for epoch in range(1, 6):
        trial.report(params["learning_rate"], epoch)
        trial.should_prune()
    return params["learning_rate"]
study = open_study(sys.argv[1], definition("random"), sys.argv[2])
run_trials(study, objective, None, time.monotonic() + SECONDS, SilentObserver())
"""


class SilentObserver:
    def on_trial_end(self, state): ...

    def on_wait(self, state): ...


def definition(sampler: str) -> StudyDefinition:
    return StudyDefinition(base={}, space=SPACE, sampler=sampler, folds=1, prune=True, maximize=False)


def start(*words: str) -> subprocess.Popen:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, *words], env=os.environ | {"PYTHONPATH": str(PROJECT)}, **quiet)


def seconds_of(*commands: list[str]) -> float:
    """Return the seconds that programs take in parallel."""
    started = time.perf_counter()
    processes = [start(*command) for command in commands]
    assert [process.wait() for process in processes] == [0] * len(processes)
    return time.perf_counter() - started


def search(trials: int, output: str) -> list[str]:
    """Return the command of a search."""
    rates = ",".join(f"0.00{number}" for number in range(1, trials + 1))
    return [
        PROGRAM,
        "search",
        *TRAINING,
        "--grid",
        f"learning-rate={rates}",
        "--no-retrain",
        "--output",
        output,
    ]


def workers() -> None:
    """Print trials per hour with one worker and with two, measured alternately."""
    seconds = {1: [], 2: []}
    for repeat in range(REPEATS):
        for count in seconds:
            seconds[count].append(seconds_of(*[search(6, f"{count}-{repeat}")] * count))
    for count, times in seconds.items():
        median = statistics.median(times)
        print(
            f"{count} worker{'s' if count > 1 else ''}: 6 trials in {median:.0f} s, {6 * 3600 / median:.0f} "
            f"an hour"
        )


def overhead() -> None:
    """Print the seconds of a trial and of a single run with the same settings, measured alternately."""
    run, two_trials, six_trials = [], [], []
    for repeat in range(REPEATS):
        run.append(seconds_of([PROGRAM, *TRAINING, "--output", f"run-{repeat}"]))
        two_trials.append(seconds_of(search(2, f"2-trials-{repeat}")))
        six_trials.append(seconds_of(search(6, f"6-trials-{repeat}")))
    trial = [(six - two) / 4 for two, six in zip(two_trials, six_trials, strict=True)]
    rest = [two - 2 * one for two, one in zip(two_trials, trial, strict=True)]
    print(f"a single run {statistics.median(run):.1f} s, with test set, baselines and figures")
    print(f"a trial {statistics.median(trial):.1f} s, the search around them {statistics.median(rest):.1f} s")


def many() -> None:
    """Print the seconds to open and list a study with 10,000 complete trials, and to draw the next trial."""
    url = "sqlite:///many.db"
    study = open_study("s", definition("tpe"), url)
    distributions = {
        "learning_rate": optuna.distributions.FloatDistribution(0.0001, 0.1, log=True),
        "kernels": optuna.distributions.IntDistribution(1, 64),
    }
    rates = [0.0001 * 1000 ** (number / MANY) for number in range(MANY)]
    study.add_trials(
        optuna.create_trial(
            params={"learning_rate": rate, "kernels": 1 + number % 64},
            distributions=distributions,
            value=abs(rate - 0.01),
        )
        for number, rate in enumerate(rates)
    )
    started = time.perf_counter()
    study = open_study("s", definition("tpe"), url)
    state = study_state(study)
    print(f"{len(state.ended):,} trials: opened and listed in {time.perf_counter() - started:.1f} s")
    started = time.perf_counter()
    run_trials(
        study, lambda trial: suggest_params(trial, SPACE)["learning_rate"], MANY + 5, None, SilentObserver()
    )
    print(f"a trial more, drawn by TPE, written and counted: {(time.perf_counter() - started) / 5:.2f} s")
    started = time.perf_counter()
    importances(study, 0)
    print(f"importances: {time.perf_counter() - started:.1f} s")


def storage(url: str) -> None:
    """Print the trials per second, of five epochs without training, that a storage takes from its workers."""
    rates = []
    for count in (1, 2, 4, 8):
        study = open_study(f"{count} workers at {time.time():.0f}", definition("random"), url)
        seconds_of(*[["-c", STORAGE_WORKER, study.study_name, url]] * count)
        rates.append(len(study_state(study).complete) / SECONDS)
        print(f"{count} worker{'s' if count > 1 else ' '}: {rates[-1]:.1f} trials a second")
    print(
        f"a trial costs {1 / rates[0] - 1 / max(rates):.3f} s in its worker and {1 / max(rates):.3f} s in "
        f"the storage"
    )


if __name__ == "__main__":
    chosen = [word for word in sys.argv[1:] if not word.startswith("-") and "://" not in word]
    url = next((word for word in sys.argv[1:] if "://" in word), "sqlite:///busy.db")
    benchmarks = {"workers": workers, "overhead": overhead, "many": many, "storage": lambda: storage(url)}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name in chosen or benchmarks:
            print(f"{name}:")
            benchmarks[name]()
        os.chdir(PROJECT)
