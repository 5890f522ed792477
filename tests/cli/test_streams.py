"""Encodings of the standard streams, and output that cannot be written.

python -m pytest tests/cli/test_streams.py
"""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.cli.streams import ERROR_HANDLER, prepare_streams
from tests.harness.terminal_session import CTRL_C, PROJECT, Terminal

# The display in a program, with signs of every kind, half a surrogate and a picture.
SCRIPT = """
import sys
from lib.cli.streams import prepare_streams
from lib.common.errors import UserError, exit_status

def program():
    import numpy as np
    from rich.table import Table
    from lib.cli.display import Display
    from lib.cli.terminal_graphics import half_blocks, loss_chart
    display = Display()
    display.note("28×28 → 7×7 … – é")
    display.result("∞ dB, ± 0.1")
    table = Table("a", "b")
    table.add_row("1", "★")
    display.out.print(table)
    display.out.print(half_blocks(display.out, np.full((2, 8, 1), 255, np.uint8)))
    print(loss_chart({"loss": [3.0, 1.0]}, colors=False))
    print("a name that is no text: \\udcff")
    if sys.argv[1:]:
        raise UserError("é… is wrong")
    return 0

prepare_streams()
sys.exit(exit_status("p.py", program))
"""
# Results wait in a buffer, as they do by default.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": ""}
ENCODINGS = ("ascii", "cp1252", "latin-1", "cp437", "shift_jis", "utf-8", "utf-16")
SPEAKING = ("cli", "common", "config", "reproduction", "runs", "search", "tasks", "training", "worker")


def run(*words: str, script: str = SCRIPT, **options) -> subprocess.CompletedProcess:
    environment = ENVIRONMENT | options.pop("env", {})
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.run(
        [sys.executable, "-c", f"exec({script!a})", *words],
        env=environment,
        check=False,
        **streams | options,
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_output_in_any_encoding(encoding):
    done = run("wrong", env={"PYTHONIOENCODING": encoding})
    out, err = done.stdout.decode(encoding), done.stderr.decode(encoding)
    assert (done.returncode, err.count("\n")) == (2, 2), err
    words = "28×28 → 7×7 … – é", "∞ dB, ± 0.1", "p.py: é… is wrong"
    if encoding == "ascii":
        words = "28x28 -> 7x7 ... - \\xe9", "inf dB, +- 0.1", "p.py: \\xe9... is wrong"
        assert "| 1 | * |" in out
        assert "########" in out
    assert out.endswith("a name that is no text: \\udcff\n")
    if encoding.startswith("utf") or encoding == "ascii":
        assert (err.splitlines()[0], out.splitlines()[0], err.splitlines()[1]) == words


def test_the_locale_of_computers_without_one():
    done = run("wrong", env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    assert (done.returncode, done.stdout.isascii(), done.stderr.count(b"\n")) == (2, True, 2)


def test_every_sign_of_a_message_has_a_replacement():
    paths = [path for name in SPEAKING for path in (PROJECT / "lib" / name).rglob("*.py")]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in [*paths, *PROJECT.glob("*.py")]]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and id(node) not in docstrings]
    signs = {sign for text in texts if isinstance(text, str) for sign in text if sign.isprintable()}
    replaced = {sign: sign.encode("ascii", ERROR_HANDLER) for sign in signs if not sign.isascii()}
    assert replaced
    assert not [sign for sign, text in replaced.items() if b"\\" in text]


@pytest.mark.parametrize("words", [["autoencoder.py", "--help"], ["classification.py", "runs"]])
def test_the_programs_in_ascii(words):
    command = [sys.executable, str(PROJECT / words[0]), *words[1:]]
    environment = ENVIRONMENT | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 0
    assert (done.stdout + done.stderr).isascii()


