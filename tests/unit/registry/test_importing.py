"""Versions of elsewhere come once, in order, and move nothing that serves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.errors import ModelError
from runtime.registry.importing import (
    Alias,
    Arrival,
    Candidate,
    Found,
    brought,
    foretold,
    judged,
    set_aliases,
    wanted_aliases,
)
from runtime.registry.layout import Laid
from runtime.registry.manifest import Signature, Tensor
from runtime.registry.registry import Registry
from runtime.store.store import Store

TAKES_X = Signature((Tensor("x", "FP32", (-1, 4)),), (Tensor("y", "FP32", (-1, 2)),))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    store = Store.create(tmp_path / "registry")
    yield Registry(store, "ann")
    store.close()


class Elsewhere:
    """Versions of one model somewhere else, by number and content."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def candidate(self, number: int, content: str, model: str = "fraud") -> Candidate:
        path = self._folder / f"{model}-{number}.onnx"
        path.write_text(content)
        return Candidate(model, number, Laid({"model/model.onnx": path}, "onnx"))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Elsewhere:
    return Elsewhere(tmp_path)


def outline(arrivals: list[Arrival]) -> list[tuple[int, int, bool]]:
    return [(a.theirs, a.number, a.is_new) for a in arrivals]


def test_versions_come_lowest_first_and_the_same_content_once(
    registry: Registry, elsewhere: Elsewhere
) -> None:
    candidates = [
        elsewhere.candidate(12, "b"),
        elsewhere.candidate(9, "a"),
        elsewhere.candidate(20, "a"),
    ]
    came = brought(registry, candidates)
    assert outline(came) == [(9, 1, True), (12, 2, True), (20, 1, False)]


def test_what_is_foretold_is_what_comes(registry: Registry, elsewhere: Elsewhere) -> None:
    brought(registry, [elsewhere.candidate(1, "b")])
    candidates = [elsewhere.candidate(n, "cab"[n % 3]) for n in (4, 5, 6, 7)]
    before = foretold(registry, candidates)
    assert before == brought(registry, candidates)


def test_nothing_is_there_before_the_first_import(elsewhere: Elsewhere) -> None:
    assert outline(foretold(None, [elsewhere.candidate(7, "a")])) == [(7, 1, True)]


def test_an_import_again_brings_nothing(registry: Registry, elsewhere: Elsewhere) -> None:
    candidates = [elsewhere.candidate(7, "a"), elsewhere.candidate(8, "b")]
    brought(registry, candidates)
    assert outline(brought(registry, candidates)) == [(7, 1, False), (8, 2, False)]


def test_a_judge_gives_the_signature(elsewhere: Elsewhere) -> None:
    candidate = judged(elsewhere.candidate(1, "a"), lambda laid: TAKES_X)
    assert candidate.facts["signature"] == TAKES_X


def test_a_judges_refusal_is_the_reason(registry: Registry, elsewhere: Elsewhere) -> None:
    def refuse(laid: Laid) -> Signature:
        raise ModelError("open: it is no model")

    candidate = judged(elsewhere.candidate(1, "a"), refuse)
    assert brought(registry, [candidate]) == [
        Arrival("fraud", 1, reason="open: it is no model")
    ]


@pytest.mark.parametrize("name", ["a/b", "a@b", ".hidden", ""])
def test_a_name_that_is_none_here_is_a_reason(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_text("a")
    candidate = Candidate(name, 1, Laid({"model/model.onnx": path}, "onnx"))
    assert "no name of a model" in judged(candidate, None).reason


def test_aliases_follow_their_versions(registry: Registry, elsewhere: Elsewhere) -> None:
    candidates = (elsewhere.candidate(12, "b"), elsewhere.candidate(9, "a"))
    found = Found(candidates, {"fraud": {"champion": 12, "previous": 9}})
    arrivals = brought(registry, candidates)
    set_aliases(registry, wanted_aliases(registry, found, arrivals))
    pointer = registry.pointer("fraud", "champion")
    assert (pointer.number, pointer.previous) == (2, 1)


def test_an_alias_that_is_here_stays(registry: Registry, elsewhere: Elsewhere) -> None:
    candidates = (elsewhere.candidate(1, "a"), elsewhere.candidate(2, "b"))
    arrivals = brought(registry, candidates)
    registry.alias("fraud", "champion", 1)
    found = Found(candidates, {"fraud": {"champion": 2}})
    (alias,) = set_aliases(registry, wanted_aliases(registry, found, arrivals))
    assert alias == Alias("fraud", "champion", 2, "points at 1 here")
    assert registry.pointer("fraud", "champion").number == 1


def test_an_alias_of_a_version_that_does_not_come_stays_away(
    registry: Registry, elsewhere: Elsewhere
) -> None:
    candidates = (elsewhere.candidate(1, "a"), Candidate("fraud", 2, reason="a SavedModel"))
    found = Found(candidates, {"fraud": {"champion": 2}})
    arrivals = brought(registry, candidates)
    (alias,) = wanted_aliases(registry, found, arrivals)
    assert alias.reason == "its version 2 does not come"


def test_the_newest_may_get_an_alias(registry: Registry, elsewhere: Elsewhere) -> None:
    candidates = (elsewhere.candidate(1, "a"), elsewhere.candidate(2, "b"))
    arrivals = brought(registry, candidates)
    wanted = wanted_aliases(registry, Found(candidates), arrivals, newest="champion")
    assert wanted == [Alias("fraud", "champion", 2)]


def test_an_alias_that_is_none_here_is_told(
    registry: Registry, elsewhere: Elsewhere
) -> None:
    candidates = (elsewhere.candidate(1, "a"),)
    found = Found(candidates, {"fraud": {"7up": 1}})
    (alias,) = wanted_aliases(registry, found, brought(registry, candidates))
    assert "no alias" in alias.reason


def test_a_rejected_version_does_not_keep_the_others_away(
    registry: Registry, elsewhere: Elsewhere
) -> None:
    candidates = [elsewhere.candidate(1, "a"), elsewhere.candidate(2, "b")]
    brought(registry, candidates)
    registry.reject("fraud", 1, "unfair")
    first, second = brought(registry, candidates)
    assert (first.number, second.number) == (1, 2)
    assert "reject" in first.reason
