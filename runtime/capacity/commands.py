"""The commands of ``leeboard bench``.

A command exits with 0 when a script may use what it found and with 1 when it must not.
What is heavy is imported when a command runs.
"""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from runtime.capacity import compare_commands
from runtime.capacity.options import (
    ArrivalsOption,
    Batch,
    Connections,
    Data,
    Golden,
    Headers,
    Metrics,
    Model,
    ProfileOption,
    Seed,
    Shapes,
    Target,
    Version,
    Warmup,
    check_writable,
    read_headers,
    read_shapes,
    save_json,
)
from runtime.capacity.scenario import Ask, Load

if TYPE_CHECKING:
    from runtime.capacity.load import OnProgress
    from runtime.capacity.report import Report
    from runtime.native.counted import Progress

bench = typer.Typer(
    help="Measure servers, and compare what was measured.", no_args_is_help=True
)

TIMEOUT_S = 60.0

INTERRUPTED = threading.Event()
"""Set by Ctrl-C: Python loses a KeyboardInterrupt that is raised within a finalizer."""


@bench.callback()
def end_like_ctrl_c() -> None:
    """End on SIGTERM as on Ctrl-C: what was measured is kept."""
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, and remember it; a handler of signals."""
    INTERRUPTED.set()
    raise KeyboardInterrupt


def until_interrupted(draw: OnProgress) -> OnProgress:
    """Return what draws progress, and raises the KeyboardInterrupt that was lost."""

    def look(progress: Progress) -> None:
        if INTERRUPTED.is_set():
            raise KeyboardInterrupt
        draw(progress)

    return look


def save_report(path: Path, report: Report) -> None:
    """Write a report as JSON; a reader sees all of it or none."""
    save_json(path, report.as_json())


def measure_and_show(ask: Ask, load: Load, metrics_url: str) -> Report:
    """Run a load with its progress on the terminal, and print what was found."""
    from rich.console import Console

    from runtime.capacity.load import prepare, run
    from runtime.capacity.progress import ProgressLine
    from runtime.capacity.render import show_report

    prepared = prepare(ask)
    with ProgressLine(load, Console(stderr=True)) as line:
        report = run(
            prepared,
            load,
            on_progress=until_interrupted(line.draw),
            metrics_url=metrics_url,
        )
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
    target: Target,
    model: Model,
    version: Version = "",
    rate: Annotated[
        float | None,
        typer.Option(help="Open loop: requests a second, whatever the answers do."),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(help="Closed loop: requests in flight, over all connections."),
    ] = None,
    arrivals: ArrivalsOption = "poisson",
    duration: Annotated[float, typer.Option(help="Seconds that are measured.")] = 10.0,
    warmup: Warmup = 1.0,
    requests: Annotated[
        int | None, typer.Option(help="Measure so many answers instead of --duration.")
    ] = None,
    connections: Connections = None,
    profile: ProfileOption = "ordinary",
    batch: Batch = 1,
    shape: Shapes = None,
    data: Data = None,
    golden: Golden = None,
    seed: Seed = 0,
    header: Headers = None,
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
    metrics: Metrics = "",
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
        shapes=read_shapes(shape),
        headers=read_headers(header),
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
