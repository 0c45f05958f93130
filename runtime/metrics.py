"""Counters of the data plane as Prometheus families.

The numbers are counted in C++; a scrape only reads them. Names follow Prometheus' rules:
base units (seconds, bytes), ``_total`` for counters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

NANOSECONDS = 1e-9

COUNTERS = {
    "rows": "Rows that models computed.",
    "batches": "Batches that models ran.",
    "dead_rows_pruned": "Rows dropped before they cost compute: their client had gone.",
    "dead_rows_computed": "Rows computed though their client had gone.",
    "reruns": "Requests that ran again because a worker died.",
    "worker_restarts": "Workers started in the place of one that ended.",
    "quarantined": "Batches whose requests ran one by one after a worker's death.",
    "guilty": "Requests that ended a worker on which they ran alone.",
}
GAUGES = {
    "queued": "Requests that wait for a worker.",
    "open_batches": "Batches that wait or run.",
    "shapes": "Input shapes with a batch layout.",
    "input_bytes_used": "Bytes of shared input memory in use.",
    "output_grants": "Output areas in use by running batches and unsent replies.",
    "workers": "Workers that take batches.",
    "crash_looping": "Workers that ended three times or more in a row.",
}
HISTOGRAMS = {
    "queue": ("queue_seconds", "Time from a request's arrival to a worker's claim."),
    "compute": ("compute_seconds", "Time a model ran one batch."),
    "total": ("request_seconds", "Time from a request's arrival to its answer."),
    "batch_rows": ("batch_rows", "Rows of a batch."),
}
SERVER_COUNTERS = {
    "requests": "ModelInfer messages that arrived whole.",
    "unknown_model": "Requests that named no known model.",
    "malformed": "Requests that could not be read.",
    "refused_connections": "Connections turned away because there were too many.",
    "calls_started": "gRPC calls begun.",
    "calls_finished": "gRPC calls ended, whatever the outcome.",
    "calls_gone": "gRPC calls that the client gave up.",
    "bytes_received": "Bytes read from clients.",
    "bytes_sent": "Bytes sent to clients.",
    "connections_abused": "Connections closed because of what the client did.",
}
SERVER_GAUGES = {
    "connections": "Open client connections.",
    "live_calls": "gRPC calls that have begun and not ended.",
}


@dataclass(frozen=True, slots=True)
class VersionCounters:
    """One version's numbers at one moment."""

    model: str
    version: str
    ready: bool
    counts: Mapping[str, int]
    histograms: Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Upper bounds of the histograms' buckets."""

    latency_ns: Sequence[int]
    rows: Sequence[int]


def buckets(
    name: str, values: Sequence[int], bounds: Bounds
) -> tuple[list[tuple[str, float]], float]:
    """Return Prometheus' cumulative buckets and the sum of one native histogram."""
    if name == "batch_rows":
        edges, scale = [float(b) for b in bounds.rows], 1.0
    else:
        edges, scale = [b * NANOSECONDS for b in bounds.latency_ns], NANOSECONDS
    labels = [f"{edge:g}" for edge in edges] + ["+Inf"]
    running, cumulative = 0, []
    for label, count in zip(labels, values, strict=False):
        running += count
        cumulative.append((label, float(running)))
    return cumulative, values[-1] * scale


def version_families(
    versions: Sequence[VersionCounters], bounds: Bounds
) -> Iterable[Metric]:
    """Return the families that have the labels model and version."""
    labels = ["model", "version"]
    ready = GaugeMetricFamily(
        "leeboard_ready", "The version serves requests.", labels=labels
    )
    ended = CounterMetricFamily(
        "leeboard_requests", "Inference requests by outcome.", labels=[*labels, "outcome"]
    )
    deaths = CounterMetricFamily(
        "leeboard_worker_deaths",
        "Workers that ended while they served.",
        labels=[*labels, "cause"],
    )
    plain: dict[str, CounterMetricFamily | GaugeMetricFamily] = {
        **{
            n: CounterMetricFamily(f"leeboard_{n}", h, labels=labels)
            for n, h in COUNTERS.items()
        },
        **{
            n: GaugeMetricFamily(f"leeboard_{n}", h, labels=labels)
            for n, h in GAUGES.items()
        },
    }
    timed = {
        key: HistogramMetricFamily(f"leeboard_{name}", text, labels=labels)
        for key, (name, text) in HISTOGRAMS.items()
    }
    for each in versions:
        who = [each.model, each.version]
        ready.add_metric(who, float(each.ready))
        for name, value in each.counts.items():
            if name in plain:
                plain[name].add_metric(who, float(value))
            elif name.startswith("deaths_"):
                deaths.add_metric([*who, name.removeprefix("deaths_")], float(value))
            else:
                outcome = name.removeprefix("requests_").removeprefix("failed_")
                ended.add_metric([*who, outcome], float(value))
        for key, values in each.histograms.items():
            cumulative, total = buckets(key, values, bounds)
            timed[key].add_metric(who, buckets=cumulative, sum_value=total)
    return [ready, ended, deaths, *plain.values(), *timed.values()]


def server_families(counts: Mapping[str, int]) -> Iterable[Metric]:
    """Return the families of the front end as a whole."""
    for name, text in SERVER_COUNTERS.items():
        yield CounterMetricFamily(
            f"leeboard_server_{name}", text, value=float(counts[name])
        )
    for name, text in SERVER_GAUGES.items():
        yield GaugeMetricFamily(f"leeboard_server_{name}", text, value=float(counts[name]))
