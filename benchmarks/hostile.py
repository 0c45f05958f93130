"""What a patient client notices of each attack of tests/hostile, and what is left of it.

    python -m benchmarks.hostile [--only NAME]...

One server takes a small, steady open load with constant arrivals, every answer compared
with the right one: for half a second in peace, then for a second during which a process
of its own makes one attack again and again. Counted are the patient client's failed and
wrong answers, which must be none, and its p99 beside the median p99 of all peaceful parts;
the front process's own memory before and after; and the connections that are left once
the attacker has gone.

Differs from real use: one attacker, on the patient client's processor, where the kernel
prefers the patient client if it may; loopback; and p99 of some hundred answers, which is
one of the slowest five.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import urlopen

import numpy as np

from benchmarks import machine
from benchmarks.attacking import SMALL, WIDE
from benchmarks.load.question import save_arrays
from benchmarks.peers.table import columns, number
from benchmarks.processes import BenchmarkError, Server, environment, leeboard, pinned
from benchmarks.results import FOLDER, write_json
from runtime.capacity.load import Prepared, prepare, run
from runtime.capacity.report import Report
from runtime.capacity.scenario import Ask, Load
from runtime.workers.limits import resident_bytes
from tests.hostile.attacks import ATTACKS

FILE = "hostile.json"
RATE = 400.0
ATTACKED = Load(RATE, arrivals="constant", duration_s=1.0, warmup_s=0.1, connections=1)
CALM = Load(RATE, arrivals="constant", duration_s=0.5, warmup_s=0.1, connections=1)
ROWS = 16
SETTLE_S = 5.0
LOOK_S = 0.005
ATTACK_S = 30.0


@dataclass(frozen=True, slots=True)
class Attacked:
    """One attack: the patient client without and under it, and the server around it.

    `rounds` is how often the attack was made; 0 when one did not end in time.
    """

    name: str
    rounds: int
    requests: int
    failed: int
    wrong: int
    errors: dict[str, int]
    calm_p99_us: float
    p99_us: float
    max_us: float
    memory_before: int
    memory_after: int
    connections_after: int


class Attacking:
    """A process that attacks from entering to leaving."""

    def __init__(self, name: str, url: str) -> None:
        command = [sys.executable, "-m", "benchmarks.attacking", url, name]
        self._process = subprocess.Popen(
            pinned(machine.CORES.client, *command),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=machine.ROOT, env=environment(), start_new_session=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            self._process.wait()
            raise BenchmarkError(f"{name} cannot attack")

    def stop(self) -> int:
        """End it after its last round; returns how many there were, 0 if it is killed."""
        try:
            said, _ = self._process.communicate(timeout=ATTACK_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            return 0
        return int(said or 0)


def memory_bytes(pid: int) -> int:
    """Return the memory of its own that a process holds."""
    held = resident_bytes(pid)
    if not held:
        raise BenchmarkError("the kernel does not say how large the front process is")
    return held


def read_gauge(text: str, name: str) -> int:
    r"""Return the sum of a metric's samples.

    Examples
    --------
    >>> read_gauge("# TYPE a gauge\na 3.0\nab 4.0\n", "a")
    3
    """
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    samples = (line.rpartition(" ") for line in lines)
    return int(sum(float(v) for key, _, v in samples if key.partition("{")[0] == name))


def connections(server: Server) -> int:
    """Return how many connections the server has."""
    with urlopen(f"http://{server.metrics_url}", timeout=10) as answer:
        return read_gauge(answer.read().decode(), "leeboard_server_connections")


def settled(server: Server) -> int:
    """Wait until there are no connections; returns how many are left after some seconds."""
    end_by = time.monotonic() + SETTLE_S
    while (left := connections(server)) and time.monotonic() < end_by:
        time.sleep(LOOK_S)
    return left


def attack(name: str, server: Server, prepared: Prepared) -> Attacked:
    """Ask in peace, then under one attack, and look at what it leaves."""
    calm = patiently(server, prepared, CALM)
    settled(server)
    before = memory_bytes(server.process.pid)
    attacking = Attacking(name, server.address.target)
    try:
        under = patiently(server, prepared, ATTACKED)
    finally:
        rounds = attacking.stop()
    left = settled(server)
    return Attacked(
        name,
        rounds,
        calm.requests + under.requests,
        sum(report.failed - report.wrong for report in (calm, under)),
        calm.wrong + under.wrong,
        dict(under.errors),
        calm.latency_us["p99"],
        under.latency_us["p99"],
        under.latency_us["max"],
        before,
        memory_bytes(server.process.pid),
        left,
    )


def patiently(server: Server, prepared: Prepared, load: Load) -> Report:
    """Run one load of the patient client."""
    return run(prepared, load, metrics_url=server.metrics_url)


def save_models(folder: Path) -> Path:
    """Write the two models that are attacked, each the identity of its rows."""
    from runtime.testing.models import save_identity

    for name, width in (("wide", WIDE), ("small", SMALL)):
        save_identity(folder / name / "1" / "model.onnx", "FP32", ["N", width])
    return folder


def patient_ask(target: str, folder: Path) -> Ask:
    """Write distinct rows, which are their own answers; returns how they are asked."""
    rows = np.arange(ROWS * WIDE, dtype=np.float32).reshape(ROWS, WIDE)
    data, golden = (folder / f"hostile.{what}.npz" for what in ("data", "golden"))
    save_arrays(data, {"x": rows})
    save_arrays(golden, {"y": rows})
    return Ask(target, "wide", data=data, golden=golden)


def summary(rows: Sequence[Attacked]) -> dict[str, Any]:
    """Return what all attacks together say.

    `p99_ratio` is the worst p99 under an attack over the median of the peaceful ones.
    """
    calm_us = median(row.calm_p99_us for row in rows)
    worst = max(rows, key=lambda row: row.p99_us)
    return {
        "attacks": len(rows),
        "unmade": sum(row.rounds == 0 for row in rows),
        "requests": sum(row.requests for row in rows),
        "failed": sum(row.failed for row in rows),
        "wrong": sum(row.wrong for row in rows),
        "connections_after": max(row.connections_after for row in rows),
        "calm_p99_us": calm_us,
        "worst": worst.name,
        "p99_ratio": worst.p99_us / calm_us,
        "median_p99_ratio": median(row.p99_us for row in rows) / calm_us,
        "memory_before": rows[0].memory_before,
        "memory_after": rows[-1].memory_after,
        "most_memory": max(row.memory_after for row in rows),
    }


def table(rows: Sequence[Attacked]) -> str:
    """Return the attacks for people."""
    head = ("attack", "rounds", "failed", "wrong", "calm p99 us", "p99 us", "max us",
            "MiB before", "after", "connections")  # fmt: skip
    return columns([head, *map(cells, rows)])


def cells(row: Attacked) -> tuple[str, ...]:
    """Return one attack's line."""
    mib = [number(size / (1 << 20)) for size in (row.memory_before, row.memory_after)]
    times = [number(us) for us in (row.calm_p99_us, row.p99_us, row.max_us)]
    counts = [str(count) for count in (row.rounds, row.failed, row.wrong)]
    return (row.name, *counts, *times, *mib, str(row.connections_after))


