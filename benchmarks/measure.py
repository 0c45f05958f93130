"""Blocks: one run of one client against one server, with everything that was used.

A block during which a worker was replaced, or strangers took much of a processor, is made
again, at most twice; of such tries the one with the least foreign load counts, never the
one with the best figure.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.load.clients import Client, clients_s
from benchmarks.machine import CORES, ForeignMeter, pace_ms
from benchmarks.processes import BenchmarkError, Server
from runtime.capacity.local import cpu_ns

TRIES = 3
QUIET = 0.25
"""Share of a processor that strangers may take from a block that counts at once."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure."""

    pairs: int
    block_s: float


FULL = Plan(pairs=10, block_s=1.0)
QUICK = Plan(pairs=3, block_s=0.5)


@dataclass(frozen=True, slots=True)
class Bench:
    """What every promise is measured with; `program` is the grpc-core client."""

    plan: Plan
    folder: Path
    program: Path


@dataclass(frozen=True, slots=True)
class Block:
    """One run of a client, and what everyone used meanwhile.

    `server_cpu_us` is a call's: by the client where it measures that, else all that the
    server used over all calls. `pace_ms` and `foreign` tell how fast the machine was and
    which share of a processor strangers took.
    """

    side: str
    calls: int
    wall_s: float
    rate: float
    server_cpu_us: float
    foreign: dict[str, float]
    pace_ms: dict[str, float]
    latency_us: dict[str, float] = field(default_factory=dict)
    client: dict[str, float] = field(default_factory=dict)

    @property
    def disturbance(self) -> float:
        """The larger of the strangers' shares."""
        return max(self.foreign.values())

    def as_json(self) -> dict[str, object]:
        """Return everything for a result's file."""
        return asdict(self)


def measure_once(side: str, server: Server, client: Client) -> Block | None:
    """Run one block; None when a process of the server came or went meanwhile."""
    pids = server.family()
    pace = {"server": pace_ms(CORES.server), "client": pace_ms(CORES.client)}
    meter = ForeignMeter()
    cpu_before, clients_before, began = cpu_ns(pids), clients_s(), time.perf_counter()
    found = client()
    wall_s, used_ns = time.perf_counter() - began, cpu_ns(pids) - cpu_before
    foreign = meter.stop(used_ns / 1e9, clients_s() - clients_before)
    if server.family() != pids:
        return None
    cpu_us = found.server_cpu_us
    if cpu_us is None:
        cpu_us = used_ns / 1e3 / found.calls
    return Block(
        side, found.calls, wall_s, found.rate, cpu_us, foreign, pace, found.latency_us,
        found.client,
    )  # fmt: skip


def measure(side: str, server: Server, client: Client) -> Block:
    """Run a block, again where it was disturbed."""
    blocks: list[Block] = []
    for _ in range(TRIES):
        block = measure_once(side, server, client)
        if block is None:
            continue
        if block.disturbance <= QUIET:
            return block
        blocks.append(block)
    if not blocks:
        raise BenchmarkError(f"the processes of {server.name} keep changing")
    return min(blocks, key=lambda block: block.disturbance)


def as_blocks(made: Sequence[tuple[Block, ...]]) -> list[dict[str, object]]:
    """Return all blocks of all pairs for a result's file."""
    return [block.as_json() for group in made for block in group]
