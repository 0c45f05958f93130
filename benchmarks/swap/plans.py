"""What is done in which order, and what is made of it: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from runtime.statistics.intervals import Interval

RING = 4
"""Versions of a model. One serves, one is warm and one may not have been given back yet (it
goes two seconds after a swap), so the fourth must be loaded anew."""

SECOND_NS = 1_000_000_000
GROUPS = 10


@dataclass(frozen=True, slots=True)
class Turn:
    """The next version to swap to, and whether it has to be loaded for that."""

    number: int
    is_fresh: bool


def turns(
    count: int, fresh_every: int = 1, held: tuple[int, int, int] = (1, 0, 0)
) -> list[Turn]:
    """Return so many swaps between versions.

    `held` are those that serve, are warm, and were warm before (0: none). The first of
    every `fresh_every` swaps goes to a version that has to be fetched, loaded and proven,
    as one that was just pushed; the others go back to the warm one.

    Examples
    --------
    >>> [turn.number for turn in turns(5)], [turn.number for turn in turns(4, 2)]
    ([2, 3, 4, 1, 2], [2, 1, 3, 1])
    """
    made: list[Turn] = []
    serving, warm, before = held
    for place in range(count):
        is_fresh = not warm or place % fresh_every == 0
        if is_fresh:
            others = (n for n in range(1, RING + 1) if n not in (serving, warm, before))
            serving, warm, before = min(others), serving, warm
        else:
            serving, warm = warm, serving
        made.append(Turn(serving, is_fresh))
    return made


def exactly(value: float) -> Interval:
    """Return a figure that was counted, not sampled."""
    return Interval(value, value, value, 1.0, 1)


@dataclass(frozen=True, slots=True)
class Windows:
    """Stretches of time of one swap, from and to, in nanoseconds.

    `quiet` is the second before anything happened, `loading` from the change of the alias
    until half a second before the first answer by the new version, `around` the second
    with that answer in its middle.
    """

    quiet: tuple[int, int]
    loading: tuple[int, int]
    around: tuple[int, int]


def windows(asked_ns: int, first_ns: int) -> Windows:
    """Return the stretches of a swap: asked for, and first answered by its version."""
    half = SECOND_NS // 2
    return Windows(
        (asked_ns - SECOND_NS, asked_ns),
        (asked_ns, max(first_ns - half, asked_ns)),
        (first_ns - half, first_ns + half),
    )


def grouped(found: Sequence[Windows], groups: int = GROUPS) -> list[list[Windows]]:
    """Deal swaps to at most so many groups, each of neighbours, none of them empty.

    A second of a slow model has too few requests for a p99 of its own.
    """
    groups = min(groups, len(found))
    edges = [len(found) * place // groups for place in range(groups + 1)]
    return [list(found[a:b]) for a, b in pairwise(edges)]


@dataclass(frozen=True, slots=True)
class Held:
    """What a server holds: memory (Pss) of all its processes, the front's other things."""

    pss_bytes: int
    descriptors: int
    threads: int
    processes: int


PSS_TOLERANCE = 8 << 20


def is_back(before: Held, after: Held) -> bool:
    """Tell whether a server holds no more than before; memory within 8 MiB."""
    return (
        after.pss_bytes <= before.pss_bytes + PSS_TOLERANCE
        and after.descriptors <= before.descriptors
        and after.threads <= before.threads
        and after.processes <= before.processes
    )
