"""Hands that change nothing and do as a test tells them, and a clock that stands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from runtime.models.swapping.followed import Followed
from runtime.models.swapping.hands import Costs, Told
from runtime.models.swapping.lifecycle import Stage
from runtime.models.swapping.local_state import NOTHING, Known
from runtime.models.swapping.policy import Keeping
from runtime.models.swapping.records import Rules
from runtime.registry.source import Happened, Pointer

GIB = 1 << 30
NOON = 1_795_000_000.0


def pointer(
    number: int, generation: int = 0, previous: int = 0, frozen: str = ""
) -> Pointer:
    """Return what `fraud@champion` may point at; 0: the generation is the number."""
    at = generation or number
    return Pointer(
        "fraud", "champion", number, f"digest-{number}", at, previous, False, frozen, "ana",
        NOON - 5.0,
    )  # fmt: skip


class FakeHands:
    """Remembers what was done; `holds` keep a fetch or a load until they are set.

    `fetching` and `loading` are errors by number, raised once each time they are met.
    """

    def __init__(self) -> None:
        self.done: list[str] = []
        self.fetching: dict[int, Exception] = {}
        self.loading: dict[int, Exception] = {}
        self.holds: dict[str, asyncio.Event] = {}
        self.met: dict[str, asyncio.Event] = {}
        self.here: set[int] = set()
        self.broken: set[int] = set()
        self.preferred = 0
        self.told: Mapping[int, Mapping[str, str]] = {}
        self.reasons: dict[int, str] = {}
        self.after: dict[int, int] = {}
        self.chosen: dict[int, str] = {}
        self.known = NOTHING
        self.digests: frozenset[str] = frozenset()
        self.disk: Exception | None = None
        self.cost = Costs()
        self.spare = GIB
        self.on_publish: Callable[[], None] = lambda: None
        self.closed = False
        self.on_look: Callable[[], None] = lambda: None

    def hold(self, what: str) -> asyncio.Event:
        """Have a fetch or a load, like `fetch 2`, wait until the event is set."""
        return self.holds.setdefault(what, asyncio.Event())

    def begun(self, what: str) -> asyncio.Event:
        """Return an event that is set once something has begun."""
        return self.met.setdefault(what, asyncio.Event())

    async def _begin(self, what: str) -> None:
        self.done.append(what)
        self.begun(what).set()
        if what in self.holds:
            await self.holds[what].wait()

    async def fetch(self, pointer: Pointer) -> None:
        await self._begin(f"fetch {pointer.number}")
        if pointer.number in self.fetching:
            raise self.fetching[pointer.number]

    async def load(self, pointer: Pointer, chosen_by: str, after: int) -> None:
        await self._begin(f"load {pointer.number}")
        self.after[pointer.number], self.chosen[pointer.number] = after, chosen_by
        if pointer.number in self.loading:
            raise self.loading[pointer.number]
        self.here.add(pointer.number)

    def is_ready(self, number: int) -> bool:
        self.on_look()
        return number in self.here and number not in self.broken

    def publish(self, preferred: int, told: Told) -> None:
        if preferred != self.preferred:
            self.done.append(f"serve {preferred}")
        self.preferred, self.told = preferred, told
        self.on_publish()

    def withdraw(self, number: int) -> None:
        if number in self.here:
            self.done.append(f"withdraw {number}")
            self.here.discard(number)

    def close(self) -> None:
        self.closed = True

    async def given_back(self) -> None:
        await self._begin("given back")

    def costs(self, number: int) -> Costs:
        return self.cost if number in self.here else Costs()

    def free(self) -> int:
        return self.spare

    def refuse(self, number: int, reason: str) -> None:
        if reason:
            self.reasons[number] = reason
        else:
            self.reasons.pop(number, None)

    async def save(self, known: Known, digests: frozenset[str]) -> None:
        if self.disk is not None:
            raise self.disk
        self.known, self.digests = known, digests


class Bench:
    """A followed model on a stage: its hands, its clock, and what it told the registry."""

    def __init__(
        self, known: Known = NOTHING, keeping: Keeping | None = None, replaces: bool = False
    ) -> None:
        self.hands = FakeHands()
        self.now_s = 1000.0
        self.news: list[Happened] = []
        self.followed = Followed(
            "fraud",
            self.hands,
            known,
            Rules(keeping or Keeping(100.0, 1), replaces),
            self.news.append,
            lambda: self.now_s,
            lambda: NOON + self.now_s - 1000.0,
        )

    @property
    def stages(self) -> dict[int, Stage]:
        return {number: kept.stage for number, kept in self.followed.kept.items()}

    async def hear(self, number: int, generation: int = 0) -> None:
        """Hear of the alias, and wait until all that can be done for it is done."""
        self.now_s += 1.0
        self.followed.hear(pointer(number, generation))
        await self.rest()

    def fill_memory(self) -> None:
        """Leave room for one version only."""
        self.hands.cost, self.hands.spare = Costs(GIB, GIB), 0

    async def rest(self) -> None:
        """Wait until nothing is under way."""
        await self.followed.idle.wait()

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and do what has come due."""
        self.now_s += seconds
        self.followed.settle()


def play(bench: Bench, story: Callable[[], Awaitable[None]]) -> None:
    """Run a story with the bench's model, and close it."""

    async def life() -> None:
        try:
            await story()
        finally:
            for event in bench.hands.holds.values():
                event.set()
            await bench.followed.close()

    asyncio.run(asyncio.wait_for(life(), 60))
