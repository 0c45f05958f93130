"""Writes README.md's figures out of results/, so that none is ever typed.

    python -m benchmarks.readme

What stands between the two markers is replaced: the promises out of results/latest.json
and, where they are there, what each fault does (faults.json), what hostile traffic does
(hostile.json), what swaps of versions do (swap.json), and the comparison with other
servers (peers.json). A test compares README.md with what this would write.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.peers.table import number
from benchmarks.results import FOLDER, LATEST
from runtime.statistics.intervals import Interval, show

README = ROOT / "README.md"
BEGIN = "<!-- figures: `make readme` writes them out of benchmarks/results -->"
END = "<!-- end of figures -->"
PEERS, FAULTS, HOSTILE = "peers.json", "faults.json", "hostile.json"
SWAP = "swap.json"
LINK = "benchmarks/results"

LOADED, ALONE = 64, 1
SMALL, LARGE = "mlp", ("mid", "wide", "big")
PEERS_HEAD = ("server", "mlp", "mlp, ordinary", *LARGE, "mlp, CPU us", "mlp alone, p50 us",
              "start s", "Pss MiB")  # fmt: skip

Content = Mapping[str, Any]


def lines_of(cells: Iterable[Sequence[str]]) -> list[str]:
    """Return rows of a Markdown table; the first one is its head."""
    lines = [f"| {' | '.join(row)} |" for row in cells]
    columns = lines[0].count(" | ") + 1
    return [lines[0], "|---" * columns + "|", *lines[1:]]


def read_interval(content: Content) -> Interval:
    """Return an interval out of a result's file."""
    return Interval(**content)


def promise_cells(row: Content) -> tuple[str, ...]:
    """Return one promise's line."""
    beside = [
        f"{name} {number(read_interval(figure).middle)}"
        for name, figure in row["beside"].items()
    ]
    figure = show(read_interval(row["figure"]), row["unit"])
    return (row["promise"], figure, row["verdict"], ", ".join(beside), row["quoted"])


def machines(rows: Iterable[Content]) -> str:
    """Name the machines that rows come from.

    Examples
    --------
    >>> machines([{"machine": {"cores": 2, "processor": "AMD EPYC"}}] * 2)
    '2 processors (AMD EPYC)'
    """
    names = {
        f"{row['machine']['cores']} processors ({row['machine']['processor']})": None
        for row in rows
    }
    return " and ".join(names)


def sources(rows: Iterable[Content]) -> str:
    """Name the files of the runs that rows come from, each with its commit."""
    names = {row["from"]: row["machine"]["commit"][:12] for row in rows}
    return ", ".join(
        f"[{name}]({LINK}/{name}) (commit {commit})"
        for name, commit in sorted(names.items())
    )


def promises_text(latest: Mapping[str, Content]) -> str:
    """Return the table of promises and where it comes from."""
    rows = list(latest.values())
    head = ("promise", "figure [interval]", "verdict", "beside it, same run", "quoted")
    return "\n".join(
        [
            f"`make bench` on {machines(rows)}, server on one, client on another. The "
            "interval covers the median in 98 % of cases, and the verdict is *met* or *not "
            "met* only when all of it lies on one side of the limit.",
            "",
            *lines_of([head, *map(promise_cells, rows)]),
            "",
            f"Every block is in {sources(rows)}. *Quoted* figures come from another "
            "machine and were not reproduced here.",
        ]
    )


@dataclass(frozen=True, slots=True)
class Server:
    """One server in the file of peers; `kind` is measured or quoted."""

    peer: str
    kind: str
    content: Content

    def cell(self, model: str, profile: str, in_flight: int) -> Content | None:
        """Return what it did with a model under one load."""
        wanted = (self.peer, self.kind, model, profile, in_flight)
        keys = ("peer", "kind", "model", "profile", "concurrency")
        rows = self.content["rows"]
        return next((r for r in rows if tuple(map(r.get, keys)) == wanted), None)

    def about(self) -> Content | None:
        """Return its start and memory with the small model, or with any if quoted so."""
        wanted = [(self.peer, self.kind, model) for model in (SMALL, "")]
        rows = self.content["servers"]
        return next((r for r in rows if (r["peer"], r["kind"], r["model"]) in wanted), None)


def rate_cell(cell: Content | None) -> str:
    """Write a rate; `>` where the client was the bottleneck, a range if that is all."""
    if cell is None:
        return ""
    if cell["requests_per_s"] is None:
        return f"{number(cell['low'])} - {number(cell['high'])}"
    return f"{'>' if cell['client_saturated'] else ''}{number(cell['requests_per_s'])}"


def figure_cell(found: Content | None, key: str) -> str:
    """Write one figure, if there is one."""
    return "" if found is None or found[key] is None else number(found[key])


def peer_cells(server: Server) -> tuple[str, ...]:
    """Return one server's line, in the order of `PEERS_HEAD`."""
    small, about = server.cell(SMALL, "packed", LOADED), server.about()
    return (
        f"{server.peer}\\*" if server.kind == "quoted" else server.peer,
        rate_cell(small),
        rate_cell(server.cell(SMALL, "ordinary", LOADED)),
        *(rate_cell(server.cell(model, "packed", LOADED)) for model in LARGE),
        figure_cell(small, "cpu_us"),
        figure_cell(server.cell(SMALL, "ordinary", ALONE), "p50_us"),
        figure_cell(about, "start_s"),
        figure_cell(about, "pss_mib"),
    )


