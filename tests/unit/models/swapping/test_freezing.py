"""What becomes of a freeze, whoever asks for the next one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runtime.models.swapping.freezing import after_move, by_hand, by_rollback
from runtime.models.swapping.local_state import Frozen

ONE = Frozen(1, "digest-1", "", "ana", 0.0)
BACK = replace(ONE, expected=7)
HELD = replace(ONE, stays=True)


def test_a_freeze_by_hand_stays() -> None:
    assert by_hand(ONE, None) == HELD
    assert by_hand(ONE, HELD) == HELD


def test_a_freeze_by_hand_forgets_no_move_that_is_due() -> None:
    assert by_hand(ONE, BACK) == replace(HELD, expected=7)
    assert by_hand(ONE, replace(BACK, number=2)) == HELD


def test_a_rollback_ends_with_its_move_unless_somebody_had_frozen_the_model() -> None:
    assert by_rollback(ONE, None, 7) == BACK
    assert by_rollback(ONE, replace(BACK, number=2), 8) == replace(BACK, expected=8)
    held = replace(BACK, stays=True)
    assert by_rollback(ONE, HELD, 7) == held
    assert by_rollback(ONE, replace(held, number=2), 7) == held
    # A rollback whose alias could not be moved waits for a person, too.
    assert by_rollback(ONE, replace(ONE, number=2), 7) == held


@pytest.mark.parametrize(
    ("frozen", "asked", "generation", "left"),
    [
        (BACK, BACK, 8, None),
        (BACK, BACK, None, ONE),
        (replace(BACK, stays=True), BACK, 8, HELD),
        (replace(BACK, stays=True), BACK, None, HELD),
        (replace(BACK, number=2), BACK, 8, replace(BACK, number=2, expected=8)),
        (replace(BACK, number=2), BACK, None, replace(BACK, number=2)),
        (replace(BACK, expected=8), BACK, None, replace(BACK, expected=8)),
        (HELD, BACK, 8, HELD),
        (None, BACK, 8, None),
    ],
)
def test_a_move_ends_the_freeze_that_asked_for_it_and_no_other(
    frozen: Frozen | None, asked: Frozen, generation: int | None, left: Frozen | None
) -> None:
    assert after_move(frozen, asked, generation) == left
