"""The whole table of an alarm's states, and everything that is not in it."""

from __future__ import annotations

from itertools import product

import pytest

from runtime.monitor.lifecycle import TRANSITIONS, Event, IllegalTransition, State, advance

PENDING, FIRING, COOLING, RESOLVED = State
SUSPECTED, CONFIRMED, CALMED, SETTLED, REBASED = Event

LEGAL = {
    (PENDING, SUSPECTED): PENDING,
    (PENDING, CONFIRMED): FIRING,
    (PENDING, CALMED): RESOLVED,
    (PENDING, REBASED): RESOLVED,
    (FIRING, CONFIRMED): FIRING,
    (FIRING, CALMED): COOLING,
    (FIRING, REBASED): RESOLVED,
    (COOLING, CONFIRMED): FIRING,
    (COOLING, SETTLED): RESOLVED,
    (COOLING, REBASED): RESOLVED,
    (RESOLVED, SUSPECTED): PENDING,
    (RESOLVED, CONFIRMED): FIRING,
}
PAIRS = list(product(State, Event))


def test_the_table_is_this_one() -> None:
    assert TRANSITIONS == LEGAL


@pytest.mark.parametrize("pair", LEGAL, ids=str)
def test_a_known_event_leads_where_the_table_says(pair: tuple[State, Event]) -> None:
    assert advance("x", *pair) is LEGAL[pair]


@pytest.mark.parametrize("pair", [p for p in PAIRS if p not in LEGAL], ids=str)
def test_any_other_event_is_refused_by_name(pair: tuple[State, Event]) -> None:
    state, event = pair
    words = f"the alarm x is {state.value}; it cannot be {event.name.lower()}"
    with pytest.raises(IllegalTransition, match=f"^{words}$"):
        advance("x", state, event)


def test_nothing_that_fires_is_over_without_having_cooled() -> None:
    assert {e for e in Event if TRANSITIONS.get((FIRING, e)) is RESOLVED} == {REBASED}
