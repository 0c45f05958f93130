"""What profiles of tensors cost, and what others ask for the same need.

    python -m benchmarks.monitor.kernels [--quick]

A program of C++ times csrc/stats: 1,000,000 rows of 32 float32 features from memory, and
batches of 8 such rows that lie in the cache, as requests do; ten rounds of everything in
turn, with 0.5 % NaN. In each round it also reads the same memory and does nothing else,
which is the share that is printed. Beside it numpy, River, DataSketches and whylogs, each
in an environment of its own with its fastest way to take a batch of all features; they do
not count the same things, and say so in `kernels_peers.py`.

Differs from real use: one thread, nothing else on its processor, profiles that are warm.
Needs the extension's objects (`make build`), g++ and, for the peers, pip's index.
Results are results/kernels.json.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.load.build import FLAGS, run
from benchmarks.peers.environments import prepare, without_paths
from benchmarks.processes import BenchmarkError, pinned
from benchmarks.results import FOLDER, Row, table, write_json
from runtime.statistics.intervals import Interval, Limit, median_interval

SOURCE = Path(__file__).with_name("kernels_loop.cc")
PEERS_SOURCE = Path(__file__).with_name("kernels_peers.py")
ARCHIVE = machine.ROOT / "build" / "csrc" / "release" / "libleeboard.a"
FILE = "kernels.json"
FULL_ROUNDS, QUICK_ROUNDS = 10, 3
MANY, FEW, FEATURES = 1_000_000, 8, 32
RUN_S = 600.0
ENVIRONMENTS = {"numpy": "sketches", "river": "sketches", "datasketches": "sketches",
                "whylogs": "whylogs"}  # fmt: skip
PEER_ROWS = {"numpy": 1_000_000, "river": 1_000_000, "datasketches": 200_000,
             "whylogs": 20_000}  # fmt: skip
"""Rows of a large batch: as many as take about a second."""

LIMITS = {
    ("avx2", "deciles", MANY): 0.45,
    ("avx512", "deciles", MANY): 0.3,
    ("avx2", "deciles", FEW): 130.0 / (FEW * FEATURES),
    ("avx512", "deciles", FEW): 100.0 / (FEW * FEATURES),
    ("avx2", "all", MANY): 1.8,
    ("avx512", "all", MANY): 1.8,
}
"""Nanoseconds per value that are promised."""

Key = tuple[str, str, int]
Taken = dict[Key, list[float]]


def build() -> Path:
    """Return the timing program, built of the extension's own objects."""
    if not ARCHIVE.exists():
        raise BenchmarkError("there is no build/csrc/release/libleeboard.a: make build")
    program = machine.scratch() / "kernels_loop"
    include = f"-I{machine.ROOT / 'csrc'}"
    run("g++", *FLAGS, include, str(SOURCE), str(ARCHIVE), "-o", str(program))
    return program


def read_lines(text: str) -> Taken:
    """Return what the program printed: nanoseconds per value of every round.

    Instructions that the machine lacks were timed with lower ones, which then have more
    values; none is made up.
    """
    found: Taken = defaultdict(list)
    for line in text.splitlines():
        _round, simd, what, rows, value = line.split()
        found[simd, what, int(rows)].append(float(value))
    return dict(found)


def promise_of(key: Key, limit: float) -> str:
    """Say what is promised, as a row's text."""
    simd, what, rows = key
    counted = {"deciles": "moments + deciles", "all": "with histogram and quantiles"}[what]
    if rows == FEW:
        return f"{simd}, {counted}: 8x32 batch <= {limit * FEW * FEATURES:.0f} ns"
    return f"{simd}, {counted}: 1 M rows <= {limit:g} ns a value"


def rows_of(taken: Taken) -> list[Row]:
    """Return a row for each promise, with the share of the read bandwidth beside it."""
    reading = median_interval(taken["any", "read", MANY])
    rows = []
    for key, limit in LIMITS.items():
        if key not in taken:
            continue
        simd, what, count = key
        scale = FEW * FEATURES if count == FEW else 1
        figure = median_interval([value * scale for value in taken[key]])
        share = {"share of read bandwidth": reading.middle / figure.middle}
        notes: dict[str, object] = {} if count == FEW else dict(share)
        rows.append(
            Row(
                f"kernels-{simd}-{what}-{count}", promise_of(key, limit),
                "ns a batch" if count == FEW else "ns a value",
                Limit("at most", limit * scale), figure, notes=notes,
            )
        )  # fmt: skip
    return rows


def time_peer(peer: str, rows: int, rounds: int) -> Interval:
    """Return what a peer takes for a value; BenchmarkError when it cannot run."""
    venv = prepare(ENVIRONMENTS[peer])
    python = str(venv / "bin" / "python")
    command = [python, "-W", "ignore", str(PEERS_SOURCE), peer, str(rows), str(rounds)]
    try:
        done = subprocess.run(
            pinned(machine.CORES.server, *command), check=True, capture_output=True,
            text=True, timeout=RUN_S,
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or ["no output"]
        raise BenchmarkError(f"{peer}: {without_paths(lines[-1])}") from error
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(f"{peer} took more than {RUN_S:.0f} s") from error
    return median_interval([float(line) for line in done.stdout.split()])


def peers(rounds: int) -> dict[str, dict[str, Any]]:
    """Return ns per value of every peer by rows of a batch, or the reason of none."""
    found: dict[str, dict[str, Any]] = {}
    for peer, many in PEER_ROWS.items():
        try:
            found[peer] = {
                str(rows): time_peer(peer, rows, rounds).middle for rows in (FEW, many)
            }
        except BenchmarkError as error:
            found[peer] = {"reason": str(error)}
    return found


def shown(taken: Taken, beside: dict[str, dict[str, Any]]) -> str:
    """Return everything measured as lines of text."""
    lines = [
        f"{simd:9} {what:10} {rows:9,} rows: {median_interval(values).middle:8.3f} ns/value"
        for (simd, what, rows), values in taken.items()
    ]
    for peer, figures in beside.items():
        parts = [f"{rows}: {value}" if rows == "reason"
                 else f"{int(rows):,} rows: {value:.1f} ns/value"
                 for rows, value in figures.items()]  # fmt: skip
        lines.append(f"{peer:20} {'; '.join(parts)}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and keep the results; 0 when everything was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three rounds, for trying")
    chosen = parser.parse_args(arguments)
    rounds = QUICK_ROUNDS if chosen.quick else FULL_ROUNDS
    program = build()
    machine.prepare()
    text = run(*pinned(machine.CORES.server, str(program), str(rounds)))
    taken = read_lines(text)
    rows = rows_of(taken)
    beside = peers(rounds)
    print(shown(taken, beside))
    print(table(rows))
    folder = machine.scratch() / "quick" if chosen.quick else FOLDER
    all_of = {
        " ".join(map(str, key)): median_interval(values).middle
        for key, values in taken.items()
    }
    about = machine.record("benchmarks.monitor.kernels") | {"rounds": rounds}
    path = folder / FILE
    write_json(path, {
        "machine": about,
        "rows": [row.as_json() for row in rows], "ns_per_value": all_of, "peers": beside,
    })  # fmt: skip
    print(f"results: {path.relative_to(machine.ROOT)}")
    return 0 if not any("reason" in figures for figures in beside.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
