"""Fault points: a worker that dies, hangs or lies exactly where a test wants it.

``LEEBOARD_FAULTS`` lists what shall happen, separated by commas::

    POINT:ACTION[@N][?FILE]

At the N-th time (the first, without) that a process passes POINT, it does ACTION, but
with ``?FILE`` only if it can delete that file: one process of all those that share it.
Points and actions are listed below. Without the variable a point costs one comparison.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass

from runtime.errors import ConfigError

VARIABLE = "LEEBOARD_FAULTS"

POINTS = ("load", "warm_up", "after_claim", "mid_output", "before_publish", "before_bell")
"""Before the file is opened; before it is checked; with a batch in hand; with outputs half
described; with outputs described; published, but the front not woken."""

SPEC = re.compile(
    r"(?P<point>\w+):(?P<action>\w+)(@(?P<count>[1-9][0-9]*))?(\?(?P<file>.+))?"
)


def crash() -> None:
    """Read an address that nobody has."""
    ctypes.string_at(0)


def hang() -> None:
    """Compute for ever, holding the GIL as a wild extension would."""
    # A regular expression that backtracks for longer than the universe lasts.
    re.match(r"(a+)+$", "a" * 64 + "b")


def fill_memory() -> None:
    """Allocate and touch memory until something stops it."""
    held = []
    while True:
        held.append(bytearray(16 << 20))


ACTIONS: dict[str, Callable[[], object]] = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "crash": crash,
    "abort": os.abort,
    "exit": lambda: os._exit(3),
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "hang": hang,
    "fill_memory": fill_memory,
}


@dataclass
class Fault:
    """One thing that shall happen once."""

    point: str
    action: Callable[[], object]
    passes_left: int
    token: str

    def passed(self) -> None:
        """Count a pass; act when it is the one."""
        self.passes_left -= 1
        if self.passes_left == 0 and self._may_act():
            self.action()

    def _may_act(self) -> bool:
        if not self.token:
            return True
        try:
            os.unlink(self.token)
        except FileNotFoundError:
            return False
        return True


class Faults:
    """What shall happen at which point."""

    def __init__(self, faults: list[Fault]) -> None:
        self._faults = faults

    def __call__(self, point: str) -> None:
        """Pass a point."""
        for fault in self._faults:
            if fault.point == point:
                fault.passed()


def parse(text: str) -> Faults:
    """Return what a variable's value asks for; raises ConfigError."""
    faults = []
    for part in text.split(","):
        match = SPEC.fullmatch(part.strip())
        if not match or match["point"] not in POINTS or match["action"] not in ACTIONS:
            raise ConfigError(
                f"{VARIABLE}: {part!r} is no POINT:ACTION[@N][?FILE] with a point out of "
                f"{', '.join(POINTS)} and an action out of {', '.join(ACTIONS)}"
            )
        count = int(match["count"] or 1)
        faults.append(
            Fault(match["point"], ACTIONS[match["action"]], count, match["file"] or "")
        )
    return Faults(faults)


def from_environment() -> Faults | None:
    """Return what the environment asks for, or None when it asks for nothing."""
    text = os.environ.get(VARIABLE, "")
    return parse(text) if text else None
