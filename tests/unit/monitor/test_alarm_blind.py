"""What is blindness, and what is only young."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runtime.monitor.alarm_blind import coverage, labels, looks
from runtime.monitor.signals import Aspect, Kind, Subject
from tests.unit.monitor.statuses import HOUSING, YOUNG, T


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
    assert coverage(YOUNG, T).sentence == "spam/1 has answered nothing yet."


@pytest.mark.parametrize(
    ("after_s", "is_blind"), [(0.0, False), (300.0, False), (300.1, True), (-9.0, False)]
)
def test_nobody_looking_is_blindness(after_s: float, is_blind: bool) -> None:
    found = looks(HOUSING, T + after_s)
    assert found.is_blind is is_blind
    assert ("Nobody has looked at housing/3 for 300 s" in found.sentence) is is_blind


def test_a_version_that_was_never_looked_at_is_young() -> None:
    assert not looks(YOUNG, T).is_blind


@pytest.mark.parametrize(
    ("matured", "labelled", "is_blind"),
    [(0, 0, False), (99, 0, False), (100, 19, True), (100, 20, False), (5_000, 0, True)],
)
def test_matured_predictions_without_labels_are_blindness(
    matured: int, labelled: int, is_blind: bool
) -> None:
    assert labels("housing", 3, T, matured, labelled, 0.2).is_blind is is_blind


def test_the_sentence_says_how_many_labels_there_are() -> None:
    assert labels("housing", 3, T, 1_500, 30, 0.2).sentence == (
        "30 of 1,500 matured predictions of housing/3 have a label (2.0%); below 20% its "
        "quality is not judged."
    )