def figure(value: float | str) -> str:
    """Write a name or count as it is, anything else shortened."""
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else number(value)


def measure(names: Sequence[str], folder: Path) -> list[Attacked]:
    """Make each attack against one server."""
    models = save_models(folder / "hostile")
    with leeboard(models, folder) as server:
        prepared = prepare(patient_ask(server.address.target, folder))
        patiently(server, prepared, CALM)
        return [attack(name, server, prepared) for name in names]


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile")
    parser.add_argument("--only", action="append", choices=ATTACKS, help="may be repeated")
    return parser.parse_args()


def main() -> int:
    """Return 0 when every attack was made, harmed nobody and left no connection."""
    chosen = read_arguments()
    folder = machine.scratch()
    machine.prepare()
    about = machine.record("benchmarks.hostile")
    rows = measure(chosen.only or list(ATTACKS), folder)
    found = summary(rows)
    path = (folder / "quick" if chosen.only else FOLDER) / FILE
    content = {"machine": about, "load": asdict(ATTACKED), "summary": found}
    write_json(path, {**content, "rows": [asdict(row) for row in rows]})
    print(table(rows))
    print(", ".join(f"{name}: {figure(value)}" for name, value in found.items()))
    print(f"results: {path}")
    harm = sum(found[key] for key in ("unmade", "failed", "wrong", "connections_after"))
    return 1 if harm else 0


if __name__ == "__main__":
    sys.exit(main())
