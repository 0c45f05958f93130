"""A busy control plane: does Python that burns the front process delay requests?

One server whose front process has a thread that is told to burn in Python, holding the GIL,
or in C, holding nothing. Constant arrivals of the grpc-core client at half of the knee; the
figure is the ratio of the two p99. The knee is found by a sweep of our generator with the C
burner running, p99 bounded by 20 ms.

Differs from real use: server and burner share one processor, so p99 is mostly the kernel's
time slices, the same on both sides.
"""

from __future__ import annotations

from functools import partial

from benchmarks.load.clients import Client, Shape, grpc_core, measurer
from benchmarks.load.question import Question, make_question
from benchmarks.measure import Bench, Block, as_blocks, measure
from benchmarks.models import model
from benchmarks.processes import BenchmarkError, Server
from benchmarks.promises.contest import CONNECTIONS
from benchmarks.results import Row
from runtime.capacity.knee import Plan, Rule
from runtime.capacity.pairs import pairs
from runtime.capacity.report import Report
from runtime.capacity.scenario import Load
from runtime.capacity.sweep import conclude, run_sweep
from runtime.statistics.intervals import Limit, median_interval, ratio_interval

KNEE = Plan("rate", 4_000.0, 60_000.0, 1.5, bisections=1, rule=Rule(p99_us=20_000.0))
KNEE_S = 1.0
BLOCK_S = 3.0
WARM_UP_S = 0.3
MORE = 2  # Times as many pairs as others make: p99 is the noisiest figure of all.
LATEST = 1024


def find_knee(server: Server, question: Question) -> float:
    """Return the highest rate that is kept up with."""
    ask = measurer(server, question)

    def at_rate(rate: float) -> Report:
        return ask(Load(rate, arrivals="constant", duration_s=KNEE_S, warmup_s=WARM_UP_S))

    found = run_sweep(KNEE, at_rate, lambda step: None)
    if found.highest is None:
        raise BenchmarkError(f"{server.name}: {conclude(found)}")
    return found.highest.value


def burning(server: Server, warm_up: Client, client: Client, mode: str) -> Block:
    """Measure a block with the burner in one mode, after a short warm-up in it."""
    server.tell(mode)
    warm_up()
    return measure(mode, server, client)


def busy(bench: Bench) -> list[Row]:
    """Compare p99 under both burners in pairs."""
    path = model("mlp", bench.folder)
    question = make_question(path, bench.folder)
    arguments = ["-m", "benchmarks.burning", str(path)]
    with Server("leeboard-burning", arguments, bench.folder) as server:
        server.tell("native")
        knee = find_knee(server, question)
        rate = knee / 2
        client = grpc_core(bench.program, server, question, bench.folder)
        shape = Shape(CONNECTIONS, LATEST, rate=rate)
        block = partial(
            burning,
            server,
            client.counted(shape, int(rate * WARM_UP_S)),
            client.counted(shape, int(rate * BLOCK_S)),
        )
        made = pairs(
            MORE * bench.plan.pairs, partial(block, "python"), partial(block, "native")
        )
        calm = block("off")
    p99 = [(a.latency_us["p99"], b.latency_us["p99"]) for a, b in made]
    return [
        Row(
            "busy",
            "Python busy in the front process, half of the knee: p99 <= 1.1 x a burner "
            "without the GIL",
            "x",
            Limit("at most", 1.1),
            ratio_interval(p99),
            beside={
                "Python us": median_interval([python for python, _ in p99]),
                "no GIL us": median_interval([native for _, native in p99]),
            },
            notes={
                "knee": knee,
                "rate": rate,
                "p99_us_without_burner": calm.latency_us["p99"],
            },
            blocks=as_blocks(made),
        )
    ]
