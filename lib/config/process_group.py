"""Process group of a distributed training: rank, world size, and the shard of each batch."""

from __future__ import annotations

from dataclasses import dataclass

from lib.common.errors import UserError
from lib.common.formatting import abbreviate
from lib.common.value_types import Fold


@dataclass(frozen=True)
class ProcessGroup:
    """Membership of this process in a group that trains one network. The default is a group of one process.

    Every process computes an equal part of each batch; the leader (rank 0) writes the run folder.

    Args:
        address: `HOST:PORT` at which the leader listens for the others; empty for a group of one.
        rank: number of this process, 0 to `world_size` - 1.
        world_size: number of processes.
    """

    address: str = ""
    rank: int = 0
    world_size: int = 1

    @classmethod
    def parse(cls, text: str) -> ProcessGroup:
        """The value of `--distributed`: empty, or `HOST:PORT,N/OF`, where N counts from 1.

        Raises:
            UserError: the text has another form.
        """
        if not text:
            return cls()
        address, _, position = text.partition(",")
        host, _, port = address.rpartition(":")
        try:
            number, world_size = Fold().parse(position)
        except UserError:
            number, world_size = 0, 0
        if not host or not port.isdigit() or not number:
            raise UserError(
                f"--distributed takes no value or HOST:PORT,N/OF, such as 10.0.0.1:9911,1/2, not "
                f"{abbreviate(text)}"
            )
        return cls(address, number - 1, world_size)

    @property
    def is_leader(self) -> bool:
        return self.rank == 0


@dataclass(frozen=True)
class Shard:
    """The rows of every batch that this process computes.

    A batch is first cut to a multiple of `device_count`, because all devices need equally many images.

    Args:
        group: the process group.
        device_count: number of devices of all its processes together.
    """

    group: ProcessGroup
    device_count: int

    def usable_size(self, size: int) -> int:
        """The largest multiple of `device_count` that is at most `size` images."""
        return size // self.device_count * self.device_count

    def rows(self, size: int) -> slice:
        """The rows of this process in a batch of `size` images, where `size` is a usable size."""
        per_process = size // self.group.world_size
        return slice(self.group.rank * per_process, (self.group.rank + 1) * per_process)
