"""Versions that a registry brings: beside others, chosen, and taken away again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import ModelError
from runtime.models import publication
from runtime.models.lifecycle import State
from runtime.models.publication import Entry
from runtime.models.repository import ModelSource
from tests.unit.models.test_manager import Bench
from tests.unit.workers.odd_backend import install


class SeenTable:
    """A route table that can be looked into."""

    def __init__(self, metadata: bytes, ready: bool) -> None:
        self.rows: list[Entry] = []

    def add(self, entry: Entry, served: object) -> None:
        self.rows.append(entry)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    install(tmp_path / "plugins", monkeypatch)
    monkeypatch.setattr(publication, "Table", SeenTable)
    return Bench(tmp_path)


def source_of(bench: Bench, version: str, text: str) -> ModelSource:
    """Return a version of `fraud` that no folder has."""
    bench.shelf.put("fraud", text, version)
    source = bench.shelf.sources.pop(("fraud", version))
    return replace(source, fingerprint=None)


def shown(bench: Bench) -> list[tuple[str, int, bool, str]]:
    """Return what the last table says: number, state, whether it is preferred, reason."""
    table: Any = bench.plane.tables[-1]
    return [(row.version, row.state, row.preferred, row.reason) for row in table.rows]


READY, UNAVAILABLE = State.READY.value, State.UNAVAILABLE.value


def test_a_version_is_brought_chosen_replaced_and_withdrawn(bench: Bench) -> None:
    manager = bench.manager

    async def story() -> None:
        one = await manager.bring(source_of(bench, "1", "well"), "by the alias")
        manager.prefer("fraud", "1")
        assert shown(bench) == [("1", READY, True, "")]
        two = await manager.bring(source_of(bench, "2", "well"), "by the alias", one)
        assert shown(bench) == [("1", READY, True, ""), ("2", READY, False, "")]
        assert manager.find("fraud", "2") is two
        manager.prefer("fraud", "2")
        assert [row[2] for row in shown(bench)] == [False, True]
        manager.withdraw("fraud", "1")
        assert manager.find("fraud", "1") is None
        assert shown(bench) == [("2", READY, True, "")]
        await asyncio.wait(manager.retirements)
        assert one.state is State.GONE

    bench.run(story)


def test_of_a_version_that_cannot_be_loaded_only_the_reason_is_left(bench: Bench) -> None:
    manager = bench.manager

    async def story() -> None:
        one = await manager.bring(source_of(bench, "1", "well"), "by the alias")
        manager.prefer("fraud", "1")
        for text, words in (
            ("fail weights", "KeyError: 'weights'"),
            ("exit 3", "the worker ended"),
        ):
            with pytest.raises(ModelError, match=words):
                await manager.bring(source_of(bench, "2", text), "by the alias", one)
            assert manager.find("fraud", "2") is None
            (model, two) = sorted(shown(bench), reverse=True)
            assert model[:3] == ("2", UNAVAILABLE, False)
            assert words in model[3]
            assert two == ("1", READY, True, "")
        await asyncio.wait(manager.retirements)
        await manager.bring(source_of(bench, "2", "well"), "by the alias", one)
        assert manager.broken == []

    bench.run(story)


def test_a_version_that_serves_under_the_same_number_survives_a_failure(
    bench: Bench,
) -> None:
    manager = bench.manager

    async def story() -> None:
        one = await manager.bring(source_of(bench, "1", "well"), "by the alias")
        with pytest.raises(ModelError, match="KeyError: 'weights'"):
            await manager.bring(source_of(bench, "1", "fail weights"), "by the alias")
        assert manager.find("fraud", "1") is one
        assert one.state is State.READY

    bench.run(story)


def test_what_was_told_of_a_version_goes_with_it(bench: Bench) -> None:
    manager = bench.manager

    async def story() -> None:
        await manager.bring(source_of(bench, "1", "well"), "by the alias")
        manager.books.told["fraud", "1"] = {"k": "v"}
        manager.withdraw("fraud", "1")
        assert (manager.books.told, manager.books.notes) == ({}, {})
        assert shown(bench) == []

    bench.run(story)


def test_a_load_that_is_given_up_keeps_nobody_waiting(bench: Bench) -> None:
    async def story() -> None:
        bringing = asyncio.ensure_future(
            bench.manager.bring(source_of(bench, "1", "hang 60"), "by the alias")
        )
        tables = len(bench.plane.tables)
        await asyncio.wait([bringing], timeout=0.05)
        assert len(bench.plane.tables) > tables
        bringing.cancel()
        await asyncio.gather(bringing, return_exceptions=True)
        assert bringing.cancelled()
        bench.manager.withdraw("fraud", "1")
        await asyncio.wait(bench.manager.retirements)
        await bench.manager.bring(source_of(bench, "1", "well"), "by the alias")
        assert bench.states() == [State.READY]

    bench.run(story)
