"""Options of commands that ask a server: where it is, who we are and whom we trust."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Url = Annotated[
    str, typer.Option(help="The server's gRPC address, HOST:PORT or unix:PATH.")
]
HERE = "127.0.0.1:8001"

TokenFile = Annotated[
    Path | None,
    typer.Option(help="Holds the token; else $LEEBOARD_TOKEN_FILE, $LEEBOARD_TOKEN."),
]
Ca = Annotated[Path | None, typer.Option(help="PEM of the server's authority: use TLS.")]
Cert = Annotated[Path | None, typer.Option(help="PEM of our own certificate.")]
Key = Annotated[Path | None, typer.Option(help="PEM of its key.")]
