"""A busy control plane: does Python that burns the front process delay requests?

One server whose front process has a thread that is told to burn in Python, holding the GIL,
or in C, holding nothing. Constant arrivals at half of the knee; the figure is the ratio of
the two p99. The knee is the highest of a series of rates at which p99 stays under 20 ms
with the C burner running.

Differs from real use: server and burner share one processor, so p99 is mostly the kernel's
time slices, the same on both sides.
"""

from __future__ import annotations

from functools import partial

from benchmarks.load.clients import Report, Shape
from benchmarks.load.question import check_answer, make_question
from benchmarks.measure import Bench, Block, Client, as_blocks, measure, pairs
from benchmarks.models import model
from benchmarks.processes import Server
from benchmarks.results import Row
from runtime.statistics.intervals import Limit, median_interval, ratio_interval

RATES = (4_000, 8_000, 12_000, 16_000, 24_000, 32_000, 40_000, 48_000)
KNEE_P99_US = 20_000.0
KNEE_S = 1.0
BLOCK_S = 3.0
MORE = 2  # Times as many pairs as others make: p99 is the noisiest figure of all.
CONNECTIONS, LATEST = 8, 1024


def at_rate(bench: Bench, server: Server, rate: float) -> Client:
    """Return an open-loop client."""
    question = make_question(model("mlp", bench.folder), bench.folder)
    expected = check_answer(server, question, bench.folder)
    shape = Shape(CONNECTIONS, LATEST, rate=rate)
    return partial(bench.client.run, server, question, expected, shape=shape)


def find_knee(bench: Bench, server: Server) -> float:
    """Return the highest rate before the first that is not kept up with."""
    knee = RATES[0]
    for rate in RATES:
        report: Report = at_rate(bench, server, rate)(int(rate * KNEE_S))
        if report.latencies["p99_us"] > KNEE_P99_US:
            break
        knee = rate
    return float(knee)


def burning(server: Server, client: Client, count: int, mode: str) -> Block:
    """Measure a block with the burner in one mode, after a short warm-up in it."""
    server.tell(mode)
    client(count // 10)
    return measure(mode, server, client, count)


def busy(bench: Bench) -> list[Row]:
    """Compare p99 under both burners in pairs."""
    path = model("mlp", bench.folder)
    arguments = ["-m", "benchmarks.burning", str(path)]
    with Server("leeboard-burning", arguments, bench.folder) as server:
        server.tell("native")
        rate = find_knee(bench, server) / 2
        client = at_rate(bench, server, rate)
        count = int(rate * BLOCK_S)
        block = partial(burning, server, client, count)
        made = pairs(
            MORE * bench.plan.pairs, partial(block, "python"), partial(block, "native")
        )
        calm = block("off")
    p99 = [(a.latencies["p99_us"], b.latencies["p99_us"]) for a, b in made]
    return [
        Row(
            "busy",
            "mlp, control plane burns Python: p99 <= 1.1 x a burner that holds no GIL",
            "x",
            Limit("at most", 1.1),
            ratio_interval(p99),
            beside={
                "Python us": median_interval([python for python, _ in p99]),
                "no GIL us": median_interval([native for _, native in p99]),
            },
            notes={"rate": rate, "p99_us_without_burner": calm.latencies["p99_us"]},
            blocks=as_blocks(made),
        )
    ]
