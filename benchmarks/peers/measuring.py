"""One server under every load: the answers checked, then repeats of each cell.

A cell is measured several times in a row with a warm-up before each; its figure is the
median. How long is chosen by the model: where a request takes milliseconds, a short run
has too few answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np

from benchmarks.load.question import METHOD, Question
from benchmarks.peers.rows import Cell, Findings, ServerRow, make_cell, most_pss_mib
from benchmarks.processes import BenchmarkError
from runtime.capacity.scenario import Ask, Load, Profile
from runtime.errors import ConfigError, ServerError
from runtime.messages import Message, ModelInferResponse

if TYPE_CHECKING:
    from runtime.capacity.report import Report

CONCURRENCIES = (1, 8, 64)
PROFILES: tuple[Profile, ...] = get_args(Profile)
SECONDS = {"mlp": 0.5, "wide": 0.6, "big": 0.8, "mid": 1.0}
"""Length of one repeat; the warm-up before it has a third of that."""

WARM_UP = 1 / 3
CALL_S = 10.0


@dataclass(frozen=True, slots=True)
class Started:
    """A server that has given its first right answer."""

    peer: str
    model: Path
    target: str
    ready_s: float
    install_mib: float


Measure = Callable[[Ask, Load], "Report"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How often each cell is measured, and the share of the usual seconds."""

    repeats: int
    share: float


FULL = Plan(repeats=3, share=1.0)
QUICK = Plan(repeats=1, share=0.6)


def loads(model: str, plan: Plan) -> Iterator[Load]:
    """Return every load of a model, one repeat each."""
    seconds = SECONDS[model] * plan.share
    for profile, concurrency in product(PROFILES, CONCURRENCIES):
        yield Load(
            concurrency=concurrency,
            profile=profile,
            duration_s=seconds,
            warmup_s=seconds * WARM_UP,
        )


def run_time_s(peers: int, models: list[str], plan: Plan) -> float:
    """Return how long the measuring of so many peers takes, starts left out.

    Examples
    --------
    >>> round(run_time_s(7, list(SECONDS), FULL) / 60, 1)
    8.1
    """
    per_repeat = sum(SECONDS[model] for model in models) * plan.share * (1 + WARM_UP)
    return peers * len(PROFILES) * len(CONCURRENCIES) * plan.repeats * per_repeat


def answers_right(target: str, question: Question) -> bool:
    """Ask once: False while nobody answers, BenchmarkError for a wrong answer."""
    import grpc

    unlimited = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(target, options=unlimited) as channel:
        call: Callable[..., bytes] = channel.unary_unary(METHOD)
        try:
            reply = call(question.body, timeout=CALL_S)
        except grpc.RpcError:
            return False
    check(ModelInferResponse.FromString(reply), question)
    return True


def check(answer: Message, question: Question) -> None:
    """Raise BenchmarkError unless the numbers are those of ONNX Runtime."""
    raw = answer.raw_output_contents
    if len(raw) != 1 or len(raw[0]) != question.answer.nbytes:
        sizes = [len(content) for content in raw]
        raise BenchmarkError(
            f"the answer has raw contents of {sizes} bytes, not {question.answer.nbytes}"
        )
    values = np.frombuffer(raw[0], np.float32).reshape(question.answer.shape)
    if not np.allclose(values, question.answer, rtol=1e-3, atol=1e-5):
        raise BenchmarkError(f"the answer is wrong: {values.ravel()[:8]}")


def measure_with_ours(ask: Ask, load: Load) -> Report:
    """Measure one run with this repository's load generator."""
    from runtime.capacity.load import measure

    return measure(ask, load)


def repeat(ask: Ask, load: Load, times: int, measure: Measure) -> list[Report]:
    """Return the reports of so many runs; BenchmarkError when one cannot be made."""
    try:
        return [measure(ask, load) for _ in range(times)]
    except (ConfigError, ServerError) as error:
        raise BenchmarkError(str(error)) from error


def measure_server(
    server: Started, plan: Plan, findings: Findings, measure: Measure
) -> Iterator[Cell]:
    """Measure every cell of a server that was found ready, adding each as it comes.

    Its own row follows the last cell, because memory is counted under load.
    """
    model = server.model.stem
    reports: list[Report] = []
    for load in loads(model, plan):
        found = repeat(Ask(server.target, model), load, plan.repeats, measure)
        reports += found
        cell = make_cell(server.peer, found)
        findings.cells.append(cell)
        yield cell
    row = ServerRow(
        server.peer,
        model,
        round(server.ready_s, 2),
        most_pss_mib(reports),
        server.install_mib,
    )
    findings.servers.append(row)
