"""``leeboard audit`` and ``leeboard db``: the log of a registry's store, and its tables.

They work on the store's folder, with or without servers that use it. Nothing heavy is
imported before a command runs.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from runtime.access.tokens import SECONDS, SPAN, moment_text, parse_moment
from runtime.printable import escaped

if TYPE_CHECKING:
    from runtime.store.audit import Entry

audit = typer.Typer(help="Who did what to a registry.", no_args_is_help=True)
db = typer.Typer(help="The database of a registry.", no_args_is_help=True)

RegistryFolder = Annotated[
    Path,
    typer.Option(
        "--registry", "--dir", envvar="LEEBOARD_REGISTRY", help="The registry's folder."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
BackupFile = Annotated[Path, typer.Argument(help="The backup: one .tar file.")]


def since_of(text: str, now: float) -> float:
    """Return the moment that "2h", "7d" or "8w" ago was, or a date; raises ConfigError.

    Examples
    --------
    >>> since_of("2h", 10_000.0), since_of("1970-01-02", 0.0), since_of("", 1.0)
    (2800.0, 86400.0, 0.0)
    """
    if not text:
        return 0.0
    if span := SPAN.fullmatch(text):
        return now - int(span[1]) * SECONDS[span[2]]
    return float(parse_moment(text))


def values_of(entry: Entry) -> dict[str, Any]:
    """Return a row of the log as JSON values; `before` and `after` as what they say."""
    values: dict[str, Any] = {name: getattr(entry, name) for name in entry.__slots__}
    for name in ("before", "after"):
        values[name] = json.loads(values[name]) if values[name] else None
    return values


def say(text: str) -> None:
    """Print a line with words that others chose."""
    print(escaped(text))


@audit.command()
def show(
    registry: RegistryFolder,
    about: Annotated[
        str, typer.Option("--object", help="A model, NAME/VERSION or NAME@ALIAS.")
    ] = "",
    since: Annotated[
        str, typer.Option(help="From when on: an ISO date, or 12h, 7d, 8w ago.")
    ] = "",
    limit: Annotated[int, typer.Option(min=0, help="The last so many; 0 for all.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List who did what, the latest last."""
    from runtime.store.audit import entries
    from runtime.store.store import Store

    begin = since_of(since, time.time())
    store = Store.open(registry)
    try:
        with store.reading() as connection:
            found = list(entries(connection, about, begin, limit))
    finally:
        store.close()
    if as_json:
        print(json.dumps([values_of(entry) for entry in found], indent=1))
        return
    table = Table()
    for column in ("row", "when"):
        table.add_column(column, no_wrap=True)
    for column in ("who", "did", "to", "details"):
        table.add_column(column, overflow="fold")
    for entry in found:
        words = (entry.actor, entry.action, entry.object, entry.details)
        cells = (str(entry.seq), moment_text(int(entry.at)), *map(escaped, words))
        table.add_row(*map(escape, cells))
    Console().print(table)


@audit.command()
def verify(
    registry: RegistryFolder,
    head: Annotated[
        str,
        typer.Option(help="A head kept elsewhere, SEQ:HASH; the log must hold it still."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Say whether the log is whole; exit status 1 if a row was changed, moved or cut."""
    from runtime.store import audit as log
    from runtime.store.store import Store

    expected = log.parse_head(head) if head else None
    store = Store.open(registry)
    try:
        with store.reading() as connection:
            checked = log.verify(connection, expected)
    finally:
        store.close()
    if as_json:
        values = {"head": str(checked.head), "rows": checked.rows}
        print(json.dumps({**values, "faults": list(checked.faults)}, indent=1))
    elif not checked.faults:
        say(f"the log of {registry} is whole: {checked.rows} rows, head {checked.head}")
    else:
        say(f"the log of {registry} is not whole; keep the folder as it is:")
        for fault in checked.faults:
            say(f"  {fault}")
    if checked.faults:
        raise typer.Exit(1)


@db.command()
def status(registry: RegistryFolder, as_json: AsJson = False) -> None:
    """Say which revision the tables have and which one this program needs."""
    from runtime.store.upgrade import current, head, revisions_in

    found, needed = current(registry), head()
    if as_json:
        print(json.dumps({"revision": found, "needed": needed}, indent=1))
        return
    if found == needed:
        say(f"{registry}: revision {found}, which is what this program needs")
    elif found in revisions_in():
        say(
            f"{registry}: revision {found}; this program needs {needed}: run `leeboard db "
            f"upgrade --registry {registry}`"
        )
    else:
        say(f"{registry}: revision {found} of a newer program; this one needs {needed}")


@db.command()
def upgrade(
    registry: RegistryFolder,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the SQL and do nothing.")
    ] = False,
) -> None:
    """Bring the tables to what this program needs; a copy is made before that.

    Servers of an older program refuse the store from then on: replace them first.
    """
    from runtime.store import upgrade as upgrading

    done = upgrading.upgrade(registry, dry_run)
    if done.before == done.after:
        say(f"{registry} has revision {done.after} already")
    elif dry_run:
        print(done.sql, end="")
    else:
        say(
            f"{registry} went from revision {done.before} to {done.after}; the database "
            f"before that is {done.backup}"
        )


def backup_store(folder: Path, file: Path) -> None:
    """Write the store of a folder to one file, and say what is in it."""
    from runtime.store.backup import backup
    from runtime.store.store import Store

    store = Store.open(folder)
    try:
        saved = backup(store, file)
    finally:
        store.close()
    say(
        f"{file}: the database and {len(saved.blobs)} blobs, {saved.size} bytes; audit "
        f"head {saved.head}"
    )


def restore_store(file: Path, folder: Path) -> None:
    """Make a store of a backup in a new folder, and say what was in it."""
    from runtime.store.backup import restore

    saved = restore(file, folder)
    say(
        f"{folder}: the database and {len(saved.blobs)} blobs, held to their digests; "
        f"audit head {saved.head}"
    )
