"""One line in the terminal while a load run goes on; nothing where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from runtime.capacity.scenario import Load

if TYPE_CHECKING:
    from runtime.native.counted import Progress

REDRAW_S = 0.25
"""Seldom, because the generator may have to share its processor with the drawing."""


def show_us(time_us: float) -> str:
    """Write a latency as a person reads it.

    Examples
    --------
    >>> show_us(84.2), show_us(12_340), show_us(2.5e6)
    ('84 us', '12.3 ms', '2.50 s')
    """
    if time_us < 1_000:
        return f"{time_us:.0f} us"
    return f"{time_us / 1e3:.1f} ms" if time_us < 1e6 else f"{time_us / 1e6:.2f} s"


def progress_words(progress: Progress, load: Load) -> str:
    """Return phase, rate and latency of the last second, errors, and what is left."""
    parts = [progress["phase"]]
    second = progress["second"]
    if second is not None:
        parts.append(f"{second['ok']:,} answers/s")
        parts.append(f"p50 {show_us(second['p50_us'])}, p99 {show_us(second['p99_us'])}")
    parts.append(f"{progress['failed'] + progress['wrong']:,} errors")
    if load.requests:
        parts.append(f"{progress['answered']:,} of {load.requests:,} requests")
    elif progress["phase"] == "measuring":
        left_s = max(load.duration_s - progress["elapsed_s"], 0.0)
        parts.append(f"{left_s:.0f} s left")
    return "   ".join(parts)


class ProgressLine:
    """Draws a run's progress on a console that is a terminal; a context manager.

    `clock` gives seconds and is not asked without a terminal.
    """

    def __init__(
        self, load: Load, console: Console, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._load, self._clock = load, clock
        self._live: Live | None = None
        if console.is_terminal:
            self._live = Live(console=console, auto_refresh=False, transient=True)
        self._drawn_at = float("-inf")

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def draw(self, progress: Progress) -> None:
        """Draw, if the last time is long enough ago."""
        if self._live is None:
            return
        now = self._clock()
        if now - self._drawn_at < REDRAW_S:
            return
        self._drawn_at = now
        words = progress_words(progress, self._load)
        self._live.update(Text(words, no_wrap=True, overflow="ellipsis"), refresh=True)
