"""A run follows its generator, looks at the server in time, and survives Ctrl-C."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.capacity.endpoint import Options
from runtime.capacity.load import Prepared, make_options, measure, prepare, run
from runtime.capacity.report import Report
from runtime.capacity.scenario import Ask, Load
from runtime.errors import ConfigError, ServerError
from runtime.native.counted import Progress
from tests.unit.capacity.fakes import FakeGenerator, FakeServer, progress, result
from tests.unit.capacity.test_local import listening

ASK = Ask("127.0.0.1:1", "fraud", headers=(("k", "v"),), seed=3)
LOAD = Load(concurrency=4, duration_s=2.0, warmup_s=0.5)
COURSE = (
    progress("connecting"),
    progress("warmup", elapsed_s=0.1, answered=10),
    progress("warmup", elapsed_s=0.4, answered=40),
    progress("measuring", answered=50),
    progress("measuring", answered=150),
    progress("draining", answered=250),
    progress("over", answered=260),
)


@pytest.fixture
def prepared() -> Prepared:
    return prepare(ASK, FakeServer().call)


def test_a_run_reports_what_the_generator_found(prepared: Prepared) -> None:
    generator = FakeGenerator(COURSE, result(ok=190, wrong=10))
    report = run(prepared, LOAD, generator=generator.make)
    assert (report.requests, report.ok, report.wrong) == (200, 190, 10)
    assert report.scenario["model"] == "fraud"
    assert report.server is None  # Nobody listens there.


def test_the_generator_gets_options_messages_and_goldens(prepared: Prepared) -> None:
    generator = FakeGenerator(COURSE)
    run(prepared, LOAD, generator=generator.make)
    assert generator.given == (
        make_options(prepared, LOAD), prepared.questions.messages, ()
    )  # fmt: skip


def test_a_load_becomes_options_in_nanoseconds(prepared: Prepared) -> None:
    load = Load(
        rate=50, arrivals="constant", duration_s=2, warmup_s=0.5, requests=7,
        warmup_requests=3, profile="packed", timeout_s=0.25, tells_deadline=True,
        max_in_flight=6,
    )  # fmt: skip
    assert make_options(prepared, load) == Options(
        "127.0.0.1", 1, "127.0.0.1:1", "/inference.GRPCInferenceService/ModelInfer",
        (("k", "v"),), connections=6, in_flight=6, rate=50, poisson=False, seed=3,
        warmup_ns=500_000_000, duration_ns=2_000_000_000, warmup_requests=3, requests=7,
        timeout_ns=250_000_000, tells_deadline=True, packed=True,
    )  # fmt: skip


def test_a_closed_loop_has_no_more_connections_than_requests(prepared: Prepared) -> None:
    options = make_options(prepared, Load(concurrency=3))
    assert (options.connections, options.in_flight, options.rate) == (3, 3, 0)
    assert make_options(prepared, Load(concurrency=64)).connections == 8
    assert make_options(prepared, Load(concurrency=64, connections=20)).connections == 20


def test_progress_is_told_after_every_look(prepared: Prepared) -> None:
    told: list[Progress] = []
    run(prepared, LOAD, on_progress=told.append, generator=FakeGenerator(COURSE).make)
    assert told == list(COURSE)


def test_one_preparation_serves_many_runs(prepared: Prepared) -> None:
    reports = [run(prepared, LOAD, generator=FakeGenerator(COURSE).make) for _ in "ab"]
    assert reports[0] == reports[1]


def answers_seen(*course: Progress, **knobs: Any) -> Report:
    """Run such a course against a process that listens and does nothing."""
    with listening() as (_, port, _, _):
        ask = Ask(f"127.0.0.1:{port}", "fraud")
        generator = FakeGenerator(course, **knobs)
        return run(prepare(ask, FakeServer().call), LOAD, generator=generator.make)


@pytest.mark.parametrize(
    "course",
    [
        COURSE,
        # The measured part ended between two looks.
        (progress("measuring", answered=50), progress("over", answered=90)),
        # And here even the end of the run.
        (progress("warmup"), progress("measuring", answered=50)),
    ],
)
def test_a_local_server_is_looked_at_at_both_ends(course: tuple[Progress, ...]) -> None:
    report = answers_seen(*course)
    assert report.server is not None
    assert report.server.processes == 2


def test_a_run_that_was_never_measured_says_nothing_of_the_server() -> None:
    assert answers_seen(progress("warmup"), progress("over")).server is None


def test_ctrl_c_keeps_what_was_measured() -> None:
    stopped = result(ended="stopped", seconds=1.2)
    report = answers_seen(*COURSE, found=stopped, interrupt_at=5)
    assert report.partial
    assert report.ok == 200
    assert report.server is not None


def test_a_generator_that_does_not_stop_is_told(prepared: Prepared) -> None:
    generator = FakeGenerator(COURSE, interrupt_at=4, stops=False)
    with pytest.raises(ServerError, match="the load generator did not stop"):
        run(prepared, LOAD, generator=generator.make)
    assert generator.stopped


def test_a_server_that_went_since_it_was_asked_is_named(prepared: Prepared) -> None:
    generator = FakeGenerator(COURSE, refusal="Connection refused")
    with pytest.raises(
        ServerError, match=r"127\.0\.0\.1:1 cannot be reached: Connection re"
    ):
        run(prepared, LOAD, generator=generator.make)


def test_measure_prepares_and_runs_once() -> None:
    server, generator = FakeServer(), FakeGenerator(COURSE)
    report = measure(ASK, LOAD, generator=generator.make, call=server.call)
    assert report.ok == 200
    with pytest.raises(ConfigError, match="fraud has no such input"):
        measure(Ask("127.0.0.1:1", "fraud", shapes={"z": (1,)}), LOAD, call=server.call)
