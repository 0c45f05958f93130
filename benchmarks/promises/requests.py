"""Small and large requests: processor time at 64 in flight, latency of one alone.

Differs from real use: one question again and again, loopback, no TLS, and clients that do
nothing but ask. The packed client (our generator, 8 connections with 8 streams) puts many
requests into a segment as a proxy would; ordinary clients cost a server more.
"""

from __future__ import annotations

from benchmarks.load.clients import Shape
from benchmarks.measure import Bench
from benchmarks.promises.contest import (
    LOADED,
    contest,
    cpu_row,
    grpc_client,
    latency_row,
    packed,
)
from benchmarks.results import Row

ALONE = Shape(connections=1, in_flight=1)
SMALL_QUOTE = "Triton C++ 30-35 us packed"
LARGE_QUOTE = "Triton C++ 460 us packed"


def mlp_packed(bench: Bench) -> list[Row]:
    """Processor time of a small request from well-packed clients."""
    made = contest(bench, "mlp", packed)
    promise = "small model, 64 in flight, packed client: server CPU a request <= 6 us"
    return [cpu_row(made, "mlp-packed", promise, 6.0, SMALL_QUOTE)]


def mlp_grpc_core(bench: Bench) -> list[Row]:
    """Processor time of a small request from ordinary clients."""
    made = contest(bench, "mlp", grpc_client(LOADED))
    promise = "small model, 64 in flight, grpc-core client: server CPU a request <= 13 us"
    return [cpu_row(made, "mlp-grpc-core", promise, 13.0, SMALL_QUOTE)]


def mlp_alone(bench: Bench) -> list[Row]:
    """Latency of small requests one after another."""
    made = contest(bench, "mlp", grpc_client(ALONE))
    promise = "small model, one request at a time: p50 <= 0.5 x grpcio sync"
    return [latency_row(made, "mlp-alone", promise, 0.5, "Triton C++ 100 us")]


def big(bench: Bench) -> list[Row]:
    """Processor time of 600 KB each way, with both clients."""
    rows = []
    for client, client_for in (("packed", packed), ("grpc-core", grpc_client(LOADED))):
        made = contest(bench, "big", client_for)
        promise = f"600 KB each way, {client} client: server CPU a request <= 280 us"
        rows.append(cpu_row(made, f"big-{client}", promise, 280.0, LARGE_QUOTE))
    return rows
