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

from runtime.config import Repository
from runtime.errors import ConfigError, LeeboardError, ModelError
from runtime.messages import (
    Message,
    RepositoryModelLoadRequest,
    RepositoryModelLoadResponse,
    RepositoryModelUnloadRequest,
    RepositoryModelUnloadResponse,
)
from runtime.models.manager import ModelManager, printable
from runtime.models.settings import ModelSettings

logger = logging.getLogger(__name__)

OK, INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED = 0, 3, 5, 7
FAILED_PRECONDITION, INTERNAL, UNAVAILABLE = 9, 13, 14


class Refusal(LeeboardError):
    """A call that is answered with a code of its own."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


def why_refused(repository: Repository, is_local: bool) -> Refusal | None:
    """Return why clients may not load and unload models, or None when they may."""
    if repository.mode != "explicit":
        return Refusal(
            UNAVAILABLE,
            "explicit model load / unload is not allowed: the server runs with "
            f"--model-control-mode {repository.mode}",
        )
    if not is_local and not repository.rpc:
        return Refusal(
            PERMISSION_DENIED,
            "loading and unloading over the network needs --allow-repository-rpc",
        )
    return None


class Plane(Protocol):
    """What this needs of `runtime.native.server.Server`."""

    def answer(self, call: int, code: int, message: str, reply: bytes) -> None:
        """Answer a call that was handed over."""


SettingsOf = Callable[[str, str], ModelSettings]
"""Returns the settings of a model's name and a ModelConfig as JSON; raises ConfigError."""


def parameters_of(request: Message, allowed: frozenset[str]) -> dict[str, Any]:
    """Return a call's parameters by name; raises Refusal for one that is not known."""
    if request.repository_name:
        raise Refusal(
            INVALID_ARGUMENT,
            f"there is no repository {request.repository_name!r}; leave its name empty",
        )
    found = {}
    for name, value in request.parameters.items():
        if name.startswith("file:"):
            raise Refusal(INVALID_ARGUMENT, f"{name!r}: files cannot be uploaded")
        if name not in allowed:
            raise Refusal(INVALID_ARGUMENT, f"parameter {name!r} is not known")
        found[name] = getattr(value, value.WhichOneof("parameter_choice") or "string_param")
    return found


class RepositoryCalls:
    """Carries calls out, each in a task of its own.

    `refused` says why nobody may load and unload, if so.
    """

    def __init__(
        self,
        manager: ModelManager,
        plane: Plane,
        settings_of: SettingsOf,
        refused: Refusal | None,
    ) -> None:
        self._manager = manager
        self._plane = plane
        self._settings_of = settings_of
        self._refused = refused
        self._tasks: set[asyncio.Task[None]] = set()
        self._methods: dict[str, Callable[[bytes], Coroutine[Any, Any, Message]]] = {
            "RepositoryModelLoad": self._load,
            "RepositoryModelUnload": self._unload,
        }

    def take(self, call: int, method: str, message: bytes) -> None:
        """Begin to carry out a call."""
        task = asyncio.get_running_loop().create_task(self._run(call, method, message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is not finished; its clients hear of the end from the data plane."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, call: int, method: str, message: bytes) -> None:
        reply, code, words = b"", OK, ""
        try:
            if self._refused is not None:
                raise self._refused
            reply = (await self._methods[method](message)).SerializeToString()
        except DecodeError:
            code, words = INVALID_ARGUMENT, f"the message is no {method}Request"
        except Refusal as error:
            code, words = error.code, str(error)
        except ConfigError as error:
            code, words = INVALID_ARGUMENT, str(error)
        except ModelError as error:
            code, words = FAILED_PRECONDITION, str(error)
        except LeeboardError as error:
            code, words = UNAVAILABLE, str(error)
        except Exception:
            # The edge of a task: a client must not wait for what has gone wrong here.
            logger.exception("%s failed", method)
            code, words = INTERNAL, f"{method} failed; the server's log says why"
        self._plane.answer(call, code, printable(words), reply)

    async def _load(self, message: bytes) -> Message:
        request = RepositoryModelLoadRequest.FromString(message)
        given = parameters_of(request, frozenset({"config", "version"}))
        name, settings = request.model_name, None
        if "config" in given:
            settings = self._settings_of(name, str(given["config"]))
        logger.info("loading %r, as asked for over gRPC", name)
        await self._manager.load(name, str(given.get("version", "")), settings)
        return RepositoryModelLoadResponse()

    async def _unload(self, message: bytes) -> Message:
        request = RepositoryModelUnloadRequest.FromString(message)
        given = parameters_of(request, frozenset({"unload_dependents", "version"}))
        logger.info("unloading %r, as asked for over gRPC", request.model_name)
        await self._manager.unload(request.model_name, str(given.get("version", "")))
        return RepositoryModelUnloadResponse()
