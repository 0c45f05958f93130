"""``leeboard serve``: its parameters come from the table of options."""

from __future__ import annotations

import inspect
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from runtime import __version__
from runtime.addresses import address
from runtime.config import parse_address
from runtime.options.option import Kind, Option
from runtime.options.sources import Sources
from runtime.options.table import OPTIONS, PATH
from runtime.printable import escaped

if TYPE_CHECKING:
    from runtime.app import App
    from runtime.options.rereading import LivingOptions
    from runtime.running.reloads import Reread

TYPES: dict[Kind, Any] = {
    Kind.TEXT: str | None,
    Kind.INTEGER: int | None,
    Kind.NUMBER: float | None,
    Kind.SWITCH: bool | None,
    Kind.PATH: Path | None,
    Kind.TEXTS: list[str] | None,
}
CONFIG_HELP = "YAML with options; flags and LEEBOARD_ variables win over it."
EPILOG = (
    "Every option is also a variable, as LEEBOARD_GRPC_PORT, and a key of the file that "
    "--config or LEEBOARD_CONFIG names: leeboard config schema."
)


def show_table(running: App) -> None:
    """Print what is served, where, and how."""
    table = Table(title=f"leeboard {__version__}", title_justify="left")
    for column in ("model", "version", "state", "batch", "workers", "loaded in", "notes"):
        table.add_column(column, overflow="fold")
    for version in running.manager.versions:
        loaded = version.loaded
        notes = "; ".join(loaded.report.notes) if loaded else version.reason
        table.add_row(
            escape(escaped(version.source.name)),
            version.source.version,
            version.state.name,
            str(version.close_rows) if version.max_batch_size else "no",
            str(sum(i.serving for i in version.instances)),
            f"{loaded.load_s:.2f} s" if loaded else "-",
            escape(escaped(notes)),
        )
    console = Console(stderr=True)
    console.print(table)
    line = escape(escaped("   ".join(places(running))))
    console.print(line, soft_wrap=True, highlight=False)


def places(running: App) -> Iterator[str]:
    """Yield where the server listens, and what a client has to show there."""
    config = running.config
    has_tls = config.tls.certificate is not None
    mutual = " with client certificates" if config.tls.client_ca else ""
    secured = f" (TLS{mutual})" if has_tls else ""
    host, (port, *ports) = config.listen.host, running.plane.ports
    yield f"gRPC {address(host, port)}{secured}"
    for text in config.listen.also:
        also = parse_address(text, has_tls)
        where = f"unix:{also.path}" if also.path else address(also.host, ports.pop(0))
        yield f"also {where}{secured if also.tls else ''}"
    http = address(host, running.endpoint.port if running.endpoint else 0)
    yield f"metrics http://{http}/metrics"
    if running.control is not None:
        yield f"control {running.control.where}{secured}"
    if running.swaps is not None:
        yield f"registry {running.swaps.source.place}"
    if config.access.tokens is not None:
        yield "tokens are asked for"
    elif config.access.insecure:
        yield "everybody is let in"


def serve(path: Path | None, config: Path | None, **flags: object) -> None:
    """Serve the models at PATH until Ctrl-C; a second Ctrl-C does not wait."""
    from runtime.options.rereading import LivingOptions

    given = {**flags, PATH.name: path}
    options = LivingOptions(Sources(given, os.environ, config))
    said = {s.option.field: s.value for s in options.settings}
    if not said[PATH.field] and not said["registry.models"]:
        raise typer.BadParameter(
            f"Missing argument 'PATH': give it here, as {PATH.variable}, or as "
            f"{PATH.key} in --config; or serve from a registry with --registry and --model"
        )
    raise typer.Exit(run(options))


def run(options: LivingOptions) -> int:
    """Run a server with options; returns its exit status."""
    from runtime.app import serve as serve_app
    from runtime.options.effective import Effective

    config = options.config()
    logging.basicConfig(
        level=config.logs.level.upper(),
        format="%(asctime)s %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    effective = Effective()

    def reread() -> Reread:
        found = options.reread()
        effective.write(options.settings)
        return found

    try:
        effective.write(options.settings)
        return serve_app(config, show_table, reread)
    finally:
        effective.close()


def help_of(option: Option) -> str:
    """Return what help says of an option."""
    default = option.default
    if option.kind is Kind.SWITCH or default in (None, "", ()):
        return option.meaning
    shown = f"{default:g}" if isinstance(default, float) else default
    return f"{option.meaning} Default: {shown}."


def parameter(option: Option) -> inspect.Parameter:
    """Return an option as a parameter of the command; None when it is not given."""
    flag, words = option.flag, help_of(option)
    names = f"{flag}/--no-{flag[2:]}" if option.kind is Kind.SWITCH else flag
    is_argument = option is PATH
    about = (
        typer.Argument(help=words, show_default=False)
        if is_argument
        else typer.Option(names, help=words, show_default=False)
    )
    return inspect.Parameter(
        option.name,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=None,
        annotation=Annotated[TYPES[option.kind], about],
    )


def parameters() -> Iterator[inspect.Parameter]:
    """Yield all parameters of the command."""
    yield from map(parameter, OPTIONS)
    about = typer.Option("--config", help=CONFIG_HELP, show_default=False)
    yield inspect.Parameter(
        "config",
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=None,
        annotation=Annotated[Path | None, about],
    )


def add_serve(app: typer.Typer) -> None:
    """Add the command to an application."""
    found = list(parameters())
    vars(serve)["__signature__"] = inspect.Signature(found)
    serve.__annotations__ = {each.name: each.annotation for each in found}
    app.command(epilog=EPILOG)(serve)
