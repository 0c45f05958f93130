"""Several versions at once: loaded, published, closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.config import Batching, Workers
from runtime.errors import ModelError
from runtime.models.lifecycle import State
from runtime.models.manager import ModelManager
from runtime.models.plans import Common
from runtime.models.publication import Entry, entry_of
from runtime.models.repository import Broken, Found, ModelSource
from runtime.models.settings import ModelSettings
from tests.unit.models.fake_plane import FakePlane
from tests.unit.workers.odd_backend import install

MIB = 1 << 20


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    install(tmp_path / "plugins", monkeypatch)
    return tmp_path


class Shelf:
    """A repository whose models a test puts there, changes and takes away."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.sources: dict[tuple[str, str], ModelSource] = {}
        self.broken: list[Broken] = []
        self.changes = 0

    def put(self, name: str, text: str, version: str = "1") -> None:
        """Write a model that does what the text says; its file is another each time."""
        self.changes += 1
        path = self._folder / f"{name}.{version}.{self.changes}.odd"
        path.write_text(text)
        self.sources[name, version] = ModelSource(
            name, version, path, fingerprint=self.changes
        )

    def take(self, name: str, version: str = "1") -> None:
        del self.sources[name, version]

    def find(self) -> Found:
        return Found(tuple(self.sources.values()), tuple(self.broken))

    def find_model(self, name: str, settings: ModelSettings | None = None) -> Found:
        return Found(
            tuple(
                s if settings is None else replace(s, settings=settings)
                for s in self.sources.values()
                if s.name == name
            ),
            tuple(b for b in self.broken if b.name == name),
        )


class Bench:
    """A manager of `.odd` models, each with what its file says."""

    def __init__(
        self, folder: Path, batching: Batching | None = None, **texts: str
    ) -> None:
        self.shelf = Shelf(folder)
        for name, text in texts.items():
            self.shelf.put(name, text)
        self.plane = FakePlane()
        self.manager = ModelManager(
            self.shelf,
            Common(
                batching or Batching(max_batch_size=8),
                Workers(input_bytes=8 * MIB, output_bytes=8 * MIB),
                folder,
            ),
            self.plane.as_plane(),
        )
        self.plane.on_retired = self.manager.note_retired
        self.names: frozenset[str] | None = None

    def run(self, *deeds: Callable[[], Awaitable[None]]) -> None:
        async def life() -> None:
            try:
                await self.manager.load_all(self.shelf.find(), self.names)
                for deed in deeds:
                    await deed()
            finally:
                await self.manager.close(30)

        asyncio.run(life())

    def states(self) -> list[State]:
        return [version.state for version in self.manager.versions]

    def served(self) -> list[tuple[str, str, str]]:
        """Return the rows of the table: name, version and state."""
        return [
            (v.source.name, v.source.version, v.state.name) for v in self.manager.versions
        ]


def test_nothing_is_ready_before_it_is_loaded(folder: Path) -> None:
    bench = Bench(folder, a="well")
    assert not bench.manager.ready
    assert bench.plane.tables == []
    assert bench.manager.versions == []


def test_each_model_is_loaded_whatever_becomes_of_the_others(folder: Path) -> None:
    bench = Bench(folder, a="well", b="fail weights", c="well", d="exit 1")
    ready: list[bool] = []

    async def look() -> None:
        ready.append(bench.manager.ready)
        good, broken = (entry_of(version) for version in bench.manager.versions[:2])
        assert (good.model, good.state, good.reason) == ("a", 1, "")
        assert good.metadata != b"" != good.config
        assert broken == Entry("b", "1", 2, "open: KeyError: 'weights'", b"", b"")
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
    both_came, both_changed = 2, 2
    # A version that becomes ready takes its place once more, and all are looked at last.
    assert published == [both_came + both_changed + 2]
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


def test_only_the_named_are_loaded_and_the_others_are_known(folder: Path) -> None:
    bench = Bench(folder, a="well", b="well")
    bench.names = frozenset({"a", "z"})

    async def look() -> None:
        assert bench.served() == [("a", "1", "READY")]
        assert bench.manager.broken == ["z: it is not in the repository"]
        await bench.manager.load("b")
        assert bench.served() == [("a", "1", "READY"), ("b", "1", "READY")]

    bench.run(look)


def test_a_newer_version_takes_the_place_of_the_older(folder: Path) -> None:
    bench = Bench(folder, a="well")

    async def replace_it() -> None:
        (before,) = bench.plane.served
        bench.shelf.put("a", "well", "2")
        bench.shelf.take("a", "1")
        await bench.manager.load("a")
        assert bench.served() == [("a", "2", "READY")]
        await asyncio.wait(bench.manager.retirements)
        assert bench.plane.retired == [before.id]

    bench.run(replace_it)
    assert len(bench.plane.removed) == 1


