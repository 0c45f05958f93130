"""Our server and the grpcio baseline with the same model, in pairs of blocks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmarks.load.clients import WARM_UP_S, Client, Shape, generator, grpc_core
from benchmarks.load.question import Question, make_question
from benchmarks.measure import Bench, Block, as_blocks, measure
from benchmarks.models import model
from benchmarks.processes import Server, grpcio_sync, leeboard
from benchmarks.results import Row
from runtime.capacity.pairs import pairs
from runtime.capacity.scenario import Load, Profile
from runtime.statistics.intervals import Limit, median_interval, ratio_interval

ClientFor = Callable[[Bench, Server, Question], Client]
Pairs = list[tuple[Block, Block]]

CONNECTIONS, IN_FLIGHT = 8, 64
LOADED = Shape(CONNECTIONS, IN_FLIGHT)


def closed_loop(bench: Bench, profile: Profile, in_flight: int = IN_FLIGHT) -> Load:
    """Return the load of one block with so many requests in flight over 8 connections."""
    return Load(
        concurrency=in_flight,
        connections=CONNECTIONS,
        profile=profile,
        duration_s=bench.plan.block_s,
        warmup_s=WARM_UP_S,
    )


def packed(bench: Bench, server: Server, question: Question) -> Client:
    """Return our generator as a client that packs many requests into a segment."""
    return generator(server, question, closed_loop(bench, "packed"))


def grpc_client(shape: Shape) -> ClientFor:
    """Return what makes grpc-core clients of one shape."""

    def client_for(bench: Bench, server: Server, question: Question) -> Client:
        client = grpc_core(bench.program, server, question, bench.folder)
        return client.sized(shape, bench.plan.block_s)

    return client_for


def contest(bench: Bench, name: str, client_for: ClientFor) -> Pairs:
    """Start both servers, warm them up, and measure them in ABBA order: (ours, theirs)."""
    path = model(name, bench.folder)
    question = make_question(path, bench.folder)
    with leeboard(path, bench.folder) as ours, grpcio_sync(path, bench.folder) as theirs:
        sides = []
        for side, server in (("leeboard", ours), ("grpcio sync", theirs)):
            client = client_for(bench, server, question)
            client()
            sides.append(partial(measure, side, server, client))
        return pairs(bench.plan.pairs, sides[0], sides[1])


def cpu_row(made: Pairs, name: str, promise: str, limit_us: float, quoted: str) -> Row:
    """Make a row out of the processor time that ours took, with theirs beside it."""
    ours = [block.server_cpu_us for block, _ in made]
    theirs = [block.server_cpu_us for _, block in made]
    return Row(
        name,
        promise,
        "us",
        Limit("at most", limit_us),
        median_interval(ours),
        beside={"grpcio sync us": median_interval(theirs)},
        quoted=quoted,
        notes={"rate": median_interval([block.rate for block, _ in made])},
        blocks=as_blocks(made),
    )


def latency_row(made: Pairs, name: str, promise: str, limit: float, quoted: str) -> Row:
    """Make a row out of the ratio of both medians of latency."""
    p50 = [(ours.latency_us["p50"], theirs.latency_us["p50"]) for ours, theirs in made]
    return Row(
        name,
        promise,
        "x",
        Limit("at most", limit),
        ratio_interval(p50),
        beside={
            "ours us": median_interval([ours for ours, _ in p50]),
            "grpcio sync us": median_interval([theirs for _, theirs in p50]),
        },
        quoted=quoted,
        blocks=as_blocks(made),
    )
