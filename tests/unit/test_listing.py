"""What a server has is listed; what it cannot tell is one sentence with its name."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.errors import ServerError
from runtime.listing import Listed, list_models, load_model, show_model, unload_model
from runtime.messages import (
    Message,
    ModelConfigResponse,
    RepositoryIndexResponse,
    RepositoryModelLoadRequest,
    RepositoryModelLoadResponse,
    RepositoryModelUnloadRequest,
    RepositoryModelUnloadResponse,
)
from runtime.models.describe import REPORT
from tests.unit.capacity.fakes import FakeServer

URL = "127.0.0.1:8001"


def index(*listed: Listed) -> Message:
    made = RepositoryIndexResponse()
    for each in listed:
        made.models.add(
            name=each.name, version=each.version, state=each.state, reason=each.reason
        )
    return made


def ask(answer: Any) -> list[Listed]:
    return list_models(URL, FakeServer(RepositoryIndex=answer).call)


def test_versions_are_listed_as_the_server_has_them() -> None:
    listed = [
        Listed("fraud", "1", "READY", "crash loop: fraud/1#0 ended 3 times in a row"),
        Listed("fraud", "2", "UNAVAILABLE", "KeyError: 'weights'"),
    ]
    assert ask(index(*listed)) == listed


def test_a_server_without_models_has_an_empty_list() -> None:
    assert ask(index()) == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (ServerError("refused"), f"{URL} cannot be reached: refused"),
        ((12, "no"), f"{URL} answered UNIMPLEMENTED to RepositoryIndex: no"),
        (b"\xff\xff", f"{URL} answered RepositoryIndex with something else"),
    ],
)
def test_what_cannot_be_told_is_one_sentence(answer: Any, words: str) -> None:
    with pytest.raises(ServerError) as caught:
        ask(answer)
    assert str(caught.value).startswith(words)


def test_nobody_at_the_address_is_an_error_of_ours() -> None:
    with pytest.raises(ServerError, match=r"127\.0\.0\.1:1 cannot be reached"):
        list_models("127.0.0.1:1")


def config(report: str = "") -> Message:
    made = ModelConfigResponse()
    made.config.name = "fraud"
    if report:
        made.config.parameters[REPORT].string_value = report
    return made


READY = Listed("fraud", "1", "READY", "")
BROKEN = Listed("fraud", "2", "UNAVAILABLE", "open: KeyError: 'weights'")


def test_a_model_is_shown_with_its_configuration_and_load_report() -> None:
    server = FakeServer(
        RepositoryIndex=index(READY, BROKEN), ModelConfig=config('{"notes": ["a note"]}')
    )
    shown, broken = show_model(URL, "fraud", call=server.call)
    assert (shown.listed, shown.report) == (READY, {"notes": ["a note"]})
    assert shown.config is not None
    assert shown.config.name == "fraud"
    assert (broken.listed, broken.config, broken.report) == (BROKEN, None, None)


def test_a_server_of_another_make_has_no_report() -> None:
    server = FakeServer(RepositoryIndex=index(READY), ModelConfig=config())
    (shown,) = show_model(URL, "fraud", "1", server.call)
    assert shown.report is None


@pytest.mark.parametrize(
    ("name", "version", "words"),
    [("other", "", "has no model 'other'"), ("fraud", "7", "no model 'fraud' version 7")],
)
def test_a_model_that_is_not_there_cannot_be_shown(
    name: str, version: str, words: str
) -> None:
    with pytest.raises(ServerError, match=words):
        show_model(URL, name, version, FakeServer(RepositoryIndex=index(READY)).call)


def test_loading_and_unloading_is_asked_for_with_what_was_chosen() -> None:
    server = FakeServer(
        RepositoryModelLoad=RepositoryModelLoadResponse(),
        RepositoryModelUnload=RepositoryModelUnloadResponse(),
    )
    load_model(URL, "fraud", "3", '{"name": "fraud"}', 7.5, server.call)
    unload_model(URL, "fraud", call=server.call)
    load = RepositoryModelLoadRequest.FromString(server.messages[0])
    assert load.model_name == "fraud"
    assert load.parameters["version"].string_param == "3"
    assert load.parameters["config"].string_param == '{"name": "fraud"}'
    assert server.asked[0].timeout_ns == 7_500_000_000
    unload = RepositoryModelUnloadRequest.FromString(server.messages[1])
    assert (unload.model_name, dict(unload.parameters)) == ("fraud", {})


def test_what_could_not_be_loaded_is_said_with_the_reason() -> None:
    server = FakeServer(RepositoryModelLoad=(9, "open: it is a pickle"))
    with pytest.raises(ServerError, match=r"FAILED_PRECONDITION .*: open: it is a pickle"):
        load_model(URL, "fraud", call=server.call)
