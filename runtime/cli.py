"""The command line: ``leeboard serve``, ``leeboard infer`` and ``leeboard bench``."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from runtime import __version__
from runtime.capacity.commands import bench
from runtime.config import (
    MIB,
    MODES,
    Batching,
    Config,
    Listen,
    Repository,
    Workers,
    parse_cpus,
)
from runtime.errors import LeeboardError
from runtime.model_commands import models

if TYPE_CHECKING:
    from runtime.app import App

app = typer.Typer(
    help="Serve models, watch them, replace them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(bench, name="bench")
app.add_typer(models, name="models")
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


def show_table(running: App) -> None:
    """Print what is served, where, and how."""
    table = Table(title=f"leeboard {__version__}", title_justify="left")
    for column in ("model", "version", "state", "batch", "workers", "loaded in", "notes"):
        table.add_column(column, overflow="fold")
    for version in running.manager.versions:
        loaded = version.loaded
        notes = "; ".join(loaded.report.notes) if loaded else version.reason
        table.add_row(
            escape(version.source.name),
            version.source.version,
            version.state.name,
            str(version.close_rows) if version.max_batch_size else "no",
            str(sum(i.serving for i in version.instances)),
            f"{loaded.load_s:.2f} s" if loaded else "-",
            escape(notes),
        )
    console.print(table)
    from runtime.app import address

    host = running.config.listen.host
    grpc = address(host, running.plane.port)
    http = address(host, running.endpoint.port if running.endpoint else 0)
    console.print(escape(f"gRPC {grpc}   metrics http://{http}/metrics"))


@app.command()
def serve(
    path: Annotated[Path, typer.Argument(help="A model file, or a folder MODEL/VERSION/.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    grpc_port: Annotated[
        int, typer.Option(help="KServe v2 gRPC; 0 takes a free one.")
    ] = 8001,
    http_port: Annotated[int, typer.Option(help="Metrics and probes; 0 is free.")] = 8002,
    max_batch_size: Annotated[
        int | None, typer.Option(help="Rows of a batch; 0 is none. Default: 64 if proven.")
    ] = None,
    max_queue_delay_us: Annotated[
        int, typer.Option(help="How long a batch may be held back to fill up.")
    ] = 0,
    max_queue_size: Annotated[
        int, typer.Option(help="Requests of a model that may wait for a worker.")
    ] = Batching().max_queue_size,
    instances: Annotated[int, typer.Option(help="Worker processes of each model.")] = 1,
    threads: Annotated[int, typer.Option(help="Compute threads of each worker.")] = 1,
    batch_timeout: Annotated[
        float, typer.Option(help="Seconds a batch may take; 0: 20 x the slowest, >= 10.")
    ] = 0.0,
    worker_memory: Annotated[
        int, typer.Option(help="MiB that a worker may use of its own; 0 is no bound.")
    ] = 0,
    worker_cpus: Annotated[
        str, typer.Option(help="Processors that workers may use, like 2,4-7.")
    ] = "",
    warmup: Annotated[
        Path | None, typer.Option(help=".npz with inputs for the load check.")
    ] = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="Written, as JSON, once models are ready.")
    ] = None,
    exit_timeout: Annotated[
        float, typer.Option(help="Seconds that a stop waits for requests in flight.")
    ] = 30.0,
    strict: Annotated[
        bool, typer.Option(help="End with an error if any model cannot be loaded.")
    ] = False,
    load_timeout: Annotated[
        float, typer.Option(help="Seconds that loading one model may take.")
    ] = Workers().load_timeout_s,
    model_control_mode: Annotated[
        str, typer.Option(help=f"When models are loaded: {', '.join(MODES)}.")
    ] = Repository().mode,
    load_model: Annotated[
        list[str] | None,
        typer.Option(help="Mode explicit: loaded at the start; * is all."),
    ] = None,
    repository_poll_secs: Annotated[
        float, typer.Option(help="Seconds between two looks at the folder, in mode poll.")
    ] = Repository().poll_s,
    allow_module: Annotated[
        list[str] | None, typer.Option(help="Package whose factories may make modules.")
    ] = None,
    allow_repository_rpc: Annotated[
        bool, typer.Option(help="Let clients of other machines load and unload models.")
    ] = False,
) -> None:
    """Serve the models at PATH until Ctrl-C; a second Ctrl-C does not wait."""
    from runtime.app import serve as run

    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    config = Config(
        path=path,
        listen=Listen(host, grpc_port, http_port),
        batching=Batching(
            max_batch_size, max_queue_delay_us, max_queue_size, batch_timeout
        ),
        workers=Workers(
            instances,
            threads,
            load_timeout_s=load_timeout,
            memory_bytes=worker_memory * MIB,
            cpus=parse_cpus(worker_cpus),
            modules=tuple(allow_module or ()),
        ),
        repository=Repository(
            model_control_mode,
            tuple(load_model or ()),
            repository_poll_secs,
            allow_repository_rpc,
        ),
        warmup=warmup,
        ready_file=ready_file,
        exit_timeout_s=exit_timeout,
        strict=strict,
    )
    raise typer.Exit(run(config, show_table))


@app.command()
def infer(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    inputs: Annotated[
        list[str],
        typer.Option("--input", "-i", help="NAME=@FILE.npy, or NAME=JSON like x=[[1,2]]."),
    ],
    url: Annotated[str, typer.Option(help="The server's gRPC address.")] = "127.0.0.1:8001",
    version: Annotated[str, typer.Option(help="A version; default: the server's.")] = "",
    output: Annotated[
        list[str] | None, typer.Option("--output", "-o", help="NAME=@FILE.npy to save one.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the answer.")] = 60.0,
) -> None:
    """Ask a model once and print its outputs."""
    from runtime.client import ask, save_outputs, show_outputs

    answer = ask(url, model, version, inputs, timeout)
    show_outputs(answer)
    save_outputs(answer, output or [])


config_app = typer.Typer(help="What may stand beside a model.", no_args_is_help=True)
app.add_typer(config_app, name="config")


@config_app.command()
def schema() -> None:
    """Print the JSON schema of leeboard.yaml, for editors and checks."""
    import json

    from runtime.models.leeboard_yaml import schema as schema_of

    print(json.dumps(schema_of(), indent=2))


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