def test_prompts_in_ascii(tiny):
    flags = ["-d", tiny["-d"], "--layers", "1", "--kernels", "2", "--epochs", "1", "--batch-size", "8"]
    screen = Terminal("autoencoder.py", *flags, PYTHONIOENCODING="ascii")
    screen.see("Kernel size (3 means 3x3)", "12x10x1 -> 6x5x2")
    screen.answer()
    screen.see("Advanced settings?", " > ")
    screen.press(CTRL_C)
    assert screen.leaves() == 130


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_full_disk_under_results_is_an_error_and_under_progress_is_not(stream):
    with open("/dev/full", "wb") as full:
        done = run(**{stream: full})
    if stream == "stdout":
        assert done.returncode == 1
        assert done.stderr.decode().splitlines()[1:] == [
            "p.py: the output cannot be written (No space left on device); redirect standard output elsewhere"
        ]
    else:
        assert (done.returncode, done.stdout.startswith("∞ dB".encode())) == (0, True)


def test_results_that_are_written_at_the_end_of_the_program():
    with open("/dev/full", "wb") as full:
        command = [sys.executable, str(PROJECT / "autoencoder.py"), "runs", "--help"]
        done = subprocess.run(command, env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(b"autoencoder.py: the output cannot be written (No space left on device)")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_closed_streams(closed):
    """As with >&- in a shell; no other file may take the place of the stream."""
    closing = " ".join(f"{number}>&-" for number in closed)
    command = ["sh", "-c", f'exec "$@" {closing}', "sh", sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=False)
    assert (done.returncode, b"Traceback" in done.stderr) == (1 if 1 in closed else 0, False)
    if closed == (1,):
        assert b"p.py: the output cannot be written (Bad file descriptor)" in done.stderr
    if closed == (2,):
        assert b"28" not in done.stdout  # progress


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_is_gone(stream):
    reading, writing = os.pipe()
    os.close(reading)
    done = run(**{stream: writing})
    os.close(writing)
    assert done.returncode == (1 if stream == "stdout" else 0)
    assert (done.stderr or b"").count(b"\n") == (1 if stream == "stdout" else 0)  # the note alone


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_pipe_that_does_not_block_and_is_full(stream):
    """Other programs may leave a terminal or a pipe so."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    while True:
        try:
            os.write(writing, b"x" * 4096)
        except BlockingIOError:
            break
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        env=ENVIRONMENT,
        **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: writing},
    )
    os.close(writing)
    if stream == "stderr":
        assert process.wait(60) == 0
    with open(reading, "rb") as file:
        content = file.read().lstrip(b"x")
    assert process.wait(60) == 0
    assert content.startswith("∞ dB".encode()) == (stream == "stdout")


LINES = st.lists(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"], exclude_characters="\ufeff")))


@given(LINES, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]), st.sampled_from(["\n", "\r\n"]))
def test_answers_in_any_unicode_encoding(lines, encoding, end):
    lines = ["first", *lines, "last"]
    Path("answers").write_bytes(end.join(lines).encode(encoding))
    with (
        pytest.MonkeyPatch.context() as patch,
        open("answers", encoding="utf-8") as answers,
        open(os.devnull, "w", encoding="utf-8") as null,
    ):
        for name, stream in {"stdin": answers, "stdout": null, "stderr": null}.items():
            patch.setattr(sys, name, stream)
        prepare_streams()
        read = [sys.stdin.readline() for _ in lines]
        assert sys.stdin.readline() == ""
    assert read == [*(f"{line}\n" for line in lines[:-1]), "last"]


READING = """
import sys
from lib.cli.streams import prepare_streams
prepare_streams()
print(ascii(sys.stdin.readline()))
"""


@pytest.mark.parametrize(
    ("content", "line"), [(b"l\xe9\n", "l\udce9\n"), (b"1\0\n", "1\0\n"), (b"\xff\xfe1", "\ufffd"), (b"", "")]
)
def test_bytes_that_are_no_text_are_an_answer_all_the_same(content, line):
    """They may be the name of a file; else the question says that they are none."""
    done = run(script=READING, stdin=None, input=content)
    assert done.stdout.decode() == f"{line!a}\n"
