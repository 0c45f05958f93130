"""Does a live server notice what is known to happen in real data, and nothing else?

    python -m benchmarks.monitor.real [--seeds N]

Streams are those of `streams`, sent as `live` says: labels come late, a look gets one
piece. Prints promise, verdict and figure; the figure is the median of the seeds with their
whole range, so a promise is met when every seed keeps it. A full run is kept in
results/real_streams.json. The exit status is 1 when a promise was not met. Needs nannyml's
wheel, which pip downloads into build/nannyml, pyarrow, scikit-learn and skl2onnx.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import machine
from benchmarks.monitor import streams
from benchmarks.monitor.live import EPS, LATE, LOOKS, First, Heard, Name, hear
from benchmarks.results import FOLDER, Row, table, write_json
from runtime.statistics.intervals import Limit, median_interval
from runtime.testing.nannyml_data import find_wheel

FILE = "real_streams.json"
SEEDS = 5
HOUSING_PIECE, HOUSING_CHANGED = 20, 600
CENSUS_PIECE = 50
PLACE = frozenset({"Latitude", "Longitude"})
GROUP_QUARTERS = frozenset({"RELP"})


@dataclass(frozen=True, slots=True)
class Ran:
    """What was heard of one seed's stream, and how long it took."""

    data: str
    seed: int
    heard: Heard
    took_s: float

    def as_json(self) -> dict[str, object]:
        """Return everything for a file, alarms by kind, name and aspect."""
        return {
            "data": self.data,
            "seed": self.seed,
            "took_s": round(self.took_s, 1),
            "calm": _alarms(self.heard.calm),
            "changed": _alarms(self.heard.changed),
        }


def _alarms(found: dict[Name, First]) -> dict[str, object]:
    return {" ".join(name): asdict(first) for name, first in found.items()}


def run(
    data: str, make: Callable[[Path, int], streams.Stream], piece: int, rows: int, seed: int
) -> Ran:
    """Serve one seed's stream on a server of its own."""
    began = time.monotonic()
    stream = make(find_wheel(machine.ROOT / "build" / "nannyml"), seed)
    with tempfile.TemporaryDirectory(dir=machine.scratch()) as folder:
        heard = hear(stream, Path(folder), piece, rows)
    took_s = time.monotonic() - began
    print(f"{data} with seed {seed} took {took_s:.0f} s", file=sys.stderr)
    return Ran(data, seed, heard, took_s)


def row(name: str, promise: str, unit: str, most: float, values: Sequence[float]) -> Row:
    """Return a promise that something is at most so much in every seed."""
    return Row(
        name, promise, unit, Limit("at most", most), median_interval(values),
        notes={"seeds": list(values)},
    )  # fmt: skip


def lead(heard: Heard, wanted: Collection[str]) -> float:
    """Return how many other inputs fired no later than the last of those wanted."""
    fired = heard.inputs()
    if not set(wanted) <= set(fired):
        return float(len(fired) + 1)
    last = max(fired[name] for name in wanted)
    return float(sum(rows <= last for name, rows in fired.items() if name not in wanted))


def housing_rows(ran: Sequence[Ran]) -> list[Row]:
    """Return what is promised of California; an alarm that is missing is one too late."""
    heard = [each.heard for each in ran]
    harms = [each.harm for each in heard]
    never = HOUSING_CHANGED + 1
    late = [float(harm.labels if harm else never) for harm in harms]
    off = [float(abs(harm.since) if harm else never) for harm in harms]
    place = [float(max(each.inputs().get(name, never) for name in PLACE)) for each in heard]
    calm = streams.HOUSING_CALM
    return [
        row("housing-calm", f"California: alarms in {calm:,} southern rows",
            "", 0, [float(len(each.calm)) for each in heard]),
        row("housing-harm", "California: labels after the change until harm",
            "labels", 300, late),
        row("housing-start", "California: the start of harm is off by",
            "rows", 100, off),
        row("housing-first", "California: inputs named before Latitude and Longitude",
            "", 0, [lead(each, PLACE) for each in heard]),
        row("housing-place", "California: rows until Latitude and Longitude are named",
            "rows", 100, place),
    ]  # fmt: skip


def census_rows(ran: Sequence[Ran]) -> list[Row]:
    """Return what is promised of the census."""
    heard = [each.heard for each in ran]
    never = streams.CENSUS_CHANGED + 1
    harms = [float(each.harm.rows if each.harm else never) for each in heard]
    relp = [
        float(max(each.inputs().get(name, never) for name in GROUP_QUARTERS))
        for each in heard
    ]
    calm = 2 * streams.CENSUS_YEAR
    return [
        row("census-calm", f"census: alarms in {calm:,} rows shuffled within their year",
            "", 0, [float(len(each.calm)) for each in heard]),
        row("census-harm", "census: rows of 2018 by its file until harm",
            "rows", streams.CENSUS_CHANGED, harms),
        row("census-named", "census: rows of 2018 by its file until RELP is named",
            "rows", streams.CENSUS_CHANGED, relp),
    ]  # fmt: skip


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.monitor.real", description=__doc__
    )
    parser.add_argument("--seeds", type=int, default=SEEDS, help="fewer, for trying")
    return parser.parse_args()


def main() -> int:
    """Return 0 when every promise was met."""
    seeds = range(max(read_arguments().seeds, 1))
    began = time.monotonic()
    south = [
        run("housing", streams.housing, HOUSING_PIECE, HOUSING_CHANGED, seed)
        for seed in seeds
    ]
    people = [
        run("census", streams.census, CENSUS_PIECE, streams.CENSUS_CHANGED, seed)
        for seed in seeds
    ]
    rows = housing_rows(south) + census_rows(people)
    path = FOLDER / FILE if len(seeds) >= SEEDS else machine.scratch() / "quick" / FILE
    content = {
        "machine": machine.record("benchmarks.monitor.real"),
        "took_s": round(time.monotonic() - began, 1),
        "settings": {
            "eps": EPS, "harm_eps": {
                "housing": streams.HOUSING_HARM_EPS, "census": streams.CENSUS_HARM_EPS,
            },
            "arl_looks": LOOKS, "late_pieces": LATE,
            "rows_a_look": {"housing": HOUSING_PIECE, "census": CENSUS_PIECE},
        },
        "rows": [each.as_json() for each in rows],
        "runs": [each.as_json() for each in south + people],
    }  # fmt: skip
    write_json(path, content)
    print(table(rows))
    print(f"results: {path}")
    return 1 if any(each.verdict != "met" for each in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
