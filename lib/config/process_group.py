"""Processes that train one network together: which of them this one is, and where they meet."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from lib.common.errors import UserError
from lib.common.formatting import abbreviate
from lib.config.value_types import Fold


@dataclass(frozen=True)
class ProcessGroup:
    """One of `of` processes, counted from 1, that meet at `address` (HOST:PORT of the first); alone it has
    all its devices.

    Each gets its part of every batch; the first, which leads, keeps the run.
    """

    address: str = ""
    number: int = 1
    of: int = 1

    @classmethod
    def read(cls, text: str) -> ProcessGroup:
        """What `--distributed` says: nothing, or `HOST:PORT,N/OF`. Raises `UserError`."""
        if not text:
            return cls()
        address, _, place = text.partition(",")
        host, _, port = address.rpartition(":")
        try:
            number, of = Fold().read(place)
        except UserError:
            number, of = 0, 0
        if not host or not port.isdigit() or not number:
            raise UserError(
                f"--distributed must be alone or HOST:PORT,N/OF, such as 10.0.0.1:9911,1/2, not "
                f"{abbreviate(text)}"
            )
        return cls(address, number, of)

    @property
    def leads(self) -> bool:
        return self.number == 1

    def to_json(self) -> dict:
        return asdict(self)


@dataclass(frozen=True)
class Shard:
    """What a process takes of each batch: its part of it, after as many images as make equal parts for all
    devices.
    """

    team: ProcessGroup
    devices: int  # of all processes together

    def count(self, images: int) -> int:
        """How many of so many images can be used."""
        return images // self.devices * self.devices

    def rows(self, images: int) -> slice:
        """Which of those this process takes."""
        part = images // self.team.of
        return slice((self.team.number - 1) * part, self.team.number * part)
