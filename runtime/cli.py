"""The command line: every command of ``leeboard``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from runtime import __version__
from runtime.capacity.commands import bench
from runtime.config_commands import config
from runtime.credential_options import HERE, Credentials, Url, with_credentials
from runtime.errors import LeeboardError
from runtime.labels_commands import labels, quality
from runtime.model_commands import models
from runtime.monitor_commands import add_monitor_commands
from runtime.operator_commands import add_operator_commands
from runtime.registry_commands import registry
from runtime.serve_command import add_serve
from runtime.server_commands import server
from runtime.store_commands import audit, db
from runtime.token_commands import tokens
from runtime.version_commands import add_version_commands

app = typer.Typer(
    help="Serve models, watch them, replace them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(bench, name="bench")
app.add_typer(models, name="models")
app.add_typer(config, name="config")
app.add_typer(registry, name="registry")
app.add_typer(server, name="server")
app.add_typer(labels, name="labels")
app.add_typer(quality, name="quality")
app.add_typer(tokens, name="tokens")
app.add_typer(audit, name="audit")
app.add_typer(db, name="db")
console = Console(stderr=True)


def show_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        print(f"leeboard {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Version."),
    ] = False,
) -> None:
    """Serve models, watch them, replace them."""


add_serve(app)


@app.command()
@with_credentials
def infer(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    inputs: Annotated[
        list[str],
        typer.Option("--input", "-i", help="NAME=@FILE.npy, or NAME=JSON like x=[[1,2]]."),
    ],
    url: Url = HERE,
    version: Annotated[str, typer.Option(help="A version; default: the server's.")] = "",
    output: Annotated[
        list[str] | None, typer.Option("--output", "-o", help="NAME=@FILE.npy to save one.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the answer.")] = 60.0,
    *,
    credentials: Credentials,
) -> None:
    """Ask a model once and print its outputs."""
    from runtime.client import ask, save_outputs, show_outputs

    answer = ask(url, model, version, inputs, timeout, credentials.shown())
    show_outputs(answer)
    save_outputs(answer, output or [])


add_operator_commands(app)
add_version_commands(app)
add_monitor_commands(app)


def main() -> None:
    """Run the command line; an error of ours is one line and exit status 1."""
    try:
        app()
    except LeeboardError as error:
        console.print(
            f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
