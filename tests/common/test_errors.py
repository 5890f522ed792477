"""Errors as messages and exit statuses. python -m pytest tests/common/test_errors.py"""

import pytest

from lib.common.errors import MAX_MESSAGE, RunFailed, UserError, exit_status, shorten


@pytest.mark.parametrize(
    ("raised", "status", "line"),
    [
        (UserError("no such file"), 2, "p.py: no such file\n"),
        (RunFailed("it broke"), 1, "p.py: it broke\n"),
        (MemoryError(), 1, "p.py: not enough memory; close other programs, or use less data\n"),
        (KeyboardInterrupt(), 130, "p.py: interrupted\n"),
    ],
)
def test_an_error_is_one_line_and_a_status(raised, status, line, capsys):
    def program():
        raise raised

    assert exit_status("p.py", program) == status
    assert capsys.readouterr() == ("", line)


def test_the_status_of_a_program_is_returned():
    assert exit_status("p.py", lambda: 0) == 0


@pytest.mark.parametrize("error", [UserError, RunFailed])
def test_a_message_is_one_line_without_control_characters(error):
    message = str(error("a\nb\x1b[2J\x07\udcff × é"))
    assert message == "a b\ufffd[2J\ufffd\ufffd × é"


def test_a_long_name_leaves_the_end_of_a_message():
    message = str(UserError(f"{'x' * 500_000}: is too long; give a shorter name"))
    assert len(message) == MAX_MESSAGE
    assert message.startswith("xxx")
    assert message.endswith("x: is too long; give a shorter name")


@pytest.mark.parametrize("length", range(10, 30))
def test_a_text_is_shortened_in_its_middle(length):
    text = "abcdefghijklmnopqrstuvwxyz"
    short = shorten(text, length)
    assert len(short) == min(length, len(text))
    if length < len(text):
        start, end = short.split(" … ")
        assert text.startswith(start)
        assert text.endswith(end)


def test_other_exceptions_propagate():
    with pytest.raises(ZeroDivisionError):
        exit_status("p.py", lambda: 1 // 0)
