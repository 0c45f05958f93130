"""One route table out of the manager's books."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from runtime.messages import ModelConfigResponse
from runtime.models import publication
from runtime.models.lifecycle import State
from runtime.models.publication import Books, Entry, make_table
from runtime.models.version import Version


class FakeTable:
    """Keeps its rows in order."""

    def __init__(self, metadata: bytes, ready: bool) -> None:
        self.ready = ready
        self.rows: list[Entry] = []

    def add(self, entry: Entry, served: object) -> None:
        self.rows.append(entry)


def version(name: str, number: str, state: State = State.READY) -> Version:
    config = ModelConfigResponse()
    config.config.name = name
    description = SimpleNamespace(metadata=b"", config=config.SerializeToString())
    made: Any = SimpleNamespace(
        source=SimpleNamespace(name=name, version=number),
        state=state,
        reason="" if state is State.READY else "in /srv/models: no",
        trouble="",
        served=None,
        description=description,
    )
    return cast(Version, made)


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(publication, "Table", FakeTable)

    def of(books: Books, *versions: Version) -> list[Entry]:
        table: Any = make_table(versions, books, True, ("/srv/models",))
        found: list[Entry] = table.rows
        return found

    return of


def parameters(entry: Entry) -> dict[str, str]:
    config = ModelConfigResponse.FromString(entry.config).config
    return {name: value.string_value for name, value in config.parameters.items()}


def test_without_a_choice_no_version_is_preferred(rows: Any) -> None:
    found = rows(Books(), version("a", "1"), version("a", "2"))
    assert [row.preferred for row in found] == [False, False]


def test_the_chosen_version_answers_though_it_is_not_the_highest(rows: Any) -> None:
    books = Books(preferred={"a": "1", "b": ""})
    found = rows(books, version("a", "1"), version("a", "2"), version("b", "1"))
    assert [(row.model, row.version) for row in found if row.preferred] == [("a", "1")]


def test_a_choice_that_is_gone_prefers_nothing(rows: Any) -> None:
    (row,) = rows(Books(preferred={"a": "7"}), version("a", "1"))
    assert not row.preferred


def test_what_is_told_of_a_version_stands_in_its_configuration_only(rows: Any) -> None:
    books = Books(told={("a", "1"): {"k": "v"}, ("a", "3"): {"k": "w"}})
    one, two = rows(books, version("a", "1"), version("a", "2"))
    assert (parameters(one), parameters(two)) == ({"k": "v"}, {})
    books.told["a", "1"] = {"k": "x"}
    assert parameters(rows(books, version("a", "1"))[0]) == {"k": "x"}


def test_notes_are_rows_of_what_is_not_there_and_name_no_place(rows: Any) -> None:
    notes = {("a", ""): "no alias", ("a", "2"): "/srv/models/a: \x1bno", ("a", "1"): "old"}
    model, two, one = rows(Books(notes), version("a", "1"))
    assert (model.version, model.state, model.reason) == ("", 2, "no alias")
    assert two.version == "2"
    assert "/srv/models" not in two.reason
    assert "\\x1bno" in two.reason
    assert (one.version, one.reason) == ("1", "old")
    (row,) = rows(Books(), version("a", "1", State.UNAVAILABLE))
    assert "/srv/models" not in row.reason
