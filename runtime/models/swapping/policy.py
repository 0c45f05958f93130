"""What to do next about a followed model: pure decisions.

Asked twice about the same situation, the answer is the same, and nothing is remembered.
The loop asks, does the one thing, and asks again until there is nothing to do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from runtime.models.swapping.lifecycle import Stage

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
KEPT = (Stage.PROVEN, Stage.WARM)
"""Stages in which a version has workers and no requests but those that name it."""


class Kind(Enum):
    """What can be done about a version."""

    LOAD = "load"
    SWAP = "swap"
    RETIRE = "retire"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do, and why."""

    kind: Kind
    number: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """One version as the server has it; times are of the monotonic clock, in seconds.

    `ready` says that its workers serve. A refused version may be tried again from
    `retry_at_s` on; None: not before its alias is moved on from `generation`.
    """

    number: int
    stage: Stage
    ready: bool = False
    since_s: float = 0.0
    generation: int = 0
    retry_at_s: float | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What should serve: `number` by the alias, or what the model is frozen on.

    Zero is nothing. `fallback` served last and may serve where nothing else can.
    """

    number: int
    generation: int = 0
    fallback: int = 0
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long, and how many, versions that served before stay warm.

    One more than that is retired only `linger_s` after a swap: giving a version back costs
    the processor some milliseconds, which should not fall on the first requests of another.
    """

    warm_s: float = 1800.0
    most: int = 1
    linger_s: float = 0.0

    def lingers_until(self, warm: Sequence[Held]) -> float:
        """Return until when the one version too many stays; `warm` has the latest first."""
        lingers = self.linger_s > 0 and len(warm) == self.most + 1
        return warm[0].since_s + self.linger_s if lingers else 0.0


def next_action(
    wish: Wish, held: Sequence[Held], keeping: Keeping, now_s: float
) -> Action | None:
    """Return the next thing to do, or None; see `wake_at` for when to ask again."""
    serving = next((each.number for each in held if each.stage is Stage.SERVING), 0)
    for number, why in _targets(wish, held, serving):
        action = _towards(number, why, wish, held, now_s)
        if action is not None:
            return action
    if wish.frozen:
        return None
    return next(_surplus(wish, held, keeping, serving, now_s), None)


def _targets(wish: Wish, held: Sequence[Held], serving: int) -> Iterator[tuple[int, str]]:
    """Yield what should serve and does not, the best first.

    What served last comes first where nothing serves and nothing else has begun: after a
    restart a version that hangs in its load must keep nobody waiting, and the next one is
    held to its predecessor.
    """
    wanted, last = _find(held, wish.number), _find(held, wish.fallback)
    falls_back = not serving and wish.fallback and wish.fallback != wish.number
    if falls_back and wanted is None and (last is None or last.stage is not Stage.REFUSED):
        yield wish.fallback, "it served last"
        return
    if wish.number and wish.number != serving:
        yield wish.number, "it is frozen on this version" if wish.frozen else ""
    if falls_back and (wanted is None or wanted.stage is Stage.REFUSED):
        yield wish.fallback, "it served last"


def _towards(
    number: int, why: str, wish: Wish, held: Sequence[Held], now_s: float
) -> Action | None:
    """Return what brings a version nearer to serving, if anything does now."""
    version = _find(held, number)
    if version is None or version.stage is Stage.WANTED:
        return Action(Kind.LOAD, number, why)
    if version.stage is Stage.REFUSED:
        moved = number == wish.number and version.generation != wish.generation
        due = version.retry_at_s is not None and now_s >= version.retry_at_s
        return Action(Kind.LOAD, number, why) if moved or due else None
    if version.stage not in KEPT:
        return None
    if not version.ready:
        return Action(Kind.RETIRE, number, "its workers keep ending")
    return Action(Kind.SWAP, number, why)


def _surplus(
    wish: Wish, held: Sequence[Held], keeping: Keeping, serving: int, now_s: float
) -> Iterator[Action]:
    """Yield versions that nobody wants any more."""
    spared = {wish.number} if serving else {wish.number, wish.fallback}
    for version in held:
        if version.stage is Stage.PROVEN and version.number not in spared:
            yield Action(Kind.RETIRE, version.number, "the alias has moved on")
    warm = _warm(held, spared)
    lingers = now_s < keeping.lingers_until(warm)
    for place, version in reversed(list(enumerate(warm))):  # The oldest goes first.
        if place >= keeping.most:
            if lingers:
                continue
            most = f"{keeping.most} warm version" + "s" * (keeping.most != 1)
            yield Action(Kind.RETIRE, version.number, f"{most} at most are kept")
        elif now_s >= version.since_s + keeping.warm_s:
            why = f"it was kept warm for {keeping.warm_s:g} s"
            yield Action(Kind.RETIRE, version.number, why)


def wake_at(
    wish: Wish, held: Sequence[Held], keeping: Keeping, now_s: float
) -> float | None:
    """Return when time alone may bring something to do; None for never."""
    times = [
        each.retry_at_s
        for each in held
        if each.stage is Stage.REFUSED
        and each.retry_at_s is not None
        and each.number in (wish.number, wish.fallback)
    ]
    if not wish.frozen:
        warm = _warm(held, {wish.number})
        times += [each.since_s + keeping.warm_s for each in warm]
        times.append(keeping.lingers_until(warm))
    later = [each for each in times if each > now_s]
    return min(later) if later else None


def retry_pause_s(tries: int) -> float:
    """Return how long to wait before the registry is asked again for a version."""
    return min(FIRST_PAUSE_S * 2.0 ** min(max(tries - 1, 0), 20), LONGEST_PAUSE_S)


def _warm(held: Sequence[Held], spared: Collection[int]) -> list[Held]:
    """Return the versions that are warm and not spared, the latest first."""
    found = [e for e in held if e.stage is Stage.WARM and e.number not in spared]
    return sorted(found, key=lambda each: each.since_s, reverse=True)


def _find(held: Sequence[Held], number: int) -> Held | None:
    return next((each for each in held if each.number == number), None)
