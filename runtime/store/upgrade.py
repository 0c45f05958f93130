"""Brings the tables of an older store up to date, or says by which SQL it would.

An upgrade is one transaction: it is whole or it was not. Before it, the database is
copied beside itself.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from runtime.store.engine import (
    BEGIN,
    DATABASE,
    EXISTING,
    READ,
    WRITE,
    connect,
    copy_from,
    engine_of,
)
from runtime.store.errors import StoreOlder, missing, told, told_of_files
from runtime.store.points import reached
from runtime.store.revisions import REVISIONS, check_revision, revision_of

SCRIPTS = Path(__file__).parent / "migrations"
WAIT_S = 30.0
ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What an upgrade did, or would do.

    Revisions before and after; the SQL, if it was only asked for; where the database
    before it lies, None where there was nothing to do.
    """

    before: str
    after: str
    sql: str = ""
    backup: Path | None = None


def scripts_in(folder: Path) -> ScriptDirectory:
    """Return the migrations of a folder."""
    return ScriptDirectory(str(folder), version_locations=[str(folder / "versions")])


def revisions_in(folder: Path = SCRIPTS) -> tuple[str, ...]:
    """Return the revisions that a folder's migrations make, oldest first."""
    walked = scripts_in(folder).walk_revisions()
    return tuple(reversed([script.revision for script in walked]))


def steps_to_head(folder: Path) -> dict[str, Any]:
    """Return Alembic's options: which steps lead from a revision to the last one."""
    scripts = scripts_in(folder)

    def steps(found: str, context: object) -> list[Any]:
        return list(scripts._upgrade_revs("head", found))

    return {"fn": steps, "transactional_ddl": True}


def run(context: MigrationContext) -> None:
    """Run the steps of a context. Alembic's operations are global: one at a time."""
    with ONE_AT_A_TIME, context.begin_transaction(), Operations.context(context):
        context.run_migrations()


def migrate(connection: Connection, folder: Path = SCRIPTS) -> None:
    """Bring the tables to the last revision, in a transaction of the caller."""
    run(MigrationContext.configure(connection, opts=steps_to_head(folder)))


def sql_from(revision: str, folder: Path = SCRIPTS) -> str:
    """Return the SQL that leads from a revision to the last one."""
    text = io.StringIO()
    opts = steps_to_head(folder)
    opts |= {"as_sql": True, "output_buffer": text, "starting_rev": revision or None}
    run(MigrationContext.configure(dialect_name="sqlite", opts=opts))
    return text.getvalue()


@contextmanager
def opened(folder: Path, begin: str) -> Iterator[Connection]:
    """Yield a connection to a store's database in a transaction; told as a store's."""
    if not (folder / DATABASE).is_file():
        raise missing(folder)
    with told(folder):
        engine = engine_of(lambda: connect(folder, EXISTING, WAIT_S), pooled=False)
        with engine.connect() as plain:
            connection = plain.execution_options(**{BEGIN: begin})
            with connection.begin():
                yield connection


def current(folder: Path) -> str:
    """Return the revision of a store's tables; raises StoreMissing."""
    with opened(folder, READ) as connection:
        found = revision_of(connection)
    if not found:
        raise missing(folder)
    return found


def head() -> str:
    """Return the revision that this program needs."""
    return REVISIONS[-1]


def upgrade(folder: Path, dry_run: bool = False, scripts: Path = SCRIPTS) -> Upgraded:
    """Bring a store's tables to the last revision; say by which SQL with `dry_run`.

    Servers and commands of the older program refuse the store from then on. Raises
    StoreMissing, StoreNewer, and what writing raises.
    """
    known = revisions_in(scripts)
    before = current(folder)
    with suppress(StoreOlder):
        check_revision(folder, before, known)
        return Upgraded(before, before)
    if dry_run:
        return Upgraded(before, known[-1], sql_from(before, scripts))
    with opened(folder, WRITE) as connection:
        found = revision_of(connection)
        if found != before:  # Another upgrade was faster.
            return Upgraded(found, found)
        backup = set_aside(folder, before)
        migrate(connection, scripts)
        reached("store.upgraded")
    return Upgraded(before, known[-1], backup=backup)


def set_aside(folder: Path, revision: str) -> Path:
    """Copy the database beside itself; returns where it lies, durably."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    to = folder / f"{DATABASE}.{revision}.{moment}.backup"
    with (
        told(folder),
        told_of_files(folder),
        closing(connect(folder, EXISTING, WAIT_S)) as source,
    ):
        copy_from(source, to)
    return to
