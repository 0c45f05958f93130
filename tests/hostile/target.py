"""Whom an attack is aimed at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.hostile.client import Told


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and what an attack must know of it.

    Parameters
    ----------
    url
        ``HOST:PORT`` of its gRPC port.
    message
        A whole ModelInferRequest of some tens of kilobytes that is answered with about as
        many.
    small
        The same of some hundred bytes.
    meanwhile
        Called once by each attack that stands still, when it is at its worst.
    """

    url: str
    message: bytes
    small: bytes
    meanwhile: Callable[[], object]


Attack = Callable[[Target], Told]
"""Makes its attack once, with a bounded number of frames, and returns what it was told."""
