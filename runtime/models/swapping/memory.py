"""Whether a version fits beside the one that serves: said before anything is loaded.

What a version takes is what its predecessor took while it loaded and served, measured by
its worker; nothing is known for the first, which is loaded as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

MARGIN = 64 << 20
"""Bytes that are left alone: the page cache of the files, and everybody else."""

NO_LIMIT = 1 << 60
MEMINFO = Path("/proc/meminfo")
CGROUPS = Path("/sys/fs/cgroup")
MEMBER = Path("/proc/self/cgroup")


class Way(Enum):
    """How the next version comes to the place of the one that serves."""

    OVERLAP = "overlap"  # Beside it; then requests go over.
    DROP_WARM = "drop-warm"  # Beside it, once warm versions were given back.
    REPLACE = "replace"  # After it: nobody serves in between.
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Room:
    """What is free, and what could be: bytes of warm versions and of the serving one."""

    free: int
    warm: int = 0
    serving: int = 0


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """A way and its reason in words."""

    way: Way
    words: str


def plan_memory(cost: int, room: Room, may_replace: bool) -> MemoryPlan:
    """Return how a version that costs so many bytes can be loaded; 0 is not known.

    Examples
    --------
    >>> plan_memory(100 << 20, Room(free=400 << 20), may_replace=False).way
    <Way.OVERLAP: 'overlap'>
    >>> plan_memory(100 << 20, Room(free=100 << 20, serving=90 << 20), False).way
    <Way.REFUSE: 'refuse'>
    """
    numbers = f"needs {mib(cost)}, {mib(room.free)} are free"
    if cost == 0:
        return MemoryPlan(Way.OVERLAP, "what it needs is not known yet")
    if cost + MARGIN <= room.free:
        return MemoryPlan(Way.OVERLAP, numbers)
    if room.warm and cost + MARGIN <= room.free + room.warm:
        return MemoryPlan(Way.DROP_WARM, f"{numbers}, warm versions hold {mib(room.warm)}")
    if may_replace and room.serving:
        return MemoryPlan(
            Way.REPLACE, f"{numbers}; nobody serves from its end to the new one's start"
        )
    return MemoryPlan(
        Way.REFUSE,
        f"{numbers} ({mib(MARGIN)} of them are left alone); free memory, or allow a gap in "
        "service with --swap replace",
    )


def mib(size: int) -> str:
    """Return bytes in words.

    Examples
    --------
    >>> mib(3 << 20)
    '3 MiB'
    """
    return f"{size / 2**20:,.0f} MiB"


def free_bytes(
    meminfo: Path = MEMINFO, cgroups: Path = CGROUPS, member: Path = MEMBER
) -> int:
    """Return how much this server may still take: of the machine, and of its cgroup."""
    return min(_of_machine(meminfo), *_of_cgroups(cgroups, member))


def _of_machine(meminfo: Path) -> int:
    try:
        lines = meminfo.read_text().splitlines()
    except OSError:
        return NO_LIMIT
    for line in lines:
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            return int(rest.split()[0]) << 10
    return NO_LIMIT


def _of_cgroups(cgroups: Path, member: Path) -> Iterator[int]:
    """Yield what is left of the limits that a container or a unit has been given."""
    yield NO_LIMIT
    try:
        lines = member.read_text().splitlines()
    except OSError:
        return
    for line in lines:  # hierarchy:controllers:path
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            for group in _with_parents(cgroups, path):
                yield _left(group, "memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
            for group in _with_parents(cgroups / "memory", path):
                yield _left(group, *names)


def _with_parents(root: Path, path: str) -> Iterator[Path]:
    """Yield a cgroup and all that hold it: the limit of each holds."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for depth in range(len(parts), -1, -1):
        yield root.joinpath(*parts[:depth])


def _left(group: Path, limit_name: str, used_name: str) -> int:
    try:
        limit = (group / limit_name).read_text().strip()
        used = int((group / used_name).read_text())
        spare = _inactive((group / "memory.stat").read_text().splitlines())
        return NO_LIMIT if limit == "max" else max(int(limit) - used + spare, 0)
    except (OSError, ValueError):
        return NO_LIMIT


def _inactive(lines: Sequence[str]) -> int:
    """Return the file cache that a cgroup gives back when it is short."""
    names = ("total_inactive_file", "inactive_file")
    found = dict(line.split() for line in lines if line.startswith(names))
    return next((int(found[name]) for name in names if name in found), 0)
