"""The folder is followed, whatever one look or one model has met."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from runtime.errors import ModelError
from runtime.models.manager import ModelManager
from runtime.models.poller import Fingerprints, Poller
from runtime.running.following import CHOSEN_BY, Follower


class FakeManager:
    """Notes what it is asked; fails for some models."""

    def __init__(self, **errors: Exception) -> None:
        self.asked: list[tuple[str, ...]] = []
        self._errors = errors

    async def load(self, name: str, *, chosen_by: str) -> None:
        self.asked.append(("load", name, chosen_by))
        if name in self._errors:
            raise self._errors[name]

    async def unload(self, name: str) -> None:
        self.asked.append(("unload", name))


def follow(manager: FakeManager, *looks: Fingerprints | Exception) -> None:
    """Follow a folder that looks like this, look after look."""

    async def story() -> None:
        left, over = list(looks), asyncio.Event()
        loop = asyncio.get_running_loop()

        def look() -> Fingerprints:
            if not left:
                loop.call_soon_threadsafe(over.set)
                return {}
            found = left.pop(0)
            if isinstance(found, Exception):
                raise found
            return found

        follower = Follower(
            cast(ModelManager, manager), Poller({"old": 1}), look, lambda: 0.0
        )
        task = asyncio.create_task(follower.run())
        await asyncio.wait_for(over.wait(), 60)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(story())


def test_what_has_come_is_loaded_and_what_has_gone_is_unloaded() -> None:
    manager = FakeManager()
    now: Any = {"new": 1}
    follow(manager, now, now)
    assert manager.asked[:2] == [("load", "new", CHOSEN_BY), ("unload", "old")]


def test_a_model_that_cannot_be_loaded_and_a_look_that_fails_stop_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    manager = FakeManager(bad=ModelError("it is a pickle"), odd=ValueError("of ours"))
    now: Any = {"bad": 1, "good": 1, "odd": 1, "old": 1}
    follow(manager, OSError("no such folder"), now, now)
    assert [name for _, name, _ in manager.asked[:3]] == ["bad", "good", "odd"]
    assert "it is a pickle" in caplog.messages
    assert "the folder of models could not be followed" in caplog.messages
