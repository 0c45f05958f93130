"""The states of a version in the registry, and every step between them.

Everything that changes a state is in this file: events come from people, from the load
gate, from a rollout, and from moves of the alias ``champion``. What is rejected stays so
for its digest until somebody asks for another try.
"""

from __future__ import annotations

from enum import Enum, auto

from runtime.registry.source import CHAMPION, RegistryError


class State(Enum):
    """Where a version is; values are what the store keeps."""

    REGISTERED = "registered"  # Its files are there, each as its digest says.
    VERIFIED = "verified"  # It was loaded and run: its signature is known.
    BLESSED = "blessed"  # Evaluated, and good enough.
    NOT_BLESSED = "not-blessed"  # Evaluated, and not good enough; a person may overrule.
    APPROVED = "approved"  # As many people as the policy asks for said yes.
    SHADOW = "shadow"  # Runs beside the champion and answers nobody.
    CANARY = "canary"  # Answers some of the requests.
    STABLE = "stable"  # The champion.
    SUPERSEDED = "superseded"  # It was the champion.
    ARCHIVED = "archived"  # Its files are gone; what is known of it stays.
    REJECTED = "rejected"  # Nobody may serve it; the reason says why.


class Event(Enum):
    """What happened to a version."""

    PUSHED = auto()
    VERIFIED = auto()
    BLESSED = auto()
    NOT_BLESSED = auto()
    APPROVED = auto()
    SHADOWED = auto()
    SENT = auto()  # Some requests go to it.
    WITHDRAWN = auto()  # Neither shadow nor canary any more.
    PROMOTED = auto()  # The champion points at it.
    REPLACED = auto()  # The champion points elsewhere.
    REJECTED = auto()
    RETRIED = auto()
    ARCHIVED = auto()


WAITING = (State.REGISTERED, State.VERIFIED, State.BLESSED)
"""Nobody has decided about these yet."""

FIT = (*WAITING, State.APPROVED, State.SUPERSEDED)
"""These take no requests and might."""

TRYING = (State.SHADOW, State.CANARY)
"""A rollout tries these."""

NOT_IN_USE = (State.ARCHIVED, State.REJECTED)
"""No alias may come to point at these, and their files may be gone."""

TRANSITIONS: dict[tuple[State, Event], State] = {
    # Pushed again: the same digest is the same version, whatever became of it.
    **{(state, Event.PUSHED): state for state in State},
    (State.ARCHIVED, Event.PUSHED): State.REGISTERED,
    (State.REGISTERED, Event.VERIFIED): State.VERIFIED,
    (State.VERIFIED, Event.VERIFIED): State.VERIFIED,
    **{(s, Event.BLESSED): State.BLESSED for s in (*WAITING, State.NOT_BLESSED)},
    **{(s, Event.NOT_BLESSED): State.NOT_BLESSED for s in (*WAITING, State.NOT_BLESSED)},
    **{(s, Event.APPROVED): State.APPROVED for s in (*WAITING, State.NOT_BLESSED)},
    **{(s, Event.APPROVED): s for s in (*TRYING, State.STABLE)},
    **{(s, Event.APPROVED): s for s in (State.APPROVED, State.SUPERSEDED)},
    **{(s, Event.SHADOWED): State.SHADOW for s in (*FIT, *TRYING)},
    **{(s, Event.SENT): State.CANARY for s in (*FIT, *TRYING)},
    **{(s, Event.WITHDRAWN): State.VERIFIED for s in TRYING},
    **{(s, Event.PROMOTED): State.STABLE for s in (*FIT, *TRYING, State.STABLE)},
    (State.STABLE, Event.REPLACED): State.SUPERSEDED,
    **{(s, Event.REJECTED): State.REJECTED for s in (*FIT, *TRYING, State.NOT_BLESSED)},
    (State.REJECTED, Event.RETRIED): State.REGISTERED,
    **{(s, Event.ARCHIVED): State.ARCHIVED for s in (*FIT, State.NOT_BLESSED)},
    (State.ARCHIVED, Event.ARCHIVED): State.ARCHIVED,
    # Its files may go; that it was rejected is never forgotten.
    (State.REJECTED, Event.ARCHIVED): State.REJECTED,
}

REMEDIES: dict[tuple[State, Event], str] = {
    (State.STABLE, Event.REJECTED): "point the champion elsewhere first",
    (State.REJECTED, Event.REJECTED): "that was done before",
    (State.REJECTED, Event.PROMOTED): "`retry` gives it another try",
    (State.REJECTED, Event.APPROVED): "`retry` gives it another try",
    (State.ARCHIVED, Event.PROMOTED): "push its files again",
    (State.ARCHIVED, Event.APPROVED): "push its files again",
    (State.NOT_BLESSED, Event.PROMOTED): "somebody must `approve` it",
}
"""What to do where that is not plain from the state."""


def advance(name: str, state: State, event: Event) -> State:
    """Return the state after `event`, or raise RegistryError and change nothing."""
    following = TRANSITIONS.get((state, event))
    if following is None:
        said = f"{name} is {state.value}; it cannot be {event.name.lower()}"
        remedy = REMEDIES.get((state, event), "")
        raise RegistryError(f"{said}: {remedy}" if remedy else said)
    return following


def moved(alias: str, before: int, after: int) -> tuple[tuple[int, Event], ...]:
    """Return what a move of an alias does to versions, by number; 0 is no version.

    Only the champion tells of use. The others say what somebody means to do with a
    version, and whoever does it reports that.

    Examples
    --------
    >>> moved("champion", 1, 2)
    ((1, <Event.REPLACED: 10>), (2, <Event.PROMOTED: 9>))
    >>> moved("challenger", 1, 2)
    ()
    """
    if alias != CHAMPION or before == after:
        return ()
    steps = ((before, Event.REPLACED), (after, Event.PROMOTED))
    return tuple((number, event) for number, event in steps if number)
