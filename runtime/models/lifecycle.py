"""The states of a version, and every step between them.

Everything that changes a state is in this file. The owner does the work and then reports
the event; an event that a state does not know changes nothing.
"""

from __future__ import annotations

from enum import Enum, auto

from runtime.errors import LeeboardError


class State(Enum):
    """Where a version is; values are what the data plane calls them."""

    LOADING = 0  # No worker has proven it yet.
    READY = 1  # At least one worker serves it, or is being replaced.
    UNAVAILABLE = 2  # It could not be loaded; the reason says why.
    RETIRING = 3  # No new requests come; those that came before are finished.
    GONE = 4  # Closed.


class Event(Enum):
    """What happened to a version."""

    LOADED = auto()
    BROKE = auto()
    RETIRED = auto()
    CLOSED = auto()


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.LOADING, Event.LOADED): State.READY,
    (State.LOADING, Event.BROKE): State.UNAVAILABLE,
    (State.READY, Event.LOADED): State.READY,
    (State.READY, Event.BROKE): State.UNAVAILABLE,
    (State.UNAVAILABLE, Event.LOADED): State.READY,
    (State.UNAVAILABLE, Event.BROKE): State.UNAVAILABLE,
    (State.LOADING, Event.RETIRED): State.RETIRING,
    (State.READY, Event.RETIRED): State.RETIRING,
    (State.UNAVAILABLE, Event.RETIRED): State.RETIRING,
    (State.RETIRING, Event.LOADED): State.RETIRING,
    (State.RETIRING, Event.BROKE): State.RETIRING,
    **{(state, Event.CLOSED): State.GONE for state in State if state is not State.GONE},
}


class IllegalTransition(LeeboardError):
    """An event came that the version's state does not know."""


def advance(name: str, state: State, event: Event) -> State:
    """Return the state after `event`, or raise IllegalTransition and change nothing."""
    following = TRANSITIONS.get((state, event))
    if following is None:
        raise IllegalTransition(
            f"{name} is {state.name.lower()}; it cannot take {event.name.lower()}"
        )
    return following
