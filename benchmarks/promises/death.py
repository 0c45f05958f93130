"""kill -9 of the only worker under load: what is lost, and for how long nobody answers.

Constant arrivals of our generator at a rate far below the knee, every answer compared with
the right one. In the middle of the measured part the worker is killed. In an open loop a
request that was due at the moment of death waits for the whole gap, so the gap is the
highest latency; it includes the service time of a request, which is below a millisecond.
Each kill has a server of its own. How soon there is another worker is the server's word:
its log says how long the successor took from deciding to start it to being handed batches.

Differs from real use: the model is small and its file is in the page cache; a larger one
takes as long as loading it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.load.question import Question, make_question
from benchmarks.measure import Bench
from benchmarks.members import kill_worker, read_began
from benchmarks.models import model
from benchmarks.processes import BenchmarkError, Server, leeboard
from benchmarks.results import Row
from runtime.capacity.load import prepare, run
from runtime.capacity.scenario import Load
from runtime.statistics.intervals import Interval, Limit, median_interval

if TYPE_CHECKING:
    from runtime.capacity.report import Report
    from runtime.native.counted import Progress

LOAD = Load(2_000.0, arrivals="constant", duration_s=2.0, warmup_s=0.5, timeout_s=20.0)
KILL_AFTER_S = 0.5
"""Of the measured part."""


class Killer:
    """Kills a server's only worker once, when its time has come."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.has_killed = False

    def look(self, progress: Progress) -> None:
        """Kill, if the measured part has gone on for long enough."""
        due = progress["phase"] == "measuring" and progress["elapsed_s"] > KILL_AFTER_S
        if due and not self.has_killed:
            kill_worker(self._server)
            self.has_killed = True


@dataclass(frozen=True, slots=True)
class Death:
    """One kill: what the load saw, and how long the successor took."""

    report: Report
    restart_ms: float


def kill_once(server: Server, question: Question) -> Death:
    """Run the load and kill the worker within it."""
    killer = Killer(server)
    prepared = prepare(question.ask(server.address.target))
    report = run(prepared, LOAD, on_progress=killer.look, metrics_url=server.metrics_url)
    if not killer.has_killed:
        raise BenchmarkError(f"{server.name}: the load ended before the worker was killed")
    began = read_began(server.log_text())
    if len(began) != 2:
        raise BenchmarkError(f"{server.name} had {len(began)} workers, not two")
    return Death(report, began[1].after_s * 1e3)


def lost_in_all(reports: Sequence[Report]) -> Interval:
    """Return the sum of what was lost: one loss in one of the kills breaks the promise."""
    lost = float(sum(report.failed for report in reports))
    return Interval(lost, lost, lost, 1.0, len(reports))


def death(bench: Bench) -> list[Row]:
    """Kill a worker some ten times."""
    path = model("mlp", bench.folder)
    question = make_question(path, bench.folder)
    deaths = []
    for _ in range(bench.plan.pairs):
        with leeboard(path, bench.folder) as server:
            deaths.append(kill_once(server, question))
    return rows_of(deaths)


def rows_of(deaths: Sequence[Death]) -> list[Row]:
    """Return what was lost, for how long nobody answered, and how long a start took."""
    reports = [death.report for death in deaths]
    blocks: list[dict[str, object]] = [
        {
            "requests": report.requests,
            "failed": report.failed,
            "wrong": report.wrong,
            "errors": dict(report.errors),
            "latency_us": dict(report.latency_us),
            "restart_ms": death.restart_ms,
        }
        for death, report in zip(deaths, reports, strict=True)
    ]
    return [
        Row(
            "death-lost",
            f"kill -9 of the only worker at {LOAD.rate:,.0f} requests/s: none fails or is "
            "wrong",
            "requests",
            Limit("at most", 0.0),
            lost_in_all(reports),
            blocks=blocks,
        ),
        Row(
            "death-gap",
            "the same: nobody answers for < 50 ms",
            "ms",
            Limit("at most", 50.0),
            median_interval([report.latency_us["max"] / 1e3 for report in reports]),
        ),
        Row(
            "restart",
            "the same: its successor takes < 20 ms from being started to serving",
            "ms",
            Limit("at most", 20.0),
            median_interval([death.restart_ms for death in deaths]),
        ),
    ]
