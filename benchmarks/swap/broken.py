"""Versions that should never serve, moved to under load: who notices, and what is said.

Each candidate is registered without being tried first and `champion` is pointed at it. The
server must refuse it, go on with the version that serves, and say why: in its log, to
`leeboard why`, and in the registry's audit log. Then the alias is moved back. Four of them
go wrong in ways that no file can, in a worker of `runtime.testing.fault_model`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.load.question import save_arrays
from benchmarks.machine import ROOT
from benchmarks.processes import environment
from benchmarks.swap.kinds import KINDS, make
from benchmarks.swap.records import Counts, Records, count
from benchmarks.swap.stand import Loaded, Stand, opened, prepared_for
from runtime.store import audit

RATE = 500.0
OPTIONS = ("--load-timeout", "3", "--worker-memory", "400")
WIDTH, ROWS = 4, 64
CALM_S = 0.5
AUDIT_S = 5.0
WHY_S = 60.0
LOOK_S = 0.05
REFUSED = re.compile(r"refused \((.*)\)")
FOLDERS = re.compile(r"(?<!\S)/\S*/")
FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version that must be refused: what is wrong with it, and how it is written."""

    name: str
    words: str
    suffix: str
    save: Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What became of a candidate, and of the requests meanwhile.

    `is_told` says where its reason was found.
    """

    candidate: str
    words: str
    reason: str
    refused_after_s: float
    is_refused: bool
    serving: int
    counts: Counts
    is_told: dict[str, bool]

    @property
    def is_good(self) -> bool:
        """Whether nobody noticed, and everybody can find out."""
        lost = self.counts.failed + self.counts.wrong + self.counts.stray
        return self.is_refused and self.serving == 1 and not lost and all(
            self.is_told.values()
        )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """Return everything for a file."""
        return {**asdict(self), "is_good": self.is_good}


def save_torn(path: Path) -> object:
    """Write the first half of a model's file."""
    from runtime.testing.models import save_mlp

    whole = save_mlp(path).read_bytes()
    return path.write_bytes(whole[: len(whole) // 2])


def save_other_signature(path: Path) -> object:
    """Write a model whose rows are shorter."""
    from runtime.testing.models import save_mlp

    return save_mlp(path, (16, 64, 8))


def save_not_a_number(path: Path) -> object:
    """Write a model of the same signature whose answers are NaN."""
    from runtime.testing.models import Graph

    graph = Graph()
    y = graph.dense("x", 32, 8)
    below = graph.node("Sub", graph.constant([-1.0]), graph.node("Mul", y, y))
    graph.node("Log", below, to="y")
    return graph.save(path, [("x", "FP32", ["N", 32])], [("y", "FP32", ["N", 8])])


def save_fault(path: Path, **about: object) -> object:
    """Write a model of `runtime.testing.fault_model`."""
    return path.write_text(json.dumps({"width": WIDTH, **about}))


OF_FILES = (
    Candidate("corrupt", "corrupt file", "onnx", save_torn),
    Candidate("signature", "wrong signature", "onnx", save_other_signature),
    Candidate("nan", "answers NaN", "onnx", save_not_a_number),
)
OF_PROCESSES = (
    Candidate("crash", "crash in load", FAULT, partial(save_fault, load="crash")),
    Candidate("hang", "hang in load", FAULT, partial(save_fault, load="hang")),
    Candidate(
        "memory", "out of memory in load", FAULT, partial(save_fault, load="fill_memory")
    ),
    Candidate(
        "shape",
        "answers of another shape",
        FAULT,
        partial(save_fault, always="wrong_shape", free_answer=True),
    ),
)
CANDIDATES = (*OF_FILES, *OF_PROCESSES)


def try_all(folder: Path, candidates: tuple[Candidate, ...]) -> list[Refusal]:
    """Try candidates, each beside a version of the same format that serves."""
    found: list[Refusal] = []
    of_files = [c for c in candidates if c in OF_FILES]
    if of_files:
        made = make(KINDS["mlp-onnx"], 1, folder / "swap")
        found += try_some(folder, made.files[0], made.data, made.goldens[0], of_files)
    of_processes = [c for c in candidates if c in OF_PROCESSES]
    if of_processes:
        good = folder / "swap" / "good.fault"
        save_fault(good, free_answer=True)
        rows = np.arange(ROWS * WIDTH, dtype=np.float32).reshape(ROWS, WIDTH)
        data, golden = (good.with_suffix(f".{what}.npz") for what in ("data", "golden"))
        save_arrays(data, {"x": rows})
        save_arrays(golden, {"y": rows})
        found += try_some(folder, good, data, golden, of_processes)
    return found


def try_some(
    folder: Path, good: Path, data: Path, golden: Path, candidates: list[Candidate]
) -> list[Refusal]:
    """Try candidates on one server, one after the other."""
    with opened(f"broken_{good.suffix[1:]}", [good], folder, *OPTIONS) as stand:
        loaded = partial(Loaded, prepared_for(stand, data, golden), RATE, [golden])
        return [try_one(stand, loaded(), folder, each) for each in candidates]


def try_one(stand: Stand, loaded: Loaded, folder: Path, candidate: Candidate) -> Refusal:
    """Point the alias at a candidate under load, and hear what is said of it."""
    path = folder / "swap" / f"broken-{candidate.name}.{candidate.suffix}"
    candidate.save(path)
    files = {f"model/model.{candidate.suffix}": path}
    number = stand.registry.push(stand.model, files, candidate.suffix).number
    with loaded:
        time.sleep(CALM_S)
        asked_ns, _, place = stand.point(number)
        line = stand.await_line(rf"version {number}: (refused|serving)", place)
        after_s = (time.monotonic_ns() - asked_ns) / 1e9
        time.sleep(CALM_S)
        found = REFUSED.search(line)
        reason = FOLDERS.sub("", found[1]) if found else ""
        told = {"log": bool(reason), "why": is_why(stand, reason),
                "audit": is_audited(stand, number, reason)}  # fmt: skip
        serving = stand.serving()
        stand.point(1)
        time.sleep(CALM_S)
    counts = counts_of(loaded.records)
    return Refusal(candidate.name, candidate.words, reason, after_s, bool(reason), serving,
                   counts, told)  # fmt: skip


def counts_of(records: Records) -> Counts:
    """Count requests; every answer must be version 1's."""
    counts = count(records, [])
    stray = int(np.count_nonzero((records["outcome"] <= 0) & (records["version"] != 1)))
    return Counts(counts.requests, counts.failed, counts.wrong, stray)


def gist(text: str) -> str:
    r"""Return what two ways to write a reason have in common: letters and digits.

    Examples
    --------
    >>> gist("y is NaN:\n  row 3")
    'yisNaNrow3'
    """
    return re.sub(r"\W|[│┃]", "", text)


def says(text: str, reason: str) -> bool:
    """Tell whether a text repeats a reason; paths in it may be hidden.

    Examples
    --------
    >>> says("it was refused: no such file: FILE", "no such file: /tmp/model.onnx")
    True
    """
    words = [gist(part) for part in re.split(r"\S*/\S*", reason)]
    return bool(reason) and all(word in gist(text) for word in words)


def is_why(stand: Stand, reason: str) -> bool:
    """Tell whether ``leeboard why`` repeats a reason."""
    target = stand.server.address.target
    said = subprocess.run(
        [sys.executable, "-m", "runtime.cli", "why", stand.model, "--url", target],
        check=False, capture_output=True, text=True, timeout=WHY_S, cwd=ROOT,
        env=environment(),
    )  # fmt: skip
    return says(said.stdout, reason)


def is_audited(stand: Stand, number: int, reason: str) -> bool:
    """Tell whether the registry's audit log has a refusal with its reason, in time."""
    end_by = time.monotonic() + AUDIT_S
    while time.monotonic() < end_by:
        with stand.registry.store.reading() as connection:
            rows = list(audit.entries(connection, about=f"{stand.model}/{number}"))
        if any(row.action == "refused" and says(row.details, reason) for row in rows):
            return True
        time.sleep(LOOK_S)
    return False
