"""A running load is one line on a terminal, and nothing elsewhere."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from runtime.capacity.progress import ProgressLine, progress_words
from runtime.capacity.scenario import Load
from tests.unit.capacity.fakes import progress, second

TIMED = Load(concurrency=1, duration_s=10.0)
COUNTED = Load(concurrency=1, requests=1_000)


@pytest.mark.parametrize(
    ("phase", "load", "changes", "words"),
    [
        ("warmup", TIMED, {}, "warmup   0 errors"),
        ("measuring", TIMED,
         {"elapsed_s": 7.2, "failed": 3, "wrong": 1, "second": second(1)},
         "measuring   10 answers/s   p50 100 us, p99 2.0 ms   4 errors   3 s left"),
        ("measuring", TIMED, {"elapsed_s": 12.0}, "measuring   0 errors   0 s left"),
        ("draining", TIMED, {"elapsed_s": 0.1}, "draining   0 errors"),
        ("measuring", COUNTED, {"answered": 400},
         "measuring   0 errors   400 of 1,000 requests"),
    ],
)  # fmt: skip
def test_the_line_says_rate_latency_errors_and_what_is_left(
    phase: str, load: Load, changes: dict[str, Any], words: str
) -> None:
    assert progress_words(progress(phase, **changes), load) == words


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def drawn(is_terminal: bool) -> str:
    """Draw three times, of which the second comes too soon."""
    written, clock = io.StringIO(), Clock()
    console = Console(file=written, force_terminal=is_terminal, width=100)
    with ProgressLine(TIMED, console, clock) as line:
        line.draw(progress("warmup"))
        clock.now += 0.1
        line.draw(progress("connecting"))
        clock.now += 0.2
        line.draw(progress("measuring"))
    return written.getvalue()


def test_a_terminal_is_drawn_on_now_and_then() -> None:
    text = drawn(is_terminal=True)
    assert "warmup" in text
    assert "connecting" not in text
    assert "measuring" in text


def test_elsewhere_nothing_is_written() -> None:
    assert drawn(is_terminal=False) == ""
