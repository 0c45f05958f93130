"""When a version's quality cannot be seen, and when it can again."""

from __future__ import annotations

import pytest

from runtime.monitor.journal import Standing, State
from runtime.monitor.labels_blindness import blindness, journal_blindness
from runtime.monitor.maturity import Coverage, Maturity, Place
from tests.unit.monitor.journal_desk import NOW
from tests.unit.monitor.quality_pairs import BINARY


@pytest.mark.parametrize(
    ("n", "labelled", "expected"),
    [
        (0, 0, [False, False]),
        (99, 0, [False, False]),
        (100, 0, [True, False]),
        (100, 19, [False, True]),
        (100, 20, [False, False]),
        (10_000, 10_000, [False, False]),
    ],
)
def test_no_labels_and_few_labels_are_two_alarms(
    n: int, labelled: int, expected: list[bool]
) -> None:
    seen = Maturity(NOW, Coverage(Place("all", n, labelled)))
    found = blindness("fraud", 3, BINARY, seen, NOW)
    assert [each.subject.name for each in found] == ["labels", "coverage"]
    assert [each.is_blind for each in found] == expected


def test_the_sentences_have_the_counts() -> None:
    def said(labelled: int) -> list[str]:
        seen = Maturity(NOW, Coverage(Place("all", 500, labelled)))
        return [each.sentence for each in blindness("fraud", 3, BINARY, seen, NOW)]

    head = "0 of 500 matured predictions of fraud version 3 have a label"
    assert said(0)[0] == f"{head}: its quality cannot be seen"
    assert said(7)[1] == (
        "only 7 of 500 matured predictions of fraud version 3 have a label, less than the "
        "20 % that quality is judged from"
    )


def test_a_journal_that_cannot_write_is_blind() -> None:
    for state in State:
        found = journal_blindness("fraud", 3, Standing(state, "the disk is full"), NOW)
        assert found.is_blind is (state in (State.FULL, State.CLOSED))
    assert found.sentence.endswith("are not journalled: the disk is full")
