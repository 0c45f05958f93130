"""leeboard.v1.Versions, asked without a socket, over fakes of all that it changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime.access.decisions import Refused
from runtime.access.identities import Identity
from runtime.access.roles import Role
from runtime.errors import ModelError
from runtime.messages import Message, message
from runtime.models.swapping.local_state import Known
from runtime.registry.source import RegistryUnavailable
from runtime.server.control_services import Caller
from runtime.server.versions_service import VersionsService
from tests.unit.models.swapping.fake_hands import pointer
from tests.unit.models.swapping.fake_source import Board

NOBODY_ASKED = Caller(None, "ipv4:127.0.0.1:1")
ANA = Caller(Identity("ana", Role.OPERATOR, ("fraud",)), "p")
VIEWER = Caller(Identity("vera", Role.VIEWER, ("*",)), "p")
Story = Callable[[], Awaitable[None]]


class Desk:
    """A service over `fraud@champion` (version 2 serves, 1 is warm), and spam."""

    def __init__(self, folder: Path) -> None:
        self.board = Board(folder, Known(), "spam")
        self.service = VersionsService(self.board.swaps, (str(folder),))

    def play(self, story: Story) -> None:
        async def life() -> None:
            spam = replace(pointer(5), model="spam")
            self.board.source.aliases["spam"] = spam
            await self.board.swaps.start()
            await self.board.turn(2)
            await story()

        self.board.play(life)

    async def ask(self, method: str, caller: Caller = NOBODY_ASKED, **fields: str) -> Any:
        name = "VersionsStatus" if method == "Status" else method
        request: Message = message(f"leeboard.v1.{name}Request")(**fields)
        (found,) = (each for each in self.service.methods if each.name == method)
        assert found.answer is not None
        return await found.answer(caller, request)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_all_that_is_held_is_told(desk: Desk) -> None:
    async def story() -> None:
        answer = await desk.ask("Status")
        assert (answer.registry_reachable, answer.registry) == (True, "memory")
        fraud, spam = answer.models
        assert (fraud.model, fraud.alias, fraud.wanted) == ("fraud", "champion", 2)
        assert (fraud.serving, fraud.warm, fraud.frozen) == (2, 1, "")
        assert [(v.number, v.stage, v.digest) for v in fraud.versions] == [
            (1, "warm", "digest-1"), (2, "serving", "digest-2")
        ]  # fmt: skip
        assert (spam.model, spam.serving) == ("spam", 5)

    desk.play(story)


def test_one_model_may_be_asked_for_and_must_be_there(desk: Desk) -> None:
    async def story() -> None:
        answer = await desk.ask("Status", model="spam")
        assert [each.model for each in answer.models] == ["spam"]
        with pytest.raises(ModelError, match="'ham' follows no alias"):
            await desk.ask("Status", model="ham")

    desk.play(story)


def test_only_operators_are_told_where_the_registry_is(desk: Desk) -> None:
    async def story() -> None:
        assert (await desk.ask("Status", VIEWER)).registry == ""
        assert (await desk.ask("Status", ANA)).registry == "memory"

    desk.play(story)


def test_reasons_name_no_place_of_this_machine(desk: Desk, tmp_path: Path) -> None:
    async def story() -> None:
        error = ModelError(f"{tmp_path}/model.onnx is \x1b[31mno model")
        desk.board.hands["fraud"].loading[3] = error
        await desk.board.turn(3)
        answer = await desk.ask("Status", model="fraud")
        why = answer.models[0].versions[-1].why
        assert "\\x1b[31mno model" in why
        assert str(tmp_path) not in why

    desk.play(story)


def test_a_rollback_is_done_and_told(desk: Desk) -> None:
    async def story() -> None:
        done = await desk.ask("Rollback", ANA, model="fraud", reason="it is worse")
        assert (done.before, done.now, done.warm, done.note) == (2, 1, True, "")
        assert desk.board.source.moves == [(1, 2, "identity 'ana'", "it is worse")]
        desk.board.source.error = RegistryUnavailable("away")
        done = await desk.ask("Rollback", ANA, model="fraud")
        assert (done.now, done.note.endswith(": away")) == (2, True)

    desk.play(story)


def test_a_freeze_is_done_and_told(desk: Desk) -> None:
    async def story() -> None:
        done = await desk.ask("Freeze", model="fraud", reason="an \x1baudit")
        assert [(each.model, each.number) for each in done.models] == [("fraud", 2)]
        answer = await desk.ask("Status", model="fraud")
        frozen = answer.models[0].frozen
        assert frozen.startswith("on version 2 by ipv4:127.0.0.1:1 since ")
        assert frozen.endswith(": an \\x1baudit")
        done = await desk.ask("Freeze")
        assert sorted(each.model for each in done.models) == ["fraud", "spam"]
        done = await desk.ask("Unfreeze")
        assert list(done.models) == ["fraud", "spam"]

    desk.play(story)


def test_a_refused_version_is_tried_again(desk: Desk) -> None:
    async def story() -> None:
        hands = desk.board.hands["fraud"]
        hands.loading[3] = ModelError("no")
        await desk.board.turn(3)
        del hands.loading[3]
        await desk.ask("Retry", ANA, model="fraud")
        await desk.board.fraud.idle.wait()
        assert desk.board.fraud.serving == 3

    desk.play(story)


@pytest.mark.parametrize("method", ["Rollback", "Freeze", "Unfreeze", "Retry"])
def test_nobody_changes_models_that_are_not_theirs(desk: Desk, method: str) -> None:
    async def story() -> None:
        with pytest.raises(Refused, match="may not use the model 'spam'"):
            await desk.ask(method, ANA, model="spam")
        if method in ("Freeze", "Unfreeze"):
            with pytest.raises(Refused, match="may not use the model 'spam'"):
                await desk.ask(method, ANA)  # All of them.
        assert desk.board.swaps.followed("spam").frozen is None
        assert desk.board.fraud.frozen is None

    desk.play(story)
