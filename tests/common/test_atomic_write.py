"""Atomic writes of files. python -m pytest tests/common/test_atomic_write.py"""

import errno
import json
import os
from pathlib import Path

import pytest

from lib.common.errors import RunFailed
from lib.common.filesystem import atomic_write, cannot_write, make_folder, write_json


def test_readers_see_the_old_content_until_the_new_one_is_complete():
    path = Path("a.txt")
    path.write_text("before")
    with atomic_write(path) as partial:
        partial.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert os.listdir() == ["a.txt"]


def test_two_processes_that_write_the_same_file_leave_one_complete_version(monkeypatch):
    path = Path("a.txt")
    with atomic_write(path) as mine:
        mine.write_text("mine")
        with monkeypatch.context() as patched:
            patched.setattr(os, "getpid", lambda: 1)
            with atomic_write(path) as theirs:
                theirs.write_text("theirs")
        assert path.read_text() == "theirs"
    assert path.read_text() == "mine"
    assert os.listdir() == ["a.txt"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ZeroDivisionError()])
def test_an_error_leaves_the_old_content(error):
    path = Path("a.txt")
    path.write_text("before")

    def write():
        with atomic_write(path) as partial:
            partial.write_text("half")
            raise error

    with pytest.raises(RunFailed if isinstance(error, OSError) else ZeroDivisionError):
        write()
    assert path.read_text() == "before"
    assert os.listdir() == ["a.txt"]


def test_a_failed_write_gives_the_reason_and_the_remedy():
    words = (
        r"gone/a.json: cannot be written \(No such file or directory\); choose another place with --output"
    )
    with pytest.raises(RunFailed, match=words):
        write_json(Path("gone/a.json"), {})
    Path("file").write_text("")
    with pytest.raises(RunFailed, match=r"file/below: cannot be written \(Not a directory\)"):
        make_folder(Path("file/below"))


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "free some space, or choose another place with --output"),
        (errno.EMFILE, "raise the limit of open files with ulimit -n"),
        (errno.EACCES, "change its permissions, or choose another place with --output"),
        (errno.EROFS, "choose a place on another disk with --output"),
        (errno.ENAMETOOLONG, "choose a shorter name with --output"),
        (errno.ENOTDIR, "a part of this path is a file; choose another place with --output"),
        (errno.EIO, "choose another place with --output"),
    ],
)
def test_the_remedy_suits_the_reason(number, words):
    error = cannot_write(Path("a"), OSError(number, os.strerror(number)))
    assert str(error) == f"a: cannot be written ({os.strerror(number)}); {words}"


def test_a_name_that_is_not_utf8_survives_json():
    content = {"name": os.fsdecode(b"a\xff"), "half": "\ud800", "\udc00": "\\udcff"}
    write_json(Path("a.json"), content)
    assert json.loads(Path("a.json").read_text(encoding="utf-8")) == content


def test_json_round_trip():
    write_json(Path("a.json"), {"name": "Größe", "n": [1, None]})
    assert json.loads(Path("a.json").read_text(encoding="utf-8")) == {"name": "Größe", "n": [1, None]}
