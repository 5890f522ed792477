"""Isolation of the child process. python -m pytest tests/worker/test_child_environment.py"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import keras
import pytest

from lib.common.errors import RunFailed, UserError
from lib.worker import process
from lib.worker.messages import Compare, Compared, Open, Train, TrainingFinished
from lib.worker.process import Worker
from tests.harness.terminal_session import PROJECT
from tests.worker.test_process import request

TRACE = "open('RAN', 'w').close()\n"


@pytest.mark.parametrize("pythonpath", [None, "", ".", f".{os.pathsep}", f"{os.pathsep}{os.pathsep}"])
def test_python_files_in_the_working_folder_are_not_imported(pythonpath, monkeypatch):
    for module in ("optree", "absl", "matplotlib", "scipy", "PIL", "json", "lib"):
        Path(f"{module}.py").write_text(TRACE, encoding="utf-8")
    if pythonpath is None:
        monkeypatch.delenv("PYTHONPATH", raising=False)
    else:
        monkeypatch.setenv("PYTHONPATH", pythonpath)
    environment = process.child_environment()
    names = "optree, absl, matplotlib, scipy, PIL, json, lib.worker.process, subprocess, sys"
    # A child of the child is isolated too.
    script = f"import {names}; subprocess.run([sys.executable, '-c', 'import {names}'], check=True)"
    subprocess.run([sys.executable, "-P", "-c", script], env=environment, check=True)
    assert not Path("RAN").exists()


def test_a_run_ignores_settings_of_python_keras_and_matplotlib(tiny, monkeypatch):
    Path("optree.py").write_text(TRACE, encoding="utf-8")
    Path("matplotlibrc").write_text(
        "figure.dpi: 7\nfont.size: 60\nbackend: module://nowhere\n", encoding="utf-8"
    )
    settings = {"image_data_format": "channels_first", "floatx": "float16", "backend": "jax", "epsilon": 0.1}
    home = Path(os.environ["KERAS_HOME"])
    home.mkdir()
    (home / "keras.json").write_text(json.dumps(settings), encoding="utf-8")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    with Worker() as worker:
        worker.send(Open(request(tiny)))
        worker.send(Train(request(tiny), output="run"))
        record = worker.follow(lambda event: None, until=TrainingFinished).record
    assert record["environment"]["backend"] == "tensorflow"
    model = keras.saving.load_model("run/autoencoder.h5", compile=False)
    first = model.get_layer("encoder").layers[1]
    assert (first.data_format, first.dtype) == ("channels_last", "float32")
    assert not Path("RAN").exists()


@pytest.mark.parametrize("backend", ["torch", "nonsense", "openvino"])
def test_a_backend_that_is_not_supported_is_refused_before_any_work(backend, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    with pytest.raises(UserError, match=f"'{backend}' is not supported; set it to tensorflow or jax"):
        Worker().start()


@pytest.mark.parametrize(
    "line", ['{"event": "ep', '{"event": "lib.runs.events.Note", "te', '{"event": "lib. nothing}\\n']
)
@pytest.mark.parametrize("ending", ["sys.exit(3)", "os.kill(os.getpid(), signal.SIGKILL)", "time.sleep(600)"])
def test_half_an_event_is_the_end(line, ending, monkeypatch, tmp_path):
    script = (
        f"import os, signal, sys, time; sys.stdout.write('{line}'); sys.stdout.flush(); os.close(1); {ending}"
    )
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "$SCRIPT"\n', encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setenv("SCRIPT", script)
    monkeypatch.setattr(process, "DEATH_TIMEOUT", 1)
    monkeypatch.setattr(sys, "executable", str(python))
    started = time.monotonic()
    with Worker() as worker:
        worker.send(Compare({}, "", ""))
        with pytest.raises(RunFailed, match="the training process"):
            worker.follow(lambda event: None, until=Compared)
    assert time.monotonic() - started < 10


def test_half_a_request_ends_the_child():
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "lib.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=process.child_environment() | {"PYTHONPATH": str(PROJECT)},
    )
    child.stdin.write(b'{"request": "lib.wor')
    child.stdin.close()
    assert child.wait(60) == 0
