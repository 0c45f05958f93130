"""The store of this machine as a server's source of versions."""

from __future__ import annotations

import hashlib
import select
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from runtime.registry.registry import Registry
from runtime.registry.source import (
    DigestMismatch,
    Happened,
    RegistryError,
    RegistryUnavailable,
    Source,
    Use,
)
from runtime.registry.store_source import StoreSource
from runtime.store import audit
from runtime.store.engine import DATABASE
from tests.unit.registry.made import pushed, registry_in


@pytest.fixture
def source(registry: Registry) -> Iterator[StoreSource]:
    source = StoreSource(registry.store.folder, "server-1", timeout_s=0.2)
    yield source
    source.close()


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def push_folder(registry: Registry) -> None:
    files: dict[str, Path | bytes] = {
        "model/model.onnx": b"weights",
        "model/parts/w.bin": b"more",
        "leeboard.yaml": b"max_batch_size: 8\n",
    }
    registry.push("fraud", files, "onnx")
    registry.alias("fraud", "champion", 1)


def test_it_is_a_source(source: StoreSource) -> None:
    kept: Source = source
    assert kept.place.endswith("registry")


def test_it_sees_what_the_registry_says(registry: Registry, source: StoreSource) -> None:
    push_folder(registry)
    assert source.look("fraud", "champion") == registry.pointer("fraud", "champion")
    assert source.manifest("fraud", 1) == registry.version("fraud", 1).manifest
    for asking in (lambda: source.look("fraud", "x"), lambda: source.manifest("fraud", 2)):
        with pytest.raises(RegistryError, match="has no"):
            asking()


def test_a_folder_is_written_as_a_server_knows_it(
    registry: Registry, source: StoreSource, tmp_path: Path
) -> None:
    push_folder(registry)
    into = tmp_path / "fraud"
    into.mkdir()
    assert source.fetch("fraud", 1, into) == registry.version("fraud", 1).manifest
    assert files_in(into) == {
        "1/model.onnx": b"weights",
        "1/parts/w.bin": b"more",
        "leeboard.yaml": b"max_batch_size: 8\n",
    }


def test_a_blob_that_is_not_what_was_pushed_is_refused(
    registry: Registry, source: StoreSource, tmp_path: Path
) -> None:
    push_folder(registry)
    digest = registry.version("fraud", 1).manifest.files[1].sha256
    blob = registry.store.blobs.path(digest)
    blob.chmod(0o600)
    blob.write_bytes(b"WEIGHTS")
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    with pytest.raises(DigestMismatch, match="is damaged"):
        source.fetch("fraud", 1, tmp_path / "a")
    blob.unlink()
    with pytest.raises(DigestMismatch, match="has no blob"):
        source.fetch("fraud", 1, tmp_path / "b")


def test_a_manifest_that_was_changed_is_refused(
    registry: Registry, source: StoreSource
) -> None:
    push_folder(registry)
    with closing(sqlite3.connect(registry.store.folder / DATABASE)) as raw:
        raw.execute("UPDATE version SET manifest = replace(manifest, 'onnx', 'onxx')")
        raw.commit()
    with pytest.raises(DigestMismatch, match="manifest of fraud/1 was changed"):
        source.manifest("fraud", 1)


def test_a_move_is_compared_with_the_generation(
    registry: Registry, source: StoreSource
) -> None:
    for content in (b"a", b"b"):
        pushed(registry, content)
    registry.alias("fraud", "champion", 1)
    pointer = source.move("fraud", "champion", 2, 1, "bob", "better")
    assert (pointer.number, pointer.moved_by, pointer.reason) == (2, "bob", "better")
    with pytest.raises(RegistryError, match="its generation is 2, not 1"):
        source.move("fraud", "champion", 1, 1, "", "")
    assert source.move("fraud", "champion", 1, 2, "", "").moved_by == "server-1"


