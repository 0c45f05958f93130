"""What a run's counts are said to mean."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.capacity.findings import Seen, make_report, refusals
from runtime.capacity.inputs import Questions
from runtime.capacity.report import Report, ServerUse
from runtime.capacity.scenario import Ask, Load
from tests.unit.capacity.fakes import result, second

ASK = Ask("127.0.0.1:8001", "fraud", headers=(("authorization", "secret"),))
CLOSED = Load(concurrency=4, duration_s=2.0)
OPEN = Load(rate=100.0, duration_s=2.0, arrivals="constant", max_in_flight=50)
LATE = {"p50": 1e3, "p99": 5e6, "max": 9e6}
ASKED = Questions((b"abc", b"abcde"), notes=("the last row is not sent",))


def report(load: Load = CLOSED, seen: Seen | None = None, **changes: Any) -> Report:
    return make_report(ASK, load, ASKED, result(**changes), seen or Seen())


def test_times_are_microseconds_and_codes_have_names() -> None:
    found = report(errors={14: 2, 4: 1}, messages={14: "gone", 4: "late"})
    assert found.latency_us["p50"] == 5.0
    assert found.send_lag_us["p99"] == 1.0
    assert found.errors == {"UNAVAILABLE": 2, "DEADLINE_EXCEEDED": 1}
    assert found.error_messages == {"UNAVAILABLE": "gone", "DEADLINE_EXCEEDED": "late"}


def test_rates_are_of_the_measured_part() -> None:
    found = report(answered=100, answered_ok=80, cpu_ns=500_000)
    assert (found.throughput_rps, found.client_cpu_us_per_request) == (40.0, 5.0)


def test_a_run_without_answers_has_no_rates() -> None:
    found = report(requests=0, ok=0, answered=0, answered_ok=0, seconds=0.0, series=[])
    assert (found.throughput_rps, found.client_cpu_us_per_request) == (0.0, 0.0)


def test_the_scenario_says_what_was_asked_without_secrets() -> None:
    about = report().scenario
    assert (about["loop"], about["concurrency"], about["rate"]) == ("closed", 4, None)
    assert (about["messages"], about["message_bytes"]) == (2, 4)
    assert about["headers"] == ["authorization"]
    assert "secret" not in str(report().as_json())
    assert report(OPEN).scenario["arrivals"] == "constant"


def test_a_good_run_has_only_the_notes_of_its_data() -> None:
    for load in (CLOSED, OPEN):
        found = report(load)
        assert found.notes == ("the last row is not sent",)
        assert refusals(found, 0.0) == []


def test_a_client_without_time_left_measures_itself() -> None:
    found = report(busy_share=0.97)
    assert found.client_saturated
    assert found.notes[-1] == (
        "the client's core was the bottleneck (busy 97% of the time): this is not a "
        "measurement of the server"
    )
    assert refusals(found, 0.0) == []


def test_a_rate_that_the_client_cannot_send_is_no_measurement() -> None:
    found = report(OPEN, busy_share=0.97)
    assert refusals(found, 0.0) == ["the client could not send the rate"]


@pytest.mark.parametrize("changes", [{"unsent": 1}, {"requests": 150, "ok": 150}])
def test_a_client_that_sends_late_and_too_little_is_the_bottleneck(
    changes: dict[str, Any],
) -> None:
    found = report(OPEN, lag_ns=LATE, **changes)
    assert found.client_saturated
    assert any(note.startswith("the client sent late (p99 5.0 ms)") for note in found.notes)


@pytest.mark.parametrize(
    ("load", "changes"),
    [
        (CLOSED, {"lag_ns": LATE}),  # In a closed loop nothing is due before it is sent.
        (OPEN, {"lag_ns": LATE}),  # Late now and then, but all was sent.
        (OPEN, {"unsent": 20}),  # Held back: what was free to go left in time.
        (Load(rate=100.0), {"lag_ns": LATE, "requests": 180}),  # Poisson's own chance.
    ],
)
def test_other_delays_are_not_the_clients_fault(
    load: Load, changes: dict[str, Any]
) -> None:
    assert not report(load, **changes).client_saturated


@pytest.mark.parametrize("changes", [{"unsent": 20}, {"held_back": 20}])
def test_requests_that_had_to_wait_are_the_servers_doing(changes: dict[str, Any]) -> None:
    assert report(OPEN, **changes).notes[-1] == (
        "20 requests were due and had to wait for others to end: the server answers more "
        "slowly than they come, or takes fewer than 50 (--max-in-flight) at a time"
    )


def test_requests_that_were_not_sent_are_counted() -> None:
    found = report(OPEN, requests=200, ok=150, unsent=50)
    assert "150 of 200 requests that were due were sent" in found.notes
    assert refusals(found, 0.0) == ["50 of 200 requests failed"]


def test_a_lost_server_makes_the_run_partial() -> None:
    found = report(ended="lost", connections_lost=4, seconds=7.0)
    assert found.partial
    assert found.notes[-1] == (
        "127.0.0.1:8001 went away after about 2 s; the run is partial"
    )
    assert refusals(found, 1.0) == ["the run is partial"]


def test_a_server_that_is_gone_at_the_end_makes_the_run_partial() -> None:
    series = [second(0), second(1, ok=0, failed=3)]
    assert report(connections_lost=1, series=series).partial
    assert not report(connections_lost=0, series=series).partial


def test_a_server_that_is_lost_at_once_leaves_nothing() -> None:
    found = report(
        ended="lost", connections_lost=1, series=[], requests=0, ok=0, seconds=0.0
    )
    assert "127.0.0.1:8001 went away before it answered; the run is partial" in found.notes
    assert refusals(found, 0.0) == ["the run is partial", "nothing was measured"]


def test_lost_connections_and_second_tries_are_told() -> None:
    found = report(connections_lost=2, retried=3)
    assert not found.partial
    assert "2 connections were lost" in found.notes
    assert "3 requests were sent again: the server had not begun them" in found.notes


@pytest.mark.parametrize(
    ("load", "wanted"), [(CLOSED, "2 s"), (Load(concurrency=1, requests=9), "9 requests")]
)
def test_a_stopped_run_says_how_far_it_came(load: Load, wanted: str) -> None:
    found = report(load, ended="stopped", seconds=0.7)
    assert found.partial
    assert f"stopped after 0.7 s of {wanted}; the run is partial" in found.notes


def test_only_errors_are_told_with_the_most_frequent_ones_words() -> None:
    found = report(ok=0, errors={13: 150, 14: 50}, messages={13: "broken", 14: "gone"})
    assert "no request was answered well; INTERNAL: broken" in found.notes


def test_wrong_answers_are_told_and_are_failures() -> None:
    found = report(ok=190, wrong=10)
    assert "10 answers are not what --golden says" in found.notes
    assert refusals(found, 0.0) == ["10 of 200 requests failed"]


@pytest.mark.parametrize(("share", "refused"), [(0.0, 1), (0.04, 1), (0.05, 0), (1.0, 0)])
def test_a_share_of_failures_may_be_accepted(share: float, refused: int) -> None:
    assert len(refusals(report(ok=190, errors={14: 10}), share)) == refused


def test_what_the_server_used_is_in_the_report_and_its_json() -> None:
    use = ServerUse(2, 12.5, 1 << 20, 3.0)
    found = report(seen=Seen(use, ("a process ended",)))
    assert found.notes[-1] == "a process ended"
    assert found.as_json()["server_cpu_us_per_request"] == 12.5
    assert report().as_json()["server_cpu_us_per_request"] is None
