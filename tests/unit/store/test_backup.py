"""Backups: taken while others write, whole or not there, and held to every digest."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.store import audit
from runtime.store.backup import MANIFEST, backup, restore
from runtime.store.engine import DATABASE
from runtime.store.errors import BackupDamaged, BlobDamaged, StoreError, StoreLocked
from runtime.store.store import Store

Parts = dict[str, bytes]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.create(tmp_path / "registry", timeout_s=0.01)
    for number in range(3):
        digest, _ = store.blobs.put_bytes(b"blob %d" % number)
        note(store, f"fraud/{number}", digest)
    yield store
    store.close()


def note(store: Store, name: str, details: str = "") -> None:
    with store.writing("ann") as writing:
        writing.record("did", name, details=details)


def everything(store: Store) -> tuple[list[audit.Entry], dict[str, bytes]]:
    with store.reading() as connection:
        entries = list(audit.entries(connection))
    return entries, {digest: store.blobs.read(digest) for digest in store.blobs.digests()}


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_restored_store_holds_what_the_first_one_held(
    store: Store, tmp_path: Path
) -> None:
    saved = backup(store, tmp_path / "b.tar")
    assert restore(tmp_path / "b.tar", tmp_path / "again") == saved
    again = Store.open(tmp_path / "again")
    assert everything(again) == everything(store)
    assert again.audit_head() == saved.head
    note(again, "fraud/9")  # It can be written, and its log goes on.
    with again.reading() as connection:
        assert audit.verify(connection, saved.head).faults == ()
    again.close()
    assert left_in(tmp_path) == ["again", "b.tar", "registry"]


def test_a_backup_is_for_its_owner(store: Store, tmp_path: Path) -> None:
    backup(store, tmp_path / "b.tar")
    assert (tmp_path / "b.tar").stat().st_mode & 0o777 == 0o600


def test_a_backup_is_one_moment_while_others_write(store: Store, tmp_path: Path) -> None:
    is_over = threading.Event()

    def write() -> None:
        other = Store.open(store.folder)
        while not is_over.is_set():
            note(other, "fraud/8")
        other.close()

    writer = threading.Thread(target=write)
    writer.start()
    saved = [backup(store, tmp_path / f"{number}.tar") for number in range(5)]
    is_over.set()
    writer.join()
    for number, one in enumerate(saved):
        assert restore(tmp_path / f"{number}.tar", tmp_path / str(number)) == one


def test_no_blob_is_removed_under_a_backup(store: Store, tmp_path: Path) -> None:
    with store.blobs.removing(), pytest.raises(StoreLocked, match="being removed"):
        backup(store, tmp_path / "b.tar")
    assert left_in(tmp_path) == ["registry"]


def test_a_damaged_blob_fails_the_backup_and_the_last_one_stays(
    store: Store, tmp_path: Path
) -> None:
    backup(store, tmp_path / "b.tar")
    before = (tmp_path / "b.tar").read_bytes()
    digest = next(store.blobs.digests())
    store.blobs.path(digest).chmod(0o644)
    store.blobs.path(digest).write_bytes(b"blob X")
    with pytest.raises(BlobDamaged, match=rf"{digest} .* no backup was written"):
        backup(store, tmp_path / "b.tar")
    assert (tmp_path / "b.tar").read_bytes() == before
    assert left_in(tmp_path) == ["b.tar", "registry"]


def test_only_a_new_or_empty_folder_is_restored_into(store: Store, tmp_path: Path) -> None:
    backup(store, tmp_path / "b.tar")
    (tmp_path / "empty").mkdir()
    restore(tmp_path / "b.tar", tmp_path / "empty")
    with pytest.raises(StoreError, match=r"empty is not empty; restore into a new folder"):
        restore(tmp_path / "b.tar", tmp_path / "empty")
    with pytest.raises(StoreError, match="is not empty"):
        restore(tmp_path / "b.tar", tmp_path / "b.tar")


def parts_of(file: Path) -> Parts:
    with tarfile.open(file) as archive:
        return {
            found.name: content.read()
            for found in archive
            if (content := archive.extractfile(found))
        }


def pack(file: Path, parts: Parts) -> None:
    with tarfile.open(file, "w") as archive:
        for name, content in parts.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))


def last_blob(parts: Parts) -> str:
    return [name for name in parts if name.startswith("blobs/")][-1]


def with_manifest(parts: Parts, change: Callable[[dict[str, object]], object]) -> Parts:
    values = json.loads(parts[MANIFEST])
    change(values)
    return {**parts, MANIFEST: json.dumps(values).encode()}


def without_a_blob(parts: Parts) -> Parts:
    name = last_blob(parts)
    return {key: content for key, content in parts.items() if key != name}


def with_another_blob(parts: Parts) -> Parts:
    return {**parts, last_blob(parts): b"blob X"}


def with_another_name(parts: Parts) -> Parts:
    parts = dict(parts)
    parts["../../evil"] = parts.pop(last_blob(parts))
    return parts


def with_database(parts: Parts, database: bytes) -> Parts:
    about = {"sha256": hashlib.sha256(database).hexdigest(), "size": len(database)}
    changed = with_manifest(parts, lambda values: values.update(database=about))
    return {**changed, DATABASE: database}


def with_a_changed_log(parts: Parts) -> Parts:
    return with_database(parts, parts[DATABASE].replace(b"anndid", b"evedid"))


def with_a_broken_database(parts: Parts) -> Parts:
    return with_database(parts, parts[DATABASE][:8192])


def with_another_database(parts: Parts) -> Parts:
    return {**parts, DATABASE: parts[DATABASE][::-1]}


def with_another_head(parts: Parts) -> Parts:
    return with_manifest(parts, lambda values: values.update(head="9:" + "ab" * 32))


def with_another_format(parts: Parts) -> Parts:
    return with_manifest(parts, lambda values: values.update(format=2))


def without_a_manifest(parts: Parts) -> Parts:
    return {**parts, MANIFEST: b"[]"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without_a_blob, "it ends before blobs/"),
        (with_another_blob, "is another one"),
        (with_another_name, r"it holds '../../evil' in the place of blobs/"),
        (with_a_changed_log, "its audit log: row 1 was changed"),
        (with_a_broken_database, "is damaged|its database"),
        (with_another_database, "the database is another one"),
        (with_another_head, "its audit log: the log ends at row 3"),
        (with_another_format, "its format is 2, this program reads 1"),
        (without_a_manifest, "list indices"),
    ],
)
def test_what_is_not_whole_is_not_restored(
    store: Store, tmp_path: Path, change: Callable[[Parts], Parts], words: str
) -> None:
    backup(store, tmp_path / "b.tar")
    pack(tmp_path / "b.tar", change(parts_of(tmp_path / "b.tar")))
    with pytest.raises(StoreError, match=words):
        restore(tmp_path / "b.tar", tmp_path / "again")
    assert left_in(tmp_path) == ["b.tar", "registry"]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.9])
def test_a_file_that_was_cut_is_not_restored(
    store: Store, tmp_path: Path, share: float
) -> None:
    # tar ends with padding that nothing is lost with, so what is kept ends well before.
    store.blobs.put_bytes(bytes(100_000))
    backup(store, tmp_path / "b.tar")
    content = (tmp_path / "b.tar").read_bytes()
    (tmp_path / "b.tar").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BackupDamaged, match="is no whole backup"):
        restore(tmp_path / "b.tar", tmp_path / "again")
    assert left_in(tmp_path) == ["b.tar", "registry"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"b\.tar cannot be read: No such file"):
        restore(tmp_path / "b.tar", tmp_path / "again")
    assert left_in(tmp_path) == []


def test_a_backup_does_not_take_the_place_of_what_it_is_of(
    store: Store, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(store.folder)
    for to in (store.folder / DATABASE, tmp_path / "link" / "b.tar"):
        with pytest.raises(StoreError, match="lies within the store"):
            backup(store, to)
    before = everything(store)
    assert len(before[0]) == 3
