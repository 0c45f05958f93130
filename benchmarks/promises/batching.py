"""Heavy models in a closed loop of 64: rows a second against the model run bare.

Bare is ONNX Runtime in a process of its own on the same processor, with inputs and outputs
bound once (or PyTorch, on ready tensors), at the batch size that did best in a search over
1 to 64 just before. The server is asked for one row at a time, so all its batches are its
own doing; the figure is the rate of answers once the loop is under way. Blocks are counted
in whole batches, because these take milliseconds; the first two batches are warm-up.

Differs from real use: 64 callers that ask again at once move in step with the batches.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from benchmarks.load.clients import Client, Shape, generator, grpc_core, run_on
from benchmarks.load.question import make_question
from benchmarks.machine import CORES
from benchmarks.measure import Bench, Block, measure
from benchmarks.models import model
from benchmarks.processes import Server, environment, leeboard
from benchmarks.promises.contest import CONNECTIONS, IN_FLIGHT
from benchmarks.results import Row
from runtime.capacity.pairs import pairs
from runtime.capacity.scenario import Load
from runtime.capacity.scrape import read_served
from runtime.statistics.intervals import Limit, median_interval, ratio_interval

SIZES = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64)
BARE_LIMIT_S = 120.0
WARM_UP = 2 * IN_FLIGHT


@dataclass(frozen=True, slots=True)
class Heavy:
    """A model, what is promised of it, and how many rows a block of each side takes."""

    name: str
    about: str
    client: Literal["packed", "grpc-core"]
    limit: float
    rows: int
    search_s: float
    block_s: float
    bare: str = "benchmarks.peers.bare"


MID = Heavy(
    "mid", "encoder of 4.7 ms a row", "grpc-core", 0.97, 8 * IN_FLIGHT, 0.7, block_s=2.0
)
WIDE = Heavy(
    "wide", "61 MB of dense weights", "packed", 0.93, 100 * IN_FLIGHT, 0.3, block_s=1.2
)

MINILM = Heavy(
    "minilm", "MiniLM-L6 in PyTorch, 32 tokens", "grpc-core", 0.97, 6 * IN_FLIGHT, 0.7,
    block_s=2.0, bare="benchmarks.peers.torch_bare",
)  # fmt: skip


def client_for(bench: Bench, heavy: Heavy, server: Server, path: Path) -> Client:
    """Return a client whose runs take so many rows."""
    question = make_question(path, bench.folder)
    if heavy.client == "packed":
        load = Load(
            concurrency=IN_FLIGHT, connections=CONNECTIONS, profile="packed",
            requests=heavy.rows, warmup_requests=WARM_UP, warmup_s=0.0,
        )  # fmt: skip
        return generator(server, question, load)
    client = grpc_core(bench.program, server, question, bench.folder)
    return client.counted(Shape(CONNECTIONS, IN_FLIGHT, skip=WARM_UP), heavy.rows)


def batch_size(server: Server, name: str) -> float | None:
    """Return the mean number of rows of all batches so far."""
    served = read_served(server.metrics_url, name, "")
    return served.rows / served.batches if served and served.batches else None


def bare_rates(
    path: Path, sizes: tuple[int, ...], seconds: float, bare: str
) -> list[float]:
    """Return rows a second of the model alone for each batch size, on the server's core."""
    command = [
        sys.executable, "-m", bare, str(path), str(seconds),
        *(str(size) for size in sizes),
    ]  # fmt: skip
    output = run_on(CORES.server, command, BARE_LIMIT_S, environment())
    return [run["rows"] / run["seconds"] for run in json.loads(output)]


def best_size(path: Path, heavy: Heavy) -> tuple[int, dict[str, float]]:
    """Return the batch size with the highest rate, and the rate of every size."""
    rates = bare_rates(path, SIZES, heavy.search_s, heavy.bare)
    best = max(zip(rates, SIZES, strict=True))[1]
    by_size = zip(SIZES, rates, strict=True)
    return best, {str(size): round(rate, 1) for size, rate in by_size}


def against_bare(bench: Bench, heavy: Heavy) -> Row:
    """Measure a model served and bare in pairs."""
    path = model(heavy.name, bench.folder)
    size, rates = best_size(path, heavy)
    with leeboard(path, bench.folder) as server:
        served = partial(
            measure, "leeboard", server, client_for(bench, heavy, server, path)
        )
        served()
        bare = partial(bare_block, path, size, heavy)
        made = pairs(bench.plan.pairs, served, bare)
        batch = batch_size(server, heavy.name)
    notes: dict[str, object] = {
        "best_size": size, "bare_rates": rates, "rows_per_batch": batch
    }  # fmt: skip
    return make_row(heavy, made, notes)


def bare_block(path: Path, size: int, heavy: Heavy) -> float:
    """Return rows a second of one bare run."""
    return bare_rates(path, (size,), heavy.block_s, heavy.bare)[0]


def make_row(
    heavy: Heavy, made: list[tuple[Block, float]], notes: dict[str, object]
) -> Row:
    """Make the row of a heavy model."""
    return Row(
        f"{heavy.name}-{heavy.client}",
        f"{heavy.about}, 64 in flight, {heavy.client} client: "
        f"rows/s >= {heavy.limit} x the best batch run bare",
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
    heavies = (WIDE, replace(WIDE, client="grpc-core"))
    return [against_bare(bench, heavy) for heavy in heavies]


def minilm(bench: Bench) -> list[Row]:
    """A PyTorch encoder against its best batch run bare."""
    return [against_bare(bench, MINILM)]
