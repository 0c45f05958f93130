"""leeboard.v1.Versions: models that follow aliases, rollback and freeze."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from runtime.access.decisions import refuse_model, roles_of
from runtime.access.roles import Role
from runtime.access.words import hide_paths
from runtime.messages import Message, message
from runtime.models.swapping.followed import Followed
from runtime.models.swapping.swaps import Swaps
from runtime.models.swapping.telling import frozen_words
from runtime.printable import escaped
from runtime.server.control_services import Caller, Method

logger = logging.getLogger(__name__)

ROLLBACK_S = 60.0

VersionsStatusRequest = message("leeboard.v1.VersionsStatusRequest")
VersionsStatusResponse = message("leeboard.v1.VersionsStatusResponse")
RollbackRequest = message("leeboard.v1.RollbackRequest")
RollbackResponse = message("leeboard.v1.RollbackResponse")
FreezeRequest = message("leeboard.v1.FreezeRequest")
FreezeResponse = message("leeboard.v1.FreezeResponse")
UnfreezeRequest = message("leeboard.v1.UnfreezeRequest")
UnfreezeResponse = message("leeboard.v1.UnfreezeResponse")
RetryRequest = message("leeboard.v1.RetryRequest")
RetryResponse = message("leeboard.v1.RetryResponse")


class VersionsService:
    """Answers Status, Rollback, Freeze, Unfreeze and Retry."""

    name = "leeboard.v1.Versions"

    def __init__(self, swaps: Swaps, roots: Sequence[str] = ()) -> None:
        self._swaps = swaps
        self._roots = roots

    @property
    def methods(self) -> Sequence[Method]:
        """Status for viewers, the others for operators."""
        see, act = Role.VIEWER | Role.INFER, Role.OPERATOR
        return (
            Method("Status", see, VersionsStatusRequest, self._status),
            Method("Rollback", act, RollbackRequest, self._rollback, limit_s=ROLLBACK_S),
            Method("Freeze", act, FreezeRequest, self._freeze),
            Method("Unfreeze", act, UnfreezeRequest, self._unfreeze),
            Method("Retry", act, RetryRequest, self._retry),
        )

    async def _status(self, caller: Caller, request: Message) -> Message:
        swaps = self._swaps
        response = VersionsStatusResponse(registry_reachable=swaps.reachable)
        if Role.OPERATOR in roles_of(caller.identity):
            response.registry = swaps.source.place
        chosen = [swaps.followed(request.model)] if request.model else []
        for follow, followed in swaps.follows.items():
            if not request.model or followed in chosen:
                self._add(response.models.add(alias=follow.alias), followed)
        return response

    def _add(self, target: Message, followed: Followed) -> None:
        pointer, frozen = followed.known.pointer, followed.frozen
        target.model = followed.model
        target.wanted = pointer.number if pointer else 0
        target.serving, target.warm = followed.serving, followed.warm
        target.frozen = escaped(frozen_words(frozen)) if frozen else ""
        for number, kept in sorted(followed.kept.items()):
            target.versions.add(
                number=number,
                digest=kept.pointer.digest,
                stage=kept.stage.value,
                why=escaped(hide_paths(kept.why, self._roots)),
            )

    async def _rollback(self, caller: Caller, request: Message) -> Message:
        refuse_model(caller.identity, request.model)
        done = await self._swaps.rollback(request.model, caller.name, request.reason)
        return RollbackResponse(
            before=done.before,
            now=done.now,
            seconds=done.seconds,
            warm=done.warm,
            note=escaped(hide_paths(done.note, self._roots)),
        )

    async def _freeze(self, caller: Caller, request: Message) -> Message:
        self._check(caller, request.model)
        frozen = await self._swaps.freeze(request.model, caller.name, request.reason)
        response = FreezeResponse()
        for model, each in frozen.items():
            response.models.add(model=model, number=each.number)
        return response

    async def _unfreeze(self, caller: Caller, request: Message) -> Message:
        self._check(caller, request.model)
        return UnfreezeResponse(
            models=await self._swaps.unfreeze(request.model, caller.name)
        )

    async def _retry(self, caller: Caller, request: Message) -> Message:
        refuse_model(caller.identity, request.model)
        self._swaps.retry(request.model)
        return RetryResponse()

    def _check(self, caller: Caller, model: str) -> None:
        """Raise Refused unless the caller may change a model, or all for an empty name."""
        for each in [model] if model else sorted(self._swaps.models):
            refuse_model(caller.identity, each)
