"""``leeboard server``: what a running server is, and who one is to it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from runtime.access.credentials import Shown
from runtime.control_client import ControlClient, find_server
from runtime.credential_options import Credentials, Json, with_credentials
from runtime.messages import Message, message
from runtime.printable import escaped

server = typer.Typer(
    help="A running server, through its control port.", no_args_is_help=True
)

Server = Annotated[
    str,
    typer.Option(help="HOST:PORT or unix:PATH; else $LEEBOARD_SERVER, 127.0.0.1:8003."),
]


def ask(target: str, shown: Shown, method: str) -> Message:
    """Return the answer of a method of leeboard.v1.Server that takes no arguments."""
    request, response = (message(f"leeboard.v1.{method}{way}")
                         for way in ("Request", "Response"))  # fmt: skip
    with ControlClient(target, shown) as client:
        return client.call(f"/leeboard.v1.Server/{method}", request(), response)


def values_of(answer: Message) -> dict[str, Any]:
    """Return an answer as JSON values, with what is empty."""
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(
        answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def words(texts: list[str]) -> str:
    """Return texts in one line; a dash for none."""
    return escaped(", ".join(texts)) or "-"


@server.command()
@with_credentials
def info(
    server: Server = "",
    *,
    credentials: Credentials,
    as_json: Json = False,
) -> None:
    """Say which version runs, since when, on which ports, and what is switched on."""
    shown = credentials.shown()
    answer = values_of(ask(find_server(server), shown, "Info"))
    started = datetime.fromtimestamp(answer["started_at"], UTC).isoformat(" ", "seconds")
    if as_json:
        print(json.dumps(answer, indent=1))
        return
    print(f"leeboard {escaped(answer['version'])} ({escaped(answer['build'])})")
    print(f"started   {started}, {'ready' if answer['ready'] else 'not ready'}")
    ports = (f"{p} {answer[f'{p}_port']}" for p in ("grpc", "http", "control"))
    print(f"ports     {', '.join(ports)}")
    print(f"features  {words(answer['features'])}")
    print(f"services  {words(answer['services'])}")
    print(f"you may   {words(answer['roles'])}")


@server.command()
@with_credentials
def whoami(
    server: Server = "",
    *,
    credentials: Credentials,
    as_json: Json = False,
) -> None:
    """Say who the server takes us for, and what that identity may do."""
    shown = credentials.shown()
    answer = values_of(ask(find_server(server), shown, "WhoAmI"))
    if as_json:
        print(json.dumps(answer, indent=1))
        return
    quota = {k: v for k, v in answer.get("quota", {}).items() if v}
    print(f"identity  {escaped(answer['identity']) or 'nobody is asked here'}")
    print(f"roles     {words(answer['roles'])}")
    print(f"models    {escaped(', '.join(answer['models'])) or 'all'}")
    print(f"quota     {', '.join(f'{k} {v:g}' for k, v in quota.items()) or 'none'}")
