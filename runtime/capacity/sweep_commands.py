"""``leeboard bench sweep``: how much does a server bear?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from runtime.capacity.knee import Plan, Rule, Step
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
from runtime.capacity.plot import check_plot, save_plot
from runtime.capacity.report import Report
from runtime.capacity.scenario import Ask, Load
from runtime.capacity.sweep import (
    UNITS,
    Sweep,
    conclude,
    load_text,
    notes,
    number_text,
    run_sweep,
)
from runtime.errors import ConfigError

FACTORS = {"concurrency": 2.0, "rate": 1.5}


def read_range(text: str, option: str) -> tuple[float, float]:
    """Return the ends of FROM:TO.

    Examples
    --------
    >>> read_range("1:64", "--concurrency")
    (1.0, 64.0)
    """
    first, _, last = text.partition(":")
    try:
        return float(first), float(last)
    except ValueError as error:
        raise ConfigError(f"{option} is {text!r}; it must be FROM:TO, like 1:64") from error


def make_plan(concurrency: str | None, rate: str | None, rule: Rule) -> Plan:
    """Return the plan that exactly one of both options asks for."""
    if (concurrency is None) == (rate is None):
        raise ConfigError("give either --concurrency FROM:TO or --rate FROM:TO")
    if rate is not None:
        return Plan("rate", *read_range(rate, "--rate"), FACTORS["rate"], rule=rule)
    ends = read_range(str(concurrency), "--concurrency")
    if any(end != int(end) for end in ends):
        raise ConfigError(f"--concurrency is {concurrency}; both must be whole numbers")
    return Plan("concurrency", *ends, FACTORS["concurrency"], rule=rule)


def load_at(plan: Plan, usual: Load, value: float) -> Load:
    """Return the load of one step."""
    if plan.axis == "rate":
        return replace(usual, rate=value, concurrency=0)
    return replace(usual, rate=0.0, concurrency=int(value))


def cells(step: Step, is_knee: bool) -> list[str]:
    """Return a step's row of the table."""
    report = step.report
    latency = report.latency_us if report.ok else {}
    used = report.server.cpu_us_per_request if report.server else None
    verdict = "knee" if is_knee else "good" if step.good else step.words
    return [
        number_text(step.value),
        f"{report.throughput_rps:,.0f}",
        *(f"{latency[name]:,.0f}" if name in latency else "-" for name in ("p50", "p99")),
        f"{report.failed:,}",
        f"{report.client_busy:.0%}",
        f"{used:.1f}" if used is not None else "-",
        verdict,
    ]


def make_table(found: Sweep) -> Table:
    """Return all steps by load."""
    table = Table()
    for name in (UNITS[found.plan.axis], "answers/s", "p50 us", "p99 us", "failed",
                 "client busy", "server CPU us"):  # fmt: skip
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for step in sorted(found.steps, key=lambda step: step.value):
        table.add_row(*map(escape, cells(step, step is found.knee)))
    return table


def step_measurer(
    ask: Ask, plan: Plan, usual: Load, metrics_url: str, console: Console
) -> Callable[[float], Report]:
    """Find the server ready and return what measures one step, with its progress shown."""
    from runtime.capacity.load import prepare, run
    from runtime.capacity.progress import ProgressLine

    prepared = prepare(ask)

    def measure(value: float) -> Report:
        load = load_at(plan, usual, value)
        with ProgressLine(load, console) as line:
            return run(prepared, load, on_progress=line.draw, metrics_url=metrics_url)

    return measure


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where a sweep is kept besides the terminal."""

    json_file: Path | None
    plot: Path | None

    def check(self) -> None:
        """Raise ConfigError, before anything is measured, where one cannot be written."""
        if self.json_file is not None:
            check_writable(self.json_file)
        if self.plot is not None:
            check_plot(self.plot)

    def save(self, found: Sweep, title: str) -> None:
        """Write the files; a sweep without a step that was answered has no picture."""
        if self.json_file is not None:
            save_json(self.json_file, found.as_json())
        if self.plot is not None and any(step.report.ok for step in found.steps):
            save_plot(found, self.plot, title)


def show(found: Sweep, console: Console) -> None:
    """Print the table, where the knee is, and what a reader must know."""
    console.print(make_table(found))
    for line in (conclude(found), *notes(found)):
        console.print(escape(line), highlight=False, soft_wrap=True)


def sweep_command(
    target: Target,
    model: Model,
    version: Version = "",
    concurrency: Annotated[
        str | None,
        typer.Option(metavar="FROM:TO", help="Closed loops; requests in flight double."),
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(metavar="FROM:TO", help="Open loops; each step is half as much more."),
    ] = None,
    duration: Annotated[
        float, typer.Option(help="Seconds that are measured in each step.")
    ] = 5.0,
    warmup: Warmup = 1.0,
    p99_ms: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="A step with a higher p99 is not good. Default: for --rate ten times the "
            "first step's, for --concurrency none.",
        ),
    ] = None,
    arrivals: ArrivalsOption = "poisson",
    connections: Connections = None,
    profile: ProfileOption = "ordinary",
    batch: Batch = 1,
    shape: Shapes = None,
    data: Data = None,
    golden: Golden = None,
    seed: Seed = 0,
    header: Headers = None,
    metrics: Metrics = "",
    plot: Annotated[
        Path | None, typer.Option(help="Draw the sweep: .png, .svg or .html.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the reports of all steps here.")
    ] = None,
) -> None:
    """Raise the load on a model step by step until the server's knee is found.

    A step is good when at most 1 in 1000 requests failed, p99 is within its limit, and
    answers come at 98 % of the pace of requests (--rate) or throughput grew by 5 % for a
    doubling (--concurrency). The knee is the highest good step; three more steps close in
    on it. Ctrl-C ends the sweep and keeps what was measured.

    Exit status: 0 when the knee was found or lies above the range, 1 when not even the
    first step was good, when the client was the bottleneck, or when the sweep is partial.
    """
    rule = Rule() if p99_ms is None else Rule(p99_us=p99_ms * 1e3)
    plan = make_plan(concurrency, rate, rule)
    ask = Ask(
        target, model, version, batch, data, golden,
        shapes=read_shapes(shape),
        headers=read_headers(header),
        seed=seed,
    )  # fmt: skip
    usual = Load(
        rate=1.0, arrivals=arrivals, duration_s=duration, warmup_s=warmup,
        connections=connections or 0, profile=profile,
    )  # fmt: skip
    outputs = Outputs(json_file, plot)
    outputs.check()
    errors = Console(stderr=True)

    def tell(step: Step) -> None:
        words = "good" if step.good else step.words
        errors.print(f"{load_text(plan, step.value)}: {words}", highlight=False)

    found = run_sweep(plan, step_measurer(ask, plan, usual, metrics, errors), tell)
    show(found, Console())
    outputs.save(found, f"{model} on {target}")
    if found.end not in ("knee", "highest"):
        raise typer.Exit(1)


def register(bench: typer.Typer) -> None:
    """Add the command to ``leeboard bench``."""
    bench.command("sweep")(sweep_command)
