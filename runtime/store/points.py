"""Points between which a store must never be caught half-way: where tests kill it.

Code that makes something durable in steps names each step with `reached`. Nothing
happens there unless `on_point` was given something to call; a test counts the points of
an operation so, and then ends the process at each of them in turn.
"""

from __future__ import annotations

from collections.abc import Callable

_called: list[Callable[[str], None]] = []


def reached(name: str) -> None:
    """Say that this process has come to a point, as ``blob.renamed``."""
    for call in _called:
        call(name)


def on_point(call: Callable[[str], None] | None) -> None:
    """Have something called with the name of each point; None for nothing. For tests.

    Examples
    --------
    >>> seen = []
    >>> on_point(seen.append)
    >>> reached("blob.synced")
    >>> on_point(None)
    >>> seen
    ['blob.synced']
    """
    _called[:] = [call] if call else []
