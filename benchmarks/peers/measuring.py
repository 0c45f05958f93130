"""One server under every load: several repeats of each cell.

A cell is measured several times in a row with a warm-up before each; its figure is the
median. A repeat is a number of requests, chosen after a short run that tells the rate. How
much strangers used of either processor is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import ceil
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
SECONDS = {"mlp": 0.5, "mid": 0.8, "wide": 0.6, "big": 0.8}
"""Length of one repeat, about; the warm-up before it has a third of that."""

WARM_UP = 1 / 3
LEAST_WAVES = 3
"""How often a repeat must have asked and been answered all that is in flight."""

PILOT = 64
SPARE = 2
QUIET = 0.25
"""Share of the server's processor that strangers may take from a repeat that counts."""

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


Generate = Callable[[Ask, Load], "Report"]
Measure = Callable[[Started, Load], Repeat]


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
    """Return how long so many peers take, starts and short runs left out.

    Examples
    --------
    >>> round(run_time_s(7, list(SECONDS), FULL) / 60, 1)
    7.6
    """
    per_repeat = sum(SECONDS[model] for model in models) * plan.share * (1 + WARM_UP)
    return peers * len(PROFILES) * len(CONCURRENCIES) * plan.repeats * per_repeat


def generate(ask: Ask, load: Load) -> Report:
    """Make one run with this repository's load generator."""
    from runtime.capacity.load import measure

    return measure(ask, load)


def watched(server: Started, load: Load, generate: Generate = generate) -> Repeat:
    """Make one run and tell what strangers used; BenchmarkError when it cannot be made.

    The generator takes Ctrl-C as the end of one run; here it is the end of everything.
    """
    pids = family(server.pid)
    meter = ForeignMeter()
    used_ns, used_s = cpu_by_process(pids), time.process_time()
    try:
        report = generate(server.ask, load)
    except (ConfigError, ServerError) as error:
        raise BenchmarkError(str(error)) from error
    if report.ended == "stopped":
        raise KeyboardInterrupt
    server_s = used_between(used_ns, cpu_by_process(pids)) / 1e9
    foreign = meter.stop(server_s, time.process_time() - used_s)
    return Repeat(report, foreign)


def pilot(load: Load) -> Load:
    """Return a short run that tells the rate."""
    at_once = load.concurrency
    return replace(load, requests=max(at_once, PILOT), warmup_requests=at_once)


def counted(load: Load, rate: float) -> Load:
    """Return a run of so many requests as take the load's time at this rate.

    They are a multiple of what is in flight, and three times that at least: a batching
    server answers all of it at once, and the end of a timed run would cut a batch.

    Examples
    --------
    >>> made = counted(Load(concurrency=64, duration_s=1.0, warmup_s=0.3), 240.0)
    >>> made.requests, made.warmup_requests
    (256, 128)
    """
    if rate <= 0.0:
        return load
    waves = max(LEAST_WAVES, ceil(rate * load.duration_s / load.concurrency))
    warm_up = max(1, ceil(rate * load.warmup_s / load.concurrency))
    return replace(
        load, requests=waves * load.concurrency, warmup_requests=warm_up * load.concurrency
    )


def disturbance(repeat: Repeat) -> float:
    """Return the strangers' share of the server's processor."""
    return repeat.foreign["server"]


def measure_cell(server: Started, load: Load, times: int, measure: Measure) -> Cell:
    """Measure one load several times.

    A repeat during which strangers took much of the server's processor is made again,
    but only so often; the least disturbed count, never the ones with the best figure.
    """
    wanted = counted(load, measure(server, pilot(load)).report.throughput_rps)
    repeats: list[Repeat] = []
    quiet = 0
    while quiet < times and len(repeats) < times + SPARE:
        repeats.append(measure(server, wanted))
        quiet += disturbance(repeats[-1]) <= QUIET
    return make_cell(server.peer, sorted(repeats, key=disturbance)[:times])


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
    measure(server, pilot(max(wanted, key=lambda load: load.concurrency)))
    for load in wanted:
        cell = measure_cell(server, load, plan.repeats, measure)
        findings.cells.append(cell)
        most = max(most, cell.pss_mib or 0.0)
        yield cell
    ready_s = round(server.ready_s, 2)
    row = ServerRow(server.peer, model, ready_s, most, server.install_mib)
    findings.servers.append(row)
