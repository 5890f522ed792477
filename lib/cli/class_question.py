"""The question for a class of a conditional autoencoder."""

from lib.cli.prompts import Answers
from lib.common.errors import UserError
from lib.common.suggestions import closest_name

MAX_CHOICES = 20  # classes in a menu; one of more is typed
OTHER = "\0"  # key of the menu, which no class has as its name


def ask_class(
    answers: Answers, classes: list[str], question: str, other: str = "", other_text: str = ""
) -> str | None:
    """Return the name or number of a class, from a menu, or from a prompt if there are many.

    Args:
        answers: the session's answers.
        classes: names of the classes.
        question: its text.
        other: the word that is typed for no single class, the default; without it the default is the first
            class.
        other_text: its text in the menu.

    Returns:
        The class; None for `other`.
    """
    if len(classes) <= MAX_CHOICES:
        choices = ({OTHER: other_text} if other else {}) | {name: name for name in classes}
        chosen = answers.choose(question, choices, at_end=next(iter(choices)))
        return None if chosen == OTHER else chosen
    word = f"({other})" if other in classes else other
    known = [*([word] if other else []), *classes, *map(str, range(len(classes)))]

    def check(text: str) -> None:
        if text.strip() not in known:
            close = closest_name(text, known)
            words = f"a name, a number from 0, or {word}" if other else "a name, or a number from 0"
            remedy = f"did you mean {close!r}?" if close else f"type {words}"
            raise UserError(f"{text!r} is none of the {len(classes)} classes; {remedy}")

    chosen = answers.ask_text(f"{question} (a name, or a number from 0)", check, default=known[0])
    return None if other and chosen == word else chosen