def test_what_a_server_tells_is_kept(registry: Registry, source: StoreSource) -> None:
    source.tell("a", [Use("fraud", 1, "serves")], [Happened("swapped", "fraud", 1, "a")])
    (lease,) = registry.leases()
    assert (lease.server, lease.number, lease.use) == ("a", 1, "serves")
    with registry.store.reading() as connection:
        (entry,) = audit.entries(connection)
    assert (entry.actor, entry.action, entry.object) == ("a", "swapped", "fraud/1")


def test_a_change_by_another_wakes_and_a_lease_does_not(
    registry: Registry, source: StoreSource
) -> None:
    fd = source.watch()
    assert fd >= 0
    assert source.watch() == fd
    source.tell("a", [Use("fraud", 1, "serves")], [])
    assert select.select([fd], [], [], 0) == ([], [], [])
    pushed(registry, b"a")
    assert select.select([fd], [], [], 10)[0] == [fd]


def test_a_registry_that_is_not_there_comes_back(tmp_path: Path) -> None:
    source = StoreSource(tmp_path / "registry", "server-1")
    with pytest.raises(RegistryUnavailable, match="holds no store"):
        source.look("fraud", "champion")
    assert source.watch() == -1
    registry = registry_in(tmp_path / "registry")
    pushed(registry, b"a")
    registry.alias("fraud", "champion", 1)
    assert source.look("fraud", "champion").number == 1
    assert source.watch() >= 0
    registry.store.close()
    (tmp_path / "registry").rename(tmp_path / "away")
    with pytest.raises(RegistryUnavailable, match=r"cannot be asked: .* holds no store"):
        source.look("fraud", "champion")
    (tmp_path / "away").rename(tmp_path / "registry")
    assert source.look("fraud", "champion").number == 1
    source.close()


def test_another_registry_in_its_place_is_seen(
    registry: Registry, source: StoreSource, tmp_path: Path
) -> None:
    pushed(registry, b"a")
    registry.alias("fraud", "champion", 1)
    first = source.look("fraud", "champion").digest
    fd = source.watch()
    other = registry_in(tmp_path / "other")
    pushed(other, b"b")
    other.alias("fraud", "champion", 1)
    other.store.close()
    folder = registry.store.folder
    shutil.rmtree(folder)
    (tmp_path / "other").rename(folder)
    assert source.look("fraud", "champion").digest != first
    again = registry_in(folder)
    pushed(again, b"c")
    again.store.close()
    assert source.watch() == fd
    assert select.select([fd], [], [], 10)[0] == [fd]


def test_a_locked_registry_can_be_read_and_not_written(
    registry: Registry, source: StoreSource
) -> None:
    pushed(registry, b"a")
    registry.alias("fraud", "champion", 1)
    with registry.store.writing("kate"):
        assert source.look("fraud", "champion").number == 1
        with pytest.raises(RegistryUnavailable, match="is locked"):
            source.tell("a", [Use("fraud", 1, "serves")], [])
    source.tell("a", [Use("fraud", 1, "serves")], [])


def test_a_damaged_database_is_unavailable(registry: Registry, source: StoreSource) -> None:
    registry.store.close()
    (registry.store.folder / DATABASE).write_bytes(b"no database at all" * 1_000)
    with pytest.raises(RegistryUnavailable, match="damaged"):
        source.look("fraud", "champion")


def test_a_manifest_that_leads_out_of_the_folder_is_not_fetched(
    registry: Registry, source: StoreSource, tmp_path: Path
) -> None:
    pushed(registry, b"abc")
    text = registry.version("fraud", 1).text.replace("model/model.onnx", "../x/m.onnx")
    digest = hashlib.sha256(text.encode()).hexdigest()
    with closing(sqlite3.connect(registry.store.folder / DATABASE)) as raw:
        raw.execute("UPDATE version SET manifest = ?, digest = ?", (text, digest))
        raw.commit()
    (tmp_path / "into").mkdir()
    with pytest.raises(DigestMismatch, match=r"the manifest of fraud/1 is damaged \(files"):
        source.fetch("fraud", 1, tmp_path / "into")
    assert not (tmp_path / "x").exists()
