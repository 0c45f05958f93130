"""Writes README.md's figures out of results/, so that none is ever typed.

    python -m benchmarks.readme

What stands between the two markers is replaced: the promises out of results/latest.json
and, if it is there, the comparison with other servers out of results/peers.json. A test
compares README.md with what this would write.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.peers.table import number
from benchmarks.results import FOLDER, LATEST
from runtime.statistics.intervals import Interval, show

README = ROOT / "README.md"
BEGIN = "<!-- figures: `make readme` writes them out of benchmarks/results -->"
END = "<!-- end of figures -->"
PEERS = "peers.json"
LINK = "benchmarks/results"

LOADED, ALONE = 64, 1
MODELS = ("mlp", "mid", "wide", "big")

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


def find_cell(
    rows: Sequence[Content], server: tuple[str, str], model: str, in_flight: int
) -> Content | None:
    """Return what a server did with a model under so many requests of ordinary clients."""
    for row in rows:
        load = (row.get("model"), row.get("profile"), row.get("concurrency"))
        same = (row.get("peer"), row.get("kind")) == server
        if same and load == (model, "ordinary", in_flight):
            return row
    return None


def rate_cell(cell: Content | None) -> str:
    """Write a rate; `>` where the client was the bottleneck, a range if that is all."""
    if cell is None:
        return ""
    if cell["requests_per_s"] is None:
        return f"{number(cell['low'])}-{number(cell['high'])}"
    return f"{'>' if cell['client_saturated'] else ''}{number(cell['requests_per_s'])}"


def peer_cells(content: Content, server: tuple[str, str]) -> tuple[str, ...]:
    """Return one server's line."""
    rows = content["rows"]
    loaded = [find_cell(rows, server, model, LOADED) for model in MODELS]
    alone = find_cell(rows, server, MODELS[0], ALONE)
    memory = [
        row["pss_mib"]
        for row in content.get("servers", [])
        if (row["peer"], row["kind"], row["model"]) == (*server, MODELS[0])
    ]
    peer, kind = server
    return (
        f"{peer}\\*" if kind == "quoted" else peer,
        *map(rate_cell, loaded),
        number(loaded[0]["cpu_us"]) if loaded[0] else "",
        number(alone["p50_us"]) if alone else "",
        number(memory[0]) if memory else "",
    )


def peers_text(content: Content) -> str:
    """Return the table of servers beside ours."""
    servers = dict.fromkeys(
        (row["peer"], row["kind"]) for row in content["rows"] if row["kind"] != "missing"
    )
    head = ("server", *(f"{model} requests/s" for model in MODELS), "mlp CPU us",
            "mlp alone p50 us", "mlp Pss MiB")  # fmt: skip
    lines = lines_of([head, *(peer_cells(content, server) for server in servers)])
    is_quoted = any(kind == "quoted" for _, kind in servers)
    quoted = " \\* is quoted from elsewhere." if is_quoted else ""
    return "\n".join(
        [
            f"`make peers`, {LOADED} requests in flight of ordinary clients over 8 "
            f"connections; alone is one at a time. `>` means that the client was the "
            f"bottleneck.{quoted} Every cell, each server's settings and what could not be "
            f"measured are in [{PEERS}]({LINK}/{PEERS}).",
            "",
            *lines,
        ]
    )


def figures(folder: Path) -> str:
    """Return all that stands between the markers."""
    parts = [promises_text(json.loads((folder / LATEST).read_text()))]
    peers = folder / PEERS
    if peers.exists():
        parts.append(peers_text(json.loads(peers.read_text())))
    return "\n\n".join(parts)


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
