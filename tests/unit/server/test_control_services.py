"""The services of the control port, asked without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from runtime.access.decisions import Refused
from runtime.access.identities import Identity, Quota
from runtime.access.roles import ANYBODY, Role
from runtime.messages import POOL, HealthCheckRequest, Message, message
from runtime.models.manager import ModelManager
from runtime.models.settings import ModelSettings
from runtime.models.swapping.swaps import Swaps
from runtime.monitor.journal import Journal
from runtime.monitor.quality_books import QualityBooks
from runtime.server.control_services import Caller, Service, method_table
from runtime.server.health_service import HealthService
from runtime.server.labels_service import LabelsService
from runtime.server.model_changes import ModelChanges
from runtime.server.models_service import ModelsService
from runtime.server.monitor_service import MonitorService
from runtime.server.reflection_service import ReflectionService, Request
from runtime.server.server_service import About, ServerService
from runtime.server.versions_service import VersionsService
from tests.unit.monitor.statuses import FakeState

NOBODY_ASKED = Caller(None, "ipv4:127.0.0.1:1")
OPS = Identity("ops", Role.OPERATOR, ("m*",), Quota(5, 7, 3))
InfoRequest = message("leeboard.v1.InfoRequest")
WhoAmIRequest = message("leeboard.v1.WhoAmIRequest")


def about() -> About:
    return About(7.0, 1, 2, 3, True, ["tls"], ["leeboard.v1.Server"])


def answer(service: Service, method: str, request: Message, caller: Caller) -> Any:
    (found,) = (m for m in service.methods if m.name == method)
    assert found.answer is not None

    async def story() -> Message:
        assert found.answer is not None
        return await found.answer(caller, request)

    return asyncio.run(story())


def test_the_server_says_what_it_is_and_who_one_is() -> None:
    service = ServerService(about)
    info = answer(service, "Info", InfoRequest(), NOBODY_ASKED)
    assert (info.grpc_port, info.http_port, info.control_port) == (1, 2, 3)
    assert (info.ready, list(info.features), info.started_at) == (True, ["tls"], 7.0)
    assert list(info.roles) == ["infer", "viewer", "labeler", "operator", "approver"]
    who = answer(service, "WhoAmI", WhoAmIRequest(), Caller(OPS, "p"))
    assert (who.identity, list(who.roles)) == ("ops", ["operator"])
    assert (list(who.models), who.quota.burst, who.quota.concurrent) == (["m*"], 7.0, 3)
    assert Caller(OPS, "p").name == "identity 'ops'"


class FakeManager:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.versions: list[Any] = []

    async def load(self, *given: Any) -> None:
        self.asked.append(("load", *given))

    async def unload(self, *given: Any) -> None:
        self.asked.append(("unload", *given))


def models_service(manager: FakeManager, refused: Refused | None = None) -> ModelsService:
    def settings_of(name: str, text: str) -> ModelSettings:
        return ModelSettings(origin=text)

    return ModelsService(ModelChanges(cast(ModelManager, manager), settings_of, refused))


def test_models_are_changed_as_asked_and_only_those_that_the_caller_may_use() -> None:
    manager = FakeManager()
    service, ops = models_service(manager), Caller(OPS, "p")
    load = message("leeboard.v1.LoadModelRequest")
    unload = message("leeboard.v1.UnloadModelRequest")
    reload = message("leeboard.v1.ReloadModelRequest")
    answer(service, "Load", load(name="m1", version="2"), ops)
    answer(service, "Load", load(name="m2", config_json="{}"), ops)
    answer(service, "Unload", unload(name="m1"), ops)
    assert manager.asked == [
        ("load", "m1", "2", None, "a load call of 'ops' over gRPC"),
        (
            "load",
            "m2",
            "",
            ModelSettings(origin="{}"),
            "a load call of 'ops' over gRPC with a configuration of its own",
        ),
        ("unload", "m1", ""),
    ]
    for method, request in (("Load", load), ("Unload", unload), ("Reload", reload)):
        with pytest.raises(Refused, match="may not use the model 'x'"):
            answer(service, method, request(name="x"), ops)
    with pytest.raises(Refused, match="model 'm1' is not loaded") as caught:
        answer(service, "Reload", reload(name="m1"), ops)
    assert caught.value.code == 5
    assert len(manager.asked) == 3


def test_models_are_not_changed_where_nobody_may() -> None:
    manager = FakeManager()
    service = models_service(manager, Refused(14, "not in this mode"))
    with pytest.raises(Refused, match="not in this mode"):
        answer(service, "Load", message("leeboard.v1.LoadModelRequest")(), NOBODY_ASKED)
    assert manager.asked == []


def test_models_are_not_changed_while_the_server_drains() -> None:
    manager = FakeManager()
    changes = ModelChanges(cast(ModelManager, manager), lambda *_: ModelSettings())
    changes.stop()
    with pytest.raises(Refused, match="the server is stopping") as caught:
        asyncio.run(changes.load(None, "m"))
    assert (caught.value.code, manager.asked) == (14, [])


def test_models_that_follow_a_registry_are_not_changed_by_calls() -> None:
    manager = FakeManager()
    changes = ModelChanges(
        cast(ModelManager, manager), lambda *_: ModelSettings(), followed={"fraud"}
    )

    async def story() -> None:
        for change in (changes.load, changes.unload, changes.reload):
            with pytest.raises(Refused, match=r"'fraud' follows an alias.*rollback") as no:
                await change(None, "fraud")
            assert no.value.code == 9
        await changes.load(None, "spam")

    asyncio.run(story())
    assert [asked[:2] for asked in manager.asked] == [("load", "spam")]


def test_a_change_goes_on_though_its_caller_leaves() -> None:
    class Slow(FakeManager):
        entered, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def load(self, *given: Any) -> None:
            self.entered.set()
            await self.may_end.wait()
            self.ended.set()

    async def story() -> None:
        manager = Slow()
        changes = ModelChanges(cast(ModelManager, manager), lambda *_: ModelSettings())
        caller = asyncio.create_task(changes.load(None, "m"))
        await manager.entered.wait()
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        manager.may_end.set()
        await manager.ended.wait()
        await changes.close()

    asyncio.run(asyncio.wait_for(story(), 60))


def test_health_is_that_of_the_server_and_of_the_ports_services() -> None:
    ready = [True]
    service = HealthService(["leeboard.v1.Server"], lambda: ready[0])
    for name, is_ready, status in (("", True, 1), ("", False, 2)):
        ready[0] = is_ready
        request = HealthCheckRequest(service=name)
        assert answer(service, "Check", request, NOBODY_ASKED).status == status
    request = HealthCheckRequest(service="leeboard.v1.Server")
    assert answer(service, "Check", request, NOBODY_ASKED).status == 1
    with pytest.raises(Refused, match="unknown service 'fraud'"):
        answer(service, "Check", HealthCheckRequest(service="fraud"), NOBODY_ASKED)


def test_who_watches_health_hears_of_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.server.health_service.LOOK_S", 0)
    ready = [True]
    service = HealthService([], lambda: ready[0])

    async def one(name: str) -> AsyncIterator[Message]:
        yield HealthCheckRequest(service=name)

    async def story() -> None:
        watch = service.methods[1].stream
        assert watch is not None
        replies = watch(NOBODY_ASKED, one(""))
        assert (await anext(replies)).status == 1
        ready[0] = False
        assert (await anext(replies)).status == 2
        unknown = watch(NOBODY_ASKED, one("nothing"))
        assert (await anext(unknown)).status == 3
        await asyncio.gather(*(cast(Any, r).aclose() for r in (replies, unknown)))

    asyncio.run(asyncio.wait_for(story(), 60))


def test_reflection_tells_services_files_and_what_it_does_not_know() -> None:
    service = ReflectionService(["b.B", "a.A"], alpha=True)
    assert service.name == "grpc.reflection.v1alpha.ServerReflection"
    listed = service.tell(Request(list_services="*")).list_services_response
    assert [one.name for one in listed.service] == ["a.A", "b.B"]
    by_symbol = service.tell(Request(file_containing_symbol="leeboard.v1.Models"))
    by_name = service.tell(Request(file_by_filename="control.proto"))
    files = [r.file_descriptor_response.file_descriptor_proto for r in (by_symbol, by_name)]
    assert list(files[0]) == list(files[1]) != []
    inference = service.tell(Request(file_by_filename="inference.proto"))
    assert len(inference.file_descriptor_response.file_descriptor_proto) == 2
    unknown = service.tell(Request(file_containing_symbol="no.Such"))
    assert unknown.error_response.error_code == 5
    odd = service.tell(Request(all_extension_numbers_of_type="x"))
    assert odd.error_response.error_code == 3
    assert service.tell(Request()).error_response.error_code == 3


def test_every_method_of_control_proto_is_served_with_roles_that_it_names() -> None:
    services: list[Service] = [
        ServerService(about),
        models_service(FakeManager()),
        VersionsService(cast(Swaps, None)),
        MonitorService(FakeState()),
        LabelsService(cast(Journal, None), cast(QualityBooks, None)),
    ]
    table = method_table(services)
    wanted = {
        "/leeboard.v1.Server/Info": ANYBODY,
        "/leeboard.v1.Server/WhoAmI": ANYBODY,
        "/leeboard.v1.Models/List": Role.VIEWER | Role.INFER,
        "/leeboard.v1.Models/Load": Role.OPERATOR,
        "/leeboard.v1.Models/Unload": Role.OPERATOR,
        "/leeboard.v1.Models/Reload": Role.OPERATOR,
        "/leeboard.v1.Versions/Status": Role.VIEWER | Role.INFER,
        "/leeboard.v1.Versions/Rollback": Role.OPERATOR,
        "/leeboard.v1.Versions/Freeze": Role.OPERATOR,
        "/leeboard.v1.Versions/Unfreeze": Role.OPERATOR,
        "/leeboard.v1.Versions/Retry": Role.OPERATOR,
        "/leeboard.v1.Monitor/Status": Role.VIEWER | Role.OPERATOR,
        "/leeboard.v1.Monitor/Alarms": Role.VIEWER | Role.OPERATOR,
        "/leeboard.v1.Monitor/Acknowledge": Role.OPERATOR,
        "/leeboard.v1.Monitor/Silence": Role.OPERATOR,
        "/leeboard.v1.Monitor/Unsilence": Role.OPERATOR,
        "/leeboard.v1.Monitor/Comment": Role.OPERATOR,
        "/leeboard.v1.Labels/PutLabels": Role.LABELER,
        "/leeboard.v1.Labels/Quality": Role.VIEWER | Role.LABELER,
    }
    assert {path: method.needs for path, (_, method) in table.items()} == wanted
    declared = POOL.FindFileByName("control.proto").services_by_name.values()
    assert set(wanted) == {
        f"/{service.full_name}/{method.name}"
        for service in declared
        for method in service.methods
    }
    for service in declared:
        for method in service.methods:
            _, served = table[f"/{service.full_name}/{method.name}"]
            assert served.request.DESCRIPTOR.full_name == method.input_type.full_name
