"""Which shape a database's tables have, without the tool that changes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection

from runtime.store.errors import StoreNewer, StoreOlder, missing

REVISIONS = ("0001",)
"""Every revision that this program knows, oldest first; the last is the one it needs.

A test holds it to the files below `migrations`.
"""


def revision_of(connection: Connection) -> str:
    """Return a database's revision, or nothing where there are no tables."""
    found = connection.exec_driver_sql(
        "SELECT count(*) FROM sqlite_schema WHERE name = 'alembic_version'"
    )
    if not found.scalar_one():
        return ""
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return str(row[0]) if row else ""


def check_revision(folder: Path, found: str, known: Sequence[str] = REVISIONS) -> None:
    """Raise StoreMissing, StoreNewer or StoreOlder unless a revision is the last known.

    Examples
    --------
    >>> check_revision(Path("r"), "0001", known=("0001",))
    """
    wanted = known[-1]
    if found == wanted:
        return
    if not found:
        raise missing(folder)
    if found in known:
        raise StoreOlder(
            f"the store {folder} has the tables of revision {found}, this program needs "
            f"{wanted}; run `leeboard db upgrade --registry {folder}`"
        )
    raise StoreNewer(
        f"the store {folder} has the tables of revision {found}, this program knows them "
        f"up to {wanted}; use the program that upgraded it, or a newer one"
    )
