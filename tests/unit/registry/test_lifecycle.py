"""The states of a version in the registry."""

from __future__ import annotations

from itertools import product

import pytest

from runtime.registry.lifecycle import (
    FIT,
    NOT_IN_USE,
    TRANSITIONS,
    TRYING,
    Event,
    State,
    advance,
    moved,
)
from runtime.registry.source import RegistryError

PAIRS = list(product(State, Event))


@pytest.mark.parametrize("pair", [p for p in PAIRS if p in TRANSITIONS], ids=str)
def test_a_known_event_leads_to_the_state_of_the_table(pair: tuple[State, Event]) -> None:
    assert advance("fraud/1", *pair) is TRANSITIONS[pair]


@pytest.mark.parametrize("pair", [p for p in PAIRS if p not in TRANSITIONS], ids=str)
def test_any_other_event_is_refused_by_name(pair: tuple[State, Event]) -> None:
    state, event = pair
    words = f"^fraud/1 is {state.value}; it cannot be {event.name.lower()}"
    with pytest.raises(RegistryError, match=words):
        advance("fraud/1", state, event)


def test_the_way_of_a_version_that_is_good() -> None:
    state = State.REGISTERED
    way = [Event.VERIFIED, Event.BLESSED, Event.APPROVED, Event.SHADOWED, Event.SENT]
    for event in (*way, Event.PROMOTED, Event.REPLACED, Event.ARCHIVED):
        state = advance("fraud/1", state, event)
    assert state is State.ARCHIVED


def test_what_is_rejected_stays_so_until_somebody_asks_for_another_try() -> None:
    kept = {e: TRANSITIONS[p] for p in PAIRS if p in TRANSITIONS and p[0] is State.REJECTED
            for e in [p[1]]}  # fmt: skip
    assert kept.pop(Event.RETRIED) is State.REGISTERED
    assert set(kept.values()) == {State.REJECTED}
    assert Event.PUSHED in kept


def test_only_what_is_in_use_or_gone_cannot_be_rejected() -> None:
    possible = {s for s in State if (s, Event.REJECTED) in TRANSITIONS}
    assert set(State) - possible == {State.STABLE, *NOT_IN_USE}


def test_only_what_takes_no_requests_loses_its_files() -> None:
    gone = {s for s in State if TRANSITIONS.get((s, Event.ARCHIVED)) is State.ARCHIVED}
    assert not gone & {State.STABLE, *TRYING}
    assert set(FIT) < gone


def test_every_state_is_reached() -> None:
    assert {State.REGISTERED, *TRANSITIONS.values()} == set(State)


@pytest.mark.parametrize(
    ("before", "after", "steps"),
    [
        (0, 2, ((2, Event.PROMOTED),)),
        (1, 2, ((1, Event.REPLACED), (2, Event.PROMOTED))),
        (1, 0, ((1, Event.REPLACED),)),
        (2, 2, ()),
    ],
)
def test_a_move_of_the_champion_tells_both_versions(
    before: int, after: int, steps: tuple[tuple[int, Event], ...]
) -> None:
    assert moved("champion", before, after) == steps


@pytest.mark.parametrize("alias", ["challenger", "previous", "staging"])
def test_a_move_of_another_alias_tells_nobody(alias: str) -> None:
    assert moved(alias, 1, 2) == ()
