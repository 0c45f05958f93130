"""Upgrades: the migrations make the tables that the program knows, whole or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shutil import copytree

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import OperationalError

from runtime.store import audit, upgrade
from runtime.store.engine import DATABASE
from runtime.store.errors import StoreError, StoreMissing, StoreNewer, StoreOlder
from runtime.store.revisions import REVISIONS, check_revision
from runtime.store.store import Store
from runtime.store.tables import metadata

SECOND = '''
"""A second revision, of a program that is newer than this one."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add a column, and do what may fail."""
    op.add_column("model", sa.Column("owner", sa.String, server_default="", nullable=False))
    op.execute("{more}")
'''


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.create(tmp_path / "registry")
    with store.writing("ann") as writing:
        writing.record("did", "fraud")
    yield store
    store.close()


def newer(tmp_path: Path, more: str = "SELECT 1") -> Path:
    scripts = tmp_path / "migrations"
    copytree(upgrade.SCRIPTS, scripts)
    (scripts / "versions" / "r0002_second.py").write_text(SECOND.format(more=more))
    return scripts


def columns(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as raw:
        return [row[1] for row in raw.execute("PRAGMA table_info(model)")]


def test_the_migrations_make_the_tables_that_the_program_knows(store: Store) -> None:
    with store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_list_of_revisions_is_that_of_the_migrations() -> None:
    assert upgrade.revisions_in() == REVISIONS
    assert upgrade.head() == REVISIONS[-1]


def test_a_store_that_is_up_to_date_is_left_alone(store: Store) -> None:
    before = sorted(store.folder.iterdir())
    done = upgrade.upgrade(store.folder)
    assert done == upgrade.Upgraded("0001", "0001")
    assert sorted(store.folder.iterdir()) == before


def test_an_upgrade_is_made_after_a_copy(store: Store, tmp_path: Path) -> None:
    head = store.audit_head()
    done = upgrade.upgrade(store.folder, scripts=newer(tmp_path))
    assert (done.before, done.after, upgrade.current(store.folder)) == (
        "0001", "0002", "0002",
    )  # fmt: skip
    assert "owner" in columns(store.folder / DATABASE)
    assert done.backup
    assert done.backup.parent == store.folder
    assert "owner" not in columns(done.backup)
    with pytest.raises(StoreNewer, match=r"revision 0002, this program knows .* to 0001"):
        Store.open(store.folder)
    done.backup.replace(store.folder / DATABASE)
    for log in store.folder.glob("*-wal"):
        log.unlink()
    old = Store.open(store.folder)
    with old.reading() as connection:
        assert audit.verify(connection, head).faults == ()
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    old.close()


def test_a_dry_run_says_the_sql_and_does_nothing(store: Store, tmp_path: Path) -> None:
    done = upgrade.upgrade(store.folder, dry_run=True, scripts=newer(tmp_path))
    assert "ALTER TABLE model ADD COLUMN owner" in done.sql
    assert "CREATE TABLE model" not in done.sql
    assert done.backup is None
    assert "owner" not in columns(store.folder / DATABASE)
    assert upgrade.current(store.folder) == "0001"


def test_an_upgrade_that_fails_half_way_was_not(store: Store, tmp_path: Path) -> None:
    scripts = newer(tmp_path, "SELECT 1 FROM nowhere")
    with pytest.raises(StoreError, match="no such table: nowhere") as raised:
        upgrade.upgrade(store.folder, scripts=scripts)
    assert isinstance(raised.value.__cause__, OperationalError)
    assert "owner" not in columns(store.folder / DATABASE)
    Store.open(store.folder).close()


def test_a_newer_store_is_not_upgraded(store: Store, tmp_path: Path) -> None:
    upgrade.upgrade(store.folder, scripts=newer(tmp_path))
    with pytest.raises(StoreNewer):
        upgrade.upgrade(store.folder)


def test_where_no_store_is_none_is_upgraded(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing):
        upgrade.upgrade(tmp_path)


def test_an_older_store_is_refused_with_what_to_do(tmp_path: Path) -> None:
    words = r"revision 0001, this program needs 0002; run `leeboard db upgrade --registry "
    with pytest.raises(StoreOlder, match=words):
        check_revision(tmp_path, "0001", known=("0001", "0002"))


def test_the_whole_of_the_sql_is_told_for_nothing() -> None:
    sql = upgrade.sql_from("")
    assert "CREATE TABLE audit" in sql
    assert "CREATE TRIGGER audit_follows" in sql
