"""When a version's quality cannot be seen, and when it can again."""

from __future__ import annotations

import pytest

from runtime.monitor.alarm_book import Book
from runtime.monitor.alarms import Policy, Said
from runtime.monitor.journal import Standing
from runtime.monitor.journal import State as JournalState
from runtime.monitor.labels_blindness import blindness, journal
from runtime.monitor.lifecycle import State
from runtime.monitor.maturity import Coverage, Maturity, Place
from runtime.monitor.signals import Blindness
from tests.unit.monitor.journal_desk import NOW
from tests.unit.monitor.quality_pairs import BINARY

CALM_S = Policy().calm_s
OVER_S = CALM_S + Policy().settle_s
UNEVEN = "labels are missing unevenly by sex: 20 % of f have one, 60 % of m"


def seen(n: int, labelled: int, *warnings: str, at_s: float = NOW) -> list[Blindness]:
    coverage = Coverage(Place("all", n, labelled), warnings=warnings)
    return blindness("fraud", 3, BINARY, Maturity(NOW, coverage), at_s)


def states_of(said: list[Said]) -> list[State]:
    """The states that an alarm comes into by what is said of it."""
    book = Book()
    return [c.alarm.state for each in said for c in book.take([each])]


LIFE = [State.PENDING, State.FIRING, State.COOLING, State.RESOLVED]
MOMENTS = (0.0, 60.0, 120.0, 120.0 + CALM_S, 120.0 + OVER_S)


@pytest.mark.parametrize(
    ("n", "labelled", "expected"),
    [
        (0, 0, [False, False]),
        (99, 0, [False, False]),
        (100, 0, [True, False]),
        (100, 19, [True, False]),
        (100, 20, [False, True]),
        (10_000, 10_000, [False, True]),
    ],
)
def test_few_labels_and_uneven_labels_are_two_alarms(
    n: int, labelled: int, expected: list[bool]
) -> None:
    found = seen(n, labelled, *([UNEVEN] if n >= 100 else []))
    assert [each.subject.name for each in found] == ["labels", "uneven labels"]
    assert [each.is_blind for each in found] == expected


def test_the_sentences_have_the_counts() -> None:
    assert seen(5_000, 7)[0].sentence == (
        "7 of 5,000 matured predictions of fraud version 3 have a label; below 20 % its "
        "quality is not judged"
    )
    assert seen(500, 250, UNEVEN)[1].sentence == (
        f"quality of fraud version 3 may mislead: {UNEVEN}"
    )


def test_missing_labels_fire_and_resolve_when_they_have_come() -> None:
    labelled = [5, 5, 400, 400, 400]
    said: list[Said] = [
        seen(500, some, at_s=NOW + after_s)[0]
        for some, after_s in zip(labelled, MOMENTS, strict=True)
    ]
    assert states_of(said) == LIFE


def test_uneven_labels_fire_and_resolve() -> None:
    warnings: list[tuple[str, ...]] = [(UNEVEN,), (UNEVEN,), (), (), ()]
    said: list[Said] = [
        seen(500, 250, *some, at_s=NOW + after_s)[1]
        for some, after_s in zip(warnings, MOMENTS, strict=True)
    ]
    assert states_of(said) == LIFE


def test_a_journal_that_cannot_write_is_blind() -> None:
    for state in JournalState:
        standing = Standing(state, "the disk is full")
        is_blind = state in (JournalState.FULL, JournalState.CLOSED)
        found = journal("fraud", 3, standing, is_down=False, now_s=NOW)
        assert found.is_blind is is_blind
    assert found.sentence.endswith("are not journalled: the disk is full")
    assert journal("fraud", 3, Standing(), is_down=True, now_s=NOW).is_blind


def test_a_full_disk_fires_and_resolves_when_there_is_room() -> None:
    full, fine = Standing(JournalState.FULL, "no room"), Standing(JournalState.OPEN)
    said: list[Said] = [
        journal("fraud", 3, standing, is_down=False, now_s=NOW + after_s)
        for standing, after_s in zip([full, full, fine, fine, fine], MOMENTS, strict=True)
    ]
    assert states_of(said) == LIFE
