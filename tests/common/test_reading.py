"""Bounded reading of files, and walking through folders. python -m pytest tests/common/test_reading.py"""

import json
import os
import socket
from pathlib import Path

import pytest

from lib.common.errors import UserError
from lib.common.reading import open_file, read_bytes, read_json, walk_folders
from tests.harness.nesting import nested_folders


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def make_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [make_pipe, make_socket, make_device])
def test_what_may_never_end_is_refused(impatient, make):
    make(Path("x"))
    with pytest.raises(UserError, match="x: is a pipe, a socket or a device; use a regular file"):
        read_bytes(Path("x"), 10)


def test_a_pipe_that_takes_the_place_of_a_file_is_refused(impatient, monkeypatch):
    Path("x").write_text("file")
    status = os.stat("x")
    Path("x").unlink()
    os.mkfifo("x")
    monkeypatch.setattr(os, "stat", lambda path: status)
    with pytest.raises(UserError, match="is a pipe"):
        open_file(Path("x"))


def test_a_folder_and_a_missing_file_keep_their_errors():
    with pytest.raises(IsADirectoryError):
        open_file(Path())
    with pytest.raises(FileNotFoundError):
        open_file(Path("none"))


def test_a_file_may_have_as_many_bytes_as_the_limit():
    Path("x").write_bytes(b"12345")
    assert read_bytes(Path("x"), 5) == b"12345"
    with pytest.raises(UserError, match="x: more than 4 bytes, too large for such a file; use another one"):
        read_bytes(Path("x"), 4)


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000, b"9" * 5000, b""])
def test_what_is_no_json_is_refused(content):
    Path("x").write_bytes(content)
    with pytest.raises(UserError, match=r"x: cannot be read as JSON \(.+\)"):
        read_json(Path("x"), 1 << 20)


def test_json_that_needs_too_much_memory_is_refused(monkeypatch):
    def load(text):
        raise MemoryError

    Path("x").write_text("[]")
    monkeypatch.setattr(json, "loads", load)
    with pytest.raises(UserError, match=r"x: cannot be read as JSON \(it needs more memory than"):
        read_json(Path("x"), 1 << 20)


def test_folders_are_walked_as_by_the_standard_library():
    for name in ("a/b/x", "a/y", "c/z"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("")
    Path("a/loop").symlink_to("..")

    def content(walk):
        return {folder: (sorted(subfolders), sorted(files)) for folder, subfolders, files in walk}

    assert content(walk_folders(Path())) == content(os.walk("."))
    assert [*walk_folders(Path("none"))] == [("none", [], [])]


def test_names_that_are_removed_are_not_visited():
    Path("a/b").mkdir(parents=True)
    visited = []
    for folder, subfolders, _ in walk_folders(Path()):
        visited.append(folder)
        subfolders.clear()
    assert visited == ["."]


def test_folders_of_any_depth_are_walked():
    with nested_folders(1500):
        assert len([*walk_folders(Path())]) == 1501
