"""Our server and the grpcio baseline with the same model, in pairs of blocks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmarks.load.clients import Report, Shape, run_packed
from benchmarks.load.question import Question, check_answer, make_question
from benchmarks.measure import Bench, Block, Client, as_blocks, measure, pairs, warm_up
from benchmarks.metrics import answered_well
from benchmarks.models import model
from benchmarks.processes import BenchmarkError, Server, grpcio_sync, leeboard
from benchmarks.results import Row
from runtime.statistics.intervals import Limit, median_interval, ratio_interval

ClientFor = Callable[[Bench, Server, Question], Client]
Pairs = list[tuple[Block, Block]]

WARM_UP = 1_000
LOADED = Shape(connections=8, in_flight=64)


def checked_packed(server: Server, question: Question, count: int) -> Report:
    """Run h2load and, where the server counts its answers, see that all were good."""
    before = answered_well(server)
    report = run_packed(server, question, count, LOADED)
    if before is not None and answered_well(server) != before + count:
        raise BenchmarkError(f"{server.name} answered some of h2load's requests badly")
    return report


def packed(bench: Bench, server: Server, question: Question) -> Client:
    """Return a packed client for a server, which must have answered well first."""
    check_answer(server, question, bench.folder)
    return partial(checked_packed, server, question)


def grpc_core(shape: Shape) -> ClientFor:
    """Return what makes grpc-core clients of one shape."""

    def client_for(bench: Bench, server: Server, question: Question) -> Client:
        expected = check_answer(server, question, bench.folder)
        return partial(bench.client.run, server, question, expected, shape=shape)

    return client_for


def contest(bench: Bench, name: str, client_for: ClientFor) -> Pairs:
    """Start both servers, warm them up, and measure them in ABBA order: (ours, theirs)."""
    path = model(name, bench.folder)
    question = make_question(path, bench.folder)
    with leeboard(path, bench.folder) as ours, grpcio_sync(path, bench.folder) as theirs:
        sides = []
        for side, server in (("leeboard", ours), ("grpcio sync", theirs)):
            client = client_for(bench, server, question)
            count = warm_up(client, WARM_UP, bench.plan.block_s)
            sides.append(partial(measure, side, server, client, count))
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
        beside={"grpcio sync": median_interval(theirs)},
        quoted=quoted,
        notes={"rate": median_interval([block.rate for block, _ in made])},
        blocks=as_blocks(made),
    )


def latency_row(made: Pairs, name: str, promise: str, limit: float, quoted: str) -> Row:
    """Make a row out of the ratio of both medians of latency."""
    p50 = [(ours.latencies["p50_us"], theirs.latencies["p50_us"]) for ours, theirs in made]
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
