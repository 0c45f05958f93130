"""The two clients, both on the client's processor: our generator and one on grpc-core.

A client is a function that loads a server once and returns what it found. One that saw any
call fail raises BenchmarkError: figures of failed calls mean nothing.
"""

from __future__ import annotations

import json
import resource
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.load.question import METHOD, Expectation, Question, check_answer
from benchmarks.machine import CORES, raise_priority
from benchmarks.processes import BenchmarkError, Server, pinned
from runtime.capacity.figures import Flaw, find_flaws
from runtime.capacity.scenario import Load

if TYPE_CHECKING:
    from runtime.capacity.report import Report

LIMIT_S = 60.0
LATENCIES = ("p50", "p90", "p99", "p999", "max")
LEAST_CALLS, FIRST_CALLS = 64, 1_000
WARM_UP_S = 0.2


@dataclass(frozen=True, slots=True)
class Found:
    """What one run of a client found.

    `server_cpu_us` is the server's processor time a call where the client measured that
    itself, without its warm-up; `client` what is known about the client.
    """

    calls: int
    rate: float
    latency_us: dict[str, float]
    server_cpu_us: float | None = None
    client: dict[str, float] = field(default_factory=dict)


Client = Callable[[], Found]


@dataclass(frozen=True, slots=True)
class Shape:
    """How the grpc-core client loads: connections, calls in flight over all, warm-up, rate.

    `rate` 0 keeps `in_flight` calls open all the time; otherwise calls are due at constant
    intervals and `in_flight` only bounds how many may be late.
    """

    connections: int = 8
    in_flight: int = 64
    skip: int = 0
    rate: float = 0.0


def clients_s() -> float:
    """Return the processor time of this process and of all its children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime + time.process_time()


def run_on(
    core: int, command: list[str], limit_s: float, env: dict[str, str] | None = None
) -> str:
    """Run a program to its end; returns its output."""
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
    return output


def as_found(report: Report) -> Found:
    """Return what a report of our generator says; BenchmarkError if calls failed.

    A client that was busy all the time is no error in a closed loop: what counts there is
    the server's processor time, or the ratio to another figure with the same client.
    """
    flaws = find_flaws(report.as_json())
    doubts = [words for flaw, words in flaws.items() if flaw is not Flaw.SATURATED]
    if doubts:
        raise BenchmarkError("; ".join([*doubts, *report.notes]))
    return Found(
        report.answered,
        report.throughput_rps,
        {name: report.latency_us[name] for name in LATENCIES},
        report.server.cpu_us_per_request if report.server else None,
        {"busy": report.client_busy, "cpu_us": report.client_cpu_us_per_request},
    )


def measurer(server: Server, question: Question) -> Callable[[Load], Report]:
    """Prepare our generator for a server; what is returned runs one load."""
    from runtime.capacity.load import prepare, run

    prepared = prepare(question.ask(server.address.target))

    def measure(load: Load) -> Report:
        return run(prepared, load, metrics_url=server.metrics_url)

    return measure


def generator(server: Server, question: Question, load: Load) -> Client:
    """Return a client that is our generator with one load."""
    measure = measurer(server, question)
    return lambda: as_found(measure(load))


@dataclass(frozen=True, slots=True)
class GrpcClient:
    """The grpc-core client of benchmarks/load against one server.

    With `authority`, a PEM file, it speaks TLS.
    """

    program: Path
    server: Server
    question: Question
    expected: Expectation
    authority: Path | None = None

    def run(self, count: int, shape: Shape) -> Found:
        """Make `count` measured calls and see that each was answered well."""
        expected = self.expected
        command = [
            str(self.program), "--address", self.server.address.target, "--method", METHOD,
            "--message", str(self.question.message),
            "--expect-prefix", str(expected.prefix), "--expect-size", str(expected.size),
            "--channels", str(shape.connections), "--in-flight", str(shape.in_flight),
            "--count", str(count), "--skip", str(shape.skip), "--rate", str(shape.rate),
            "--limit-s", str(LIMIT_S - 10.0),
        ]  # fmt: skip
        if self.authority is not None:
            command += ["--authority", str(self.authority)]
        output = run_on(CORES.client, command, LIMIT_S)
        done = json.loads(output)
        if done["ok"] != done["sent"]:
            raise BenchmarkError(f"calls to {self.server.name} failed: {output}")
        latency_us = {name: float(done[f"{name}_us"]) for name in LATENCIES}
        return Found(done["sent"], float(done["rate"]), latency_us)

    def sized(self, shape: Shape, seconds: float) -> Client:
        """Warm the server up and return a client whose runs take about so long."""
        rate = self.run(FIRST_CALLS, shape).rate
        return self.counted(shape, max(LEAST_CALLS, int(rate * seconds)))

    def counted(self, shape: Shape, count: int) -> Client:
        """Return a client that makes so many calls in each run."""
        return lambda: self.run(count, shape)


def grpc_core(
    program: Path, server: Server, question: Question, folder: Path
) -> GrpcClient:
    """Check one answer and return the client that expects all others to be like it."""
    return GrpcClient(program, server, question, check_answer(server, question, folder))
