"""The order in which two sides are measured: AB, BA, AB and so on.

A machine that grows slower or faster meanwhile does so for both sides alike, and neither
is always the one that comes after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

First = TypeVar("First")
Second = TypeVar("Second")


def pairs(
    n: int, first: Callable[[], First], second: Callable[[], Second]
) -> list[tuple[First, Second]]:
    """Run both sides n times; every pair has the first side's result in front.

    Examples
    --------
    >>> order = iter(range(4))
    >>> pairs(2, lambda: next(order), lambda: next(order))
    [(0, 1), (3, 2)]
    """
    made: list[tuple[First, Second]] = []
    for pair in range(n):
        if pair % 2 == 0:
            one = first()
            other = second()
        else:
            other = second()
            one = first()
        made.append((one, other))
    return made
