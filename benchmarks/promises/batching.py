"""Heavy models in a closed loop of 64: rows a second against the model run bare.

Bare is ONNX Runtime in a process of its own on the same processor, with inputs and outputs
bound once, at the batch size that did best in a search over 1 to 64 just before. The server
is asked for one row at a time, so all its batches are its own doing; the figure is the rate
of answers once the loop is under way; the grpc-core client leaves the first batches and the
end out, h2load (wide only) cannot, which costs a batch in a hundred.

Differs from real use: 64 callers that ask again at once move in step with the batches.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.load.clients import Shape, run_on
from benchmarks.load.question import make_question
from benchmarks.machine import CORES
from benchmarks.measure import Bench, Block, measure, pairs
from benchmarks.metrics import rows_per_batch
from benchmarks.models import model
from benchmarks.processes import environment, leeboard
from benchmarks.promises.contest import ClientFor, grpc_core, packed
from benchmarks.results import Row
from runtime.statistics.intervals import Limit, median_interval, ratio_interval

SIZES = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64)
BARE_LIMIT_S = 120.0
IN_FLIGHT = 64


@dataclass(frozen=True, slots=True)
class Heavy:
    """A model, what is promised of it, and how many rows a block of each side takes."""

    name: str
    client: str
    limit: float
    rows: int
    search_s: float
    block_s: float


MID = Heavy("mid", "grpc-core", 0.97, rows=8 * IN_FLIGHT, search_s=0.7, block_s=2.0)
WIDE = tuple(
    Heavy("wide", client, 0.93, rows=100 * IN_FLIGHT, search_s=0.3, block_s=1.2)
    for client in ("packed", "grpc-core")
)
CLIENTS: dict[str, ClientFor] = {
    "packed": packed,
    "grpc-core": grpc_core(Shape(connections=8, in_flight=IN_FLIGHT, skip=2 * IN_FLIGHT)),
}


def bare_rates(path: Path, sizes: tuple[int, ...], seconds: float) -> list[float]:
    """Return rows a second of the model alone for each batch size, on the server's core."""
    command = [
        sys.executable, "-m", "benchmarks.peers.bare", str(path), str(seconds),
        *(str(size) for size in sizes),
    ]  # fmt: skip
    output, _ = run_on(CORES.server, command, BARE_LIMIT_S, environment())
    return [run["rows"] / run["seconds"] for run in json.loads(output)]


def best_size(path: Path, heavy: Heavy) -> tuple[int, dict[str, float]]:
    """Return the batch size with the highest rate, and the rate of every size."""
    rates = bare_rates(path, SIZES, heavy.search_s)
    best = max(zip(rates, SIZES, strict=True))[1]
    by_size = zip(SIZES, rates, strict=True)
    return best, {str(size): round(rate, 1) for size, rate in by_size}


def against_bare(bench: Bench, heavy: Heavy) -> Row:
    """Measure a model served and bare in pairs."""
    path = model(heavy.name, bench.folder)
    question = make_question(path, bench.folder)
    size, rates = best_size(path, heavy)
    with leeboard(path, bench.folder) as server:
        client = CLIENTS[heavy.client](bench, server, question)
        client(4 * IN_FLIGHT)
        served = partial(measure, "leeboard", server, client, heavy.rows)
        bare = partial(bare_block, path, size, heavy.block_s)
        made = pairs(bench.plan.pairs, served, bare)
        batch = rows_per_batch(server)
    notes = {"best_size": size, "bare_rates": rates, "rows_per_batch": batch}
    return make_row(heavy, made, notes)


def bare_block(path: Path, size: int, seconds: float) -> float:
    """Return rows a second of one bare run."""
    return bare_rates(path, (size,), seconds)[0]


def make_row(
    heavy: Heavy, made: list[tuple[Block, float]], notes: dict[str, object]
) -> Row:
    """Make the row of a heavy model."""
    return Row(
        f"{heavy.name}-{heavy.client}",
        f"{heavy.name}, {heavy.client} client, closed loop of 64: "
        f"rows/s >= {heavy.limit} x best batch bare",
        "x",
        Limit("at least", heavy.limit),
        ratio_interval([(served.rate, bare) for served, bare in made]),
        beside={
            "served rows/s": median_interval([served.rate for served, _ in made]),
            "bare rows/s": median_interval([bare for _, bare in made]),
        },
        notes=notes,
        blocks=[{**served.as_json(), "bare_rate": bare} for served, bare in made],
    )


def mid(bench: Bench) -> list[Row]:
    """A model that computing bounds."""
    return [against_bare(bench, MID)]


def wide(bench: Bench) -> list[Row]:
    """A model that reading its weights bounds, so that only full batches pay."""
    return [against_bare(bench, heavy) for heavy in WIDE]
