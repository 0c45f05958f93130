"""Runs one client once, on the client's processor, and reads what it reports.

A client that saw any call fail raises BenchmarkError: figures of failed calls mean nothing.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.load.question import METHOD, Expectation, Question
from benchmarks.machine import CORES, raise_priority
from benchmarks.processes import BenchmarkError, Server, pinned

LIMIT_S = 60.0
LATENCIES = ("p50_us", "p90_us", "p99_us", "p999_us", "max_us")
UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass(frozen=True, slots=True)
class Report:
    """What one run of a client did: all its calls, the rate of the measured ones."""

    calls: int
    rate: float
    cpu_s: float
    latencies: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shape:
    """How a client loads: connections, calls in flight over all, warm-up calls, rate.

    `rate` 0 keeps `in_flight` calls open all the time; otherwise calls are due at constant
    intervals and `in_flight` only bounds how many may be late.
    """

    connections: int = 8
    in_flight: int = 64
    skip: int = 0
    rate: float = 0.0


def children_s() -> float:
    """Return the processor time of all our children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_on(
    core: int, command: list[str], limit_s: float, env: dict[str, str] | None = None
) -> tuple[str, float]:
    """Run a program to its end; returns its output and the processor time it used."""
    before = children_s()
    with subprocess.Popen(
        pinned(core, *command), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL, text=True, start_new_session=True, env=env,
    ) as process:  # fmt: skip
        raise_priority(process.pid)
        try:
            output, complaints = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise BenchmarkError(f"{command[0]} took over {limit_s:g} s") from error
    if process.returncode:
        raise BenchmarkError(f"{command[0]} ended with {process.returncode}: {complaints}")
    return output, children_s() - before


def run_packed(server: Server, question: Question, count: int, shape: Shape) -> Report:
    """Run h2load, which packs what it sends into few segments; it cannot read statuses."""
    streams = shape.in_flight // shape.connections
    url = f"http://{server.address.target}{METHOD}"
    command = [
        "h2load", "-n", str(count), "-c", str(shape.connections), "-m", str(streams),
        "-d", str(question.framed), "-H", "content-type: application/grpc",
        "-H", "te: trailers", "-w", "24", "-W", "28", url,
    ]  # fmt: skip
    output, cpu_s = run_on(CORES.client, command, LIMIT_S)
    succeeded = re.search(r"(\d+) succeeded, 0 failed, 0 errored, 0 timeout", output)
    finished = re.search(r"finished in ([\d.]+)(us|ms|s|m), ([\d.]+) req/s", output)
    if not succeeded or int(succeeded[1]) != count or not finished:
        raise BenchmarkError(f"h2load could not finish against {server.name}:\n{output}")
    seconds = float(finished[1]) * UNITS_S[finished[2]]
    return Report(count, count / seconds, cpu_s)


@dataclass(frozen=True, slots=True)
class GrpcClient:
    """The grpc-core client of benchmarks/load; checks every status and reply."""

    program: Path

    def run(
        self,
        server: Server,
        question: Question,
        expected: Expectation,
        count: int,
        shape: Shape,
    ) -> Report:
        """Make `count` measured calls."""
        command = [
            str(self.program), "--address", server.address.target, "--method", METHOD,
            "--message", str(question.message), "--expect-prefix", str(expected.prefix),
            "--expect-size", str(expected.size), "--channels", str(shape.connections),
            "--in-flight", str(shape.in_flight), "--count", str(count),
            "--skip", str(shape.skip), "--rate", str(shape.rate),
            "--limit-s", str(LIMIT_S - 10.0),
        ]  # fmt: skip
        output, cpu_s = run_on(CORES.client, command, LIMIT_S)
        done = json.loads(output)
        if done["ok"] != done["sent"]:
            raise BenchmarkError(f"calls to {server.name} failed: {output}")
        latencies = {name: float(done[name]) for name in LATENCIES}
        return Report(done["sent"], float(done["rate"]), cpu_s, latencies)
