"""The order in which two sides are measured."""

from __future__ import annotations

from functools import partial

from runtime.capacity.pairs import pairs


def test_sides_take_turns_at_going_first() -> None:
    order: list[str] = []
    pairs(4, partial(order.append, "A"), partial(order.append, "B"))
    assert "".join(order) == "ABBAABBA"


def test_each_pair_has_its_first_side_in_front() -> None:
    assert pairs(2, lambda: "ours", lambda: "theirs") == [("ours", "theirs")] * 2
