"""Entries of the menu that a session offers after a run."""

from collections.abc import Callable
from dataclasses import dataclass

AGAIN, FURTHER, QUIT = "again", "further", "quit"  # keys of the choices that leave the menu


@dataclass(frozen=True)
class MenuEntry:
    """An entry of the menu; `order` is its position."""

    text: str
    action: Callable[[], None]
    order: int = 0


Menu = dict[str, MenuEntry]  # by key
