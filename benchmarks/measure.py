"""Blocks: one run of one client against one server, with everything that was used.

A block during which a worker was replaced, or strangers took much of a processor, is made
again, at most twice; of such tries the one with the least foreign load counts, never the
one with the best figure.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

from benchmarks.load.clients import GrpcClient, Report
from benchmarks.machine import CORES, ForeignMeter, pace_ms
from benchmarks.processes import BenchmarkError, Server, cpu_ns

TRIES = 3
QUIET = 0.25
"""Share of a processor that strangers may take from a block that counts at once."""

Client = Callable[[int], Report]
First = TypeVar("First")
Second = TypeVar("Second")


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure."""

    pairs: int
    block_s: float


FULL = Plan(pairs=10, block_s=1.0)
QUICK = Plan(pairs=3, block_s=0.5)


@dataclass(frozen=True, slots=True)
class Bench:
    """What every promise is measured with."""

    plan: Plan
    folder: Path
    client: GrpcClient


@dataclass(frozen=True, slots=True)
class Block:
    """One measurement.

    `foreign` is the strangers' share of each of our processors, `pace_ms` how long a fixed
    computation took there just before.
    """

    side: str
    calls: int
    wall_s: float
    rate: float
    server_cpu_us: float
    foreign: dict[str, float]
    pace_ms: dict[str, float]
    latencies: dict[str, float] = field(default_factory=dict)

    @property
    def disturbance(self) -> float:
        """The larger of the strangers' shares."""
        return max(self.foreign.values())

    def as_json(self) -> dict[str, object]:
        """Return all of it for a result's file."""
        return asdict(self)


def measure_once(side: str, server: Server, client: Client, count: int) -> Block | None:
    """Run one block; None when a process of the server came or went meanwhile."""
    pids = server.family()
    pace = {"server": pace_ms(CORES.server), "client": pace_ms(CORES.client)}
    meter = ForeignMeter()
    cpu_before, began = cpu_ns(pids), time.perf_counter()
    report = client(count)
    wall_s, used_ns = time.perf_counter() - began, cpu_ns(pids) - cpu_before
    foreign = meter.stop(used_ns / 1e9, report.cpu_s)
    if server.family() != pids:
        return None
    cpu_us = used_ns / 1e3 / report.calls
    return Block(
        side, report.calls, wall_s, report.rate, cpu_us, foreign, pace, report.latencies
    )


def measure(side: str, server: Server, client: Client, count: int) -> Block:
    """Run a block, again where it was disturbed."""
    blocks: list[Block] = []
    for _ in range(TRIES):
        block = measure_once(side, server, client, count)
        if block is None:
            continue
        if block.disturbance <= QUIET:
            return block
        blocks.append(block)
    if not blocks:
        raise BenchmarkError(f"the processes of {server.name} keep changing")
    return min(blocks, key=lambda block: block.disturbance)


def warm_up(client: Client, count: int, block_s: float) -> int:
    """Make `count` calls that are not measured; returns how many fill a block."""
    rate = client(count).rate
    return max(64, int(rate * block_s))


def pairs(
    n: int, first: Callable[[], First], second: Callable[[], Second]
) -> list[tuple[First, Second]]:
    """Run both sides n times, AB, BA, AB and so on, so that a drift cancels.

    Examples
    --------
    >>> order = iter(range(4))
    >>> pairs(2, lambda: next(order), lambda: next(order))
    [(0, 1), (3, 2)]
    """
    made: list[tuple[First, Second]] = []
    for pair in range(n):
        if pair % 2 == 0:
            one = first()
            other = second()
        else:
            other = second()
            one = first()
        made.append((one, other))
    return made


def as_blocks(made: list[tuple[Block, Block]]) -> list[dict[str, object]]:
    """Return all blocks of all pairs for a result's file."""
    return [block.as_json() for pair in made for block in pair]
