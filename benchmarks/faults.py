"""What clients see of each fault, and for how long: a worker killed, hung, gone wild.

    python -m benchmarks.faults [--quick] [--only NAME]...

A server of one worker takes a steady open load with constant arrivals, every answer
compared with the right one. In the middle of the measured part the fault happens once:
either from outside (a signal), or because a second client sends one row that makes the
model do it. Counted are the innocent load's failed and wrong answers, which must be none;
its longest wait from the moment a request was due; and what the guilty client was told.
Each repeat has a server of its own; the wait is the median of the repeats.

Differs from real use: one model of a few milliseconds that loads at once, one worker where
two would hide most gaps, and `--batch-timeout 1` where a hang would last ten seconds. The
model of the poisoned rows takes 4 ms a batch, so that innocent requests share a batch with
the guilty one; that time is in the longest wait, as the row "nothing" shows.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import machine, members
from benchmarks.load.question import make_question, save_arrays
from benchmarks.models import model
from benchmarks.peers.table import columns, number
from benchmarks.processes import BenchmarkError, Server, leeboard
from benchmarks.results import FOLDER, write_json
from runtime.capacity.endpoint import SECOND, code_name, native_call, resolve
from runtime.capacity.load import prepare, run
from runtime.capacity.scenario import Ask, Load
from runtime.errors import LeeboardError
from runtime.messages import ModelInferRequest

if TYPE_CHECKING:
    from runtime.capacity.report import Report
    from runtime.native.counted import Progress

FILE = "faults.json"
REPEATS, QUICK_REPEATS = 3, 1
LOAD = Load(500.0, arrivals="constant", duration_s=2.0, warmup_s=0.3, timeout_s=30.0)
AFTER_S = 0.4
"""Of the measured part, when the fault happens."""

WIDTH = 4
DELAY_S = 0.004
GUILTY = 13.0
INNOCENT = 64
PATIENCE_S = 30.0
TIMEOUT = ("--batch-timeout", "1")
MEMORY = ("--worker-memory", "400")


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to go wrong: from outside by `act`, or by a row that makes a model do `deed`.

    `replaces` tells whether the server must start another worker for it.
    """

    name: str
    words: str
    act: Callable[[Server], None] | None = None
    deed: str = ""
    options: tuple[str, ...] = ()
    replaces: bool = True


FAULTS = (
    Fault("nothing", "nothing, for comparison", deed="nothing", replaces=False),
    Fault("kill", "the worker is killed (kill -9)", members.kill_worker),
    Fault("crash", "a request crashes the worker", deed="crash"),
    Fault("hang", "a request hangs (--batch-timeout 1)", deed="hang", options=TIMEOUT),
    Fault(
        "memory",
        "a request fills memory (--worker-memory 400)",
        deed="fill_memory",
        options=MEMORY,
        replaces=False,  # The kernel may refuse the memory before the worker has to end.
    ),
    Fault("scribble", "a request makes the worker overwrite its page", deed="scribble"),
    Fault("raise", "a request makes the model raise", deed="raise", replaces=False),
    Fault(
        "stop",
        "the worker is stopped (SIGSTOP, --batch-timeout 1)",
        members.stop_worker,
        options=TIMEOUT,
    ),
    Fault("zygote", "the zygote is killed", members.kill_zygote, replaces=False),
    Fault("both", "zygote and worker are killed together", members.kill_both),
)


