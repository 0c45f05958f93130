"""``leeboard versions``, ``rollback``, ``freeze``, ``unfreeze`` and ``retry``.

They ask the control port of one server. What all servers of a registry are to do is said
there: ``leeboard registry alias`` and ``leeboard registry freeze``.
"""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from runtime.control_client import ControlClient, find_server
from runtime.credential_options import Credentials, Json, with_credentials
from runtime.messages import Message, message
from runtime.printable import escaped
from runtime.server_commands import Server, values_of

CALL_S = 60.0

Model = Annotated[str, typer.Argument(help="The model's name.")]
AnyModel = Annotated[str, typer.Argument(help="The model's name; none: all.")]
Reason = Annotated[str, typer.Option(help="Why, for the log and for others.")]


def ask(server: str, credentials: Credentials, method: str, **fields: str) -> Message:
    """Return the answer of a method of leeboard.v1.Versions; raises ServerError."""
    prefix = "VersionsStatus" if method == "Status" else method
    request = message(f"leeboard.v1.{prefix}Request")(**fields)
    response = message(f"leeboard.v1.{prefix}Response")
    path = f"/leeboard.v1.Versions/{method}"
    with ControlClient(find_server(server), credentials.shown()) as client:
        return client.call(path, request, response, CALL_S)


@with_credentials
def versions(
    model: AnyModel = "",
    server: Server = "",
    *,
    credentials: Credentials,
    as_json: Json = False,
) -> None:
    """Say which versions a server holds of the models that follow a registry."""
    answer = values_of(ask(server, credentials, "Status", model=model))
    if as_json:
        print(json.dumps(answer, indent=1))
        return
    table = Table()
    for column in ("model", "alias", "points at", "version", "stage", "why"):
        table.add_column(column, overflow="fold")
    for each in answer["models"]:
        frozen = f"frozen {each['frozen']}" if each["frozen"] else ""
        head = [each["model"], each["alias"], str(each["wanted"] or "nothing")]
        rows = each["versions"] or [{"number": "-", "stage": "nothing", "why": ""}]
        for row in rows:
            why = "; ".join(filter(None, (row["why"], frozen)))
            cells = [*head, str(row["number"]), row["stage"], why]
            table.add_row(*(escape(escaped(cell)) for cell in cells))
            head, frozen = ["", "", ""], ""
    Console().print(table)
    if not answer["registry_reachable"]:
        print("the registry cannot be asked: everything stays as it is")


@with_credentials
def rollback(
    model: Model, reason: Reason = "", server: Server = "", *, credentials: Credentials
) -> None:
    """Serve the version again that served before; its alias is moved there, too."""
    done = ask(server, credentials, "Rollback", model=model, reason=reason)
    if done.warm:
        took = f"at once ({done.seconds * 1e3:.1f} ms)"
        print(f"{escaped(model)} went back from version {done.before} to {done.now} {took}")
    else:
        print(f"{escaped(model)} goes back from version {done.before} to {done.now}")
    if done.note:
        print(escaped(done.note))


@with_credentials
def freeze(
    model: AnyModel = "",
    reason: Reason = "",
    server: Server = "",
    *,
    credentials: Credentials,
) -> None:
    """Keep what a server serves, whatever the alias says; also after a restart."""
    done = ask(server, credentials, "Freeze", model=model, reason=reason)
    for each in done.models:
        print(f"{escaped(each.model)} stays on version {each.number}")


@with_credentials
def unfreeze(
    model: AnyModel = "", server: Server = "", *, credentials: Credentials
) -> None:
    """Have a server follow the alias again."""
    done = ask(server, credentials, "Unfreeze", model=model)
    for each in done.models:
        print(f"{escaped(each)} follows its alias")
    if not done.models:
        print("nothing was frozen here")


@with_credentials
def retry(model: Model, server: Server = "", *, credentials: Credentials) -> None:
    """Have a server try a version again that it could not load."""
    ask(server, credentials, "Retry", model=model)
    print(f"{escaped(model)} is tried again")


def add_version_commands(app: typer.Typer) -> None:
    """Add the commands to an application."""
    for command in (versions, rollback, freeze, unfreeze, retry):
        app.command()(command)
