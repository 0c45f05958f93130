"""What a server has is listed; what it cannot tell is one sentence with its name."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.errors import ServerError
from runtime.listing import Listed, list_models
from runtime.messages import Message, RepositoryIndexResponse
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
