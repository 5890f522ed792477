"""How far a verb is with the images that it is given, and where it ends when somebody stops it."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from lib.errors import Interrupted
from lib.own import Own
from lib.process import Program

Made = TypeVar("Made")


class Progress:
    """Chunks of images on their way through models. The program is told how many are done, from none on.

    After Ctrl-C nothing more begins, and what was under way is dropped: it may be half done.
    """

    def __init__(self, program: Program, own: Own, request: dict, what: str):
        self.program, self.own, self.what = program, own, what
        self.limit, self.of = request["limit"], min(request["limit"] or len(own), len(own))
        self.done = 0  # images that are through, or cannot be read
        self._under_way, self._told = 0, -1

    def through(self, work: Callable[[np.ndarray], Made]) -> Iterator[tuple[np.ndarray, np.ndarray, Made]]:
        """The places of a chunk, its images (n, height, width, channels), uint8, and what `work` makes of these.

        Raises `Interrupted` where there is nothing to keep.
        """
        self._tell(0)
        for places, images in self.own.chunks(self.limit):
            self._under_way = len(images)
            made = None if self.program.stopped.is_set() else work(images)
            if made is None or self.program.stopped.is_set():
                break
            yield places, images, made
            self.done = int(places[-1]) + 1
            self._tell(self.done)
        else:
            self.done = self.of  # with those at the end that cannot be read
            self._tell(self.done)
        if not self.done:
            raise Interrupted(f"stopped before the first {self.what} were done; nothing is written")

    def part(self, number: int, of: int) -> Callable[[float], None]:
        """What part `number`, of so many that take long, tells its share to, of the chunk that is under way."""
        return lambda share: self._tell(self.done + int(self._under_way * (number + share) / of))

    @property
    def missing(self) -> str:
        """How much is kept, where that is not all."""
        stopped = self.program.stopped.is_set() and self.done < self.of
        return f"{self.done:,} of {self.of:,} {self.what} are done" if stopped else ""

    def _tell(self, done: int) -> None:
        if done != self._told:
            self._told = done
            self.program.tell("progress", done=done, of=self.of, what=self.what)
