"""Follows the folder of models: loads what has changed, unloads what is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from runtime.errors import LeeboardError
from runtime.models.manager import ModelManager
from runtime.models.poller import Fingerprints, Poller

logger = logging.getLogger(__name__)

CHOSEN_BY = "a change in the folder of models (mode poll)"


class Follower:
    """Looks at the folder until it is cancelled.

    Parameters
    ----------
    poller
        Remembers what was there before anything was loaded.
    fingerprints
        Looks at the files; may block.
    pause_s
        Returns the seconds until the next look.
    """

    def __init__(
        self,
        manager: ModelManager,
        poller: Poller,
        fingerprints: Callable[[], Fingerprints],
        pause_s: Callable[[], float],
    ) -> None:
        self._manager = manager
        self._poller = poller
        self._fingerprints = fingerprints
        self._pause_s = pause_s

    async def run(self) -> None:
        """Look, act, and pause, without end."""
        while True:
            try:
                await self._look()
            except Exception:
                # The edge of a task: the folder is followed whatever one look has met.
                logger.exception("the folder of models could not be followed")
            await asyncio.sleep(self._pause_s())

    async def _look(self) -> None:
        changes = self._poller.look(await asyncio.to_thread(self._fingerprints))
        for name in changes.load:
            await self._try(self._manager.load(name, chosen_by=CHOSEN_BY))
        for name in changes.unload:
            await self._try(self._manager.unload(name))

    async def _try(self, change: Coroutine[Any, Any, None]) -> None:
        try:
            await change
        except LeeboardError as error:
            logger.error("%s", error)
        except Exception:
            # One model's trouble must not keep the others from being looked at.
            logger.exception("a model could not be changed")
