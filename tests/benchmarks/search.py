"""What a search costs: workers side by side, a trial beside a plain run, ten thousand trials, and what a
storage can take.

python -m tests.benchmarks.search [workers|overhead|many|storage], all of it in some ten minutes; --storage
URL for another than SQLite.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

import optuna

from lib.search.space import Range
from lib.search.study import StudyDefinition, importances, open_study, run_trials, study_state, suggest_params
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
    "--epochs",
    "3",
    "--no-input",
]
PROGRAM = str(PROJECT / "autoencoder.py")
SPACE = {"learning_rate": Range(0.0001, 0.1, log=True), "kernels": Range(1, 64)}
MANY, REPEATS, SECONDS = 10_000, 3, 10
ASKING = """
import sys, time
from lib import studies
from tests.benchmarks.search import SECONDS, SPACE, Silent, purpose
study = studies.opened(sys.argv[1], purpose("random"), sys.argv[2])
def trial(trial):
    params = studies.suggested(trial, SPACE)
    for epoch in range(1, 6):
        trial.report(params["learning_rate"], epoch)
        trial.should_prune()
    return params["learning_rate"]
studies.work(study, trial, None, time.monotonic() + SECONDS, Silent())
"""


class Silent:
    def ended(self, now): ...

    def waits(self, now): ...


def purpose(sampler: str) -> StudyDefinition:
    return StudyDefinition({}, SPACE, sampler, 1, True, False)


def start(*words: str) -> subprocess.Popen:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, *words], env=os.environ | {"PYTHONPATH": str(PROJECT)}, **quiet)


def took(*lines: list[str]) -> float:
    """Seconds that some programs take at once."""
    began = time.perf_counter()
    running = [start(*line) for line in lines]
    assert [process.wait() for process in running] == [0] * len(running)
    return time.perf_counter() - began


def search(trials: int, output: str) -> list[str]:
    """The command of a search of so many trials."""
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
    """Trials an hour with one worker and with two, in turns."""
    seconds = {1: [], 2: []}
    for repeat in range(REPEATS):
        for count in seconds:
            seconds[count].append(took(*[search(6, f"{count}-{repeat}")] * count))
    for count, times in seconds.items():
        median = statistics.median(times)
        print(
            f"{count} worker{'s' if count > 1 else ''}: 6 trials in {median:.0f} s, {6 * 3600 / median:.0f} "
            f"an hour"
        )


def overhead() -> None:
    """A trial beside the plain run of the same settings, in turns."""
    plain, trial = [], []
    for repeat in range(REPEATS):
        plain.append(took([PROGRAM, *TRAINING, "--output", f"plain-{repeat}"]))
        trial += [took(search(count, f"{count}-trials-{repeat}")) for count in (2, 6)]
    each = [(six - two) / 4 for two, six in zip(trial[::2], trial[1::2], strict=True)]
    fixed = [two - 2 * one for two, one in zip(trial[::2], each, strict=True)]
    print(f"a plain run {statistics.median(plain):.1f} s, with test set, baselines and figures")
    print(f"a trial {statistics.median(each):.1f} s, the search around them {statistics.median(fixed):.1f} s")


def many() -> None:
    """Ten thousand finished trials: to open the study, to know where it stands, to draw the next."""
    url = "sqlite:///many.db"
    study = open_study("s", purpose("tpe"), url)
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
    began = time.perf_counter()
    study = open_study("s", purpose("tpe"), url)
    found = study_state(study)
    print(f"{len(found.done):,} trials: opened and listed in {time.perf_counter() - began:.1f} s")
    began = time.perf_counter()
    run_trials(study, lambda trial: suggest_params(trial, SPACE)["learning_rate"], MANY + 5, None, Silent())
    print(f"a trial more, drawn by TPE, written and counted: {(time.perf_counter() - began) / 5:.2f} s")
    began = time.perf_counter()
    importances(study, 0)
    print(f"importances: {time.perf_counter() - began:.1f} s")


def storage(url: str) -> None:
    """Trials that cost nothing, five epochs each: how many a second a storage takes from so many workers."""
    rates = []
    for count in (1, 2, 4, 8):
        study = open_study(f"{count} workers at {time.time():.0f}", purpose("random"), url)
        took(*[["-c", ASKING, study.study_name, url]] * count)
        rates.append(len(study_state(study).complete) / SECONDS)
        print(f"{count} worker{'s' if count > 1 else ' '}: {rates[-1]:.1f} trials a second")
    print(
        f"a trial costs {1 / rates[0] - 1 / max(rates):.3f} s in its worker and {1 / max(rates):.3f} s in "
        f"the storage"
    )


if __name__ == "__main__":
    chosen = [word for word in sys.argv[1:] if not word.startswith("-") and "://" not in word]
    url = next((word for word in sys.argv[1:] if "://" in word), "sqlite:///busy.db")
    parts = {"workers": workers, "overhead": overhead, "many": many, "storage": lambda: storage(url)}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name in chosen or parts:
            print(f"{name}:")
            parts[name]()
        os.chdir(PROJECT)