def peers_text(content: Content) -> str:
    """Return the table of servers beside ours, the quoted ones last."""
    names = dict.fromkeys(
        (row["kind"], row["peer"]) for row in content["rows"] if row["kind"] != "missing"
    )
    measured_first = sorted(names, key=lambda name: name[0])
    servers = [Server(peer, kind, content) for kind, peer in measured_first]
    is_quoted = any(server.kind == "quoted" for server in servers)
    words = [
        f"`make peers`: requests a second with {LOADED} in flight over 8 connections of",
        "packed clients, for the small model also of ordinary ones, and p50 of one at a",
        "time. `>` means that the client was the bottleneck.",
        *(["\\* is quoted from elsewhere, not measured here."] if is_quoted else []),
        "Every cell, each server's settings and what could not be measured:",
        f"[{PEERS}]({LINK}/{PEERS}).",
    ]
    return "\n".join(
        [" ".join(words), "", *lines_of([PEERS_HEAD, *map(peer_cells, servers)])]
    )


def seen_cell(row: Content) -> str:
    """Write what clients saw of one fault.

    Examples
    --------
    >>> seen_cell({"failed": 0, "wrong": 0, "told": ["INTERNAL"]})
    'the request itself: INTERNAL; others: nothing'
    >>> seen_cell({"failed": 3, "wrong": 1, "told": []})
    '3 failed, 1 wrong'
    """
    counts = [f"{row[key]:,} {key}" for key in ("failed", "wrong") if row[key]]
    others = ", ".join(counts) or "nothing"
    told = " or ".join(code for code in row["told"] if code != "OK")
    return f"the request itself: {told}; others: {others}" if told else others


def faults_text(content: Content) -> str:
    """Return the table of faults and where it comes from."""
    rows, rate = content["rows"], content["load"]["rate"]
    head = ("fault, once", "what clients see", "longest wait")
    lines = [(row["fault"], seen_cell(row), f"{number(row['gap_ms'])} ms") for row in rows]
    words = [
        f"`make faults` on {machines([content])}: one worker under {rate:,.0f} requests/s,",
        "every answer checked. The wait is that of the unluckiest innocent request, the",
        f"median of {len(rows[0]['repeats'])} repeats.",
        f"{sum(row['requests'] for row in rows):,} innocent requests in all:",
        f"[{FAULTS}]({LINK}/{FAULTS}).",
    ]
    return "\n".join([" ".join(words), "", *lines_of([head, *lines])])


def hostile_text(content: Content) -> str:
    """Return what a patient client notices of attackers, in a sentence."""
    found = content["summary"]
    grown = (found["memory_after"] - found["memory_before"]) / (1 << 20)
    return " ".join(
        [
            f"`make hostile`: of {found['requests']:,} requests of a patient client beside",
            f"{found['attacks']} kinds of attack, each made without pause,",
            f"{found['failed']:,} failed and {found['wrong']:,} were answered wrongly. Its",
            f"p99 was {number(found['calm_p99_us'])} us in peace and",
            f"{number(found['median_p99_ratio'])} times that under the median attack,",
            f"{number(found['p99_ratio'])} times under the worst ({found['worst']}).",
            "Afterwards",
            f"{found['connections_after']:,} connections were left, and the front process",
            f"held {number(grown)} MiB more: [{HOSTILE}]({LINK}/{HOSTILE}).",
        ]
    )


def swap_text(content: Content) -> str:
    """Return the table of swaps, and what became of versions that must not serve."""
    rows, refusals = content["rows"], content["refusals"]
    head = ("promise", "figure [interval]", "verdict", "beside it, same run")
    lines = [promise_cells(row)[:-1] for row in rows]
    share = content["load"]["share_of_knee"]
    bad = [refusal["words"] for refusal in refusals if not refusal["is_good"]]
    asked = sum(refusal["counts"]["requests"] for refusal in refusals)
    kinds = ", ".join(refusal["words"] for refusal in refusals)
    words = [
        f"`make swap` on {machines([content])}: four versions with other answers take",
        f"turns under an alias, at {share:.0%} of the knee, and every answer is held to",
        "the version that it names. A swap that *loads* fetches, loads and proves its",
        f"version; the others go back to the warm one: [{SWAP}]({LINK}/{SWAP}).",
    ]
    good = (
        "Each was refused, the old version went on, and the reason stood in the log, in "
        f"`leeboard why` and in the audit log; none of {asked:,} requests meanwhile failed."
    )
    outcome = f"{', '.join(bad)}: not refused as it must be." if bad else good
    tried = f"Versions that must never serve ({kinds}) were tried, too. {outcome}"
    return "\n".join([" ".join(words), "", *lines_of([head, *lines]), "", tried])


PARTS: tuple[tuple[str, Callable[[Content], str]], ...] = (
    (LATEST, promises_text),
    (FAULTS, faults_text),
    (HOSTILE, hostile_text),
    (SWAP, swap_text),
    (PEERS, peers_text),
)
"""Files of results and their words, in README.md's order."""


def figures(folder: Path) -> str:
    """Return all that stands between the markers."""
    return "\n\n".join(
        text(json.loads((folder / name).read_text()))
        for name, text in PARTS
        if (folder / name).exists()
    )


def rewrite(readme: str, text: str) -> str:
    """Return the README with this text between its markers.

    Raises ValueError unless both markers are there, once and in order.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ValueError(f"README.md needs {BEGIN} and then {END}, each once")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def main() -> int:
    """Bring README.md up to date."""
    README.write_text(rewrite(README.read_text(), figures(FOLDER)))
    print(f"{README.name} has the figures of {LINK}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
