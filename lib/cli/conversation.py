"""Questions in an order that Esc goes back in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lib.cli.prompt_keys import GoBack
from lib.cli.prompts import Answers

Step = Callable[[], object]


def ask_in_order(answers: Answers, steps: Sequence[Step]) -> None:
    """Carry out the steps of a conversation; Esc in one of them leads back to the last one that prompted.

    Args:
        answers: the session's answers. What was answered before is the default of a question asked again.
        steps: functions that ask a question each, unless its answer is provided.

    Raises:
        GoBack: Esc in the first step that prompts, where the conversation is part of another one.
    """
    could_go_back = answers.can_go_back
    prompted: list[int] = []  # positions of the steps before that showed a prompt
    position = 0
    while position < len(steps):
        answers.can_go_back = could_go_back or bool(prompted)
        count = answers.prompt_count
        try:
            steps[position]()
        except GoBack:
            if not prompted:
                raise
            position = prompted.pop()
            continue
        finally:
            answers.can_go_back = could_go_back
        if answers.prompt_count > count:
            prompted.append(position)
        position += 1
