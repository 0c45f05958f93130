"""The phases of requests, however far they came."""

from __future__ import annotations

from runtime.observe.phases import milliseconds, phases_of
from tests.unit.observe.records import ANSWERED, MS, NEVER_RAN, REFUSED


def test_an_answered_request_had_all_of_them() -> None:
    assert milliseconds(phases_of(ANSWERED)) == {
        "receive": 1.0, "queue": 8.0, "input": 1.0, "compute": 10.0, "reply": 1.0,
    }  # fmt: skip


def test_one_that_never_ran_waited_until_its_end() -> None:
    assert milliseconds(phases_of(NEVER_RAN)) == {"receive": 1.0, "queue": 20.0}


def test_one_whose_message_never_came_was_received_until_its_end() -> None:
    assert milliseconds(phases_of(REFUSED)) == {"receive": 22.0}


def test_one_on_which_the_model_failed_was_at_the_worker_until_its_end() -> None:
    failed = ANSWERED._replace(run_began=0, run_ended=0, code=13)
    assert milliseconds(phases_of(failed)) == {
        "receive": 1.0, "queue": 8.0, "compute": 12.0,
    }  # fmt: skip


def test_one_that_was_given_up_while_it_ran_has_no_compute() -> None:
    given_up = ANSWERED._replace(claimed=0, run_began=0, run_ended=0)
    assert list(phases_of(given_up)) == ["receive", "queue"]


def test_no_phase_ends_before_it_begins() -> None:
    early = ANSWERED._replace(claimed=1_001 * MS)
    assert all(end >= begin for begin, end in phases_of(early).values())
