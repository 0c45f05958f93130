"""Options of commands that ask a server: where it is, who we are and whom we trust."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from runtime.access.credentials import Shown, find_token

Url = Annotated[
    str, typer.Option(help="The server's gRPC address, HOST:PORT or unix:PATH.")
]
HERE = "127.0.0.1:8001"

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

TokenFile = Annotated[
    Path | None,
    typer.Option(help="Holds the token; else $LEEBOARD_TOKEN_FILE, $LEEBOARD_TOKEN."),
]
Ca = Annotated[Path | None, typer.Option(help="PEM of the server's authority: use TLS.")]
Cert = Annotated[Path | None, typer.Option(help="PEM of our own certificate.")]
Key = Annotated[Path | None, typer.Option(help="PEM of its key.")]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the options name; no file is read before `shown` asks for it."""

    token_file: TokenFile = None
    ca: Ca = None
    cert: Cert = None
    key: Key = None

    def shown(self) -> Shown:
        """Return what a client shows; raises ConfigError where that is no token."""
        return Shown(find_token(self.token_file), self.ca, self.cert, self.key)


def with_credentials(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command whose keyword `credentials` is given by four options.

    The options stand where `credentials` does among the command's parameters.
    """

    @functools.wraps(command)
    def asked(
        *,
        token_file: Path | None,
        ca: Path | None,
        cert: Path | None,
        key: Path | None,
        **others: object,
    ) -> None:
        command(credentials=Credentials(token_file, ca, cert, key), **others)

    own = inspect.signature(command, eval_str=True)
    files = inspect.signature(Credentials, eval_str=True).parameters
    parameters: list[inspect.Parameter] = []
    for each in own.parameters.values():
        if each.name == "credentials":
            parameters += (p.replace(kind=each.kind) for p in files.values())
        else:
            parameters.append(each)
    vars(asked)["__signature__"] = own.replace(parameters=parameters)
    asked.__annotations__ = {each.name: each.annotation for each in parameters}
    return asked
