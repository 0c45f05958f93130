"""How one version comes from the registry to the point where it could serve."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from runtime.events import about
from runtime.models.swapping.hands import Hands
from runtime.models.swapping.lifecycle import Stage, Step
from runtime.models.swapping.memory import MemoryPlan, Room, Way, plan_memory
from runtime.models.swapping.quiet import QUIET
from runtime.models.swapping.records import Kept, Rules, Timings
from runtime.registry.source import RegistryUnavailable

logger = logging.getLogger(__name__)


class NoRoom(RegistryUnavailable):
    """There is no memory for the version now; there may be later."""


class Loading:
    """Fetches, makes room, loads.

    Parameters
    ----------
    kept
        All versions of the model that are held, by number.
    advance
        Reports a step of a version.
    retire
        Gives a version back, for a reason.
    is_wanted
        Tells whether a version is still to serve: only then do others go for it.
    """

    def __init__(
        self,
        hands: Hands,
        timings: Timings,
        kept: Mapping[int, Kept],
        advance: Callable[[Kept, Step], None],
        retire: Callable[[int, str], None],
        is_wanted: Callable[[int], bool],
    ) -> None:
        self._hands = hands
        self._timings = timings
        self._kept = kept
        self._advance = advance
        self._retire = retire
        self._is_wanted = is_wanted

    async def run(self, version: Kept, rules: Rules) -> None:
        """Bring one version to `Stage.PROVEN`; raises what kept it from there."""
        began = time.monotonic()
        await self._hands.fetch(version.pointer)
        self._timings.seconds["fetch"] = time.monotonic() - began
        await self._make_room(version, rules)
        self._advance(version, Step.FETCHED)
        began = time.monotonic()
        after = self._in(Stage.SERVING)
        with QUIET.loading():
            before = after[0] if after else 0
            await self._hands.load(version.pointer, version.chosen_by, before)
        self._timings.seconds["load"] = time.monotonic() - began
        self._advance(version, Step.LOADED)

    def _in(self, stage: Stage) -> list[int]:
        return [number for number, kept in self._kept.items() if kept.stage is stage]

    async def _make_room(self, version: Kept, rules: Rules) -> None:
        """Say how the version comes to its place, and give memory back for it."""
        plan = self._plan(rules)
        logger.info(
            "%s: %s: %s",
            version.label,
            plan.way.value,
            plan.words,
            extra=about("memory_plan", version.pointer.model, str(version.number)),
        )
        if plan.way is Way.REFUSE:
            raise NoRoom(f"there is no room beside what serves: {plan.words}")
        if plan.way is Way.OVERLAP:
            return
        if not self._is_wanted(version.number):
            raise NoRoom(f"nothing goes for it, it is not wanted just now: {plan.words}")
        for number in self._in(Stage.WARM):
            self._retire(number, "its memory is needed")
        if plan.way is Way.REPLACE:
            for number in self._in(Stage.SERVING):
                self._retire(number, "its memory is needed for its successor")
        await self._hands.given_back()

    def _plan(self, rules: Rules) -> MemoryPlan:
        serving = [self._hands.costs(number) for number in self._in(Stage.SERVING)]
        warm = [self._hands.costs(number) for number in self._in(Stage.WARM)]
        room = Room(
            self._hands.free(),
            sum(costs.serving for costs in warm),
            sum(costs.serving for costs in serving),
        )
        peak = max((costs.peak for costs in serving), default=0)
        return plan_memory(peak, room, rules.may_replace)
