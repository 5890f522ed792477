"""Free memory of the machine, of the container that the process runs in, and of the GPUs."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path

# Limit and use of a control group, versions 2 and 1, as a process in a container sees them.
CONTROL_GROUPS = (
    ("memory.max", "memory.current", "memory.stat"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
)
GPU_SECONDS = 5  # that nvidia-smi may take


def free_memory() -> int:
    """Return the bytes of memory that can be allocated without swapping."""
    import psutil

    available = psutil.virtual_memory().available
    group = _free_in_control_group(Path("/sys/fs/cgroup"))
    return available if group is None else max(0, min(available, group))


def total_memory() -> int:
    """Return the bytes of memory and of swap space of the machine, or of the limit of the container."""
    import psutil

    total = psutil.virtual_memory().total + psutil.swap_memory().total
    limits = [_read_number(Path("/sys/fs/cgroup") / limit) for limit, _, _ in CONTROL_GROUPS]
    return min([total, *(limit for limit in limits if limit)])


@cache
def gpu_memory() -> int:
    """Return the bytes of memory of the largest NVIDIA GPU that this process may use; 0 without one."""
    program = shutil.which("nvidia-smi")
    if program is None or os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return 0
    command = [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        done = subprocess.run(command, capture_output=True, text=True, timeout=GPU_SECONDS, check=True)
        return max((int(line) << 20 for line in done.stdout.split()), default=0)
    return 0


def used_memory() -> int:
    """Return the bytes of memory that this process occupies."""
    import psutil

    return psutil.Process().memory_info().rss


def _free_in_control_group(folder: Path) -> int | None:
    """The bytes that the container may still use, files in its cache included; `None` without a limit."""
    for limit_name, usage_name, statistics_name in CONTROL_GROUPS:
        limit, usage = _read_number(folder / limit_name), _read_number(folder / usage_name)
        if limit and usage is not None:
            return limit - usage + _cached_files(folder / statistics_name)
    return None


def _read_number(path: Path) -> int | None:
    """The number in a file; `None` if there is no file, or another text such as `max`."""
    with suppress(OSError, ValueError):
        return int(path.read_text())
    return None


def _cached_files(path: Path) -> int:
    with suppress(OSError, ValueError):
        lines = (line.split() for line in path.read_text().splitlines())
        return sum(int(line[1]) for line in lines if line[0] in ("inactive_file", "total_inactive_file"))
    return 0
