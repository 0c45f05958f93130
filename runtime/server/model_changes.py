"""Loading and unloading models, as clients ask for it on either port.

Says who asked in the log, holds callers to their models, and turns what went wrong into a
code and one line that names no place on this machine.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any

from runtime.access.decisions import Refused, refuse_model
from runtime.access.identities import Identity
from runtime.access.words import hide_paths
from runtime.errors import ConfigError, LeeboardError, ModelError
from runtime.events import about
from runtime.models.describe import called
from runtime.models.manager import ModelManager
from runtime.models.settings import ModelSettings
from runtime.printable import escaped

logger = logging.getLogger(__name__)

OK, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, PERMISSION_DENIED = 0, 3, 4, 5, 7
RESOURCE_EXHAUSTED, FAILED_PRECONDITION, INTERNAL, UNAVAILABLE = 8, 9, 13, 14

SettingsOf = Callable[[str, str], ModelSettings]
"""Returns the settings of a model's name and a ModelConfig as JSON; raises ConfigError."""

Said = tuple[int, str]
"""A gRPC code and its words."""


def problem_of(error: Exception, roots: Sequence[str] = ()) -> Said:
    """Return the code and the words for an error; `roots` are never named in them.

    An error that is none of ours is told in the log only.
    """
    match error:
        case Refused():
            code = error.code
        case ConfigError():
            code = INVALID_ARGUMENT
        case ModelError():
            code = FAILED_PRECONDITION
        case LeeboardError():
            code = UNAVAILABLE
        case _:
            return INTERNAL, "it failed; the server's log says why"
    return code, escaped(hide_paths(str(error), roots))


def choice(call: str, who: Identity | None) -> str:
    """Return what chose a version, for `leeboard why`.

    Examples
    --------
    >>> choice("load", None)
    'a load call over gRPC'
    """
    return f"a {call} call{f' of {who.name!r}' if who else ''} over gRPC"


class ModelChanges:
    """Carries changes out; one that has begun goes on though its caller leaves.

    `refused` says why nobody may change anything, if so. `roots` are paths of the
    repository that no caller is told. Models that are `followed` come from a registry.
    """

    def __init__(
        self,
        manager: ModelManager,
        settings_of: SettingsOf,
        refused: Refused | None = None,
        roots: Sequence[str] = (),
        followed: Collection[str] = (),
    ) -> None:
        self.manager = manager
        self._followed = followed
        self.roots = roots
        self._settings_of = settings_of
        self._refused = refused
        self._tasks: set[asyncio.Task[None]] = set()

    async def load(
        self, who: Identity | None, name: str, version: str = "", config: str | None = None
    ) -> None:
        """Load a model, or load it again; `config` is a ModelConfig as JSON."""
        self._check(who, name)
        settings = None if config is None else self._settings_of(name, config)
        self._note("load", who, name, version)
        chosen_by = choice("load", who)
        if settings is not None:
            chosen_by += " with a configuration of its own"
        await self._finish(self.manager.load(name, version, settings, chosen_by))

    async def unload(self, who: Identity | None, name: str, version: str = "") -> None:
        """Take a model, or one version, out of service."""
        self._check(who, name)
        self._note("unload", who, name, version)
        await self._finish(self.manager.unload(name, version))

    async def reload(self, who: Identity | None, name: str, version: str = "") -> None:
        """Load what has changed of a model that is loaded; NOT_FOUND when it is not."""
        self._check(who, name)
        if not any(v.source.name == name for v in self.manager.versions):
            raise Refused(NOT_FOUND, f"model {name!r} is not loaded; load it first")
        self._note("reload", who, name, version)
        chosen_by = choice("reload", who)
        await self._finish(self.manager.load(name, version, None, chosen_by))

    def stop(self) -> None:
        """Take no more changes: the server drains."""
        self._refused = Refused(
            UNAVAILABLE, "the server is stopping and takes no changes any more"
        )

    async def close(self) -> None:
        """Give up what is not finished."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _check(self, who: Identity | None, name: str) -> None:
        refuse_model(who, name)
        if name in self._followed:
            raise Refused(
                FAILED_PRECONDITION,
                f"model {name!r} follows an alias of a registry: move the alias, or use "
                "`leeboard rollback` and `leeboard freeze`",
            )
        if self._refused is not None:
            raise self._refused

    def _note(self, doing: str, who: Identity | None, name: str, version: str) -> None:
        logger.info(
            "%sing %s, as asked for over gRPC by %s",
            doing,
            called(name, version),
            f"identity '{who.name}'" if who else "somebody",
            extra=about(f"{doing}_asked", name, version),
        )

    async def _finish(self, change: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(change)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        await asyncio.shield(task)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.info("a change of models ended: %s", escaped(str(error)))
