"""Calls that the data plane hands over: carried out, refused, and answered once."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from runtime.access.decisions import Refused
from runtime.access.identities import Identity
from runtime.access.roles import Role
from runtime.config import Repository
from runtime.errors import ConfigError, ModelError, WorkerError
from runtime.messages import (
    Message,
    RepositoryModelLoadRequest,
    RepositoryModelLoadResponse,
    RepositoryModelUnloadRequest,
)
from runtime.models.manager import ModelManager
from runtime.models.settings import ModelSettings
from runtime.server.model_changes import ModelChanges
from runtime.server.repository_calls import RepositoryCalls, why_refused

LOAD, UNLOAD = "RepositoryModelLoad", "RepositoryModelUnload"
Answer = tuple[int, int, str, bytes]


class FakeManager:
    """Remembers what it was asked; raises what it was told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self._error = error

    async def load(self, *given: Any) -> None:
        self._note(("load", *given))

    async def unload(self, *given: Any) -> None:
        self._note(("unload", *given))

    def _note(self, asked: tuple[Any, ...]) -> None:
        self.asked.append(asked)
        if self._error is not None:
            raise self._error


class FakePlane:
    """Collects answers."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.answered = asyncio.Event()

    def answer(self, call: int, code: int, message: str, reply: bytes) -> None:
        self.answers.append((call, code, message, reply))
        self.answered.set()


def settings_of(name: str, text: str) -> ModelSettings:
    if text == "bad":
        raise ConfigError("config: unknown field 'bad'")
    return ModelSettings(origin=f"{name}: {text}")


def carry_out(
    method: str,
    message: Message | bytes,
    manager: FakeManager | None = None,
    refused: Refused | None = None,
    identity: str = "",
) -> Answer:
    """Return the one answer to a call."""
    plane = FakePlane()

    async def story() -> None:
        changes = ModelChanges(
            cast(ModelManager, manager or FakeManager()), settings_of, refused, ["/srv/m"]
        )
        calls = RepositoryCalls(changes, plane, {"ops": OPS}.get)
        raw = message if isinstance(message, bytes) else message.SerializeToString()
        calls.take(7, method, raw, identity)
        await asyncio.wait_for(plane.answered.wait(), 60)
        await calls.close()

    asyncio.run(story())
    (answer,) = plane.answers
    return answer


OPS = Identity("ops", Role.OPERATOR, models=("fraud", "team-*"))


def load(**parameters: Any) -> Message:
    request = RepositoryModelLoadRequest(model_name="fraud")
    for name, value in parameters.items():
        request.parameters[name].string_param = value
    return request


def test_a_model_is_loaded_as_asked() -> None:
    manager = FakeManager()
    answer = carry_out(LOAD, load(config="{}", version="3"), manager)
    assert answer == (7, 0, "", RepositoryModelLoadResponse().SerializeToString())
    settings = ModelSettings(origin="fraud: {}")
    chosen_by = "a load call over gRPC with a configuration of its own"
    assert manager.asked == [("load", "fraud", "3", settings, chosen_by)]


def test_a_model_is_unloaded_as_asked() -> None:
    manager = FakeManager()
    request = RepositoryModelUnloadRequest(model_name="fraud")
    request.parameters["unload_dependents"].bool_param = False
    assert carry_out(UNLOAD, request, manager)[1] == 0
    assert manager.asked == [("unload", "fraud", "")]


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        (b"\xff", 3, "the message is no RepositoryModelLoadRequest"),
        (load(config="bad"), 3, "config: unknown field 'bad'"),
        (load(verzion="1"), 3, "parameter 'verzion' is not known"),
        (load(**{"file:1/model.onnx": "..."}), 3, "files cannot be uploaded"),
        (
            RepositoryModelLoadRequest(model_name="m", repository_name="s3"),
            3,
            "there is no repository 's3'",
        ),
    ],
)
def test_a_call_that_asks_for_something_else_is_refused(
    message: Any, code: int, words: str
) -> None:
    answer = carry_out(LOAD, message)
    assert (answer[1], answer[3]) == (code, b"")
    assert words in answer[2]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ModelError("open: a pickle"), 9, "open: a pickle"),
        (WorkerError("no room"), 14, "no room"),
        (KeyError("oops"), 13, "the server's log says why"),
    ],
)
def test_what_goes_wrong_is_the_answer(error: Exception, code: int, words: str) -> None:
    answer = carry_out(LOAD, load(), FakeManager(error))
    assert answer[1] == code
    assert words in answer[2]


def test_who_may_not_is_told_why() -> None:
    manager = FakeManager()
    answer = carry_out(LOAD, load(), manager, Refused(7, "not from there"))
    assert answer == (7, 7, "not from there", b"")
    assert manager.asked == []


def test_an_identity_is_held_to_its_models_and_named_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    manager = FakeManager()
    caplog.set_level("INFO")
    assert carry_out(LOAD, load(), manager, identity="ops")[1] == 0
    assert "loading 'fraud', as asked for over gRPC by identity 'ops'" in caplog.messages
    other = RepositoryModelUnloadRequest(model_name="other")
    answer = carry_out(UNLOAD, other, manager, identity="ops")
    assert answer[1:3] == (7, "identity 'ops' may not use the model 'other'")
    chosen_by = "a load call of 'ops' over gRPC"
    assert manager.asked == [("load", "fraud", "", None, chosen_by)]


def test_an_identity_that_was_taken_away_meanwhile_is_nobody() -> None:
    manager = FakeManager()
    answer = carry_out(LOAD, load(), manager, identity="gone")
    assert (answer[1], manager.asked) == (16, [])


def test_an_answer_is_one_line_and_names_no_place() -> None:
    error = ModelError("/srv/m/fraud/1/x.onnx is\nbroken\x1b[2J, see /srv/m")
    answer = carry_out(LOAD, load(), FakeManager(error))
    assert answer[2] == r"fraud/1/x.onnx is\nbroken\x1b[2J, see the repository"


@pytest.mark.parametrize(
    ("mode", "is_local", "rpc", "tokens", "code"),
    [
        ("none", True, True, True, 14),
        ("poll", True, True, True, 14),
        ("explicit", True, False, False, None),
        ("explicit", False, False, True, 7),
        ("explicit", False, True, False, 7),
        ("explicit", False, True, True, None),
    ],
)
def test_only_explicit_control_is_taken_and_from_outside_only_if_allowed(
    mode: str, is_local: bool, rpc: bool, tokens: bool, code: int | None
) -> None:
    refusal = why_refused(Repository(mode=mode, rpc=rpc), is_local, tokens)
    assert (None if refusal is None else refusal.code) == code


def test_calls_that_are_not_finished_are_given_up_at_the_end() -> None:
    plane = FakePlane()

    class Forever(FakeManager):
        entered = asyncio.Event()

        async def load(self, *given: Any) -> None:
            self.entered.set()
            await asyncio.Event().wait()

    async def story() -> None:
        manager = Forever()
        changes = ModelChanges(cast(ModelManager, manager), settings_of)
        calls = RepositoryCalls(changes, plane)
        calls.take(1, LOAD, load().SerializeToString())
        await asyncio.wait_for(manager.entered.wait(), 60)
        await calls.close()

    asyncio.run(story())
    assert plane.answers == []
