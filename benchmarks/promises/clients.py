"""Our load generator as a client: does it cost a server what grpc-core costs, and how
fast is it?

Figures taken with its ordinary profile are worth something only if a server spends on them
what it spends on the clients that people have. Its own speed bounds which servers it can
measure.

The first is asked in open loops of one rate: in a closed loop our client asks again sooner
than grpc-core can, so the server gathers more at a time and spends less on each.

Differs from real use: mlp over 8 connections, loopback, no TLS.
"""

from __future__ import annotations

from functools import partial

from benchmarks.load.clients import WARM_UP_S, Shape, generator
from benchmarks.load.question import make_question
from benchmarks.measure import Bench, as_blocks, measure
from benchmarks.models import model
from benchmarks.processes import leeboard
from benchmarks.promises.contest import CONNECTIONS, IN_FLIGHT, closed_loop, grpc_client
from benchmarks.results import Row
from runtime.capacity.pairs import pairs
from runtime.capacity.scenario import Load
from runtime.statistics.intervals import Limit, median_interval, ratio_interval

TOLERANCE = 0.15
SAME_RATE = 20_000.0
STREAMS = 8 * 32
RATE = 150_000.0


def ordinary_profile(bench: Bench) -> list[Row]:
    """Processor time of our server under both clients at one rate, in pairs."""
    path = model("mlp", bench.folder)
    question = make_question(path, bench.folder)
    load = Load(
        rate=SAME_RATE,
        arrivals="constant",
        connections=CONNECTIONS,
        max_in_flight=IN_FLIGHT,
        profile="ordinary",
        duration_s=bench.plan.block_s,
        warmup_s=WARM_UP_S,
    )
    shape = Shape(CONNECTIONS, IN_FLIGHT, rate=SAME_RATE)
    with leeboard(path, bench.folder) as server:
        ours = generator(server, question, load)
        theirs = grpc_client(shape)(bench, server, question)
        ours()
        made = pairs(
            bench.plan.pairs,
            partial(measure, "ordinary profile", server, ours),
            partial(measure, "grpc-core", server, theirs),
        )
    used = [(one.server_cpu_us, other.server_cpu_us) for one, other in made]
    return [
        Row(
            "ordinary-profile",
            "server CPU a request at 20,000/s: ordinary profile within 15 % of grpc-core",
            "x",
            Limit("within", TOLERANCE),
            ratio_interval(used),
            beside={
                "ordinary profile us": median_interval([one for one, _ in used]),
                "grpc-core us": median_interval([other for _, other in used]),
            },
            blocks=as_blocks(made),
        )
    ]


def generator_rate(bench: Bench) -> list[Row]:
    """What one processor of our packed client could ask.

    The server, on the other processor, may be the bottleneck. Therefore the figure is a
    second over the client's processor time for one request, and the rate that was reached
    stands beside it.
    """
    path = model("mlp", bench.folder)
    question = make_question(path, bench.folder)
    with leeboard(path, bench.folder) as server:
        client = generator(server, question, closed_loop(bench, "packed", STREAMS))
        client()
        made = [measure("generator", server, client) for _ in range(bench.plan.pairs)]
    return [
        Row(
            "generator",
            "our packed client, 1 s / its CPU a request: >= 150,000 requests/s a processor",
            "requests/s",
            Limit("at least", RATE),
            median_interval([1e6 / block.client["cpu_us"] for block in made]),
            beside={
                "reached requests/s": median_interval([block.rate for block in made]),
                "client busy": median_interval([block.client["busy"] for block in made]),
            },
            blocks=as_blocks([(block,) for block in made]),
        )
    ]
