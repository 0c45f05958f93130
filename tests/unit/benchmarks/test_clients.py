"""What the benchmarks take from a report of our generator, and what they refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.load.clients import as_found
from benchmarks.processes import BenchmarkError
from runtime.capacity.report import Report, ServerUse

REPORT = Report(
    scenario={}, requests=100, ok=100, wrong=0, unsent=0, errors={}, error_messages={},
    duration_s=0.5, answered=101, throughput_rps=202.0,
    latency_us={"p50": 1.0, "p90": 2.0, "p99": 3.0, "p999": 4.0, "max": 5.0},
    send_lag_us={}, series=(), client_busy=0.4, client_cpu_us_per_request=2.5,
    client_saturated=False, connections_lost=0, retried=0, ended="time", partial=False,
    server=ServerUse(2, 4.5, 90_000_000),
)  # fmt: skip


def test_processor_time_is_that_of_the_measured_part() -> None:
    found = as_found(REPORT)
    assert (found.server_cpu_us, found.rate, found.calls) == (4.5, 202.0, 101)
    assert found.client == {"busy": 0.4, "cpu_us": 2.5}
    assert found.latency_us["p99"] == 3.0


def test_processor_time_that_is_not_known_is_left_to_the_block() -> None:
    assert as_found(replace(REPORT, server=None)).server_cpu_us is None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"ok": 99, "wrong": 1, "notes": ("1 answer",)},
            "1 of 100 requests failed; 1 answer",
        ),
        ({"partial": True}, "ended before its time"),
    ],
)
def test_figures_of_failed_calls_are_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(BenchmarkError, match=words):
        as_found(replace(REPORT, **more))


def test_a_busy_client_is_noted_and_not_refused() -> None:
    busy = replace(REPORT, client_saturated=True, client_busy=0.97)
    assert as_found(busy).client["busy"] == 0.97
