"""Several versions at once: loaded, published, closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from runtime.config import Batching, Workers
from runtime.models.lifecycle import State
from runtime.models.manager import Entry, ModelManager, entry_of
from runtime.models.repository import ModelSource
from tests.unit.models.fake_plane import FakePlane
from tests.unit.workers.odd_backend import install

MIB = 1 << 20


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    install(tmp_path / "plugins", monkeypatch)
    return tmp_path


class Bench:
    """A manager of `.odd` models: one for each name, with what its file says."""

    def __init__(
        self, folder: Path, batching: Batching | None = None, **texts: str
    ) -> None:
        sources = [ModelSource(name, "1", folder / f"{name}.odd") for name in texts]
        for source, text in zip(sources, texts.values(), strict=True):
            source.path.write_text(text)
        self.plane = FakePlane()
        self.manager = ModelManager(
            sources,
            batching or Batching(max_batch_size=8),
            Workers(input_bytes=8 * MIB, output_bytes=8 * MIB),
            folder,
            self.plane.as_plane(),
        )

    def run(self, *deeds: Callable[[], Awaitable[None]]) -> None:
        async def life() -> None:
            try:
                await self.manager.load_all()
                for deed in deeds:
                    await deed()
            finally:
                await self.manager.close(30)

        asyncio.run(life())

    def states(self) -> list[State]:
        return [version.state for version in self.manager.versions]


def test_nothing_is_ready_before_it_is_loaded(folder: Path) -> None:
    bench = Bench(folder, a="well")
    assert not bench.manager.ready
    assert bench.plane.tables == []
    assert entry_of(bench.manager.versions[0]) == Entry("a", "1", 0, "", b"", b"")


def test_each_model_is_loaded_whatever_becomes_of_the_others(folder: Path) -> None:
    bench = Bench(folder, a="well", b="fail weights", c="well", d="exit 1")
    ready: list[bool] = []

    async def look() -> None:
        ready.append(bench.manager.ready)
        good, broken = (entry_of(version) for version in bench.manager.versions[:2])
        assert (good.model, good.state, good.reason) == ("a", 1, "")
        assert good.metadata != b"" != good.config
        assert broken == Entry("b", "1", 2, "KeyError: 'weights'", b"", b"")
        assert bench.states() == [
            State.READY, State.UNAVAILABLE, State.READY, State.UNAVAILABLE
        ]  # fmt: skip

    bench.run(look)
    assert ready == [True]


def test_with_nothing_to_serve_the_server_is_not_ready(folder: Path) -> None:
    bench = Bench(folder, a="exit 1")
    ready: list[bool] = []

    async def look() -> None:
        ready.append(bench.manager.ready)

    bench.run(look)
    assert ready == [False]


def test_a_table_is_published_before_and_after_loading_and_at_every_change(
    folder: Path,
) -> None:
    bench = Bench(folder, a="well", b="exit 1")
    published: list[int] = []

    async def look() -> None:
        published.append(len(bench.plane.tables))

    bench.run(look)
    both_changed = 2
    assert published == [1 + both_changed + 1]
    assert len(bench.plane.tables) == published[0] + both_changed


def test_closing_ends_every_version(folder: Path) -> None:
    bench = Bench(folder, a="well", b="exit 1")
    bench.run()
    assert bench.states() == [State.GONE, State.GONE]


@pytest.mark.parametrize(
    ("batching", "is_measured"), [(Batching(), True), (Batching(max_batch_size=8), False)]
)
def test_the_best_batch_is_measured_where_nobody_chose_one(
    folder: Path, batching: Batching, is_measured: bool
) -> None:
    bench = Bench(folder, batching, a="well")
    bench.run()
    loaded = bench.manager.versions[0].loaded
    assert loaded is not None
    assert (loaded.report.best_rows > 0) is is_measured
