"""Records as spans."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from runtime import __version__
from runtime.native.records import Record
from runtime.observe.spans import Where, resource_of, spans_of
from tests.unit.observe.records import ANSWERED, MS, NEVER_RAN, REFUSED

WALL_NS = 1_700_000_000_000_000_000
WHERE = Where(Resource({}), "127.0.0.1", 8001, WALL_NS)


def names(record: Record) -> list[str]:
    return [span.name for span in spans_of(record, WHERE)]


def attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def test_an_answered_request_is_a_server_span_with_its_phases_below() -> None:
    server, *phases = spans_of(ANSWERED, WHERE)
    assert server.name == "inference.GRPCInferenceService/ModelInfer"
    assert server.kind is SpanKind.SERVER
    assert server.context is not None
    assert server.context.trace_id == ANSWERED.trace_id
    assert server.context.span_id == ANSWERED.span
    assert server.parent is not None
    assert server.parent.span_id == ANSWERED.parent
    assert server.parent.is_remote
    assert [span.name for span in phases] == [
        "receive", "queue", "input", "compute", "reply",
    ]  # fmt: skip
    for span in phases:
        assert span.kind is SpanKind.INTERNAL
        assert span.parent == server.context
        assert span.context is not None
        assert span.context.trace_id == ANSWERED.trace_id
    ids = {span.context.span_id for span in (server, *phases) if span.context is not None}
    assert len(ids) == 6


def test_times_are_unix_times_and_lie_within_the_request() -> None:
    server, *phases = spans_of(ANSWERED, WHERE)
    assert server.start_time == WALL_NS + 1_000 * MS
    assert server.end_time == WALL_NS + 1_022 * MS
    ends = [time for span in phases for time in (span.start_time, span.end_time)]
    assert ends == sorted(ends, key=lambda time: time or 0)


def test_attributes_follow_the_semantic_conventions() -> None:
    server, *phases = spans_of(ANSWERED, WHERE)
    assert attributes(server) == {
        "rpc.system": "grpc",
        "rpc.service": "inference.GRPCInferenceService",
        "rpc.method": "ModelInfer",
        "rpc.grpc.status_code": 0,
        "server.address": "127.0.0.1",
        "server.port": 8001,
        "leeboard.route": "stable",
        "leeboard.model": "mlp",
        "leeboard.version": "3",
        "leeboard.request.id": "r-7",
        "leeboard.request.rows": 2,
        "leeboard.batch.rows": 8,
    }
    compute = next(span for span in phases if span.name == "compute")
    assert attributes(compute) == {"leeboard.batch.rows": 8}


def test_one_that_was_cancelled_in_the_queue_has_no_compute() -> None:
    assert names(NEVER_RAN)[1:] == ["receive", "queue"]


def test_one_that_was_refused_begins_its_own_trace() -> None:
    server, *phases = spans_of(REFUSED, WHERE)
    assert server.parent is None
    assert [span.name for span in phases] == ["receive"]
    assert "leeboard.version" not in attributes(server)


def test_one_that_was_given_up_while_a_worker_had_it_says_so() -> None:
    server = spans_of(NEVER_RAN._replace(was_claimed=True), WHERE)[0]
    assert attributes(server)["leeboard.given_up_while_claimed"] is True


@pytest.mark.parametrize(
    ("code", "status"),
    [(0, StatusCode.UNSET), (1, StatusCode.UNSET), (3, StatusCode.UNSET),
     (8, StatusCode.UNSET), (2, StatusCode.ERROR), (4, StatusCode.ERROR),
     (13, StatusCode.ERROR), (14, StatusCode.ERROR)],
)  # fmt: skip
def test_only_the_servers_faults_are_errors(code: int, status: StatusCode) -> None:
    server = spans_of(ANSWERED._replace(code=code), WHERE)[0]
    assert server.status.status_code is status


def test_a_message_of_a_stream_has_the_streams_method() -> None:
    server = spans_of(ANSWERED._replace(streamed=True), WHERE)[0]
    assert server.name == "inference.GRPCInferenceService/ModelStreamInfer"
    assert attributes(server)["rpc.method"] == "ModelStreamInfer"


def test_the_callers_state_goes_on() -> None:
    server = spans_of(ANSWERED._replace(tracestate="a=1,b=2"), WHERE)[0]
    assert server.context is not None
    assert server.context.trace_state.to_header() == "a=1,b=2"


def test_a_state_that_is_none_is_left_out() -> None:
    server = spans_of(ANSWERED._replace(tracestate="\x00,,=,"), WHERE)[0]
    assert server.context is not None
    assert len(server.context.trace_state) == 0


def test_we_are_leeboard_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    monkeypatch.delenv("OTEL_RESOURCE_ATTRIBUTES", raising=False)
    assert resource_of().attributes["service.name"] == "leeboard"
    assert resource_of().attributes["service.version"] == __version__
    monkeypatch.setenv("OTEL_SERVICE_NAME", "models")
    assert resource_of().attributes["service.name"] == "models"
