"""One server under every load: several repeats of each cell.

A cell is measured several times in a row with a warm-up before each; its figure is the
median. How long is chosen by the model, and longer where the first repeat shows that a
request takes much of it. How much strangers used of either processor is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, get_args

from benchmarks.machine import ForeignMeter
from benchmarks.peers.rows import Cell, Findings, Repeat, ServerRow, make_cell
from benchmarks.processes import BenchmarkError
from runtime.capacity.local import cpu_by_process, family
from runtime.capacity.local import used_ns as used_between
from runtime.capacity.scenario import Ask, Load, Profile
from runtime.errors import ConfigError, ServerError

if TYPE_CHECKING:
    from runtime.capacity.report import Report

CONCURRENCIES = (1, 8, 64)
PROFILES: tuple[Profile, ...] = get_args(Profile)
SECONDS = {"mlp": 0.5, "mid": 1.0, "wide": 0.6, "big": 0.8}
"""Length of one repeat; the warm-up before it has a third of that."""

WARM_UP = 1 / 3
LATENCIES = 3.0
"""How many requests one after another a repeat must have time for."""

MOST_S = 3.0
TIMEOUT_S = 20.0
"""After so long a request has failed; the slowest peer needs less than one second."""


@dataclass(frozen=True, slots=True)
class Started:
    """A server that has given its first right answer."""

    peer: str
    ask: Ask
    pid: int
    ready_s: float
    install_mib: float


Measure = Callable[[Ask, Load], "Report"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How often each cell is measured, and the share of the usual seconds."""

    repeats: int
    share: float


FULL = Plan(repeats=3, share=1.0)
QUICK = Plan(repeats=1, share=0.6)


def loads(model: str, plan: Plan) -> Iterator[Load]:
    """Return every load of a model, one repeat each."""
    seconds = SECONDS[model] * plan.share
    for profile, concurrency in product(PROFILES, CONCURRENCIES):
        yield Load(
            concurrency=concurrency,
            profile=profile,
            duration_s=seconds,
            warmup_s=seconds * WARM_UP,
            timeout_s=TIMEOUT_S,
        )


def run_time_s(peers: int, models: list[str], plan: Plan) -> float:
    """Return how long the measuring of so many peers takes, starts left out.

    Examples
    --------
    >>> round(run_time_s(7, list(SECONDS), FULL) / 60, 1)
    8.1
    """
    per_repeat = sum(SECONDS[model] for model in models) * plan.share * (1 + WARM_UP)
    return peers * len(PROFILES) * len(CONCURRENCIES) * plan.repeats * per_repeat


def measure_with_ours(ask: Ask, load: Load) -> Report:
    """Measure one run with this repository's load generator."""
    from runtime.capacity.load import measure

    return measure(ask, load)


def long_enough(load: Load, report: Report) -> Load:
    """Return the load, made longer where a request takes much of one repeat.

    Examples
    --------
    >>> load = Load(concurrency=64, duration_s=1.0, warmup_s=0.3)
    >>> from types import SimpleNamespace
    >>> slow = SimpleNamespace(latency_us={"p50": 800_000.0})
    >>> round(long_enough(load, slow).duration_s, 1)
    2.4
    """
    wanted_s = LATENCIES * report.latency_us.get("p50", 0.0) / 1e6
    if wanted_s <= load.duration_s:
        return load
    wanted_s = min(wanted_s, MOST_S)
    return replace(load, duration_s=wanted_s, warmup_s=wanted_s * WARM_UP)


def measure_once(server: Started, load: Load, measure: Measure) -> Repeat:
    """Run one repeat; BenchmarkError when it cannot be made.

    The generator takes Ctrl-C as the end of one run; here it is the end of everything.
    """
    pids = family(server.pid)
    meter = ForeignMeter()
    used_ns, used_s = cpu_by_process(pids), time.process_time()
    try:
        report = measure(server.ask, load)
    except (ConfigError, ServerError) as error:
        raise BenchmarkError(str(error)) from error
    if report.ended == "stopped":
        raise KeyboardInterrupt
    server_s = used_between(used_ns, cpu_by_process(pids)) / 1e9
    foreign = meter.stop(server_s, time.process_time() - used_s)
    return Repeat(report, foreign)


def measure_cell(server: Started, load: Load, times: int, measure: Measure) -> Cell:
    """Measure one load several times, longer if the first repeat was too short."""
    first = measure_once(server, load, measure)
    longer = long_enough(load, first.report)
    repeats = [first] if longer == load else []
    while len(repeats) < times:
        repeats.append(measure_once(server, longer, measure))
    return make_cell(server.peer, repeats)


def measure_server(
    server: Started, plan: Plan, findings: Findings, measure: Measure
) -> Iterator[Cell]:
    """Measure every cell of a server that was found ready, adding each as it comes.

    One run at the highest concurrency is thrown away before: servers that grow their
    memory with the load should not do it in the first cell. The server's own row follows
    the last cell, because memory is counted under load.
    """
    model = server.ask.model
    most = 0.0
    wanted = list(loads(model, plan))
    measure_once(server, max(wanted, key=lambda load: load.concurrency), measure)
    for load in wanted:
        cell = measure_cell(server, load, plan.repeats, measure)
        findings.cells.append(cell)
        most = max(most, cell.pss_mib or 0.0)
        yield cell
    ready_s = round(server.ready_s, 2)
    row = ServerRow(server.peer, model, ready_s, most, server.install_mib)
    findings.servers.append(row)
