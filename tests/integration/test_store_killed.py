"""kill -9 at every point of what a store does: all that was acknowledged is there.

And nothing is there that was only half done, the log is whole, blobs are what their
digests are of, and processes that live on notice nothing.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shutil import copytree

import pytest
from sqlalchemy import select

from runtime.store import audit
from runtime.store import upgrade as upgrading
from runtime.store.audit import parse_head
from runtime.store.backup import backup, restore
from runtime.store.engine import DATABASE
from runtime.store.store import Store
from runtime.store.tables import models
from tests.integration.killing import Run, Victims, at_every_point, at_random_times

RANDOM_KILLS = 200


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    with Victims("tests.integration.store_acts") as victims:
        yield victims


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.create(tmp_path / "registry")
    yield store
    store.close()


def digests_by_name(store: Store) -> dict[str, str]:
    """The rows that victims left, held to the two rows of the log that each must have."""
    with store.reading() as connection:
        rows = connection.execute(select(models.c.name, models.c.policy)).all()
        log = [(e.action, e.object) for e in audit.entries(connection) if e.actor != "me"]
    found = {str(row.name): str(row.policy) for row in rows}
    wanted = [(action, name) for name in found for action in ("put", "registered")]
    assert sorted(log) == sorted(wanted)
    return found


def check_log(store: Store, run: Run) -> None:
    """The log is whole and holds the head that was acknowledged last."""
    head = parse_head(run.told[-1].split()[-1]) if run.told else None
    with store.reading() as connection:
        assert audit.verify(connection, head).faults == ()


def check(store: Store, run: Run) -> None:
    """What a process told is there, what is there is whole, and this process can write."""
    found = digests_by_name(store)
    told = {name: digest for name, digest, _ in (line.split() for line in run.told)}
    assert told.items() <= found.items()
    of_this_run = [d for name, d in found.items() if name.startswith(f"m{run.seed}-")]
    assert len(of_this_run) - len(told) in (0, 1)
    for digest in of_this_run:
        store.blobs.verify(digest)
    check_log(store, run)
    with store.writing("me") as writing:
        writing.record("looked", f"run {run.seed}")


def check_at_the_end(store: Store) -> None:
    """Every blob is whole, temporary files of the dead go, and SQLite finds no fault."""
    assert {store.blobs.verify(digest) > 0 for digest in store.blobs.digests()} == {True}
    store.blobs.sweep()
    assert list((store.folder / "blobs" / "tmp").iterdir()) == []
    with store.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def test_writing_survives_a_kill_at_every_point(victims: Victims, store: Store) -> None:
    runs = list(checked(store, at_every_point(victims, "write", lambda seed: store.folder)))
    assert len(runs) > 60
    assert {run.ended for run in runs[1:]} == {"killed"}
    assert {"blob.begun", "blob.written", "blob.renamed", "blob.settled", "sql"} <= set(
        runs[0].points
    )
    assert {"store.written", "store.committed"} <= set(runs[0].points)
    check_at_the_end(store)


def checked(store: Store, runs: Iterator[Run]) -> Iterator[Run]:
    for run in runs:
        check(store, run)
        yield run


def test_writing_survives_kills_at_random_times(victims: Victims, store: Store) -> None:
    folder = store.folder
    runs = checked(
        store, at_random_times(victims, "write", lambda seed: folder, RANDOM_KILLS)
    )
    ends = [run.ended for run in runs]
    assert ends.count("killed") > RANDOM_KILLS / 2
    check_at_the_end(store)


def test_two_write_while_one_of_them_is_killed(victims: Victims, store: Store) -> None:
    with Victims("tests.integration.store_acts") as others:
        for seed in range(20_000, 20_030):
            victims.begin("write", store.folder, seed, after_s=(seed % 30) / 1_000)
            others.begin("write", store.folder, seed + 1_000)
            check(store, victims.end())
            run = others.end()
            assert run.ended == "done"
            check(store, run)


def test_a_store_is_made_or_can_be_made(victims: Victims, tmp_path: Path) -> None:
    runs = at_every_point(victims, "create", lambda seed: tmp_path)
    moments = at_random_times(victims, "create", lambda seed: tmp_path, 20)
    for run in itertools.chain(runs, moments):
        folder = tmp_path / str(run.seed)
        store = Store.open(folder) if run.told else Store.create(folder)
        assert store.audit_head() == audit.EMPTY
        store.close()


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name[0] != ".")


def test_a_backup_is_whole_or_the_last_one(
    victims: Victims, store: Store, tmp_path: Path
) -> None:
    with store.writing("me") as writing:
        writing.record("did", "fraud")
    store.blobs.put_bytes(b"abc")
    before = backup(store, tmp_path / "b.tar")
    with store.writing("me") as writing:
        writing.record("did", "fraud")
    for number, run in enumerate(at_every_point(victims, "save", lambda seed: tmp_path)):
        saved = restore(tmp_path / "b.tar", tmp_path / f"again{number}")
        assert saved.head in (before.head, store.audit_head())
        assert not run.told or saved.head == store.audit_head()


def test_a_restored_folder_is_whole_or_not_there(
    victims: Victims, store: Store, tmp_path: Path
) -> None:
    digest, _ = store.blobs.put_bytes(b"abc")
    saved = backup(store, tmp_path / "b.tar")
    runs = at_every_point(victims, "load", lambda seed: tmp_path)
    moments = at_random_times(victims, "load", lambda seed: tmp_path, 20)
    for run in itertools.chain(runs, moments):
        folder = tmp_path / str(run.seed)
        assert folder.exists() or not run.told
        if not folder.exists():
            restore(tmp_path / "b.tar", folder)
        again = Store.open(folder)
        assert again.blobs.read(digest) == b"abc"
        assert again.audit_head() == saved.head
        again.close()


SECOND = '''
"""A second revision."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add two columns."""
    op.add_column("model", sa.Column("one", sa.String, server_default="", nullable=False))
    op.add_column("model", sa.Column("two", sa.String, server_default="", nullable=False))
'''


def columns(folder: Path) -> set[str]:
    with closing(sqlite3.connect(folder / DATABASE)) as raw:
        return {row[1] for row in raw.execute("PRAGMA table_info(model)")}


def test_an_upgrade_is_whole_or_was_not(victims: Victims, tmp_path: Path) -> None:
    copytree(upgrading.SCRIPTS, tmp_path / "migrations")
    (tmp_path / "migrations" / "versions" / "r0002_second.py").write_text(SECOND)

    def made(seed: int) -> Path:
        Store.create(tmp_path / str(seed)).close()
        return tmp_path

    for run in at_every_point(victims, "upgrade", made):
        folder = tmp_path / str(run.seed)
        new = columns(folder) & {"one", "two"}
        revision = upgrading.current(folder)
        assert (revision, new) in [("0001", set()), ("0002", {"one", "two"})]
        assert not run.told or revision == "0002"
        done = upgrading.upgrade(folder, scripts=tmp_path / "migrations")
        assert done.after == "0002"
