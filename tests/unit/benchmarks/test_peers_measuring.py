"""Which loads a server gets, how repeats are made, and the plot."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers.answers import check
from benchmarks.peers.measuring import (
    FULL,
    MOST_S,
    QUICK,
    SECONDS,
    Started,
    loads,
    long_enough,
    measure_cell,
    measure_server,
    run_time_s,
)
from benchmarks.peers.plot import draw, order
from benchmarks.peers.quoted import quoted_cells
from benchmarks.peers.rows import Cell, Findings
from benchmarks.processes import BenchmarkError
from runtime.capacity.report import Report
from runtime.capacity.scenario import Ask, Load
from runtime.errors import ServerError
from runtime.messages import Message, ModelInferResponse

ASK = Ask("127.0.0.1:1", "mlp")
STARTED = Started("kserve", ASK, os.getpid(), 0.7, 474.0)
LOAD = Load(concurrency=64, duration_s=0.5, warmup_s=0.2)


def generator(
    p50_us: float, asked: list[Load], ended: str = "time"
) -> Callable[..., Report]:
    """A generator that answers everything after so long, and keeps what it was asked."""

    def measure(ask: Ask, load: Load) -> Report:
        asked.append(load)
        scenario = {
            "model": ask.model, "profile": load.profile, "concurrency": load.concurrency,
        }  # fmt: skip
        return Report(
            scenario=scenario, requests=10, ok=10, wrong=0, unsent=0, errors={},
            error_messages={}, duration_s=load.duration_s, answered=10, throughput_rps=1.0,
            latency_us={"p50": p50_us, "p99": p50_us}, send_lag_us={}, series=[],
            client_busy=0.1, client_cpu_us_per_request=1.0, client_saturated=False,
            connections_lost=0, retried=0, ended=ended, partial=False,
        )  # fmt: skip

    return measure


def test_a_server_gets_both_profiles_at_every_concurrency() -> None:
    made = {(load.profile, load.concurrency) for load in loads("mlp", FULL)}
    assert made == {(p, c) for p in ("packed", "ordinary") for c in (1, 8, 64)}


def test_a_quick_run_takes_a_fifth() -> None:
    models = list(SECONDS)
    assert run_time_s(7, models, QUICK) == pytest.approx(run_time_s(7, models, FULL) / 5)


def test_a_repeat_is_made_longer_when_requests_take_much_of_it() -> None:
    asked: list[Load] = []
    measure_cell(STARTED, LOAD, 2, generator(400_000.0, asked))
    assert [round(load.duration_s, 2) for load in asked] == [0.5, 1.2, 1.2]


def test_no_repeat_is_longer_than_the_limit() -> None:
    slow = generator(9e6, [])(ASK, LOAD)
    assert long_enough(LOAD, slow).duration_s == MOST_S


def test_quick_answers_leave_the_load_as_it_is() -> None:
    asked: list[Load] = []
    made = measure_cell(STARTED, LOAD, 3, generator(100.0, asked))
    assert (asked, made.repeats) == ([LOAD] * 3, 3)


def test_cells_are_found_one_by_one_and_the_server_after_them() -> None:
    findings = Findings()
    course = measure_server(STARTED, QUICK, findings, generator(100.0, []))
    next(course)
    assert (len(findings.cells), findings.servers) == (1, [])
    list(course)
    assert (len(findings.cells), findings.servers[0].start_s) == (6, 0.7)


def test_the_first_run_is_the_busiest_and_belongs_to_no_cell() -> None:
    asked: list[Load] = []
    cells = list(measure_server(STARTED, QUICK, Findings(), generator(100.0, asked)))
    assert asked[0].concurrency == 64
    assert len(asked) == len(cells) + 1


def test_a_server_that_cannot_be_asked_ends_its_measurement() -> None:
    def refuse(ask: Ask, load: Load) -> Report:
        raise ServerError(f"{ask.target} cannot be reached")

    with pytest.raises(BenchmarkError, match=r"127\.0\.0\.1:1 cannot be reached"):
        measure_cell(STARTED, LOAD, 1, refuse)


def test_a_run_that_was_stopped_stops_everything() -> None:
    with pytest.raises(KeyboardInterrupt):
        measure_cell(STARTED, LOAD, 1, generator(100.0, [], ended="stopped"))


WANTED = np.array([[1.0, 2.0]], np.float32)


def reply(*values: float) -> Message:
    raw = np.array(values, np.float32).tobytes()
    return ModelInferResponse(raw_output_contents=[raw])


def test_an_answer_in_the_last_bits_is_right() -> None:
    check(reply(1.0, 2.00001), WANTED)


def test_an_empty_answer_is_refused() -> None:
    with pytest.raises(BenchmarkError, match=r"raw contents of \[0\] bytes, not 8"):
        check(reply(), WANTED)


def test_other_numbers_are_refused() -> None:
    with pytest.raises(BenchmarkError, match="the answer is wrong"):
        check(reply(1.0, 3.0), WANTED)


def test_the_plot_names_the_fastest_first_and_is_a_picture(tmp_path: Path) -> None:
    slow = Cell("kserve", "mlp", "packed", 64, 10.0, 10.0, 10.0, cpu_us=300.0)
    fast = replace(slow, peer="leeboard", requests_per_s=9e4, low=9e4, high=9e4)
    cells = [slow, *quoted_cells(["mlp"]), fast]
    draw(cells, tmp_path / "peers.png")
    assert order(cells) == ["leeboard", "triton-onnx*", "kserve"]
    assert (tmp_path / "peers.png").read_bytes().startswith(b"\x89PNG")
