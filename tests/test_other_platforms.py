"""Both programs where the modules and functions that only POSIX systems have are missing, as on Windows.

python -m pytest tests/test_other_platforms.py
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lib.runs import records
from tests.harness.terminal_session import PROJECT

# Imported by Python before a program and before its worker. Only the project and filelock see a system
# without these names: other libraries have their own ways around them.
SITECUSTOMIZE = '''
import builtins
import sys
import types

PLATFORM = {platform!r}
MODULES = {{"fcntl", "termios", "resource", "tty", "pty", "grp", "pwd"}}
NAMES = {{
    "os": {{"fork", "forkpty", "setsid", "killpg", "getpgrp", "getpgid", "tcgetpgrp", "ttyname", "mkfifo"}}
    | {{"posix_fallocate", "sched_getaffinity", "O_NOCTTY", "O_NONBLOCK", "getuid"}},
    "signal": {{"SIGKILL", "SIGHUP", "SIGBUS", "SIGUSR1", "SIGALRM"}},
    "select": {{"poll", "POLLHUP"}},
    "sys": set(),
}}
import_really = builtins.__import__
import importlib
import_module_really = importlib.import_module
seen = {{}}


class Without(types.ModuleType):
    """A module without some of its names, which may be set as well."""

    def __init__(self, module, names):
        super().__init__(module.__name__)
        self.__dict__["_hidden"] = module, names

    def __getattr__(self, name):
        module, names = self.__dict__["_hidden"]
        if name in names:
            raise AttributeError(name)
        if (module.__name__, name) == ("sys", "platform"):
            return PLATFORM
        return getattr(module, name)

    def __setattr__(self, name, value):
        setattr(self.__dict__["_hidden"][0], name, value)


def is_hidden_from(name, module):
    """filelock is told that fcntl is missing, not that this is Windows, whose msvcrt it would import."""
    package = name.partition(".")[0]
    return package in {{"lib", "__main__"}} or (package == "filelock" and module != "sys")


def import_some(name, globals=None, locals=None, fromlist=(), level=0):
    if level == 0 and is_hidden_from((globals or {{}}).get("__name__", ""), name):
        if name in MODULES:
            raise ImportError(name)
        if name in NAMES:
            return seen.setdefault(name, Without(sys.modules.get(name) or import_really(name), NAMES[name]))
    return import_really(name, globals, locals, fromlist, level)


def import_some_module(name, package=None):
    if name in MODULES and is_hidden_from(sys._getframe(1).f_globals.get("__name__", ""), name):
        raise ImportError(name)
    return import_module_really(name, package)


builtins.__import__ = import_some
importlib.import_module = import_some_module
'''
SMALL = ["--layers", "1", "--kernel-size", "3", "--kernels", "2", "--epochs", "1", "--batch-size", "64"]


def run(folder: Path, program: str, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(PROJECT / program), *words],
        env=os.environ | {"PYTHONPATH": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("platform", [sys.platform, "win32"])
def test_both_programs_train_without_the_functions_of_posix(platform, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(SITECUSTOMIZE.format(platform=platform))
    probe = "import lib.common.terminal_state as t, lib.worker.process as p, lib.cli.streams as s; "
    done = subprocess.run(
        [sys.executable, "-c", probe + "print(t.termios, hasattr(p.os, 'killpg'), s.sys.platform)"],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{PROJECT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["None", "False", platform]
    first = run(tmp_path, "autoencoder.py", "-d", "digits", *SMALL, "--output", "models/ae", "--yes")
    assert first.returncode == 0, first.stderr
    assert "this autoencoder" in first.stdout
    assert records.load_record(Path("models/ae"))["status"] == "finished"
    if platform == "win32":
        words = ("-model", "models/ae/encoder.h5", "--fc-units", "8", "--epochs", "1", "--yes")
        second = run(tmp_path, "classification.py", "-d", "digits", *words, "--output", "models/cl")
        assert second.returncode == 0, second.stderr
        assert records.load_record(Path("models/cl"))["status"] == "finished"
        listed = run(tmp_path, "autoencoder.py", "runs", "models", "--export", "r.html")
        assert listed.returncode == 0, listed.stderr
