"""The question for a class of a conditional autoencoder."""

from lib.cli.prompts import Answers
from lib.common.errors import UserError
from lib.common.suggestions import closest_name

MAX_CHOICES = 20  # classes in a menu; one of more is typed


def ask_class(answers: Answers, classes: list[str], question: str, other: str, other_text: str) -> str:
    """Return the name or number of a class, from a menu, or from a prompt if there are many.

    Args:
        answers: the session's answers.
        classes: names of the classes.
        question: what is asked for.
        other: the word that is typed for no single class, the default.
        other_text: its text in the menu.

    Returns:
        The class; empty for `other`.
    """
    if len(classes) <= MAX_CHOICES:
        choices = {"": other_text} | {name: name for name in classes}
        return answers.choose(question, choices, at_end="")
    known = [other, *classes, *map(str, range(len(classes)))]

    def check(text: str) -> None:
        if text.strip() not in known:
            close = closest_name(text, known)
            remedy = f"did you mean {close!r}?" if close else f"type a name, a number from 0, or {other}"
            raise UserError(f"{text!r} is none of the {len(classes)} classes; {remedy}")

    chosen = answers.ask_text(f"{question} (a name, or a number from 0)", check, default=other)
    return "" if chosen == other and other not in classes else chosen
