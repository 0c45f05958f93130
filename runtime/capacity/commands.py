"""The commands of ``leeboard bench``.

A command exits with 0 when a script may use what it found and with 1 when it must not.
What is heavy is imported when a command runs.
"""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runtime.capacity import compare_commands
from runtime.capacity.scenario import Arrivals, Ask, Load, Profile
from runtime.errors import ConfigError

if TYPE_CHECKING:
    from runtime.capacity.report import Report

bench = typer.Typer(
    help="Measure servers, and compare what was measured.", no_args_is_help=True
)

TIMEOUT_S = 60.0
HEADER_NAME = re.compile(r"[0-9a-z_.-]+")


@bench.callback()
def end_like_ctrl_c() -> None:
    """End on SIGTERM as on Ctrl-C: what was measured is kept."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def parse_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """Return name and sizes of ``NAME:D1,D2``; a name may have colons.

    Examples
    --------
    >>> parse_shape("ids:0:128,4")
    ('ids:0', (128, 4))
    """
    name, _, sizes = text.rpartition(":")
    try:
        shape = tuple(int(size) for size in sizes.split(",")) if sizes else ()
    except ValueError:
        name = ""
    if not name:
        raise ConfigError(f"--shape {text!r} is not NAME:D1,D2")
    return name, shape


def parse_header(text: str) -> tuple[str, str]:
    """Return name, in lower case, and value of ``NAME:VALUE``.

    Examples
    --------
    >>> parse_header("Authorization: Bearer x:y")
    ('authorization', 'Bearer x:y')
    """
    name, separator, value = text.partition(":")
    name, value = name.strip().lower(), value.strip()
    is_ours = name.startswith("grpc-") or name in ("te", "content-type")
    is_text = value.isascii() and value.isprintable()
    if not separator or not HEADER_NAME.fullmatch(name) or is_ours or not is_text:
        raise ConfigError(f"--header {name!r} is not NAME:VALUE, or gRPC's own")
    return name, value


def check_writable(path: Path) -> None:
    """Raise ConfigError where a file cannot be written, before anything is measured."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--json {path}: {error.strerror}") from error
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise ConfigError(f"--json {path} cannot be written")


def save_report(path: Path, report: Report) -> None:
    """Write a report as JSON; a reader sees all of it or none."""
    from runtime.capacity.files import write_json

    try:
        write_json(path, report.as_json())
    except OSError as error:
        raise ConfigError(f"--json {path}: {error.strerror}") from error


def measure_and_show(ask: Ask, load: Load, metrics_url: str) -> Report:
    """Run a load with its progress on the terminal, and print what was found."""
    from rich.console import Console

    from runtime.capacity.load import prepare, run
    from runtime.capacity.progress import ProgressLine
    from runtime.capacity.render import show_report

    prepared = prepare(ask)
    with ProgressLine(load, Console(stderr=True)) as line:
        report = run(prepared, load, on_progress=line.draw, metrics_url=metrics_url)
    show_report(report, Console())
    return report


def end(report: Report, max_errors: float) -> None:
    """Exit with 1 when a script must notice, saying why."""
    from rich.console import Console

    from runtime.capacity.findings import refusals

    reasons = refusals(report, max_errors)
    if reasons:
        Console(stderr=True).print(
            f"[bold red]error:[/] {'; '.join(reasons)}", highlight=False, soft_wrap=True
        )
        raise typer.Exit(1)


@bench.command("load")
def load_command(
    target: Annotated[
        str, typer.Argument(metavar="HOST:PORT", help="A KServe v2 gRPC server.")
    ],
    model: Annotated[str, typer.Option("--model", "-m", help="The model's name.")],
    version: Annotated[str, typer.Option(help="A version; default: the server's.")] = "",
    rate: Annotated[
        float | None,
        typer.Option(help="Open loop: requests a second, whatever the answers do."),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(help="Closed loop: requests in flight, over all connections."),
    ] = None,
    arrivals: Annotated[
        Arrivals, typer.Option(help="How an open loop spaces its requests.")
    ] = "poisson",
    duration: Annotated[float, typer.Option(help="Seconds that are measured.")] = 10.0,
    warmup: Annotated[float, typer.Option(help="Seconds before that.")] = 1.0,
    requests: Annotated[
        int | None, typer.Option(help="Measure so many answers instead of --duration.")
    ] = None,
    connections: Annotated[
        int | None,
        typer.Option(help="Connections; default: 8, or as many as are in flight."),
    ] = None,
    profile: Annotated[
        Profile,
        typer.Option(
            help="packed writes many requests at once; ordinary one by one, like gRPC "
            "clients."
        ),
    ] = "ordinary",
    batch: Annotated[int, typer.Option(help="Rows of one request.")] = 1,
    shape: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME:D1,D2 for an input's free sizes, without the batch dimension. May "
            "be repeated."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Inputs: .npy, .npz, or JSON as for perf_analyzer."),
    ] = None,
    golden: Annotated[
        Path | None, typer.Option(help="The outputs that answer --data; each is checked.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of random inputs and arrivals.")] = 0,
    header: Annotated[
        list[str] | None,
        typer.Option(help="NAME:VALUE to send with every request. May be repeated."),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            help="Seconds after which a request has failed; the server is told. Without: "
            "60, and it is not."
        ),
    ] = None,
    max_in_flight: Annotated[
        int,
        typer.Option(min=1, help="Open loop: requests beyond this wait in the client."),
    ] = 10_000,
    metrics: Annotated[
        str, typer.Option(help="The server's /metrics, if it is not found by itself.")
    ] = "",
    max_errors: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of requests that may fail; more: status 1."),
    ] = 0.0,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the report here.")
    ] = None,
) -> None:
    """Put load on a model of any KServe v2 gRPC server and measure its answers.

    Give --rate or --concurrency. Ctrl-C ends the run and keeps what was measured.

    Exit status: 0 for a measurement, 1 when there is none, when it is partial, when more
    requests failed than --max-errors, or when this client could not send the --rate.
    """
    ask = Ask(
        target, model, version, batch, data, golden,
        shapes=dict(parse_shape(text) for text in shape or []),
        headers=tuple(parse_header(text) for text in header or []),
        seed=seed,
    )  # fmt: skip
    load = Load(
        rate or 0.0, concurrency or 0, arrivals, duration, warmup, requests or 0,
        connections=connections or 0, profile=profile, max_in_flight=max_in_flight,
        timeout_s=TIMEOUT_S if timeout is None else timeout,
        tells_deadline=timeout is not None,
    )  # fmt: skip
    if json_file is not None:
        check_writable(json_file)
    report = measure_and_show(ask, load, metrics)
    if json_file is not None:
        save_report(json_file, report)
    end(report, max_errors)


compare_commands.register(bench)
