"""The whole table of a version's states, and everything that is not in it."""

from __future__ import annotations

from itertools import product

import pytest

from runtime.errors import LeeboardError
from runtime.models.lifecycle import TRANSITIONS, Event, IllegalTransition, State, advance

LOADING, READY, UNAVAILABLE, RETIRING, GONE = State
LOADED, BROKE, RETIRED, CLOSED = Event

LEGAL = {
    (LOADING, LOADED): READY,
    (LOADING, BROKE): UNAVAILABLE,
    (LOADING, RETIRED): RETIRING,
    (LOADING, CLOSED): GONE,
    (READY, LOADED): READY,
    (READY, BROKE): UNAVAILABLE,
    (READY, RETIRED): RETIRING,
    (READY, CLOSED): GONE,
    (UNAVAILABLE, LOADED): READY,
    (UNAVAILABLE, BROKE): UNAVAILABLE,
    (UNAVAILABLE, RETIRED): RETIRING,
    (UNAVAILABLE, CLOSED): GONE,
    (RETIRING, LOADED): RETIRING,
    (RETIRING, BROKE): RETIRING,
    (RETIRING, CLOSED): GONE,
}
PAIRS = list(product(State, Event))


@pytest.mark.parametrize(("pair", "following"), LEGAL.items())
def test_a_legal_event_leads_to_its_state(
    pair: tuple[State, Event], following: State
) -> None:
    assert advance("mlp", *pair) is following


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair not in LEGAL])
def test_any_other_event_is_refused_and_changes_nothing(pair: tuple[State, Event]) -> None:
    before = dict(TRANSITIONS)
    state, event = pair
    words = f"^mlp version 1 is {state.name.lower()}; it cannot take {event.name.lower()}$"
    with pytest.raises(IllegalTransition, match=words):
        advance("mlp version 1", state, event)
    assert before == TRANSITIONS


def test_the_table_is_these_steps_and_no_others() -> None:
    assert TRANSITIONS == LEGAL


def test_nothing_follows_the_end() -> None:
    assert not any(state is GONE for state, _ in TRANSITIONS)


def test_every_state_can_be_closed() -> None:
    assert all((state, CLOSED) in TRANSITIONS for state in State if state is not GONE)


def test_values_are_what_the_data_plane_calls_the_states() -> None:
    assert [state.value for state in (LOADING, READY, UNAVAILABLE)] == [0, 1, 2]


def test_an_illegal_step_is_one_of_our_errors() -> None:
    assert issubclass(IllegalTransition, LeeboardError)
