"""A registry in memory, which may be away, hang or refuse, and what follows it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from runtime.models.swapping.errands import Errands
from runtime.models.swapping.followed import Followed
from runtime.models.swapping.local_state import NOTHING, Known, LocalState
from runtime.models.swapping.records import Rules
from runtime.models.swapping.swaps import Follow, Swaps
from runtime.registry.manifest import Manifest
from runtime.registry.source import Happened, Pointer, RegistryError, Use
from tests.unit.models.swapping.fake_hands import FakeHands, pointer


class FakeSource:
    """Aliases by model; `error` is what every call raises, `gate` what a look waits for."""

    def __init__(self) -> None:
        self.aliases: dict[str, Pointer] = {}
        self.error: Exception | None = None
        self.move_error: Exception | None = None
        self.tell_error: Exception | None = None
        self.gate: threading.Event | None = None
        self.looks = 0
        self.moves: list[tuple[int, int, str, str]] = []
        self.told: list[tuple[list[Use], list[Happened]]] = []
        self.closed = False
        self.descriptor = -1

    @property
    def place(self) -> str:
        return "memory"

    def look(self, model: str, alias: str) -> Pointer:
        self.looks += 1
        if self.gate is not None:
            self.gate.wait()
        if self.error is not None:
            raise self.error
        if model not in self.aliases:
            raise RegistryError(f"there is no alias {model}@{alias}")
        return self.aliases[model]

    def manifest(self, model: str, number: int) -> Manifest:
        raise RegistryError(f"there is no {model} version {number}")

    def fetch(self, model: str, number: int, into: Path) -> Manifest:
        return self.manifest(model, number)

    def move(
        self, model: str, alias: str, number: int, expected: int, actor: str, reason: str
    ) -> Pointer:
        self.moves.append((number, expected, actor, reason))
        for error in (self.error, self.move_error):
            if error is not None:
                raise error
        before = self.aliases[model]
        if before.generation != expected:
            raise RegistryError(f"{model}@{alias} was moved by ben since")
        moved = pointer(number, before.generation + 1, before.number)
        self.aliases[model] = moved
        return moved

    def tell(self, server: str, uses: Iterable[Use], news: Iterable[Happened]) -> None:
        for error in (self.error, self.tell_error):
            if error is not None:
                raise error
        self.told.append((list(uses), list(news)))

    def head(self) -> str:
        return "1:0a"

    def watch(self) -> int:
        return self.descriptor

    def close(self) -> None:
        self.closed = True


class Board:
    """What follows `fraud@champion` and more, with fakes all around.

    Time between two looks is long: a test wakes the loop, or looks once by `turn`.
    """

    def __init__(self, folder: Path, known: Known = NOTHING, *models: str) -> None:
        self.source = FakeSource()
        self.source.aliases["fraud"] = pointer(1)
        self.hands = {model: FakeHands() for model in ("fraud", *models)}
        self.errands = Errands("registry"), Errands("local-state")
        self.now_s = 1000.0
        follows = {
            Follow(model, "champion"): Followed(
                model, hands, known, Rules(), self.note, lambda: self.now_s
            )
            for model, hands in self.hands.items()
        }
        self.swaps = Swaps(
            self.source, follows, LocalState(folder), self.errands, "here:1", lambda: 3600.0
        )
        self.fraud = self.swaps.followed("fraud")

    def note(self, happened: Happened) -> None:
        self.swaps.note(happened)

    def play(self, story: Callable[[], Awaitable[None]]) -> None:
        """Run a story, and close everything."""

        async def life() -> None:
            try:
                await story()
            finally:
                if self.source.gate is not None:
                    self.source.gate.set()
                await self.swaps.close()

        asyncio.run(asyncio.wait_for(life(), 60))

    async def hang(self, gate: threading.Event) -> asyncio.Future[bool]:
        """Have the registry's thread wait for a gate; returns once it does."""
        begun = threading.Event()

        def wait() -> bool:
            begun.set()
            return gate.wait()

        hanging = asyncio.ensure_future(self.errands[0].run(wait, 30.0))
        await asyncio.to_thread(begun.wait)
        return hanging

    async def turn(self, number: int = 0, generation: int = 0) -> None:
        """Point the alias elsewhere, if told; then look once, and wait for what comes."""
        if number:
            self.now_s += 1.0
            self.source.aliases["fraud"] = pointer(number, generation)
        await self.swaps.turn()
        for followed in self.swaps.follows.values():
            await followed.idle.wait()
