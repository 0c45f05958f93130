"""The hands of a real server: files held to their digests, and the manager's books."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from runtime.errors import ModelError
from runtime.models.lifecycle import State
from runtime.models.manager import ModelManager
from runtime.models.publication import Books
from runtime.models.swapping.errands import Errands
from runtime.models.swapping.hands import Costs
from runtime.models.swapping.local_state import Known, LocalState
from runtime.models.swapping.server_hands import (
    MANIFEST,
    ServerHands,
    is_whole,
    place_of,
    source_at,
)
from runtime.registry.manifest import File, Manifest, digest_of
from runtime.registry.source import DigestMismatch, Pointer, RegistryUnavailable
from runtime.testing.models import save_identity
from tests.unit.models.swapping.fake_source import FakeSource

SETTINGS = b"max_batch_size: 3\n"


def manifest_of(files: dict[str, bytes]) -> Manifest:
    listed = [
        File(name, len(data), hashlib.sha256(data).hexdigest())
        for name, data in files.items()
    ]
    return Manifest(tuple(listed), "onnx")


class Shelf(FakeSource):
    """A registry with the files of `fraud`, by number."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[int, dict[str, bytes]] = {}
        self.fetches: list[int] = []

    def manifest(self, model: str, number: int) -> Manifest:
        return manifest_of(self.files[number])

    def fetch(self, model: str, number: int, into: Path) -> Manifest:
        self.fetches.append(number)
        if self.error is not None:
            raise self.error
        for name, data in self.files[number].items():
            path = place_of(into, name, number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return self.manifest(model, number)

    def pointer(self, number: int) -> Pointer:
        digest = digest_of(self.manifest("fraud", number))
        return Pointer("fraud", "champion", number, digest, number)


class FakeManager:
    """What the hands call of the model manager."""

    def __init__(self) -> None:
        self.books = Books()
        self.published = 0
        self.versions: dict[str, Any] = {}
        self.brought: list[Any] = []
        self.withdrawn: list[str] = []
        self.retirements: frozenset[asyncio.Task[None]] = frozenset()

    def find(self, name: str, number: str) -> Any:
        return self.versions.get(number)

    def prefer(self, name: str, number: str) -> None:
        self.books.preferred[name] = number
        self.publish()

    def publish(self) -> None:
        self.published += 1

    def withdraw(self, name: str, number: str) -> None:
        del self.versions[number]
        self.withdrawn.append(number)

    async def bring(self, *given: Any) -> None:
        self.brought.append(given)


class Bench:
    """Hands over a registry in memory, a folder, and a manager that only listens."""

    def __init__(self, folder: Path, model: bytes) -> None:
        self.source, self.manager = Shelf(), FakeManager()
        self.source.files[1] = {"model/model.onnx": model}
        self.state = LocalState(folder)
        self.disk = Errands("local-state")
        manager = cast(ModelManager, cast(Any, self.manager))
        self.hands = ServerHands("fraud", self.source, manager, self.state, self.disk)

    def place(self, number: int = 1) -> Path:
        return self.state.place(self.source.pointer(number).digest, "fraud")

    def play(self, story: Callable[[], Awaitable[None]]) -> None:
        asyncio.run(asyncio.wait_for(story(), 60))

    def fetch(self, number: int = 1) -> None:
        self.play(lambda: self.hands.fetch(self.source.pointer(number)))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    return save_identity(path, "FP32", ["N", 3]).read_bytes()


@pytest.fixture
def bench(tmp_path: Path, model: bytes) -> Any:
    bench = Bench(tmp_path, model)
    yield bench
    bench.hands.close()
    bench.disk.close()
    bench.state.close()


def test_a_manifests_contract_and_a_reference_go_along(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.source.files[1]["model/reference.json"] = b"{}"
    plain = bench.source.manifest("fraud", 1)
    stated = replace(plain, contract={"features": {"a": {"range": [0, 1]}}})
    monkeypatch.setattr(bench.source, "manifest", lambda model, number: stated)
    bench.fetch()
    source = source_at(bench.place(), 1)
    assert source.reference is not None
    assert source.reference.read_bytes() == b"{}"
    assert source.contract is not None
    assert json.loads(source.contract.read_bytes()) == stated.contract


def test_a_plain_file_is_fetched_once_and_can_be_loaded(bench: Bench) -> None:
    bench.fetch()
    bench.fetch()
    assert bench.source.fetches == [1]
    source = source_at(bench.place(), 1)
    assert (source.name, source.version) == ("fraud", "1")
    assert source.path == bench.place() / "1" / "model.onnx"
    assert is_whole(bench.place(), bench.source.pointer(1))


def test_settings_beside_the_version_hold(bench: Bench) -> None:
    bench.source.files[1]["leeboard.yaml"] = SETTINGS + b"versions: [9]\n"
    bench.fetch()
    source = source_at(bench.place(), 1)
    assert source.settings.max_batch_size == 3
    assert source.version == "1"


def test_what_is_here_needs_no_registry(bench: Bench) -> None:
    bench.fetch()
    bench.source.error = RegistryUnavailable("away")
    bench.fetch()
    bench.source.files[2] = {"model/model.onnx": b"two"}
    with pytest.raises(RegistryUnavailable, match="away"):
        bench.fetch(2)


@pytest.mark.parametrize(
    "damage",
    [
        lambda place: (place / "1" / "model.onnx").write_bytes(b"damaged"),
        lambda place: (place / "1" / "model.onnx").unlink(),
        lambda place: (place / "leeboard.yaml").write_bytes(b"max_batch_size: 4\n"),
        lambda place: (place.parent / MANIFEST).write_bytes(b"{"),
        lambda place: (place.parent / MANIFEST).unlink(),
    ],
)
def test_files_that_are_damaged_are_fetched_anew(
    bench: Bench, damage: Callable[[Path], object], model: bytes
) -> None:
    bench.source.files[1]["leeboard.yaml"] = SETTINGS
    bench.fetch()
    damage(bench.place())
    assert not is_whole(bench.place(), bench.source.pointer(1))
    bench.fetch()
    assert bench.source.fetches == [1, 1]
    assert is_whole(bench.place(), bench.source.pointer(1))
    assert (bench.place() / "1" / "model.onnx").read_bytes() == model


def test_a_manifest_of_another_digest_is_refused_and_nothing_is_put_in_place(
    bench: Bench,
) -> None:
    wanted = bench.source.pointer(1)
    bench.source.files[1]["model/model.onnx"] = b"another"
    with pytest.raises(DigestMismatch, match=r"fraud/1 has the digest .*; the alias named"):
        bench.play(lambda: bench.hands.fetch(wanted))
    assert not bench.state.place(wanted.digest, "fraud").exists()


def test_versions_with_the_same_files_do_not_disturb_each_other(bench: Bench) -> None:
    bench.source.files[2] = dict(bench.source.files[1])
    bench.fetch(1)
    bench.fetch(2)
    assert bench.place(1) == bench.place(2)
    for number in (1, 2):
        assert source_at(bench.place(), number).path.exists()
        assert is_whole(bench.place(), bench.source.pointer(number))


def test_a_version_without_a_model_file_cannot_be_loaded(bench: Bench) -> None:
    bench.source.files[1] = {"model/notes.txt": b"nothing"}
    bench.fetch()
    with pytest.raises(ModelError, match="its registry asks for version 1; there is no"):
        source_at(bench.place(), 1)


def test_settings_that_make_no_sense_keep_it_from_being_loaded(bench: Bench) -> None:
    bench.source.files[1]["leeboard.yaml"] = b"instanecs: 3\n"
    bench.fetch()
    with pytest.raises(ModelError, match="instanecs"):
        source_at(bench.place(), 1)


def test_what_was_never_fetched_cannot_be_loaded(bench: Bench) -> None:
    with pytest.raises(ModelError, match="1"):
        source_at(bench.place(), 1)


def test_a_version_is_brought_after_the_one_that_serves(bench: Bench) -> None:
    bench.manager.versions["7"] = before = object()
    bench.fetch()

    async def story() -> None:
        await bench.hands.load(bench.source.pointer(1), "by the alias", 7)
        await bench.hands.load(bench.source.pointer(1), "by the alias", 0)

    bench.play(story)
    source = source_at(bench.place(), 1)
    assert bench.manager.brought == [
        (source, "by the alias", before, False), (source, "by the alias", None, False)
    ]  # fmt: skip


def test_one_that_served_and_had_to_go_first_is_what_the_next_is_held_to(
    bench: Bench,
) -> None:
    bench.manager.versions["7"] = before = object()
    bench.manager.versions["6"] = object()
    bench.manager.books.preferred["fraud"] = "7"
    bench.fetch()
    bench.hands.withdraw(7)
    bench.hands.withdraw(6)
    bench.play(lambda: bench.hands.load(bench.source.pointer(1), "by the alias", 0))
    assert [given[2] for given in bench.manager.brought] == [before]


def version(state: State, **more: object) -> Any:
    return SimpleNamespace(state=state, **more)


def test_only_a_version_whose_workers_serve_is_ready(bench: Bench) -> None:
    bench.manager.versions = {
        "1": version(State.READY), "2": version(State.UNAVAILABLE)
    }  # fmt: skip
    assert [bench.hands.is_ready(number) for number in (1, 2, 3)] == [True, False, False]


def test_what_a_version_takes_is_what_its_workers_measured(bench: Bench) -> None:
    report = SimpleNamespace(memory_bytes=10, peak_bytes=25)
    loaded = SimpleNamespace(report=report)
    bench.manager.versions = {
        "1": version(State.READY, loaded=loaded, instances=[1, 2]),
        "2": version(State.LOADING, loaded=None, instances=[1]),
    }
    assert bench.hands.costs(1) == Costs(20, 50)
    assert bench.hands.costs(2) == bench.hands.costs(3) == Costs()
    report.peak_bytes = 0  # Not measured.
    assert bench.hands.costs(1) == Costs(20, 20)
    assert bench.hands.free() > 0


def test_what_is_told_of_versions_that_are_held_no_more_is_forgotten(bench: Bench) -> None:
    books = bench.manager.books
    books.told["spam", "1"] = {"a": "b"}
    bench.hands.publish(1, {1: {"k": "1"}, 2: {"k": "2"}})
    bench.hands.publish(2, {2: {"k": "3"}})
    assert books.told == {("spam", "1"): {"a": "b"}, ("fraud", "2"): {"k": "3"}}
    assert books.preferred == {"fraud": "2"}
    bench.hands.publish(0, {})
    assert books.preferred == {"fraud": ""}


def test_a_reason_is_in_the_index_at_once_and_taken_back(bench: Bench) -> None:
    notes = bench.manager.books.notes
    bench.hands.refuse(0, "")
    assert bench.manager.published == 0
    bench.hands.refuse(0, "there is no alias")
    bench.hands.refuse(2, "it is damaged")
    bench.hands.refuse(2, "it is damaged")
    assert notes == {("fraud", ""): "there is no alias", ("fraud", "2"): "it is damaged"}
    assert bench.manager.published == 2
    bench.hands.refuse(0, "")
    bench.hands.refuse(2, "")
    assert (notes, bench.manager.published) == ({}, 4)


def test_only_what_is_there_is_withdrawn_and_its_end_is_waited_for(bench: Bench) -> None:
    bench.manager.versions["1"] = version(State.READY)
    ended: list[bool] = []

    async def story() -> None:
        bench.hands.withdraw(1)
        bench.hands.withdraw(2)
        await bench.hands.given_back()

        async def end() -> None:
            ended.append(True)

        bench.manager.retirements = frozenset([asyncio.ensure_future(end())])
        await bench.hands.given_back()
        assert ended == [True]

    bench.play(story)
    assert bench.manager.withdrawn == ["1"]


def test_what_is_known_is_saved_and_files_that_nobody_needs_go(bench: Bench) -> None:
    bench.source.files[2] = {"model/model.onnx": b"two"}
    bench.fetch(1)
    bench.fetch(2)
    one, two = bench.source.pointer(1), bench.source.pointer(2)
    known = Known(two, 2, two.digest)
    bench.play(lambda: bench.hands.save(known, frozenset({two.digest})))
    assert bench.state.known("fraud") == known
    assert not bench.state.place(one.digest, "fraud").exists()
    assert is_whole(bench.state.place(two.digest, "fraud"), two)
