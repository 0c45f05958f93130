"""leeboard.v1.Models: which models there are, and changing that."""

from __future__ import annotations

from collections.abc import Sequence

from runtime.access.roles import Role
from runtime.access.words import hide_paths
from runtime.messages import Message, message
from runtime.printable import escaped
from runtime.server.control_services import Caller, Method
from runtime.server.model_changes import ModelChanges

LOAD_S = 3_600.0
"""A large model may take its time; the worker's own limit comes before."""

ListModelsRequest = message("leeboard.v1.ListModelsRequest")
ListModelsResponse = message("leeboard.v1.ListModelsResponse")
LoadModelRequest = message("leeboard.v1.LoadModelRequest")
LoadModelResponse = message("leeboard.v1.LoadModelResponse")
UnloadModelRequest = message("leeboard.v1.UnloadModelRequest")
UnloadModelResponse = message("leeboard.v1.UnloadModelResponse")
ReloadModelRequest = message("leeboard.v1.ReloadModelRequest")
ReloadModelResponse = message("leeboard.v1.ReloadModelResponse")


class ModelsService:
    """Answers List, Load, Unload and Reload with the errors of the gRPC port."""

    name = "leeboard.v1.Models"

    def __init__(self, changes: ModelChanges) -> None:
        self._changes = changes

    @property
    def methods(self) -> Sequence[Method]:
        """List for viewers, the others for operators."""
        return (
            Method("List", Role.VIEWER | Role.INFER, ListModelsRequest, self._list),
            Method("Load", Role.OPERATOR, LoadModelRequest, self._load, limit_s=LOAD_S),
            Method(
                "Unload", Role.OPERATOR, UnloadModelRequest, self._unload, limit_s=LOAD_S
            ),
            Method(
                "Reload", Role.OPERATOR, ReloadModelRequest, self._reload, limit_s=LOAD_S
            ),
        )

    async def _list(self, caller: Caller, request: Message) -> Message:
        response = ListModelsResponse()
        for version in self._changes.manager.versions:
            response.versions.add(
                name=version.source.name,
                version=version.source.version,
                state=version.state.name,
                reason=escaped(hide_paths(version.reason, self._changes.roots)),
                workers=sum(instance.serving for instance in version.instances),
            )
        return response

    async def _load(self, caller: Caller, request: Message) -> Message:
        await self._changes.load(
            caller.identity, request.name, request.version, request.config_json or None
        )
        return LoadModelResponse()

    async def _unload(self, caller: Caller, request: Message) -> Message:
        await self._changes.unload(caller.identity, request.name, request.version)
        return UnloadModelResponse()

    async def _reload(self, caller: Caller, request: Message) -> Message:
        await self._changes.reload(caller.identity, request.name, request.version)
        return ReloadModelResponse()
