"""Entries of the menu that a session offers after a run."""

from collections.abc import Callable
from dataclasses import dataclass

AGAIN, QUIT = "again", "quit"  # keys of the first and the last choice
CONTINUE = "continue"  # key of the entry that trains the last run for more epochs


@dataclass(frozen=True)
class MenuEntry:
    """An entry of the menu; `order` is its position."""

    text: str
    action: Callable[[], None]
    order: int = 0


Menu = dict[str, MenuEntry]  # by key
