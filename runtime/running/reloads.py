"""What SIGHUP makes a running server look at again, one thing after the other.

A thing that fails keeps what it had and does not stop the others. Each says in one line of
the log what has changed; one without a change says nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from runtime.config import Config
from runtime.errors import LeeboardError

logger = logging.getLogger(__name__)

Reload = Callable[[Config], str]
"""Takes a new Config in; returns what has changed, or nothing, or raises."""


@dataclass(frozen=True, slots=True)
class Reread:
    """The Config after a second reading of the options.

    `waiting` names the options that have changed and take a restart; in `config` they are
    as before.
    """

    config: Config
    waiting: tuple[str, ...] = ()


class Reloads:
    """The things that can be loaded again, in the order in which they were named.

    Parameters
    ----------
    config
        What is in force at the start.
    reread
        Reads the options again; may block, and raises ConfigError. None where a server was
        not started from options.
    """

    def __init__(self, config: Config, reread: Callable[[], Reread] | None = None) -> None:
        self._config = config
        self._reread = reread
        self._things: list[tuple[str, Reload]] = []
        self._turn = asyncio.Lock()

    def add(self, name: str, reload: Reload) -> None:
        """Have `reload` called at each SIGHUP, in the event loop's thread."""
        self._things.append((name, reload))

    async def run(self) -> Config:
        """Load everything again; returns the Config that is in force then."""
        async with self._turn:
            logger.info("loading again what can change while the server runs")
            await self._read()
            for name, reload in self._things:
                self._try(name, reload)
            return self._config

    async def _read(self) -> None:
        if self._reread is None:
            return
        try:
            found = await asyncio.to_thread(self._reread)
        except LeeboardError as error:
            logger.error("the options stay as they are: %s", error)
            return
        self._config = found.config
        if found.waiting:
            logger.warning("changed, but needs a restart: %s", ", ".join(found.waiting))

    def _try(self, name: str, reload: Reload) -> None:
        try:
            changed = reload(self._config)
        except (LeeboardError, OSError) as error:
            logger.error("%s stays as it is: %s", name, error)
        except Exception:
            # One thing's trouble must not keep the others from being loaded again.
            logger.exception("%s stays as it is", name)
        else:
            if changed:
                logger.info("%s: %s", name, changed)
