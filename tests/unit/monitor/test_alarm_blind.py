"""What is blindness, and what is only young."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from runtime.monitor.alarm_blind import coverage, looks, refused, stalled
from runtime.monitor.alarm_book import Book
from runtime.monitor.alarms import Policy, Said
from runtime.monitor.lifecycle import State
from runtime.monitor.signals import Aspect, Kind, Subject
from tests.unit.monitor.statuses import HOUSING, YOUNG, T

KEY = ("housing", 3)


@pytest.mark.parametrize(
    ("share", "is_blind"),
    [(None, False), (0.0, True), (0.49, True), (0.5, False), (1.0, False),
     (float("nan"), True)],
)  # fmt: skip
def test_too_few_rows_seen_are_blindness(share: float | None, is_blind: bool) -> None:
    assert coverage(replace(HOUSING, coverage=share), T).is_blind is is_blind


def test_the_sentence_says_how_much_is_seen() -> None:
    found = coverage(replace(HOUSING, coverage=0.123), T)
    assert found.sentence == (
        "Statistics see 12.3% of the rows that housing/3 answers; below 50% drift may go "
        "unnoticed."
    )
    assert found.subject == Subject("housing", 3, Kind.MONITOR, "coverage", Aspect.BLIND)
    assert coverage(YOUNG, T).sentence == "spam/1 has answered nothing lately."


@pytest.mark.parametrize(
    ("after_s", "is_blind"), [(0.0, False), (300.0, False), (300.1, True), (-9.0, False)]
)
def test_nobody_looking_is_blindness(after_s: float, is_blind: bool) -> None:
    found = looks(KEY, T, T + after_s)
    assert found.is_blind is is_blind
    assert ("Nobody has looked at housing/3 for 300 s" in found.sentence) is is_blind


def fed(book: Book, said: Sequence[Said]) -> list[State]:
    return [change.alarm.state for change in book.take(said)]


def test_what_is_not_looked_at_is_an_alarm_until_it_is() -> None:
    book, policy = Book(), Policy()
    states = []
    for late_s in (1.0, 299.0, 301.0, 360.0, 361.0):
        states += fed(book, [looks(KEY, T, T + late_s)])
    assert states == [State.PENDING, State.FIRING]
    back = T + 400.0
    for after_s in (0.0, policy.calm_s, policy.calm_s + policy.settle_s):
        states += fed(book, [looks(KEY, back + after_s, back + after_s)])
    assert states[2:] == [State.COOLING, State.RESOLVED]


def test_a_stall_is_an_alarm_though_the_next_look_goes_well() -> None:
    book = Book()
    assert stalled(KEY, T, T + 300.0) == []
    assert fed(book, stalled(KEY, T, T + 900.0)) == [State.PENDING, State.FIRING]
    (alarm,) = book.alarms()
    assert alarm.sentence.startswith("Nobody looked at housing/3 for 900 s;")
    policy = book.policy
    states = []
    for after_s in (1.0, 1.0 + policy.calm_s, 1.0 + policy.calm_s + policy.settle_s):
        now = T + 900.0 + after_s
        states += fed(book, [looks(KEY, now, now)])
    assert states == [State.COOLING, State.RESOLVED]


def test_a_version_that_cannot_be_watched_is_an_alarm_with_the_reason() -> None:
    book = Book()
    for after_s in (0.0, 30.0, 60.0):
        fed(book, [refused(KEY, "it has no inputs", T + after_s)])
    (alarm,) = book.alarms()
    assert alarm.state is State.FIRING
    assert alarm.sentence == "housing/3 answers and is not watched: it has no inputs"


def test_coverage_that_was_low_and_is_not_any_more_resolves() -> None:
    book, policy = Book(), Policy()
    states = []
    moments: list[tuple[float, float | None]] = [(0.0, 0.1), (60.0, 0.1), (61.0, 0.9)]
    moments += [(61.0 + policy.calm_s, 0.9), (61.0 + policy.calm_s + policy.settle_s, None)]
    for after_s, share in moments:
        states += fed(book, [coverage(replace(HOUSING, coverage=share), T + after_s)])
    assert states == [State.PENDING, State.FIRING, State.COOLING, State.RESOLVED]
