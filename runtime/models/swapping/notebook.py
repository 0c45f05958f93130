"""What a server knows of one model and must know after a restart, written down in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from runtime.errors import LeeboardError
from runtime.events import about
from runtime.models.swapping.hands import Hands
from runtime.models.swapping.local_state import Known

logger = logging.getLogger(__name__)


class NotWritten(LeeboardError):
    """Something is so until a restart only: it could not be written down."""


class Notebook:
    """Holds what is known; `digests` returns those of the versions that are held."""

    def __init__(
        self, model: str, hands: Hands, known: Known, digests: Callable[[], frozenset[str]]
    ) -> None:
        self.known = known
        self._model = model
        self._hands = hands
        self._digests = digests
        self._tasks: set[asyncio.Task[None]] = set()

    def remember(self, known: Known) -> None:
        """Know this from now on; a disk that refuses is only told of."""
        if known != self.known:
            self.known = known
            self.save()

    def save(self) -> None:
        """Have what is known written down, and files that nobody needs removed."""
        task = asyncio.get_running_loop().create_task(self.attempt())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def write(self) -> None:
        """Write down what is known; on disk when this returns, or raises NotWritten."""
        known = self.known
        needed = {known.digest, *self._digests()}
        if known.frozen is not None:
            needed.add(known.frozen.digest)
        if known.pointer is not None:
            needed.add(known.pointer.digest)
        try:
            await self._hands.save(known, frozenset(needed))
        except (LeeboardError, OSError) as error:
            words = str(error) or type(error).__name__
            raise NotWritten(
                f"{self._model}: this is so until a restart only, for it cannot be "
                f"written down: {words}"
            ) from error

    async def close(self) -> None:
        """Wait until all that was remembered is written down."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def attempt(self) -> None:
        """Write down what is known; a disk that refuses is only told of."""
        try:
            await self.write()
        except NotWritten as error:
            logger.error("%s", error, extra=about("state_not_saved", self._model))
