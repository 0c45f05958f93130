"""Which loads a server gets, how repeats are made, and the plot."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers.answers import check
from benchmarks.peers.measuring import (
    FULL,
    QUICK,
    SECONDS,
    Started,
    counted,
    loads,
    measure_cell,
    measure_server,
    run_time_s,
    watched,
)
from benchmarks.peers.plot import draw, order
from benchmarks.peers.quoted import quoted_cells
from benchmarks.peers.rows import Cell, Findings, Repeat
from benchmarks.processes import BenchmarkError
from runtime.capacity.report import Report
from runtime.capacity.scenario import Ask, Load
from runtime.errors import ServerError
from runtime.messages import Message, ModelInferResponse

ASK = Ask("127.0.0.1:1", "mlp")
STARTED = Started("kserve", ASK, os.getpid(), 0.7, 474.0)
LOAD = Load(concurrency=64, duration_s=0.5, warmup_s=0.2)


def report(ask: Ask, load: Load, rate: float, ended: str = "time") -> Report:
    scenario = {
        "model": ask.model, "profile": load.profile, "concurrency": load.concurrency,
    }  # fmt: skip
    return Report(
        scenario=scenario, requests=10, ok=10, wrong=0, unsent=0, errors={},
        error_messages={}, duration_s=load.duration_s, answered=10, throughput_rps=rate,
        latency_us={"p50": 1.0, "p99": 2.0}, send_lag_us={}, series=[], client_busy=0.1,
        client_cpu_us_per_request=1.0, client_saturated=False, connections_lost=0,
        retried=0, ended=ended, partial=False,
    )  # fmt: skip


class Runs:
    """Makes runs up: of this rate, each with the next of these shares of strangers."""

    def __init__(self, rate: float, foreign: Sequence[float] = ()) -> None:
        self.rate, self.foreign = rate, iter(foreign)
        self.asked: list[Load] = []

    def __call__(self, server: Started, load: Load) -> Repeat:
        self.asked.append(load)
        made = report(server.ask, load, self.rate)
        return Repeat(made, {"server": next(self.foreign, 0.0), "client": 0.9})


def test_a_server_gets_both_profiles_at_every_concurrency() -> None:
    made = {(load.profile, load.concurrency) for load in loads("mlp", FULL)}
    assert made == {(p, c) for p in ("packed", "ordinary") for c in (1, 8, 64)}


def test_a_quick_run_takes_a_fifth() -> None:
    models = list(SECONDS)
    assert run_time_s(7, models, QUICK) == pytest.approx(run_time_s(7, models, FULL) / 5)


def test_a_cell_is_a_short_run_and_then_repeats_of_whole_waves() -> None:
    runs = Runs(rate=1000.0)
    made = measure_cell(STARTED, LOAD, 3, runs)
    assert [load.requests for load in runs.asked] == [64, 512, 512, 512]
    assert made.repeats == 3


def test_a_slow_server_answers_all_that_is_in_flight_three_times() -> None:
    assert counted(LOAD, 10.0).requests == 3 * 64


def test_a_server_without_answers_is_measured_by_time() -> None:
    assert counted(LOAD, 0.0) == LOAD


def test_a_disturbed_repeat_is_made_again_and_does_not_count() -> None:
    runs = Runs(1000.0, foreign=[0.0, 0.9, 0.1, 0.2])
    made = measure_cell(STARTED, LOAD, 2, runs)
    assert len(runs.asked) == 4
    assert made.foreign["server"] == 0.2


def test_on_a_busy_machine_the_least_disturbed_repeats_count() -> None:
    runs = Runs(1000.0, foreign=[0.0, 0.9, 0.5, 0.8, 0.6])
    made = measure_cell(STARTED, LOAD, 2, runs)
    assert len(runs.asked) == 5
    assert made.foreign["server"] == 0.6


def test_cells_are_found_one_by_one_and_the_server_after_them() -> None:
    findings = Findings()
    course = measure_server(STARTED, QUICK, findings, Runs(100.0))
    next(course)
    assert (len(findings.cells), findings.servers) == (1, [])
    list(course)
    assert (len(findings.cells), findings.servers[0].start_s) == (6, 0.7)


def test_the_first_run_is_the_busiest_and_belongs_to_no_cell() -> None:
    runs = Runs(100.0)
    cells = list(measure_server(STARTED, QUICK, Findings(), runs))
    assert runs.asked[0].concurrency == 64
    assert len(runs.asked) == 1 + 2 * len(cells)


def test_a_server_that_cannot_be_asked_ends_its_measurement() -> None:
    def refuse(ask: Ask, load: Load) -> Report:
        raise ServerError(f"{ask.target} cannot be reached")

    with pytest.raises(BenchmarkError, match=r"127\.0\.0\.1:1 cannot be reached"):
        watched(STARTED, LOAD, refuse)


def test_a_run_that_was_stopped_stops_everything() -> None:
    with pytest.raises(KeyboardInterrupt):
        watched(STARTED, LOAD, lambda ask, load: report(ask, load, 1.0, "stopped"))


def test_strangers_shares_are_told_for_both_processors() -> None:
    made = watched(STARTED, LOAD, lambda ask, load: report(ask, load, 1.0))
    assert set(made.foreign) == {"server", "client"}


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
