"""The line about a slow request."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from runtime.observe.slow import say_slow
from tests.unit.observe.records import ANSWERED, NEVER_RAN, REFUSED


def test_it_says_where_the_time_went_and_how_to_find_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    say_slow(ANSWERED)
    (line,) = caplog.records
    assert line.levelno == logging.WARNING
    assert line.getMessage() == (
        "slow request: mlp version 3 took 22 ms (receive 1, queue 8, input 1, compute 10, "
        "reply 1), 2 rows in a batch of 8, code 0, trace 0af7651916cd43dd8448eb211c80319c, "
        "request r-7"
    )
    fields: dict[str, Any] = vars(line)
    assert (fields["model"], fields["version"], fields["batch_rows"]) == ("mlp", "3", 8)
    assert (fields["total_ms"], fields["queue_ms"], fields["compute_ms"]) == (22, 8, 10)
    assert fields["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert fields["request_id"] == "r-7"
    assert "event" not in fields  # It is no change of state.


def test_one_without_a_trace_or_a_model_says_so(caplog: pytest.LogCaptureFixture) -> None:
    say_slow(REFUSED._replace(trace_id=0, model=""))
    assert caplog.messages == [
        "slow request: no model version - took 22 ms (receive 22), 0 rows in a batch of 0, "
        "code 5"
    ]


def test_one_that_was_given_up_while_it_ran_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    say_slow(NEVER_RAN._replace(was_claimed=True))
    assert "given up while a worker had it" in caplog.text
