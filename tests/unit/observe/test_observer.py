"""Records of a real data plane, on their way to logs, exemplars and an exporter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.native.records import Record, TraceOptions
from runtime.native.tracing import take_traces
from runtime.observe.exporting import Exporting
from runtime.observe.observer import Observer
from runtime.observe.plan import Plan
from runtime.testing.fake_backend import FakeBackend
from runtime.testing.inline import InlineServer
from runtime.testing.waiting import wait_until
from tests.integration.calls import rows, tensors

ALL = TraceOptions(on=True, share=1.0, most_per_s=1e6)


class Kept(Exporting):
    """Keeps records and exports nothing."""

    def __init__(self, plan: Plan, address: str, port: int) -> None:
        self.records: list[Record] = []
        self.exported = self.failed = self.dropped = 0

    def offer(self, records: Iterable[Record]) -> None:
        self.records += records

    def close(self, limit_s: float = 0.0) -> None:
        pass


class Watched:
    """A server with one worker, and what an observer of it handed on."""

    def __init__(self, options: TraceOptions) -> None:
        self.backend = FakeBackend()
        self.server = InlineServer(self.backend)
        self.kept: list[Kept] = []
        self.observer = Observer(
            self.server.plane, Plan(options, notes=("a note",)), self._export
        )
        self.observer.start("127.0.0.1", self.server.plane.port)

    def _export(self, plan: Plan, address: str, port: int) -> Kept:
        self.kept.append(Kept(plan, address, port))
        return self.kept[-1]

    def infer(self, request_id: str = "") -> None:
        with triton.InferenceServerClient(self.server.grpc) as client:
            client.infer("fake", tensors(x=rows(2)), request_id=request_id)

    def close(self) -> None:
        self.backend.let_go()
        self.observer.close()
        self.server.close()


@pytest.fixture
def watch() -> Iterator[Callable[[TraceOptions], Watched]]:
    made: list[Watched] = []

    def make(options: TraceOptions) -> Watched:
        made.append(Watched(options))
        return made[-1]

    yield make
    for each in made:
        each.close()


Watch = Callable[[TraceOptions], Watched]


def threads_of(observer: Observer) -> bool:
    return observer._thread is not None


def test_off_there_is_no_thread_no_export_and_no_record(watch: Watch) -> None:
    watched = watch(TraceOptions())
    watched.infer()
    assert not threads_of(watched.observer)
    assert watched.kept == []
    assert take_traces(watched.server.plane) == []
    assert watched.server.server_counts()["traces_sampled"] == 0
    assert list(watched.observer.families()) == []


def test_sampled_requests_are_exported_and_stand_beside_the_histogram(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    watched = watch(ALL)
    watched.infer(request_id="r-1")
    (kept,) = watched.kept
    wait_until(lambda: len(kept.records) == 1, "the record came")
    (record,) = kept.records
    assert (record.model, record.version, record.request_id) == ("fake", "1", "r-1")
    assert (record.code, record.rows, record.batch_rows) == (0, 2, 2)
    assert record.arrived <= record.complete <= record.queued
    assert record.complete <= record.claimed <= record.run_began <= record.run_ended
    assert record.run_ended <= record.replied
    (exemplar,) = watched.observer.exemplars.of("fake", "1").values()
    assert f"{record.trace_id:032x}" in exemplar
    assert "a note" in caplog.text
    assert "slow request" not in caplog.text


def test_a_failure_is_exported_and_is_no_exemplar(watch: Watch) -> None:
    watched = watch(ALL)
    watched.backend.fail_on = lambda arrays: True
    with pytest.raises(InferenceServerException, match="told to fail"):
        watched.infer()
    (kept,) = watched.kept
    wait_until(lambda: len(kept.records) == 1, "the record came")
    assert kept.records[0].code != 0
    assert kept.records[0].claimed >= kept.records[0].complete
    assert watched.observer.exemplars.of("fake", "1") == {}


def test_slow_requests_are_said_and_not_exported(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    watched = watch(TraceOptions(slow_ms=1e-6))
    watched.infer(request_id="evil\nid")
    wait_until(lambda: "slow request" in caplog.text, "it was said")
    assert watched.kept == []
    assert watched.server.server_counts()["slow_requests"] == 1


def test_slow_requests_can_be_asked_for_later_and_no_more(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    watched = watch(TraceOptions())
    watched.infer()
    assert watched.observer.set_slow_ms(1e-6)
    assert not watched.observer.set_slow_ms(1e-6)
    watched.infer()
    wait_until(lambda: "slow request" in caplog.text, "it was said")
    assert watched.observer.set_slow_ms(0)
    watched.infer()
    assert watched.server.server_counts()["slow_requests"] == 1


def test_what_is_left_at_the_end_is_handed_on(watch: Watch) -> None:
    watched = watch(ALL)
    for _ in range(10):
        watched.infer()
    watched.observer.close()
    assert len(watched.kept[0].records) == 10


def test_over_the_rate_requests_are_served_without_a_span(watch: Watch) -> None:
    watched = watch(replace(ALL, most_per_s=4.0))
    with triton.InferenceServerClient(watched.server.grpc) as client:
        for _ in range(20):
            answer = client.infer("fake", tensors(x=rows(1)))
            np.testing.assert_array_equal(answer.as_numpy("y"), rows(1) * 2)
    watched.observer.close()
    counts = watched.server.server_counts()
    assert counts["traces_sampled"] == len(watched.kept[0].records) < 20
    assert counts["traces_sampled"] + counts["traces_over_rate"] == 20
