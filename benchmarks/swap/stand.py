"""A registry with versions of one model, a server that follows it, and load beside it."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.processes import BenchmarkError, Server
from benchmarks.swap.kinds import Made
from benchmarks.swap.records import Records, Swap, read
from runtime.capacity.load import Prepared, make_options, prepare, run
from runtime.capacity.report import Report
from runtime.capacity.scenario import Ask, Load
from runtime.capacity.sweep import conclude, run_sweep
from runtime.control_client import ControlClient
from runtime.messages import Message, message
from runtime.registry.layout import lay_out
from runtime.registry.registry import Registry
from runtime.registry.source import CHAMPION
from runtime.store.store import Store

ACTOR = "benchmark"
SHARE = 0.7
"""Of the knee, at which everything here is measured."""

WARM_UP_S = 0.3
STOP_S = 20.0
SWAP_S = 120.0
LOOK_S = 0.002
OPTIONS = ("--versions-to-keep", "1")
LONG_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Stand:
    """One model of a registry, followed by a server."""

    model: str
    server: Server
    registry: Registry
    control: ControlClient

    def status(self) -> Message:
        """Return what the server says of the model."""
        request = message("leeboard.v1.VersionsStatusRequest")(model=self.model)
        response = message("leeboard.v1.VersionsStatusResponse")
        return self.control.call("/leeboard.v1.Versions/Status", request, response)

    def serving(self) -> int:
        """Return the version that serves, by the server's word."""
        return int(self.status().models[0].serving)

    def rollback(self) -> Message:
        """Go back to the warm version."""
        request = message("leeboard.v1.RollbackRequest")(model=self.model, reason="trial")
        response = message("leeboard.v1.RollbackResponse")
        return self.control.call("/leeboard.v1.Versions/Rollback", request, response)

    def point(self, number: int) -> tuple[int, int, int]:
        """Let champion point at a version.

        Returns the moments before and after, and where the server's log was before.
        """
        place, asked_ns = self.server.log_bytes(), time.monotonic_ns()
        self.registry.alias(self.model, CHAMPION, number)
        return asked_ns, time.monotonic_ns(), place

    def swap(self, before: int, number: int) -> Swap:
        """Have another version served; returns once the server says that it does."""
        asked_ns, changed_ns, place = self.point(number)
        self.await_line(rf"version {number}: serving", place)
        serving = self.serving()
        if serving != number:
            raise BenchmarkError(f"{self.model} serves version {serving}, not {number}")
        return Swap(before, number, asked_ns, changed_ns, time.monotonic_ns())

    def await_line(self, pattern: str, begin: int, limit_s: float = SWAP_S) -> str:
        """Return a line of the server's log behind a place, once it is there."""
        wanted = re.compile(rf".*{re.escape(self.model)} {pattern}.*")
        end_by = time.monotonic() + limit_s
        while time.monotonic() < end_by:
            if found := wanted.search(self.server.log_text(begin)):
                return found[0]
            time.sleep(LOOK_S)
        said = self.server.log_text(begin)[-2000:]
        raise BenchmarkError(f"{self.model}: nothing like {pattern!r} in the log:\n{said}")


@contextmanager
def opened(
    model: str, files: Sequence[Path], folder: Path, *options: str
) -> Iterator[Stand]:
    """Make a registry of these versions, in order, and serve the first of them."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="swap-") as name:
        place = Path(name)
        store = Store.create(place / "registry")
        try:
            registry = Registry(store, ACTOR)
            for file in files:
                push(registry, model, file)
            registry.alias(model, CHAMPION, 1)
            arguments = [
                "-m", "runtime.cli", "serve", "--registry", str(place / "registry"),
                "--model", f"{model}@{CHAMPION}", "--state-dir", str(place / "state"),
                "--grpc-port", "0", "--http-port", "0", "--control-port", "0",
                *OPTIONS, *options,
            ]  # fmt: skip
            with (
                Server(f"swap-{model}", arguments, folder) as server,
                ControlClient(server.address.control) as control,
            ):
                yield Stand(model, server, registry, control)
        finally:
            store.close()


def push(registry: Registry, model: str, file: Path) -> int:
    """Register a model's file, without trying it first; returns the version."""
    laid = lay_out(file)
    return registry.push(model, dict(laid.files), laid.framework).number


class Loaded:
    """The generator, beside whatever is done between entering and leaving.

    `records` are there afterwards; `busy` is the share of the time in which the client's
    thread had something to do.
    """

    def __init__(self, prepared: Prepared, rate: float, goldens: Sequence[Path]) -> None:
        from runtime.native.load import Generator

        load = Load(rate, arrivals="constant", duration_s=LONG_S, warmup_s=WARM_UP_S)
        options = replace(make_options(prepared, load), keeps_records=True)
        questions = prepared.questions
        answers = answers_by_version(prepared, goldens) if goldens else questions.goldens
        self._made = [Generator(options, questions.messages, answers)]
        self.records: Records = read(b"")
        self.busy = 0.0

    def __enter__(self) -> Loaded:
        """Begin; returns when the warm-up is over."""
        generator = self._made[0]
        generator.start()
        while generator.progress()["phase"] in ("connecting", "warmup"):
            time.sleep(LOOK_S)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, read what became of the requests, and close the connections."""
        stopped_ns, generator = time.monotonic_ns(), self._made.pop()
        generator.stop()
        if not generator.wait(STOP_S):
            raise BenchmarkError("the load generator did not stop")
        self.records = read(generator.records(), stopped_ns)
        self.busy = generator.result()["busy_share"]


Answer = tuple[str, str, tuple[int, ...], bytes, float, float, str]


def answers_by_version(prepared: Prepared, goldens: Sequence[Path]) -> list[list[Answer]]:
    """Return what each version must answer to each question; versions count from 1."""
    answers: list[list[Answer]] = [[] for _ in prepared.questions.messages]
    for number, golden in enumerate(goldens, 1):
        asked = prepare(replace(prepared.ask, golden=golden))
        for all_versions, outputs in zip(answers, asked.questions.goldens, strict=True):
            all_versions += [(*output, str(number)) for output in outputs]
    return answers


def prepared_for(stand: Stand, data: Path, golden: Path) -> Prepared:
    """Return the questions for a model, with the answers of one version."""
    target = stand.server.address.target
    return prepare(Ask(target, stand.model, data=data, golden=golden))


def find_knee(stand: Stand, made: Made) -> float:
    """Return the highest rate that the first version keeps up with."""
    prepared = prepared_for(stand, made.data, made.goldens[0])
    measure = partial(at_rate, prepared, stand.server.metrics_url, made.kind.knee_s)
    found = run_sweep(made.kind.knee, measure, lambda step: None)
    if found.highest is None:
        raise BenchmarkError(f"{stand.server.name}: {conclude(found)}")
    return found.highest.value


def at_rate(prepared: Prepared, url: str, seconds: float, rate: float) -> Report:
    """Ask at one rate for some time."""
    load = Load(rate, arrivals="constant", duration_s=seconds, warmup_s=WARM_UP_S)
    return run(prepared, load, metrics_url=url)
