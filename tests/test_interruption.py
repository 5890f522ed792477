"""Interrupted at any moment, without room, without memory: nothing is lost. python -m pytest
tests/test_interruption.py

`python -m tests.harness.kill_trials 200` kills at random moments, as often as one likes.
"""

import json
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from lib.runs import records, run_folder
from tests.harness import kill_trials
from tests.harness.kill_trials import Kill, Workplace
from tests.harness.terminal_session import CTRL_C, ENTER, PROJECT, Terminal
from tests.worker.test_model_jobs import save_autoencoder

LONG = [
    "--layers",
    "1",
    "--kernel-size",
    "3",
    "--kernels",
    "2",
    "--batch-size",
    "8",
    "--epochs",
    "100000",
    "--no-input",
]
PATIENCE = 300  # seconds for one program on a busy machine


@pytest.fixture(scope="module")
def workplace(tmp_path_factory) -> Workplace:
    return Workplace(tmp_path_factory.mktemp("kills"))


@pytest.mark.parametrize(
    "kill",
    [
        pytest.param(Kill(1, "autoencoder", "child", True, 0.4), marks=pytest.mark.slow),
        pytest.param(Kill(2, "classification", "parent", True, 1.0), marks=pytest.mark.slow),
        pytest.param(Kill(3, "autoencoder", "both", True, 0.8), marks=pytest.mark.slow),
    ],
    ids=["child", "parent", "both"],
)
def test_a_killed_run_goes_on_as_if_nothing_had_been(workplace, kill):
    assert workplace.carry_out(kill) in (records.INTERRUPTED, records.FAILED, records.FINISHED)


@pytest.mark.slow
def test_a_program_that_is_killed_when_its_worker_is_done_leaves_a_terminal_that_shows_keys(workplace):
    folder, terminal = workplace.folder / "late", kill_trials.opened_terminal()
    process = workplace.start("autoencoder", "--output", str(folder), terminal=terminal)
    kill_trials.wait_for("the model", (folder / "autoencoder.h5").exists)
    process.send_signal(signal.SIGSTOP)
    kill_trials.wait_for(
        "the end of the run", lambda: records.load_record(folder)["status"] == records.FINISHED
    )
    time.sleep(3)  # in which the worker would end
    assert not kill_trials.shows_keys(terminal)
    process.kill()
    process.wait()
    kill_trials.wait_for("the terminal", lambda: kill_trials.shows_keys(terminal))


@contextmanager
def start(program: str, *words: str, limits: dict | None = None) -> Iterator[subprocess.Popen]:
    """A program without a terminal, and with limits of the system's (`resource.RLIMIT_…` to a number).

    One that does not end, as it would not if Ctrl-C were lost on it, is killed.
    """

    def limit():
        for what, most in (limits or {}).items():
            resource.setrlimit(what, (most, most))

    with subprocess.Popen(
        [sys.executable, str(PROJECT / program), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,
    ) as process:
        patience = threading.Timer(PATIENCE, process.kill)
        patience.start()
        yield process
        process.wait()
        patience.cancel()


def run(program: str, *words: str, limits: dict | None = None) -> tuple[int, str]:
    """The exit status of a program, and what it said on standard error."""
    with start(program, *words, limits=limits) as process:
        said = process.communicate()[1]
    assert "Traceback" not in said
    return process.returncode, said


def interrupted_at(words: str, *command: str, times: int = 1) -> tuple[int, str]:
    """The same, and Ctrl-C is pressed when the program says these words; with `times=2` once more when it has
    understood.
    """
    said = ""
    with start(*command) as process:
        for line in process.stderr:
            said += line
            if words in line and times:
                process.send_signal(signal.SIGINT)
                times, words = times - 1, "Stopping after"
    return process.returncode, said


def test_ctrl_c_while_loading_leaves_nothing(tiny):
    with start("autoencoder.py", "-d", tiny["-d"], *LONG) as process:
        program = psutil.Process(process.pid)
        kill_trials.wait_for(
            "the process that trains",
            lambda: any("lib.worker" in child.cmdline() for child in program.children()),
        )
        time.sleep(0.5)  # the program may follow its worker by now; Keras takes longer to import
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
    assert process.returncode == 130
    assert said.splitlines()[-1] == "autoencoder.py: stopped before training began"
    assert not Path("models").exists()


def test_ctrl_c_while_a_model_is_used_leaves_nothing_half_done(tiny):
    path = save_autoencoder(latent_dim=3)[0]
    before = sorted(Path("ae").rglob("*"))
    command = ("autoencoder.py", "apply", "-model", path, "-d", tiny["-t"], "--refine", "6000")
    status, said = interrupted_at("4 of 20 pictures", *command)
    assert status == 130
    assert (
        said.splitlines()[-1]
        == "autoencoder.py: stopped before the first pictures were finished; nothing was written"
    )
    assert sorted(Path("ae").rglob("*")) == before


@pytest.mark.slow
def test_ctrl_c_in_training_can_go_on_with_the_same_command(tiny):
    words = ("-d", tiny["-d"], *LONG, "--output", "models/mine")
    status, said = interrupted_at("epoch      3/", "autoencoder.py", *words)
    assert status == 130
    assert records.load_record(Path("models/mine"))["status"] == "interrupted"
    assert (Path("models/mine") / "autoencoder.h5").is_file()

    status, said = interrupted_at("epoch      7/", "autoencoder.py", *words)
    assert (status, "epoch      2/" in said) == (130, False)
    assert re.search(
        r"models/mine has the same settings and was interrupted after epoch \d of 100000; continuing it",
        said,
    )

    status, said = interrupted_at("epoch      1/", "autoencoder.py", *words[:-2])
    assert status == 130
    assert "To continue it: python autoencoder.py --resume models/mine" in said

    record = json.loads(Path("models/mine/run.json").read_text())
    run_folder.write_json(
        Path("models/mine/run.json"), record | {"dataset": record["dataset"] | {"sha256": "0"}}
    )
    status, said = run("autoencoder.py", "--resume", "models/mine")
    assert (status, said.count("\n")) == (2, 1)
    assert "models/mine: the data set has changed since this run started" in said


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["head", "everything"])
def test_ctrl_c_in_either_phase_goes_on_in_that_phase(workplace, monkeypatch, phase):
    monkeypatch.chdir(workplace.folder)
    output = f"models/stopped-in-{phase}"
    expected = workplace.expected("classification")
    words = kill_trials.WORDS["classification"]
    thirds = 0
    with start("classification.py", *words, "--no-input", "--output", output) as process:
        for line in process.stderr:
            thirds += "epoch  3/15" in line
            if "epoch  3/15" in line and thirds == (1 if phase == "head" else 2):
                process.send_signal(signal.SIGINT)
    assert process.returncode == 130
    record = records.load_record(Path(output))
    assert (record["status"], list(record["history"])[-1]) == ("interrupted", phase)
    assert run("classification.py", "--resume", output)[0] == 0
    found = kill_trials.outcome(Path(output))
    for name in expected:
        kill_trials.np.testing.assert_equal(found[name], expected[name], err_msg=name)


