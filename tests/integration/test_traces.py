"""Traces through real clients, a real server and small collectors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from runtime.native.records import TraceOptions
from runtime.observe.observer import Observer
from runtime.observe.plan import Plan
from runtime.testing import models
from runtime.testing.fake_backend import FakeBackend
from runtime.testing.inline import InlineOptions
from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until
from tests.collectors import Collected, GrpcCollector, HttpCollector
from tests.integration.calls import rows, tensors
from tests.integration.conftest import MakeInline

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE}-{CALLER}-01", "tracestate": "a=1"}
NOT_SAMPLED = {"traceparent": f"00-{TRACE}-{CALLER}-00"}
METHOD = "/inference.GRPCInferenceService/ModelInfer"

Ask = Callable[..., Any]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return models.save_mlp(tmp_path / "mlp.onnx", (4, 8, 2))


def ask(server: RunningServer, headers: dict[str, str]) -> None:
    with triton.InferenceServerClient(server.grpc) as client:
        client.infer("mlp", tensors(x=rows(3)), request_id="r-9", headers=headers)


def arrived(collector: Collected, count: int) -> list[Span]:
    wait_until(lambda: len(collector.servers()) >= count, f"{count} traces came")
    return collector.servers()


def attributes(span: Span) -> dict[str, object]:
    return {
        a.key: a.value.int_value if a.value.HasField("int_value") else a.value.string_value
        for a in span.attributes
    }


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_callers_trace_goes_on_through_the_server(
    model: Path, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = GrpcCollector if protocol == "grpc" else HttpCollector
    with kind() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "models")
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
        with RunningServer(model) as server:
            ask(server, NOT_SAMPLED)
            ask(server, {})
            ask(server, SAMPLED)
            (span,) = arrived(collector, 1)
            wait_until(lambda: len(collector.below(span)) == 5, "all phases came")
            exported = "leeboard_traces_exported_total"
            wait_until(lambda: server.total(exported) == 1, "it is counted")
    assert span.trace_id.hex() == TRACE
    assert span.parent_span_id.hex() == CALLER
    assert span.trace_state == "a=1"
    assert collector.services == {"models"}
    assert collector.headers[0]["x-key"] == "secret"
    told = attributes(span)
    assert told["leeboard.model"] == "mlp"
    assert told["leeboard.request.id"] == "r-9"
    assert (told["leeboard.batch.rows"], told["rpc.grpc.status_code"]) == (3, 0)
    phases = collector.below(span)
    assert list(phases) == ["receive", "queue", "input", "compute", "reply"]
    times = [
        t for p in phases.values() for t in (p.start_time_unix_nano, p.end_time_unix_nano)
    ]
    assert times == sorted(times)
    assert span.start_time_unix_nano <= times[0]
    assert times[-1] == span.end_time_unix_nano


def test_an_answer_and_a_failure_name_our_span(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with GrpcCollector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        with RunningServer(model) as server, grpc.insecure_channel(server.grpc) as channel:
            infer: Ask = channel.unary_unary(METHOD)
            heard = []
            for message in (b"\x0a\x03mlp", b"\x0a\x06nobody"):
                with pytest.raises(grpc.RpcError) as caught:
                    infer(message, metadata=tuple(SAMPLED.items()), timeout=30)
                error: Any = caught.value
                both = (*error.initial_metadata(), *error.trailing_metadata())
                heard.append(dict(both)["traceparent"])
            spans = arrived(collector, 2)
    told = [attributes(span) for span in spans]
    assert [f"00-{TRACE}-{s.span_id.hex()}-01" for s in spans] == heard
    assert [each["rpc.grpc.status_code"] for each in told] == [3, 5]
    assert [each["leeboard.model"] for each in told] == ["mlp", "nobody"]
    assert all(list(collector.below(span)) == ["receive"] for span in spans)


def test_without_tracing_nothing_is_recorded_whatever_a_caller_sends(
    server: RunningServer,
) -> None:
    with grpc.insecure_channel(server.grpc) as channel:
        infer: Ask = channel.unary_unary(METHOD)
        with pytest.raises(grpc.RpcError) as caught:
            infer(b"\x0a\x03mlp", metadata=tuple(SAMPLED.items()), timeout=30)
        error: Any = caught.value
        both = (*error.initial_metadata(), *error.trailing_metadata())
    assert "traceparent" not in dict(both)
    assert server.total("leeboard_server_traces_sampled_total") == 0
    assert "leeboard_traces_exported" not in server.get("/metrics")


def test_a_collector_that_is_not_there_costs_answers_nothing_and_one_line(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    with RunningServer(model) as server:
        for _ in range(20):
            ask(server, SAMPLED)
        failed = "leeboard_traces_export_failed_total"
        wait_until(lambda: server.total(failed) > 0, "the export failed")
        assert server.total("leeboard_requests_total", outcome="ok") == 20
    lines = [line for line in server.log if "could not be exported" in line]
    assert len(lines) == 1
    assert "Traceback" not in "".join(server.log)


def test_exemplars_lead_from_the_histogram_to_the_trace(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with GrpcCollector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        with RunningServer(model) as server:
            ask(server, SAMPLED)
            arrived(collector, 1)
            page = server.get("/metrics", accept="application/openmetrics-text")
            plain = server.get("/metrics")
    (marked,) = [line for line in page.splitlines() if "trace_id=" in line]
    assert marked.startswith("leeboard_request_seconds_bucket{")
    assert f'trace_id="{TRACE}"' in marked
    assert "trace_id" not in plain


@pytest.fixture
def collector() -> Iterator[HttpCollector]:
    with HttpCollector() as collector:
        yield collector


def test_one_that_is_cancelled_in_the_queue_has_no_compute(
    make_inline: MakeInline, collector: HttpCollector
) -> None:
    backend = FakeBackend()
    backend.hold()
    server = make_inline(backend, options=InlineOptions(max_batch_size=1))
    options = TraceOptions(on=True, share=1.0, most_per_s=1e6)
    endpoint = f"{collector.endpoint}/v1/traces"
    observer = Observer(server.plane, Plan(options, "http/protobuf", endpoint))
    observer.start("127.0.0.1", server.plane.port)
    ended = threading.Event()
    with triton.InferenceServerClient(server.grpc) as client:
        client.async_infer("fake", tensors(x=rows(1)), lambda result, error: ended.set())
        wait_until(lambda: backend.entered == 1, "a worker has the first")
        waiting = client.async_infer("fake", tensors(x=rows(1)), lambda result, error: None)
        both = "both have come"
        wait_until(lambda: server.server_counts()["requests"] == 2, both)
        waiting.cancel()
        server.wait_for("failed_cancelled", 1)
        backend.let_go()
        assert ended.wait(30)
    observer.close()
    spans = {attributes(s)["rpc.grpc.status_code"]: s for s in arrived(collector, 2)}
    assert set(spans) == {0, 1}
    assert "compute" in collector.below(spans[0])
    assert set(collector.below(spans[1])) == {"receive", "queue"}
    assert np.all([s.end_time_unix_nano >= s.start_time_unix_nano for s in collector.spans])
