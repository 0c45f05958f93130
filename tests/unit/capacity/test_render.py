"""A report is read from the top: what was asked, what the figures are of, the figures."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from runtime.capacity.findings import Seen, make_report
from runtime.capacity.inputs import Questions
from runtime.capacity.render import server_words, show_report
from runtime.capacity.report import ServerUse
from runtime.capacity.scenario import Ask, Load
from tests.unit.capacity.fakes import result

CLOSED = Load(concurrency=4, duration_s=2.0)
OPEN = Load(rate=99.5, duration_s=2.0, connections=2, profile="packed")
ASK = Ask("127.0.0.1:8001", "fraud", version="7", batch=8)


def shown(
    load: Load = CLOSED, ask: Ask = ASK, use: ServerUse | None = None, **changes: Any
) -> dict[str, str]:
    """Return the printed lines by their labels; of equal labels the last."""
    written = io.StringIO()
    report = make_report(ask, load, Questions((b"abc",)), result(**changes), Seen(use))
    show_report(report, Console(file=written, width=40))
    lines = written.getvalue().splitlines()
    return {line.split()[0]: line.split(maxsplit=1)[1].strip() for line in lines}


def test_a_closed_loop_is_told_in_lines_that_do_not_wrap() -> None:
    assert shown() == {
        "asked": "fraud:7 at 127.0.0.1:8001, 8 rows a request, closed loop, 4 requests in "
        "flight, 4 connections, profile ordinary",
        "measured": "the server",
        "throughput": "100.0 answers/s, 800 rows/s",
        "latency": "p50 5 us, p90 5 us, p99 5 us, p99.9 5 us, max 5 us (since sent)",
        "requests": "200 in 2.0 s: 200 ok, 0 errors",
        "client": "busy 20% of the time, 2.0 us of processor a request",
    }


def test_an_open_loop_counts_from_when_a_request_was_due() -> None:
    lines = shown(OPEN, Ask("h:1", "m"))
    assert lines["asked"] == (
        "m at h:1, 1 row a request, open loop, 99.5 requests/s, poisson arrivals, "
        "2 connections, profile packed"
    )
    assert lines["throughput"] == "100.0 answers/s"
    assert lines["latency"].endswith("(since due)")


def test_errors_come_with_their_first_words() -> None:
    lines = shown(ok=100, wrong=5, unsent=2, errors={14: 92, 4: 1}, messages={14: "[gone]"})
    assert lines["requests"] == "200 in 2.0 s: 100 ok, 5 wrong, 2 unsent, 93 errors"
    assert lines["UNAVAILABLE"] == "92, the first: [gone]"
    assert lines["DEADLINE_EXCEEDED"] == "1, the first:"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"busy_share": 0.99}, "the client, which was the bottleneck; NOT of the server"),
        ({"ended": "stopped"}, "the server, in part: the run ended early"),
    ],
)
def test_what_the_figures_are_of_is_said(changes: dict[str, Any], words: str) -> None:
    lines = shown(**changes)
    assert lines["measured"] == words
    assert lines["note"]


def test_without_a_good_answer_there_is_no_latency() -> None:
    assert shown(ok=0)["latency"] == "unknown: there was no good answer"


def test_the_server_is_told_as_far_as_it_is_known() -> None:
    assert shown(use=ServerUse(1, 12.34, 3 << 20, 7.91))["server"] == (
        "12.3 us of processor a request, 1 process, 3 MiB, 7.9 rows a batch"
    )
    assert server_words(ServerUse(2, None, 3 << 20)) == "2 processes, 3 MiB"
    assert server_words(ServerUse(0, None, None, 2.0)) == "2.0 rows a batch"
