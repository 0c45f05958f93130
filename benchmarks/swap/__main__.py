"""What clients notice of swaps, rollbacks and broken versions under load.

    python -m benchmarks.swap [--only PART]... [--swaps N] [--list]

A server on one processor follows `champion` of a real registry in a temporary folder; our
generator asks it from another, in the ordinary profile, in an open loop with constant
arrivals at 70 % of the knee that is found first. Versions are the same network with other
weights, and every answer is compared with those of the version that it names. Of every
request is kept when it was due, sent and answered, and by which version.

Prints promise, verdict and figure, and keeps them in results/swap.json. The exit status is
0 when everything was measured and no request was lost.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.peers.table import columns
from benchmarks.results import FOLDER, Row, table, write_json
from benchmarks.swap import around, broken, going_back, many
from benchmarks.swap.kinds import KINDS, make
from benchmarks.swap.plans import RING
from benchmarks.swap.stand import SHARE, opened
from runtime.errors import LeeboardError

FILE = "swap.json"
SWAPS, AROUND, ROLLBACKS = 200, 12, 40
AROUND_KIND, QUICKEST = "mid-onnx", "mlp-onnx"
BROKEN = "broken"
PARTS = ("mlp-onnx", "mid-onnx", BROKEN, "mlp-torch", "mid-torch")


@dataclass(frozen=True, slots=True)
class Chosen:
    """How much to measure: swaps in a row, pairs around swaps, rollbacks."""

    swaps: int
    around: int
    rollbacks: int


@dataclass
class Found:
    """All that was measured, and what could not be."""

    rows: list[Row] = field(default_factory=list)
    ran: list[many.Ran] = field(default_factory=list)
    refusals: list[broken.Refusal] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def lost(self) -> float:
        """Requests that failed, or were answered wrongly or by the wrong version."""
        counted = [row.figure.high for row in self.rows if row.name.startswith("lost-")]
        return sum(counted)


def measure_kind(name: str, chosen: Chosen, folder: Path, found: Found) -> None:
    """Measure one model in one format, on one server."""
    made = make(KINDS[name], RING, folder / "swap")
    with opened(made.kind.model, made.files, folder) as stand:
        place = many.place_of(stand, made)
        ran = many.many(place, chosen.swaps)
        found.ran.append(ran)
        found.rows += [many.as_row(ran), many.held_row(ran)]
        if name == QUICKEST:
            found.rows.append(many.first_answer_row(ran))
            found.rows += going_back.as_rows(going_back.go_back(place, chosen.rollbacks))
        if name == AROUND_KIND:
            found.rows += around.as_rows(name, around.disturb(place, chosen.around))


def measure_broken(folder: Path, found: Found) -> None:
    """Try every version that must be refused."""
    found.refusals += broken.try_all(folder, broken.CANDIDATES)


def measure(
    parts: Sequence[str], chosen: Chosen, folder: Path, keep: Callable[[Found], None]
) -> Found:
    """Measure parts one after the other; what fails is said, the others go on.

    `keep` is given what was found after each part: a run that is cut off has that.
    """
    found = Found()
    for part in parts:
        work: Callable[[], None] = (
            partial(measure_broken, folder, found)
            if part == BROKEN
            else partial(measure_kind, part, chosen, folder, found)
        )
        began = time.monotonic()
        try:
            work()
        except LeeboardError as error:
            found.missing.append(f"{part}: {error}")
        print(f"measured {part} in {time.monotonic() - began:.0f} s", file=sys.stderr)
        keep(found)
    if found.ran:
        found.rows.append(many.pause_row(found.ran))
    return found


def as_json(found: Found, about: dict[str, object]) -> dict[str, Any]:
    """Return everything for the file of results."""
    return {
        "machine": about,
        "load": {"profile": "ordinary", "arrivals": "constant", "share_of_knee": SHARE},
        "rows": [row.as_json() for row in found.rows],
        "refusals": [refusal.as_json() for refusal in found.refusals],
        "missing": found.missing,
    }


def refusals_table(refusals: Sequence[broken.Refusal]) -> str:
    """Return what became of broken versions, for people."""
    head = ("broken version", "requests", "failed", "refused after s", "good", "reason")
    lines = [
        (r.words, f"{r.counts.requests:,}",
         str(r.counts.failed + r.counts.wrong + r.counts.stray),
         f"{r.refused_after_s:.2f}", "yes" if r.is_good else "NO", r.reason[:60])
        for r in refusals
    ]  # fmt: skip
    return columns([head, *lines])


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.swap", description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, help="may be repeated")
    parser.add_argument("--swaps", type=int, help=f"in a row instead of {SWAPS}")
    parser.add_argument("--list", action="store_true", help="name the parts and end")
    return parser.parse_args()


def chosen_by(swaps: int | None) -> Chosen:
    """Return how much to measure; with fewer swaps the rest is less, too.

    Examples
    --------
    >>> chosen_by(None), chosen_by(10)
    (Chosen(swaps=200, around=12, rollbacks=40), Chosen(swaps=10, around=3, rollbacks=10))
    """
    if swaps is None:
        return Chosen(SWAPS, AROUND, ROLLBACKS)
    return Chosen(swaps, min(max(swaps // 3, 1), AROUND), min(swaps, ROLLBACKS))


def main() -> int:
    """Return 0 when all was measured, nothing was lost, and nothing broken served."""
    arguments = read_arguments()
    if arguments.list:
        print("\n".join(PARTS))
        return 0
    folder = machine.scratch()
    machine.prepare()
    about = machine.record("benchmarks.swap")
    quick = folder / "quick" / FILE

    def keep(found: Found) -> None:
        write_json(quick, as_json(found, about))
        print(table(found.rows), file=sys.stderr)

    found = measure(arguments.only or PARTS, chosen_by(arguments.swaps), folder, keep)
    is_full = not (arguments.only or arguments.swaps or found.missing)
    path = FOLDER / FILE if is_full else quick
    write_json(path, as_json(found, about))
    if found.rows:
        print(table(found.rows))
    if found.refusals:
        print(f"\n{refusals_table(found.refusals)}")
    for line in found.missing:
        print(f"not measured: {line}", file=sys.stderr)
    print(f"results: {path}")
    is_good = all(refusal.is_good for refusal in found.refusals)
    return 1 if found.missing or found.lost or not is_good else 0


if __name__ == "__main__":
    sys.exit(main())