@pytest.mark.slow
def test_ctrl_c_while_figures_are_drawn_skips_the_others_and_a_second_one_leaves(workplace, monkeypatch):
    monkeypatch.chdir(workplace.folder)
    words = [*kill_trials.WORDS["autoencoder"], "--no-input", "--output"]
    status, said = interrupted_at("drawing figures", "autoencoder.py", *words, "models/once")
    assert (status, records.load_record(Path("models/once"))["status"]) == (0, "finished")
    assert "The remaining figures are skipped." in said
    status, said = interrupted_at("drawing figures", "autoencoder.py", *words, "models/twice", times=2)
    assert (status, records.load_record(Path("models/twice"))["status"]) == (130, "interrupted")
    assert "To continue it: python autoencoder.py --resume models/twice" in said
    status, said = run("autoencoder.py", "--resume", "models/twice")
    assert (status, "epoch" in said) == (0, False)  # all of them were trained
    kill_trials.np.testing.assert_equal(
        kill_trials.outcome(Path("models/twice")), workplace.expected("autoencoder")
    )


@pytest.mark.slow  # tests/test_autoencoder_terminal.py is offered it too, and declines
def test_a_terminal_offers_to_go_on(tiny):
    words = ("-d", tiny["-d"], *LONG[:6], "--batch-size", "8", "--epochs", "100000")
    interrupted_at("epoch      3/", "autoencoder.py", *words, "--no-input")
    screen = Terminal("autoencoder.py", *words)
    screen.see("Advanced settings?")
    screen.press(ENTER)
    screen.see(
        "has the same settings and was interrupted after epoch",
        "of 100000.",
        "Continue it",
        "Start a new run",
    )
    screen.press(ENTER)
    screen.see("validation loss")
    screen.press(CTRL_C)
    screen.see("Interrupted: the best weights", "What next?")
    screen.press(CTRL_C)
    assert screen.leaves() == 130
    assert len(list(Path("models").iterdir())) == 1


@pytest.mark.parametrize(
    "room", [0, *(pytest.param(room, marks=pytest.mark.slow) for room in (3000, 30_000))]
)
def test_without_room_the_reason_is_said_and_nothing_else_is_touched(workplace, monkeypatch, room):
    """A limit on the size of a file stands for a full disk, and stops another write each time: the record,
    the models, …
    """
    monkeypatch.chdir(workplace.folder)
    output = Path(f"models/room-{room}")
    words = [*kill_trials.WORDS["autoencoder"], "--no-input", "--output", str(output)]
    status, said = run("autoencoder.py", *words, limits={resource.RLIMIT_FSIZE: room})
    assert status == 1, said
    if not room:
        assert "no temporary file can be written (No usable temporary directory found in" in said
        return
    expected = workplace.expected("autoencoder")
    assert re.search(
        rf"{output}/\S+: cannot be written \(File too large\); choose a place on another disk",
        said,
    )
    assert kill_trials.require_whole(output) in ("absent", "failed", "interrupted")
    assert not list(output.rglob("*.partial*"))
    kill_trials.np.testing.assert_equal(kill_trials.outcome(Path("encoder")), expected)
    if (output / "run.json").exists():  # and with room again it goes on
        assert run("autoencoder.py", "--resume", str(output))[0] == 0
        kill_trials.np.testing.assert_equal(kill_trials.outcome(output), expected)


@pytest.mark.slow
def test_without_memory_the_remedy_is_said(workplace, monkeypatch):
    monkeypatch.chdir(workplace.folder)
    words = [
        "-d",
        "digits",
        "--layers",
        "1",
        "--kernels",
        "512",
        "--batch-size",
        "1437",
        "--no-input",
        "--output",
        "models/large",
    ]
    status, said = run("autoencoder.py", *words, limits={resource.RLIMIT_AS: 3 << 30})
    assert status == 1
    assert said.splitlines()[-1].endswith("memory; use a smaller batch size or fewer kernels")
    assert records.load_record(Path("models/large"))["error"].endswith(
        "memory; use a smaller batch size or fewer kernels"
    )


def test_results_that_nobody_reads_end_quietly(workplace):
    """As in `python autoencoder.py runs | head -1`."""
    command = f"{sys.executable} {PROJECT / 'autoencoder.py'} runs . | head -1"
    done = subprocess.run(
        ["bash", "-c", command], cwd=workplace.folder, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr
