"""The states of an alarm, and every step between them.

Everything that changes a state is in this file. `runtime.monitor.alarms` decides which
event a look is; an event that a state does not know changes nothing.
"""

from __future__ import annotations

from enum import Enum, auto

from runtime.errors import LeeboardError


class State(Enum):
    """Where an alarm is; values are what people and files call it."""

    PENDING = "pending"  # Something is suspected; nobody is told.
    FIRING = "firing"  # The evidence is enough; people are told.
    COOLING = "cooling"  # All is calm again, and has been for a while; still open.
    RESOLVED = "resolved"  # It is over; the reason says why.


class Event(Enum):
    """What happened to an alarm."""

    SUSPECTED = auto()  # Evidence grows and is not enough.
    CONFIRMED = auto()  # It is enough.
    CALMED = auto()  # Nothing has spoken for the alarm for a stated time.
    SETTLED = auto()  # Nor for another one.
    REBASED = auto()  # What it was about serves no more.


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.PENDING, Event.SUSPECTED): State.PENDING,
    (State.PENDING, Event.CONFIRMED): State.FIRING,
    (State.PENDING, Event.CALMED): State.RESOLVED,
    (State.FIRING, Event.CONFIRMED): State.FIRING,
    (State.FIRING, Event.CALMED): State.COOLING,
    (State.COOLING, Event.CONFIRMED): State.FIRING,
    (State.COOLING, Event.SETTLED): State.RESOLVED,
    (State.RESOLVED, Event.SUSPECTED): State.PENDING,
    (State.RESOLVED, Event.CONFIRMED): State.FIRING,
    **{(s, Event.REBASED): State.RESOLVED for s in State if s is not State.RESOLVED},
}

OPEN = (State.FIRING, State.COOLING)
"""In these somebody has been told, and has not been told that it is over."""


class IllegalTransition(LeeboardError):
    """An event came that the alarm's state does not know."""


def advance(name: str, state: State, event: Event) -> State:
    """Return the state after `event`, or raise IllegalTransition and change nothing."""
    following = TRANSITIONS.get((state, event))
    if following is None:
        raise IllegalTransition(
            f"the alarm {name} is {state.value}; it cannot be {event.name.lower()}"
        )
    return following
