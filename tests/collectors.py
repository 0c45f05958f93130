"""Collectors of spans on loopback, which keep what OpenTelemetry's exporters send."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as services
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

add_service: Callable[[services.TraceServiceServicer, grpc.Server], None] = (
    services.add_TraceServiceServicer_to_server
)


class Collected:
    """What came, and whether more is taken."""

    def __init__(self) -> None:
        self.refuses = False
        self.spans: list[Span] = []
        self.services: set[str] = set()
        self.headers: list[dict[str, str]] = []

    def take(self, request: ExportTraceServiceRequest, headers: dict[str, str]) -> None:
        """Keep the spans of one export."""
        self.headers.append(headers)
        for resource_spans in request.resource_spans:
            named = {
                a.key: a.value.string_value for a in resource_spans.resource.attributes
            }
            self.services.add(named.get("service.name", ""))
            for scope_spans in resource_spans.scope_spans:
                self.spans += scope_spans.spans

    def servers(self) -> list[Span]:
        """Return the spans of whole requests."""
        return [s for s in list(self.spans) if s.kind == Span.SPAN_KIND_SERVER]

    def below(self, server: Span) -> dict[str, Span]:
        """Return the phases of a request by name."""
        spans = list(self.spans)
        return {s.name: s for s in spans if s.parent_span_id == server.span_id}


class GrpcCollector(Collected, services.TraceServiceServicer):
    """A collector that speaks OTLP over gRPC."""

    def __enter__(self) -> GrpcCollector:
        self._server = grpc.server(ThreadPoolExecutor(2))
        add_service(self, self._server)
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        self.endpoint = f"http://127.0.0.1:{port}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stop(None).wait()

    def Export(
        self, request: ExportTraceServiceRequest, context: Any
    ) -> ExportTraceServiceResponse:
        if self.refuses:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no more of these")
        sent = {str(key): str(value) for key, value in context.invocation_metadata()}
        self.take(request, sent)
        return ExportTraceServiceResponse()


class HttpCollector(Collected):
    """A collector that speaks OTLP over HTTP."""

    def __enter__(self) -> HttpCollector:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                known = self.path == "/v1/traces" and not collector.refuses
                if known:
                    sent = {name.lower(): value for name, value in self.headers.items()}
                    collector.take(ExportTraceServiceRequest.FromString(body), sent)
                self.send_response(200 if known else 400)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
