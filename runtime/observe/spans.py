"""Records as OpenTelemetry's spans.

A request is a server span, named after the method, with one span for each phase under it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from runtime import __version__
from runtime.native.records import Record
from runtime.observe.phases import phases_of

SERVICE = "inference.GRPCInferenceService"
UNARY, STREAM = "ModelInfer", "ModelStreamInfer"
SCOPE = InstrumentationScope("leeboard", __version__)
SAMPLED = TraceFlags(TraceFlags.SAMPLED)

SERVERS_FAULT = frozenset({2, 4, 12, 13, 14, 15})
"""gRPC codes that make a server's span an error, by the semantic conventions for gRPC."""


@dataclass(frozen=True, slots=True)
class Where:
    """What all spans of a server share.

    `wall_ns` added to CLOCK_MONOTONIC is Unix time in nanoseconds.
    """

    resource: Resource
    address: str
    port: int
    wall_ns: int


def resource_of() -> Resource:
    """Return who we are: leeboard, unless OpenTelemetry's variables say otherwise."""
    resource = Resource.create({"service.version": __version__})
    name = str(resource.attributes.get(SERVICE_NAME, ""))
    if name and not name.startswith("unknown_service"):
        return resource
    return resource.merge(Resource({SERVICE_NAME: "leeboard"}))


def spans_of(record: Record, where: Where) -> list[ReadableSpan]:
    """Return a sampled request's spans, its server span first."""
    state = TraceState.from_header([record.tracestate]) if record.tracestate else None
    own = _context(record, record.span, state)
    parent = None
    if record.parent:
        parent = SpanContext(record.trace_id, record.parent, True, SAMPLED, state)
    spans = [
        ReadableSpan(
            f"{SERVICE}/{_method(record)}",
            own,
            parent,
            where.resource,
            _attributes(record, where),
            kind=SpanKind.SERVER,
            status=_status(record.code),
            start_time=record.arrived + where.wall_ns,
            end_time=record.replied + where.wall_ns,
            instrumentation_scope=SCOPE,
        )
    ]
    for name, (begin, end) in phases_of(record).items():
        child = _context(record, random.getrandbits(64) or 1, state)
        spans.append(
            ReadableSpan(
                name,
                child,
                own,
                where.resource,
                _phase_attributes(record, name),
                start_time=begin + where.wall_ns,
                end_time=end + where.wall_ns,
                instrumentation_scope=SCOPE,
            )
        )
    return spans


def _method(record: Record) -> str:
    return STREAM if record.streamed else UNARY


def _context(record: Record, span: int, state: TraceState | None) -> SpanContext:
    return SpanContext(record.trace_id, span, False, SAMPLED, state)


def _attributes(record: Record, where: Where) -> Mapping[str, str | int | bool]:
    found: dict[str, str | int | bool] = {
        "rpc.system": "grpc",
        "rpc.service": SERVICE,
        "rpc.method": _method(record),
        "rpc.grpc.status_code": record.code,
        "server.address": where.address,
        "server.port": where.port,
        "leeboard.route": record.route,
    }
    named: dict[str, str | int] = {
        "leeboard.model": record.model,
        "leeboard.version": record.version,
        "leeboard.request.id": record.request_id,
        "leeboard.request.rows": record.rows,
        "leeboard.batch.rows": record.batch_rows,
    }
    found.update((name, value) for name, value in named.items() if value)
    if record.was_claimed and not record.run_began:
        found["leeboard.given_up_while_claimed"] = True
    return found


def _phase_attributes(record: Record, name: str) -> Mapping[str, int] | None:
    return {"leeboard.batch.rows": record.batch_rows} if name == "compute" else None


def _status(code: int) -> Status:
    return Status(StatusCode.ERROR if code in SERVERS_FAULT else StatusCode.UNSET)
