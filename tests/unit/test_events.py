"""Changes of state, kept for those who ask later."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from runtime.events import Event, EventRing, about

Made = tuple[EventRing, logging.Logger]


@pytest.fixture
def made() -> Iterator[Made]:
    ring, logger = EventRing(kept=3), logging.getLogger("tests.events")
    logger.addHandler(ring)
    logger.setLevel(logging.INFO)
    yield ring, logger
    logger.removeHandler(ring)


def texts(events: list[Event]) -> list[str]:
    return [event.text for event in events]


def test_lines_about_a_change_are_kept_with_what_they_are_about(made: Made) -> None:
    ring, logger = made
    logger.info("%s serves", "mlp", extra=about("loaded", "mlp", "3", "mlp/3#0"))
    logger.info("nothing happened")
    (event,) = ring.recent()
    assert event[1:] == ("loaded", "mlp", "3", "mlp/3#0", "mlp serves")
    assert event.time > 0


def test_only_the_last_ones_are_kept_oldest_first(made: Made) -> None:
    ring, logger = made
    for number in range(5):
        logger.info("%d", number, extra=about("loaded", f"m{number % 2}"))
    assert texts(ring.recent()) == ["2", "3", "4"]
    assert texts(ring.recent("m1")) == ["3"]


def test_words_of_others_are_escaped(made: Made) -> None:
    ring, logger = made
    logger.error("%s\n2026 INFO forged", "\x1b[31m", extra=about("failed", "a\nb"))
    (event,) = ring.recent()
    assert event.text == "\\x1b[31m\\n2026 INFO forged"
    assert event.model == "a\\nb"


def test_a_line_that_cannot_be_made_does_not_stop_its_caller(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring, logger = made
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logger.propagate = False
    logger.info("%d", "no number", extra=about("loaded"))
    logger.propagate = True
    assert ring.recent() == []


def test_what_is_empty_is_left_out() -> None:
    assert about("ready") == {"event": "ready"}
