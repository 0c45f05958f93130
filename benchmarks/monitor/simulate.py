"""Do alarms keep their word, and how soon do they come? Simulated streams.

    python -m benchmarks.monitor.simulate [--quick] [--only PART]

`alarms` counts false alarms where nothing drifts (`simulate_nulls`), `delays` sets our
detector beside others at an equal measured run length (`simulate_delays`). Prints promise,
verdict and figure; a full run keeps them in results/alarms.json. The exit status is 1 when
a promise was not met.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks import machine
from benchmarks.monitor import simulate_delays as delays
from benchmarks.monitor import simulate_nulls as nulls
from benchmarks.results import FOLDER, Row, table, write_json

FILE = "alarms.json"
PARTS = ("alarms", "delays")
QUICK_NULLS = nulls.Size(streams=10, looks=200, label_streams=2, label_looks=100)
QUICK_DELAYS = delays.Size(null_streams=12, null_looks=2_000, streams=12)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.monitor.simulate", description=__doc__
    )
    parser.add_argument("--quick", action="store_true", help="too few streams, for trying")
    parser.add_argument("--only", choices=PARTS, help="one part instead of both")
    return parser.parse_args()


def simulate(parts: tuple[str, ...], is_quick: bool) -> tuple[list[Row], list[object]]:
    """Return rows, and what each detector was measured to do."""
    rows: list[Row] = []
    details: list[object] = []
    if "alarms" in parts:
        size = QUICK_NULLS if is_quick else nulls.Size()
        rows += nulls.as_rows(nulls.count_all(size))
    if "delays" in parts:
        measured = delays.measure(QUICK_DELAYS if is_quick else delays.Size())
        rows += delays.as_rows(measured)
        details += [each.as_json() for each in measured]
    return rows, details


def main() -> int:
    """Return 0 unless a promise was not met."""
    arguments = read_arguments()
    parts = (arguments.only,) if arguments.only else PARTS
    began = time.monotonic()
    rows, details = simulate(parts, arguments.quick)
    is_full = not (arguments.quick or arguments.only)
    path = FOLDER / FILE if is_full else Path(machine.scratch()) / "quick" / FILE
    about = machine.record("benchmarks.monitor.simulate")
    took = round(time.monotonic() - began, 1)
    kept = [row.as_json() for row in rows]
    write_json(path, {"machine": about, "took_s": took, "rows": kept, "detectors": details})
    print(table(rows))
    print(f"results: {path}, in {took:.0f} s")
    return 1 if any(row.verdict == "not met" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