@dataclass(frozen=True, slots=True)
class Case:
    """A fault with its model's file, the innocent question, and the guilty message."""

    fault: Fault
    path: Path
    ask: Callable[[str], Ask]
    message: bytes = b""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one repeat showed; `told` is empty for a fault from outside."""

    requests: int
    failed: int
    wrong: int
    gap_ms: float
    told: str
    told_after_ms: float
    workers: list[dict[str, float]]
    errors: dict[str, int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One fault over all its repeats."""

    fault: Fault
    repeats: list[Seen] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the sums, the median of the gaps, and every repeat."""
        told = dict.fromkeys(seen.told for seen in self.repeats if seen.told)
        return {
            "name": self.fault.name,
            "fault": self.fault.words,
            "options": list(self.fault.options),
            "requests": sum(seen.requests for seen in self.repeats),
            "failed": sum(seen.failed for seen in self.repeats),
            "wrong": sum(seen.wrong for seen in self.repeats),
            "told": list(told),
            "gap_ms": median(seen.gap_ms for seen in self.repeats),
            "repeats": [asdict(seen) for seen in self.repeats],
        }


class Accident:
    """Makes a fault happen once, beside the load, and hears what the guilty client is told.

    The guilty client has a thread and a connection of its own.
    """

    def __init__(self, case: Case, server: Server) -> None:
        self._case, self._server = case, server
        self._thread: Thread | None = None
        self.told, self.told_after_ms = "", 0.0

    def look(self, progress: Progress) -> None:
        """Do it if the measured part has gone on for long enough."""
        due = progress["phase"] == "measuring" and progress["elapsed_s"] > AFTER_S
        if due and self._thread is None:
            self._thread = Thread(target=self._happen, name="accident")
            self._thread.start()

    def finish(self) -> None:
        """Wait until it is over; raises BenchmarkError if it never happened."""
        if self._thread is None:
            raise BenchmarkError(f"{self._case.fault.name}: the load ended before it")
        self._thread.join(PATIENCE_S + 5.0)

    def _happen(self) -> None:
        act = self._case.fault.act
        if act is not None:
            act(self._server)
            return
        endpoint = resolve(self._server.address.target)
        options = replace(
            endpoint.options("ModelInfer", ()), timeout_ns=round(PATIENCE_S * SECOND)
        )
        began = time.perf_counter()
        try:
            code, _, _ = native_call(options, self._case.message)
            self.told = code_name(code)
        except LeeboardError:
            self.told = "no connection"
        self.told_after_ms = (time.perf_counter() - began) * 1e3


def guilty_message(name: str) -> bytes:
    """Return the request whose row makes the model do its deed."""
    request = ModelInferRequest(model_name=name)
    request.inputs.add(name="x", datatype="FP32", shape=(1, WIDTH))
    request.raw_input_contents.append(np.full((1, WIDTH), GUILTY, np.float32).tobytes())
    return bytes(request.SerializeToString())


def poisoned(fault: Fault, folder: Path) -> Case:
    """Write a model that does the deed, and innocent rows with their answers."""
    deeds = {} if fault.deed == "nothing" else {str(GUILTY): fault.deed}
    path = folder / f"fault-{fault.name}.fault"
    about = {"width": WIDTH, "delay_s": DELAY_S, "deeds": deeds}
    path.write_text(json.dumps(about))
    rows = np.arange(INNOCENT * WIDTH, dtype=np.float32).reshape(INNOCENT, WIDTH) + 100.0
    data, golden = (folder / f"fault.{what}.npz" for what in ("data", "golden"))
    save_arrays(data, {"x": rows})
    save_arrays(golden, {"y": rows})

    def ask(target: str) -> Ask:
        return Ask(target, path.stem, data=data, golden=golden)

    return Case(fault, path, ask, guilty_message(path.stem))


def make_case(fault: Fault, folder: Path) -> Case:
    """Return what a fault is measured with: mlp where it comes from outside."""
    if fault.deed:
        return poisoned(fault, folder)
    path = model("mlp", folder)
    return Case(fault, path, make_question(path, folder).ask)


def as_seen(report: Report, accident: Accident, log: str) -> Seen:
    """Return what one repeat showed."""
    return Seen(
        report.requests,
        report.failed - report.wrong,
        report.wrong,
        report.latency_us["max"] / 1e3,
        accident.told,
        accident.told_after_ms,
        [{"after_s": began.after_s} for began in members.read_began(log)],
        dict(report.errors),
    )


def happen_once(case: Case, folder: Path) -> Seen:
    """Run the load with the fault within it, against a server of its own."""
    with leeboard(case.path, folder, *case.fault.options) as server:
        accident = Accident(case, server)
        prepared = prepare(case.ask(server.address.target))
        report = run(
            prepared, LOAD, on_progress=accident.look, metrics_url=server.metrics_url
        )
        accident.finish()
        seen = as_seen(report, accident, server.log_text())
    if case.fault.replaces and len(seen.workers) < 2:
        raise BenchmarkError(f"{case.fault.name}: no other worker was started")
    return seen


def measure(
    faults: Sequence[Fault], repeats: int, folder: Path
) -> tuple[list[dict[str, Any]], list[str]]:
    """Let each fault happen some times; returns rows and what could not be measured."""
    rows, broken = [], []
    for fault in faults:
        try:
            case = make_case(fault, folder)
            repeated = [happen_once(case, folder) for _ in range(repeats)]
        except LeeboardError as error:
            broken.append(f"{fault.name}: {error}")
        else:
            rows.append(Outcome(fault, repeated).as_json())
    return rows, broken


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """Return one fault's line."""
    told = " or ".join(row["told"]) or "-"
    counts = (f"{row['requests']:,}", str(row["failed"]), str(row["wrong"]))
    return (row["fault"], *counts, told, number(row["gap_ms"]))


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows of the file for people."""
    head = ("fault", "innocent", "failed", "wrong", "the guilty client", "longest wait ms")
    return columns([head, *map(cells, rows)])


def read_arguments() -> argparse.Namespace:
    names = [fault.name for fault in FAULTS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults")
    parser.add_argument("--quick", action="store_true", help="one repeat, for trying")
    parser.add_argument("--only", action="append", choices=names, help="may be repeated")
    return parser.parse_args()


def main() -> int:
    """Return 0 when all was measured and no innocent request failed or was wrong."""
    chosen = read_arguments()
    folder = machine.scratch()
    machine.prepare()
    about = machine.record("benchmarks.faults")
    faults = [f for f in FAULTS if chosen.only is None or f.name in chosen.only]
    repeats = QUICK_REPEATS if chosen.quick else REPEATS
    rows, broken = measure(faults, repeats, folder)
    is_full = not (chosen.quick or chosen.only or broken)
    path = (FOLDER if is_full else folder / "quick") / FILE
    write_json(path, {"machine": about, "load": asdict(LOAD), "rows": rows})
    print(table(rows))
    for line in broken:
        print(f"not measured: {line}", file=sys.stderr)
    print(f"results: {path}")
    return 1 if broken or any(row["failed"] or row["wrong"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
