"""The terminal that a server was started from, and whether it has gone.

SIGHUP means two things: "read your options again", from a person or a service manager, and
"your terminal is gone", from the kernel. A server that took the second for the first would
stay behind, holding its ports, when a window is closed.
"""

from __future__ import annotations

import os
import signal

TERMINAL = "/dev/tty"


def has_terminal() -> bool:
    """Tell whether this process has a controlling terminal that is still there."""
    try:
        os.close(os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


class Terminal:
    """Remembers whether there was a terminal at the start.

    One that was started to outlive its terminal, as with nohup, has none.
    """

    def __init__(self) -> None:
        outlives = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self._was_there = not outlives and has_terminal()

    def is_gone(self) -> bool:
        """Tell whether the terminal was there once and is not any more."""
        return self._was_there and not has_terminal()
