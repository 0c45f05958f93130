"""What a run found: cells, servers and what is missing, as values, JSON and a table.

A cell is one peer with one model under one load; a server is one peer with one model. Both
exist measured and quoted: quoted figures come from elsewhere, say from where, and never
stand in a table without a mark.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Literal

from runtime.capacity.scenario import Profile

if TYPE_CHECKING:
    from runtime.capacity.report import Report

Kind = Literal["measured", "quoted"]


@dataclass(frozen=True, slots=True)
class Repeat:
    """One run, and the shares of server's and client's processor that strangers took."""

    report: Report
    foreign: Mapping[str, float]


MIB = 1024 * 1024
QUOTED = "*"
"""Stands behind a quoted figure in tables and names."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One peer with one model under one load.

    `requests_per_s` is the median of the repeats and None where a source gives a range
    only; `low` and `high` are their lowest and highest. Latencies and processor time are
    of the repeat with the median rate. `failed` counts requests of all repeats without a
    good answer. `foreign` has the largest shares that strangers took of each processor;
    what they take of the client's is harmful only when the client needed it. A cell with
    `client_saturated` says how fast the client is.
    """

    peer: str
    model: str
    profile: Profile
    concurrency: int
    requests_per_s: float | None
    low: float
    high: float
    p50_us: float | None = None
    p99_us: float | None = None
    cpu_us: float | None = None
    pss_mib: float | None = None
    repeats: int = 1
    failed: int = 0
    foreign: Mapping[str, float] = field(default_factory=dict)
    client_saturated: bool = False
    notes: tuple[str, ...] = ()
    kind: Kind = "measured"
    source: str = ""

    @property
    def rate(self) -> float:
        """The rate to sort by; the upper end of a range without a middle."""
        return self.high if self.requests_per_s is None else self.requests_per_s

    @property
    def load(self) -> tuple[str, Profile, int]:
        """What is compared with what: cells of one load stand beside each other."""
        return self.model, self.profile, self.concurrency


@dataclass(frozen=True, slots=True)
class ServerRow:
    """One peer with one model: start to first right answer, memory under load, packages.

    A quoted row may have peak RSS in the place of Pss; its source says so.
    """

    peer: str
    model: str
    start_s: float
    pss_mib: float
    install_mib: float
    kind: Kind = "measured"
    source: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """What could not be measured, and why; `model` is "" when it is the whole peer."""

    peer: str
    reason: str
    model: str = ""


@dataclass(slots=True)
class Findings:
    """Everything that a run has found so far, in the order in which it was found."""

    cells: list[Cell] = field(default_factory=list)
    servers: list[ServerRow] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """Return the rows and servers for a file; what is missing is a row, too."""
        rows = [asdict(cell) for cell in self.cells]
        gaps = [{"kind": "missing", **asdict(gap)} for gap in self.missing]
        servers = [asdict(server) for server in self.servers]
        return {"rows": [*rows, *gaps], "servers": servers}


def make_cell(peer: str, repeats: Sequence[Repeat]) -> Cell:
    """Return the cell that repeats of one load make."""
    ordered = sorted(repeats, key=lambda repeat: repeat.report.throughput_rps)
    reports = [repeat.report for repeat in ordered]
    middle, use = reports[len(reports) // 2], reports[len(reports) // 2].server
    rates = [report.throughput_rps for report in reports]
    scenario = middle.scenario
    notes = dict.fromkeys(note for report in reports for note in report.notes)
    return Cell(
        peer,
        scenario["model"],
        scenario["profile"],
        scenario["concurrency"],
        median(rates),
        rates[0],
        rates[-1],
        p50_us=middle.latency_us.get("p50"),
        p99_us=middle.latency_us.get("p99"),
        cpu_us=use.cpu_us_per_request if use else None,
        pss_mib=most_pss_mib(reports),
        repeats=len(reports),
        failed=sum(report.failed for report in reports),
        foreign=most_foreign(repeats),
        client_saturated=any(report.client_saturated for report in reports),
        notes=tuple(notes),
    )


def most_foreign(repeats: Sequence[Repeat]) -> dict[str, float]:
    """Return the largest share of each processor that strangers took."""
    return {
        side: round(max(repeat.foreign[side] for repeat in repeats), 3)
        for side in repeats[0].foreign
    }


def most_pss_mib(reports: Iterable[Report]) -> float | None:
    """Return the most memory that a server had at the end of one of these runs."""
    uses = [report.server.pss_bytes for report in reports if report.server]
    sizes = [size for size in uses if size is not None]
    return round(max(sizes) / MIB, 1) if sizes else None
