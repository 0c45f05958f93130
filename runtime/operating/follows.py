"""What ``leeboard why`` says of a model that follows an alias of a registry.

All of it stands in the configuration of the model's versions, which the data plane answers:
neither the registry nor the server's Python is asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

from runtime.listing import READY, Listed
from runtime.models.swapping.telling import Follows

BY_REGISTRY = " by the registry "


@dataclass(frozen=True, slots=True)
class Standing:
    """One version as the index has it, and what its configuration says of its alias."""

    listed: Listed
    follows: Follows | None = None


def read_follows(text: str) -> Follows | None:
    """Return what a version's parameter says, or None for none that we can read.

    Examples
    --------
    >>> read_follows("") is None, read_follows("[]") is None
    (True, True)
    """
    try:
        values = json.loads(text)
        known = {field.name for field in fields(Follows)}
        return Follows(**{name: values[name] for name in values if name in known})
    except (ValueError, TypeError):
        return None


def follow_words(model: str, standings: Sequence[Standing]) -> Iterator[str]:
    """Say who answers and why, what is warm, what is frozen; nothing without an alias."""
    told = [each.follows for each in standings if each.follows is not None]
    if not told:
        return
    follows = told[0]
    yield f"Requests that name no version go to {_answers(follows, standings)}."
    if follows.frozen:
        yield f"The model is frozen {follows.frozen}; {_thaw(model, follows)}."
    for each in standings:
        if each.follows is not None:
            yield from _kept_words(model, each.listed.version, each.follows)


def _answers(follows: Follows, standings: Sequence[Standing]) -> str:
    """Return which version answers those who name none, and why that one."""
    alias, wanted, serving = follows.alias, follows.wanted, follows.serving
    chosen = f"version {serving}" if serving else "none that was chosen"
    states = {each.listed.version: each.listed for each in standings}
    answering = states.get(str(serving))
    if answering is not None and answering.state != READY:
        chosen += ", which does not serve"
    if not wanted:
        return f"{chosen}; what {alias} points at is not known"
    if wanted == serving:
        return f"{chosen}, because {alias} points at it"
    found = states.get(str(wanted))
    return f"{chosen}; {alias} points at version {wanted}, {_absence(follows, found)}"


def _absence(follows: Follows, wanted: Listed | None) -> str:
    """Return why the version that an alias points at does not answer."""
    if wanted is None:
        return "which is not here" if follows.frozen else "which is not here yet"
    if wanted.state == READY:
        return "which is ready, and waits for the end of the freeze"
    state = wanted.state.lower() or "not loaded"
    return f"which is {state}" + (f": {wanted.reason}" if wanted.reason else "")


def _thaw(model: str, follows: Follows) -> str:
    if BY_REGISTRY in follows.frozen:
        return f"`leeboard registry unfreeze {model}` has it follow {follows.alias} again"
    return f"`leeboard unfreeze {model}` has it follow {follows.alias} again"


def _kept_words(model: str, number: str, follows: Follows) -> Iterator[str]:
    """Say for what a version is here that does not answer those who name none."""
    if number == str(follows.back):
        yield f"Version {number} is kept warm: `leeboard rollback {model}` goes back to it."
    elif follows.stage == "warm":
        yield f"Version {number} is kept warm."
    elif follows.stage == "proven":
        yield f"Version {number} is proven; only requests that name it come to it."
