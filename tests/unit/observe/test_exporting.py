"""Spans on their way: bounded, off every other thread, and quiet about trouble."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from functools import partial

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from runtime.native.records import TraceOptions
from runtime.observe import exporting as module
from runtime.observe.exporting import MOST_AT_ONCE, Exporting, SpanSink
from runtime.observe.plan import GRPC, HTTP, Plan
from runtime.testing.waiting import wait_until
from tests.collectors import GrpcCollector, HttpCollector
from tests.unit.observe.records import ANSWERED, NEVER_RAN

PLAN = Plan(TraceOptions(on=True))


class Sink:
    """Takes spans, or does not, once it may."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.result: SpanExportResult | Exception = SpanExportResult.SUCCESS
        self.exports: list[list[ReadableSpan]] = []
        self.was_shut_down = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.exports.append(list(spans))
        self.open.wait(60)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def shutdown(self) -> None:
        self.was_shut_down = True
        self.open.set()


def made(sink: SpanSink, most_waiting: int = 100) -> Exporting:
    return Exporting(PLAN, "127.0.0.1", 1, lambda plan: sink, most_waiting)


def counts(exporting: Exporting) -> list[int]:
    return [exporting.exported, exporting.failed, exporting.dropped]


def has_failed(exporting: Exporting, times: int) -> bool:
    return exporting.failed == times


def test_records_are_exported_together_and_counted() -> None:
    sink = Sink()
    exporting = made(sink)
    exporting.offer([ANSWERED, NEVER_RAN])
    exporting.close()
    spans = [span.name for export in sink.exports for span in export]
    assert len(spans) == 6 + 3
    assert counts(exporting) == [2, 0, 0]
    assert sink.was_shut_down
    values = {f.name: f.samples[0].value for f in exporting.families()}
    assert values == {
        "leeboard_traces_exported": 2,
        "leeboard_traces_export_failed": 0,
        "leeboard_traces_export_dropped": 0,
    }


def test_a_collector_that_hangs_holds_nobody_up_and_the_rest_is_dropped() -> None:
    sink = Sink()
    sink.open.clear()
    exporting = made(sink, most_waiting=5)
    exporting.offer([ANSWERED])
    wait_until(lambda: len(sink.exports) == 1, "the first is being exported")
    exporting.offer([ANSWERED] * 12)
    assert exporting.dropped == 7
    sink.open.set()
    exporting.close()
    assert counts(exporting) == [6, 0, 7]


def test_closing_gives_up_on_a_collector_that_hangs() -> None:
    sink = Sink()
    sink.open.clear()
    exporting = made(sink)
    exporting.offer([ANSWERED])
    wait_until(lambda: len(sink.exports) == 1, "it is being exported")
    exporting.close(limit_s=0.01)
    assert sink.was_shut_down


def test_many_are_exported_in_parts() -> None:
    sink = Sink()
    sink.open.clear()
    exporting = made(sink, most_waiting=1000)
    exporting.offer([ANSWERED] * (2 * MOST_AT_ONCE + 1))
    sink.open.set()
    exporting.close()
    assert exporting.exported == 2 * MOST_AT_ONCE + 1
    assert all(len(spans) <= 6 * MOST_AT_ONCE for spans in sink.exports)


@pytest.mark.parametrize("result", [SpanExportResult.FAILURE, RuntimeError("odd bytes")])
def test_failures_are_counted_and_said_once(
    result: SpanExportResult | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    sink = Sink()
    sink.result = result
    exporting = made(sink)
    for number in range(3):
        exporting.offer([ANSWERED])
        wait_until(partial(has_failed, exporting, number + 1), "it failed")
    exporting.close()
    assert counts(exporting) == [0, 3, 0]
    (line,) = [r for r in caplog.records if r.name == module.__name__]
    assert line.levelno == logging.WARNING
    expected = "odd bytes" if isinstance(result, Exception) else "gave no reason"
    assert expected in line.getMessage()


def test_it_comes_back_when_the_collector_does() -> None:
    sink = Sink()
    sink.result = SpanExportResult.FAILURE
    exporting = made(sink)
    exporting.offer([ANSWERED])
    wait_until(lambda: exporting.failed == 1, "it failed")
    sink.result = SpanExportResult.SUCCESS
    exporting.offer([ANSWERED])
    exporting.close()
    assert counts(exporting) == [1, 1, 0]


def test_a_sink_that_cannot_be_made_ends_the_export_and_not_the_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(plan: Plan) -> SpanSink:
        raise ValueError("no such endpoint")

    exporting = Exporting(PLAN, "127.0.0.1", 1, fail)
    exporting.offer([ANSWERED])
    exporting.close()
    assert "no more spans are exported" in caplog.text
    assert "no such endpoint" in caplog.text


def test_a_grpc_collector_gets_spans_and_says_why_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with GrpcCollector() as collector:
        plan = Plan(PLAN.options, GRPC, collector.endpoint)
        exporting = Exporting(plan, "127.0.0.1", 1)
        exporting.offer([ANSWERED])
        wait_until(lambda: exporting.exported == 1, "it was taken")
        collector.refuses = True
        exporting.offer([ANSWERED])
        exporting.close()
    assert counts(exporting) == [1, 1, 0]
    (server,) = collector.servers()
    assert set(collector.below(server)) == {"receive", "queue", "input", "compute", "reply"}
    assert "no more of these" in caplog.text
    assert not [r for r in caplog.records if r.name.startswith("opentelemetry")]


def test_an_http_collector_gets_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret")
    with HttpCollector() as collector:
        plan = Plan(PLAN.options, HTTP, f"{collector.endpoint}/v1/traces")
        exporting = Exporting(plan, "127.0.0.1", 1)
        exporting.offer([ANSWERED])
        exporting.close()
    assert counts(exporting) == [1, 0, 0]
    assert len(collector.servers()) == 1
    assert collector.services == {"leeboard"}
    assert collector.headers[0]["x-key"] == "secret"
