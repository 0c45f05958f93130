"""Monitoring: what it costs a server per request, beside the same server without it.

Small requests, 64 in flight, from the packed client: the cheapest there are, so that what
watching adds is seen best. Inputs and outputs are watched value by value, with a look every
second; the reference is there before anything is measured. All that the server uses is
counted, the looks of the control plane included.

Differs from real use: the values are drawn from few different questions.
"""

from __future__ import annotations

from functools import partial

from benchmarks.load.question import make_question
from benchmarks.measure import Bench, as_blocks, measure
from benchmarks.models import model
from benchmarks.processes import Server
from benchmarks.promises.contest import packed
from benchmarks.promises.traces import cpu, cpu_ratio
from benchmarks.results import Row
from runtime.capacity.pairs import pairs
from runtime.statistics.intervals import Limit

LIMIT = 1.03
PAIRS = 2
"""Pairs for each of other promises: the limit is close."""

SETTINGS = "models:\n  mlp:\n    reference_rows: 1000\n"


def monitoring(bench: Bench) -> list[Row]:
    """Compare a server that watches all with one that watches nothing, in pairs."""
    path = model("mlp", bench.folder)
    question = make_question(path, bench.folder)
    settings = bench.folder / "monitor.yaml"
    settings.write_text(SETTINGS)
    program = ["-m", "benchmarks.watched", str(path)]
    watching = [*program, "--monitor", str(settings)]
    with (
        Server("leeboard-unwatched", program, bench.folder) as off,
        Server("leeboard-watched", watching, bench.folder) as on,
    ):
        bare = partial(measure, "off", off, packed(bench, off, question))
        watched = partial(measure, "on", on, packed(bench, on, question))
        bare()
        watched()
        made = pairs(PAIRS * bench.plan.pairs, watched, bare)
    return [
        Row(
            "monitoring",
            "small requests, everything watched: server CPU a request "
            f"<= {LIMIT:g} x no monitoring",
            "x",
            Limit("at most", LIMIT),
            cpu_ratio(made),
            beside={
                "off us": cpu([b for _, b in made]),
                "on us": cpu([a for a, _ in made]),
            },
            blocks=as_blocks(made),
        )
    ]
