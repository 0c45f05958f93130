"""``leeboard top``, ``leeboard why`` and ``leeboard support-bundle``."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from runtime.credential_options import HERE, Credentials, Json, Url, with_credentials
from runtime.listing import calling, path_of

Page = Annotated[
    str, typer.Option(help="The server's /metrics, if it is not found by itself.")
]


@with_credentials
def top(
    url: Url = HERE,
    metrics: Page = "",
    interval: Annotated[
        float, typer.Option(min=0.1, max=3600, help="Seconds between two looks.")
    ] = 1.0,
    once: Annotated[
        bool, typer.Option("--once", help="Look for one interval only.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --once: JSON.")] = False,
    *,
    credentials: Credentials,
) -> None:
    """Show what a server's models are doing, until Ctrl-C."""
    from runtime.operating import top as view
    from runtime.operating.looking import Looker, Metrics

    path_of(url)  # What is no address at all is told at once.
    if as_json and not once:
        raise typer.BadParameter("--json goes with --once")
    looker = Looker(url, Metrics(url, metrics), calling(credentials.shown()))
    never = threading.Event()

    def pause() -> bool:
        return not never.wait(interval)

    with suppress(KeyboardInterrupt):
        if not once:
            view.watch(looker, Console(), pause)
            return
        seen = view.look_twice(looker, pause)
        if as_json:
            print(json.dumps(view.as_values(seen), indent=1))
        else:
            print("\n".join(view.lines_of(seen)))
        raise typer.Exit(0 if seen.is_there else 1)


@with_credentials
def why(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    version: Annotated[str, typer.Option(help="One version; default: all.")] = "",
    url: Url = HERE,
    metrics: Page = "",
    as_json: Json = False,
    *,
    credentials: Credentials,
) -> None:
    """Say why a model is served as it is: since when, chosen by what, how it answers."""
    from runtime.operating.account import as_values, gather, sentences
    from runtime.operating.looking import Metrics

    call = calling(credentials.shown())
    account = gather(url, model, version, Metrics(url, metrics), call)
    if as_json:
        print(json.dumps(as_values(account), indent=1))
        return
    for line in sentences(account):
        print(line)


@with_credentials
def support_bundle(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write.")
    ] = Path("leeboard-support.tar.gz"),
    url: Url = HERE,
    metrics: Page = "",
    *,
    credentials: Credentials,
) -> None:
    """Put what helps to find a fault into one file; no secrets are in it."""
    from runtime.operating.bundle import collect, write_bundle
    from runtime.operating.looking import Metrics

    entries = collect(url, Metrics(url, metrics), calling(credentials.shown()))
    write_bundle(output, entries)
    for entry in entries:
        print(f"{entry.name}: {entry.trouble or f'{len(entry.content):,} bytes'}")
    print(f"{output} is written; look through it before you send it")


def add_operator_commands(app: typer.Typer) -> None:
    """Add the commands to an application."""
    app.command()(top)
    app.command()(why)
    app.command("support-bundle")(support_bundle)
