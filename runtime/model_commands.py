"""``leeboard models``: what a running server serves, and changing that."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from runtime.credential_options import HERE, Credentials, Json, Url, with_credentials
from runtime.errors import ConfigError
from runtime.listing import (
    Shown,
    calling,
    list_models,
    load_model,
    show_model,
    unload_model,
)
from runtime.messages import Message

models = typer.Typer(help="Models of a running server.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The model's name.")]
Version = Annotated[str, typer.Option(help="One version; default: all.")]


def grid(*columns: str) -> Table:
    """Return an empty table whose cells fold."""
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


@models.command("list")
@with_credentials
def list_command(
    url: Url = HERE,
    as_json: Json = False,
    *,
    credentials: Credentials,
) -> None:
    """Say which models a server has, in which state, and what is wrong with them."""
    listed = list_models(url, call=calling(credentials.shown()))
    if as_json:
        print(json.dumps([asdict(model) for model in listed], indent=1))
        return
    table = grid("model", "version", "state", "what is wrong")
    for model in listed:
        table.add_row(*map(escape, (model.name, model.version, model.state, model.reason)))
    Console().print(table)


@models.command()
@with_credentials
def show(
    name: Name,
    version: Version = "",
    url: Url = HERE,
    as_json: Json = False,
    *,
    credentials: Credentials,
) -> None:
    """Say how a model is served, and what its load found out step by step."""
    found = show_model(url, name, version, call=calling(credentials.shown()))
    if as_json:
        print(json.dumps([as_values(shown) for shown in found], indent=1))
        return
    for shown in found:
        print_shown(Console(), shown)


@models.command()
@with_credentials
def load(
    name: Name,
    version: Version = "",
    config: Annotated[
        Path | None, typer.Option(help="A ModelConfig as JSON, in place of the model's.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.")] = 600.0,
    url: Url = HERE,
    *,
    credentials: Credentials,
) -> None:
    """Load a model, or load it again; ends when it serves."""
    try:
        text = config.read_text(encoding="utf-8") if config else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{config} cannot be read: {error}") from error
    call = calling(credentials.shown())
    load_model(url, name, version, text, timeout, call=call)
    print(f"{name} is loaded")


@models.command()
@with_credentials
def unload(
    name: Name,
    version: Version = "",
    url: Url = HERE,
    *,
    credentials: Credentials,
) -> None:
    """Take a model out of service; requests that it has are finished."""
    unload_model(url, name, version, call=calling(credentials.shown()))
    print(f"{name} is unloaded")


def as_values(shown: Shown) -> dict[str, Any]:
    """Return one version as JSON values."""
    config = None
    if shown.config is not None:
        from google.protobuf.json_format import MessageToDict

        config = MessageToDict(shown.config, preserving_proto_field_name=True)
        config.pop("parameters", None)
    return {**asdict(shown.listed), "config": config, "load_report": shown.report}


def print_shown(console: Console, shown: Shown) -> None:
    """Print one version for people."""
    listed = shown.listed
    head = f"{listed.name} version {listed.version}: {listed.state}"
    console.print(escape(f"{head}, {listed.reason}" if listed.reason else head))
    if shown.config is not None:
        console.print(tensors_of(shown.config))
    if shown.report is None:
        return
    steps = grid("step", "ms", "found")
    for step in shown.report["steps"]:
        steps.add_row(step["name"], f"{step['seconds'] * 1e3:.1f}", escape(step["found"]))
    console.print(steps)
    for note in shown.report["notes"]:
        console.print(escape(f"note: {note}"))
    console.print(
        escape(
            f"file {shown.report['file_bytes']:,} bytes, memory "
            f"{shown.report['memory_bytes'] / 2**20:.1f} MiB, one row "
            f"{shown.report['run_us']:.0f} us, sha256 {shown.report['digest']}"
        )
    )


def tensors_of(config: Message) -> Table:
    """Return a table of a configuration's inputs and outputs."""
    table = grid(
        "tensor", "", "datatype", "dims of a row" if config.max_batch_size else "dims"
    )
    for way, tensors in (("input", config.input), ("output", config.output)):
        for tensor in tensors:
            kind = tensor.DESCRIPTOR.fields_by_name["data_type"].enum_type
            name = kind.values_by_number[tensor.data_type].name.removeprefix("TYPE_")
            table.add_row(escape(tensor.name), way, name, str(list(tensor.dims)))
    return table
