"""Do alarms keep their word, and how soon do they come? Simulated streams.

    python -m benchmarks.monitor.simulate [--quick] [--only PART]

`alarms` counts false alarms where nothing drifts (`simulate_nulls`), `census` on real
people, shuffled within their year; `delays` sets our detector beside others at an equal
measured run length (`simulate_delays`). Prints promise, verdict and figure; a full run
keeps them in results/alarms.json, one of a part takes the place of that part's rows there.
The exit status is 1 when a promise was not met. Needs nannyml's wheel, which pip downloads
into build/nannyml, and pyarrow.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.monitor import simulate_delays as delays
from benchmarks.monitor import simulate_nulls as nulls
from benchmarks.monitor import simulate_streams as streams
from benchmarks.results import FOLDER, Row, table, write_json
from runtime.testing.nannyml_data import find_wheel

FILE = "alarms.json"
CENSUS = "census shuffled within its year"
PARTS = ("alarms", "census", "delays")
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
    if "census" in parts:
        people = streams.census(find_wheel(machine.ROOT / "build" / "nannyml"))
        size = QUICK_NULLS if is_quick else nulls.Size()
        rows += map(nulls.as_row, nulls.count_kind((CENSUS, people), size, seed=1))
    if "delays" in parts:
        measured = delays.measure(QUICK_DELAYS if is_quick else delays.Size())
        rows += delays.as_rows(measured)
        details += [each.as_json() for each in measured]
    return rows, details


def among(before: dict[str, Any], part: dict[str, Any], name: str) -> dict[str, object]:
    """Return results with those of one part in the place of its own, and its machine."""
    replaced = {row["name"] for row in part["rows"]}
    kept = [row for row in before["rows"] if row["name"] not in replaced]
    about = {"machine": part["machine"], "took_s": part["took_s"]}
    return {
        **before,
        "rows": kept + part["rows"],
        "detectors": part["detectors"] or before["detectors"],
        "parts": {**before.get("parts", {}), name: about},
    }


def main() -> int:
    """Return 0 unless a promise was not met."""
    arguments = read_arguments()
    parts = (arguments.only,) if arguments.only else PARTS
    began = time.monotonic()
    rows, details = simulate(parts, arguments.quick)
    path = Path(machine.scratch()) / "quick" / FILE if arguments.quick else FOLDER / FILE
    about = machine.record("benchmarks.monitor.simulate")
    took = round(time.monotonic() - began, 1)
    content: dict[str, object] = {
        "machine": about, "took_s": took, "rows": [row.as_json() for row in rows],
        "detectors": details,
    }  # fmt: skip
    if arguments.only and not arguments.quick and path.exists():
        content = among(json.loads(path.read_bytes()), content, arguments.only)
    write_json(path, content)
    print(table(rows))
    print(f"results: {path}, in {took:.0f} s")
    return 1 if any(row.verdict == "not met" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
