"""RepositoryModelLoad and RepositoryModelUnload: what the data plane hands over.

Loading takes seconds and is the control plane's work; the calls come here one by one and
are answered when it is done. One parameter besides Triton's: ``version``, a string, touches
one version only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from google.protobuf.message import DecodeError

from runtime.access.decisions import PERMISSION_DENIED, UNAUTHENTICATED, Refused
from runtime.access.identities import Identity
from runtime.config import Repository
from runtime.messages import (
    Message,
    RepositoryModelLoadRequest,
    RepositoryModelLoadResponse,
    RepositoryModelUnloadRequest,
    RepositoryModelUnloadResponse,
)
from runtime.printable import escaped
from runtime.server.model_changes import (
    INTERNAL,
    INVALID_ARGUMENT,
    OK,
    UNAVAILABLE,
    ModelChanges,
    problem_of,
)

logger = logging.getLogger(__name__)


def why_refused(repository: Repository, is_local: bool, has_tokens: bool) -> Refused | None:
    """Return why clients may not load and unload models, or None when they may.

    Where tokens are asked for, the data plane has seen to it that the caller is an
    operator.
    """
    if repository.mode != "explicit":
        return Refused(
            UNAVAILABLE,
            "explicit model load / unload is not allowed: the server runs with "
            f"--model-control-mode {repository.mode}",
        )
    if not is_local and not repository.rpc:
        return Refused(
            PERMISSION_DENIED,
            "loading and unloading over the network needs --allow-repository-rpc",
        )
    if not is_local and not has_tokens:
        return Refused(
            PERMISSION_DENIED,
            "loading and unloading over the network needs the role operator, and this "
            "server has no --tokens to tell who has it",
        )
    return None


Change = Callable[[Identity | None, bytes], Coroutine[Any, Any, Message]]
"""Carries one method out for a caller."""


class Plane(Protocol):
    """What this needs of `runtime.native.server.Server`."""

    def answer(self, call: int, code: int, message: str, reply: bytes) -> None:
        """Answer a call that was handed over."""


IdentityOf = Callable[[str], Identity | None]
"""Returns the identity of a name; None when nobody is called so any more."""


def anybody(name: str) -> Identity | None:
    """Know nobody, as where nobody is asked."""
    return None


def parameters_of(request: Message, allowed: frozenset[str]) -> dict[str, Any]:
    """Return a call's parameters by name; raises Refused for one that is not known."""
    if request.repository_name:
        raise Refused(
            INVALID_ARGUMENT,
            f"there is no repository {request.repository_name!r}; leave its name empty",
        )
    found = {}
    for name, value in request.parameters.items():
        if name.startswith("file:"):
            raise Refused(INVALID_ARGUMENT, f"{name!r}: files cannot be uploaded")
        if name not in allowed:
            raise Refused(INVALID_ARGUMENT, f"parameter {name!r} is not known")
        found[name] = getattr(value, value.WhichOneof("parameter_choice") or "string_param")
    return found


class RepositoryCalls:
    """Carries calls out, each in a task of its own."""

    def __init__(
        self, changes: ModelChanges, plane: Plane, identity_of: IdentityOf = anybody
    ) -> None:
        self._changes = changes
        self._plane = plane
        self._identity_of = identity_of
        self._tasks: set[asyncio.Task[None]] = set()
        self._methods: dict[str, Change] = {
            "RepositoryModelLoad": self._load,
            "RepositoryModelUnload": self._unload,
        }

    def take(self, call: int, method: str, message: bytes, identity: str = "") -> None:
        """Begin to carry out a call of an identity, or of anybody where nobody is asked."""
        task = asyncio.get_running_loop().create_task(
            self._run(call, method, message, identity)
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is not finished; its clients hear of the end from the data plane."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._changes.close()

    async def _run(self, call: int, method: str, message: bytes, identity: str) -> None:
        reply, code, words = b"", OK, ""
        try:
            who = self._caller(identity)
            reply = (await self._methods[method](who, message)).SerializeToString()
        except DecodeError:
            code, words = INVALID_ARGUMENT, f"the message is no {method}Request"
        except Exception as error:
            # The edge of a task: a client must not wait for what has gone wrong here.
            code, words = problem_of(error, self._changes.roots)
            if code == INTERNAL:
                logger.exception("%s failed", method)
                words = f"{method} failed; the server's log says why"
        self._plane.answer(call, code, escaped(words), reply)

    def _caller(self, name: str) -> Identity | None:
        identity = self._identity_of(name) if name else None
        if name and identity is None:  # The tokens were changed since it called.
            raise Refused(UNAUTHENTICATED, "your identity is not known here any more")
        return identity

    async def _load(self, who: Identity | None, message: bytes) -> Message:
        request = RepositoryModelLoadRequest.FromString(message)
        given = parameters_of(request, frozenset({"config", "version"}))
        config = str(given["config"]) if "config" in given else None
        version = str(given.get("version", ""))
        await self._changes.load(who, request.model_name, version, config)
        return RepositoryModelLoadResponse()

    async def _unload(self, who: Identity | None, message: bytes) -> Message:
        request = RepositoryModelUnloadRequest.FromString(message)
        given = parameters_of(request, frozenset({"unload_dependents", "version"}))
        version = str(given.get("version", ""))
        await self._changes.unload(who, request.model_name, version)
        return RepositoryModelUnloadResponse()
