"""The stages of a followed version on this server, and every step between them.

`runtime.models.lifecycle` knows whether a version's workers live; this file knows what the
server wants with it. Everything that changes a stage is here.
"""

from __future__ import annotations

from enum import Enum, auto

from runtime.errors import LeeboardError


class Stage(Enum):
    """What has become of a version that an alias named."""

    WANTED = "wanted"  # An alias names it; nothing of it is here.
    FETCHING = "fetching"  # Its files come from the registry.
    LOADING = "loading"  # A worker opens it and leads it through the gate.
    PROVEN = "proven"  # It could serve; no request without a version comes to it yet.
    SERVING = "serving"  # Requests that name no version come to it.
    WARM = "warm"  # It served before and is kept, ready to serve again.
    REFUSED = "refused"  # It could not be fetched or loaded; the reason says why.
    GONE = "gone"  # Its workers and memory were given back.


class Step(Enum):
    """What happened to a followed version."""

    FETCH = auto()
    FETCHED = auto()
    LOADED = auto()
    SWAPPED_IN = auto()
    SWAPPED_OUT = auto()
    BROKE = auto()
    RETIRED = auto()


TRANSITIONS: dict[tuple[Stage, Step], Stage] = {
    (Stage.WANTED, Step.FETCH): Stage.FETCHING,
    (Stage.REFUSED, Step.FETCH): Stage.FETCHING,
    (Stage.FETCHING, Step.FETCHED): Stage.LOADING,
    (Stage.LOADING, Step.LOADED): Stage.PROVEN,
    (Stage.PROVEN, Step.SWAPPED_IN): Stage.SERVING,
    (Stage.WARM, Step.SWAPPED_IN): Stage.SERVING,
    (Stage.SERVING, Step.SWAPPED_OUT): Stage.WARM,
    (Stage.FETCHING, Step.BROKE): Stage.REFUSED,
    (Stage.LOADING, Step.BROKE): Stage.REFUSED,
    **{(stage, Step.RETIRED): Stage.GONE for stage in Stage if stage is not Stage.GONE},
}


class IllegalStep(LeeboardError):
    """A step came that the version's stage does not know."""


def advance(name: str, stage: Stage, step: Step) -> Stage:
    """Return the stage after `step`, or raise IllegalStep and change nothing."""
    following = TRANSITIONS.get((stage, step))
    if following is None:
        raise IllegalStep(f"{name} is {stage.value}; it cannot take {step.name.lower()}")
    return following