def test_nothing_is_done_for_what_has_not_changed(folder: Path) -> None:
    bench = Bench(folder, a="well")

    async def again() -> None:
        before = bench.manager.versions
        await bench.manager.load("a")
        assert bench.manager.versions == before

    bench.run(again)


def test_a_changed_file_that_cannot_be_loaded_leaves_the_old_one(folder: Path) -> None:
    bench = Bench(folder, a="well")

    async def spoil() -> None:
        before = bench.manager.versions
        bench.shelf.put("a", "fail weights")
        with pytest.raises(ModelError, match="a version 1: open: KeyError: 'weights'"):
            await bench.manager.load("a")
        assert bench.manager.versions == before
        assert bench.served() == [("a", "1", "READY")]
        bench.shelf.put("a", "well")
        await bench.manager.load("a")
        assert bench.manager.versions != before

    bench.run(spoil)


def test_a_model_that_could_not_be_loaded_may_be_tried_again(folder: Path) -> None:
    bench = Bench(folder, a="exit 1")

    async def mend() -> None:
        assert bench.served() == [("a", "1", "UNAVAILABLE")]
        bench.shelf.put("a", "well")
        await bench.manager.load("a")
        assert bench.served() == [("a", "1", "READY")]

    bench.run(mend)


def test_unloading_ends_the_worker_and_keeps_the_name(folder: Path) -> None:
    bench = Bench(folder, a="well", b="well")

    async def unload() -> None:
        going = bench.manager.versions[0]
        await bench.manager.unload("a")
        assert bench.served() == [("b", "1", "READY")]
        assert bench.manager.ready
        with pytest.raises(ModelError, match="model 'a' is not loaded"):
            await bench.manager.unload("a")
        await asyncio.wait(bench.manager.retirements)
        assert going.state is State.GONE
        assert going.served is None

    bench.run(unload)


@pytest.mark.parametrize(("version", "words"), [("", "model 'z'"), ("3", "version 3")])
def test_what_the_repository_lacks_cannot_be_loaded(
    folder: Path, version: str, words: str
) -> None:
    bench = Bench(folder, a="well")

    async def load() -> None:
        with pytest.raises(ModelError, match=words):
            await bench.manager.load("z" if not version else "a", version)

    bench.run(load)


def test_one_version_comes_and_goes_alone(folder: Path) -> None:
    bench = Bench(folder, a="well")

    async def story() -> None:
        bench.shelf.put("a", "well", "2")
        await bench.manager.load("a", "2")
        assert bench.served() == [("a", "1", "READY"), ("a", "2", "READY")]
        await bench.manager.unload("a", "1")
        assert bench.served() == [("a", "2", "READY")]

    bench.run(story)


def test_what_is_broken_on_disk_is_told_and_hides_nothing(folder: Path) -> None:
    bench = Bench(folder, a="well")
    bench.shelf.broken.append(Broken("b", "", "leeboard.yaml: instanecs: unknown key"))

    async def look() -> None:
        assert bench.manager.ready
        assert bench.manager.broken == ["b: leeboard.yaml: instanecs: unknown key"]
        with pytest.raises(ModelError, match="instanecs"):
            await bench.manager.load("b")
        bench.shelf.broken.clear()
        bench.shelf.put("b", "well", "2")
        await bench.manager.load("b")
        assert bench.manager.broken == []

    bench.run(look)


def test_settings_of_a_call_are_those_that_it_is_loaded_with(folder: Path) -> None:
    bench = Bench(folder, a="well")

    async def load() -> None:
        await bench.manager.load("a", settings=ModelSettings(max_batch_size=2))
        assert bench.manager.versions[0].max_batch_size == 2

    bench.run(load)


def test_a_broken_model_that_is_taken_away_is_forgotten(folder: Path) -> None:
    bench = Bench(folder)
    bench.shelf.broken.append(Broken("b", "", "leeboard.yaml: no mapping"))

    async def look() -> None:
        assert not bench.manager.ready
        bench.shelf.broken.clear()
        with pytest.raises(ModelError, match="is not loaded"):
            await bench.manager.unload("b")
        assert bench.manager.ready
        assert bench.manager.broken == []

    bench.run(look)


def test_words_that_are_no_text_can_be_told(folder: Path) -> None:
    bench = Bench(folder)
    bench.shelf.broken.append(Broken("b", "", "caf\udce9 is no file"))

    async def look() -> None:
        assert bench.manager.broken == ["b: caf\udce9 is no file"]

    bench.run(look)
    assert len(bench.plane.tables) > 0
