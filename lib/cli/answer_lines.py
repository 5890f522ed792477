"""Answers from lines on standard input, where that is no terminal; each is repeated on standard error."""

import sys

from lib.common.errors import UserError, printable


def read_answer(question: str, default: str) -> str:
    """Return the next line, stripped; empty for the default, which is only repeated.

    Raises:
        UserError: standard input has ended.
    """
    line = sys.stdin.readline()
    if not line:
        raise UserError(
            f"standard input ended at the question: {question}; pass a flag, another line, or --yes"
        )
    print(f"{question}: {printable(line.strip()) or default}", file=sys.stderr)
    return line.strip()


def read_choice(title: str, choices: dict[str, str], at_end: str) -> str:
    """Return the key of one of several choices: a key, its number or its text; the first for no text.

    Args:
        title: the question.
        choices: text of each key.
        at_end: the key at the end of standard input.

    Raises:
        UserError: the line is no choice.
    """
    keys = list(choices)
    line = sys.stdin.readline()
    answer = line.strip()
    if not answer:
        return keys[0] if line else at_end
    key_of = {key: key for key in keys}
    key_of |= {str(number): key for number, key in enumerate(keys, 1)}
    key_of |= {text: key for key, text in choices.items()}
    if answer not in key_of:
        raise UserError(f"{title}: {answer!r} is not one of {', '.join(keys)}")
    print(f"{title} {key_of[answer]}", file=sys.stderr)
    return key_of[answer]


def read_choices(title: str, choices: dict[str, str]) -> list[str]:
    """Return the keys of some of several choices: a line of keys with commas between them.

    Raises:
        UserError: a key is no choice.
    """
    keys = [part.strip().replace("-", "_") for part in read_answer(title, "").split(",")]
    if unknown := [key for key in keys if key not in choices]:
        raise UserError(f"{title}: {unknown[0]!r} is not one of {', '.join(choices)}")
    return keys
