"""Watching: what another process commits wakes this one."""

from __future__ import annotations

import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.store.store import CHANGED, Store
from runtime.store.watch import ChangeWatch

WAIT_S = 60.0

WRITES = """
import sys
from pathlib import Path
from runtime.store.store import Store
store = Store.open(Path(sys.argv[1]))
with store.writing("other") as writing:
    writing.record("did", "fraud")
store.close()
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.create(tmp_path / "registry")
    yield store
    store.close()


@pytest.fixture
def watch(store: Store) -> Iterator[ChangeWatch]:
    watch = ChangeWatch(store.folder)
    yield watch
    watch.close()


def commit(store: Store, *, quiet: bool = False) -> None:
    with store.writing("ann", quiet=quiet) as writing:
        writing.record("did", "fraud")


def is_readable(watch: ChangeWatch, wait_s: float = WAIT_S) -> bool:
    return bool(select.select([watch], [], [], wait_s)[0])


def test_a_commit_of_another_process_wakes(store: Store, watch: ChangeWatch) -> None:
    assert not is_readable(watch, 0)
    subprocess.run([sys.executable, "-c", WRITES, store.folder], check=True, timeout=WAIT_S)
    assert is_readable(watch)
    assert watch.drain()
    assert not is_readable(watch, 0)
    assert not watch.drain()


def test_many_commits_are_drained_at_once(store: Store, watch: ChangeWatch) -> None:
    for _ in range(20):
        commit(store)
    assert watch.drain()
    assert not is_readable(watch, 0)


def test_looking_and_quiet_commits_wake_nobody(store: Store, watch: ChangeWatch) -> None:
    commit(store, quiet=True)
    store.audit_head()
    store.blobs.put_bytes(b"abc")
    assert not is_readable(watch, 0)


def test_a_file_that_was_replaced_is_followed(store: Store, watch: ChangeWatch) -> None:
    new = store.folder / "new"
    new.touch()
    new.rename(store.folder / CHANGED)
    assert watch.drain()
    watch.drain()
    commit(store)
    assert is_readable(watch)
    assert watch.drain()


def test_a_folder_in_the_place_of_another_is_followed(
    store: Store, watch: ChangeWatch
) -> None:
    store.folder.rename(store.folder.with_name("away"))
    assert not watch.drain()
    new = Store.create(store.folder)
    assert watch.drain()
    watch.drain()
    commit(new)
    assert is_readable(watch)
    new.close()


def test_a_folder_that_cannot_be_watched_gives_no_descriptor(tmp_path: Path) -> None:
    watch = ChangeWatch(tmp_path / "nowhere")
    assert (watch.fileno(), watch.drain()) == (-1, False)
    watch.close()


def test_closing_again_is_nothing(store: Store) -> None:
    watch = ChangeWatch(store.folder)
    watch.close()
    watch.close()
    assert watch.fileno() == -1


def test_a_file_that_was_never_written_is_made_to_be_watched(store: Store) -> None:
    (store.folder / CHANGED).unlink()
    watch = ChangeWatch(store.folder)
    commit(store)
    assert is_readable(watch)
    watch.close()


def test_a_folder_without_a_store_stays_empty(tmp_path: Path) -> None:
    watch = ChangeWatch(tmp_path)
    assert watch.fileno() == -1
    assert not list(tmp_path.iterdir())
