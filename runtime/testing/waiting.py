"""Waiting in tests: for a condition, with a limit, and with words when it does not come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LIMIT_S = 30.0
LOOK_S = 0.002


def wait_until(
    holds: Callable[[], bool], what: str | Callable[[], str], limit_s: float = LIMIT_S
) -> None:
    """Return as soon as `holds` does; AssertionError saying `what` after the limit."""
    deadline = time.monotonic() + limit_s
    pause = threading.Event()
    while not holds():
        if time.monotonic() > deadline:
            text = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {limit_s:g} s: {text}")
        pause.wait(LOOK_S)
