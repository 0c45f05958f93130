"""``leeboard config``: the server's options, where they come from, and their schema."""

from __future__ import annotations

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

config = typer.Typer(
    help="Options of the server, and files that stand beside models.", no_args_is_help=True
)


class Which(StrEnum):
    """What a schema is for."""

    SERVER = "server"
    MODEL = "model"


@config.command()
def schema(
    which: Annotated[
        Which,
        typer.Argument(help="server: the file of --config; model: leeboard.yaml."),
    ] = Which.SERVER,
) -> None:
    """Print a JSON schema, for editors and checks."""
    if which is Which.MODEL:
        from runtime.models.leeboard_yaml import schema as schema_of
    else:
        from runtime.options.schema import schema as schema_of

    print(json.dumps(schema_of(), indent=2))


@config.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Files for --config.")],
) -> None:
    """Say all that is wrong with configuration files; exit status 1 if anything is."""
    from runtime.options.checking import mistakes_of

    found = {file: mistakes_of(file) for file in files}
    for file, mistakes in found.items():
        for mistake in mistakes:
            typer.echo(mistake, err=True)
        if not mistakes:
            print(f"{file}: good")
    raise typer.Exit(1 if any(found.values()) else 0)


def options_in_force(url: str) -> dict[str, dict[str, Any]]:
    """Return the options of a running server."""
    from runtime.operating.bundle import options_of

    return options_of(url)


def options_here(file: Path | None) -> dict[str, dict[str, Any]]:
    """Return the options that this environment and a file say."""
    from runtime.options.effective import as_values
    from runtime.options.sources import Sources, read_settings

    return as_values(read_settings(Sources({}, os.environ, file)))


@config.command()
def show(
    file: Annotated[
        Path | None, typer.Option("--config", help="A file, as for leeboard serve.")
    ] = None,
    url: Annotated[
        str, typer.Option(help="A running server of yours on this machine.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which options a server started here would have, or has, and who says so."""
    if url and file:
        raise typer.BadParameter("give either --config or --url")
    values = options_in_force(url) if url else options_here(file)
    if as_json:
        print(json.dumps(values, indent=1))
        return
    table = Table()
    for column in ("option", "value", "from"):
        table.add_column(column, overflow="fold")
    for key, said in values.items():
        value = "-" if said["value"] is None else json.dumps(said["value"])
        table.add_row(key, escape(value.strip('"')), escape(said["from"]))
    Console().print(table)
