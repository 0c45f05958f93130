"""Small and large requests: processor time at 64 in flight, latency of one alone.

Differs from real use: one question again and again, loopback, no TLS, and clients that do
nothing but ask. The packed client (h2load, 8 connections with 8 streams) puts many requests
into a segment as a proxy would; ordinary clients cost a server about three times as much.
"""

from __future__ import annotations

from benchmarks.load.clients import Shape
from benchmarks.measure import Bench
from benchmarks.promises.contest import (
    LOADED,
    contest,
    cpu_row,
    grpc_core,
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
    promise = "mlp, 64 in flight, packed client: CPU a request <= 6 us"
    return [cpu_row(made, "mlp-packed", promise, 6.0, SMALL_QUOTE)]


def mlp_grpc_core(bench: Bench) -> list[Row]:
    """Processor time of a small request from ordinary clients."""
    made = contest(bench, "mlp", grpc_core(LOADED))
    promise = "mlp, 64 in flight, grpc-core client: CPU a request <= 13 us"
    return [cpu_row(made, "mlp-grpc-core", promise, 13.0, SMALL_QUOTE)]


def mlp_alone(bench: Bench) -> list[Row]:
    """Latency of small requests one after another."""
    made = contest(bench, "mlp", grpc_core(ALONE))
    promise = "mlp, one at a time, closed loop: p50 <= 0.5 x grpcio sync"
    return [latency_row(made, "mlp-alone", promise, 0.5, "Triton C++ 100 us")]


def big(bench: Bench) -> list[Row]:
    """Processor time of 600 KB each way, with both clients."""
    rows = []
    for client, client_for in (("packed", packed), ("grpc-core", grpc_core(LOADED))):
        made = contest(bench, "big", client_for)
        promise = f"600 KB both ways, {client} client: CPU a request <= 280 us"
        rows.append(cpu_row(made, f"big-{client}", promise, 280.0, LARGE_QUOTE))
    return rows
