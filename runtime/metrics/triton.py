"""The counters under the names that Triton gives them, for dashboards and autoscalers.

What each counts is in the pages for users. Triton's durations are sums of whole
microseconds over requests that were answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from runtime.metrics.exposition import (
    GAUGE,
    NAMED_COUNTER,
    Family,
    labels,
    with_label,
)
from runtime.metrics.families import VersionCounters

NANOSECONDS_OF_ONE = 1000  # A microsecond.

REASONS = {
    "REJECTED": ("failed_rejected", "failed_timeout", "failed_deadline"),
    "CANCELED": ("failed_cancelled",),
    "BACKEND": ("failed_model_error", "failed_worker_lost"),
    "OTHER": ("failed_invalid", "failed_unavailable"),
}
"""Why a request failed, in Triton's words -> our counts."""

COUNTS = {
    "nv_inference_request_success": ("requests_ok", "Requests that were answered."),
    "nv_inference_count": ("rows", "Rows that models computed."),
    "nv_inference_exec_count": ("batches", "Batches that models ran."),
}
DURATIONS = {
    "nv_inference_queue_duration_us": ("queue_ns", "waited for a worker"),
    "nv_inference_compute_input_duration_us": ("input_ns", "had their inputs made ready"),
    "nv_inference_compute_infer_duration_us": ("infer_ns", "were run by a model"),
    "nv_inference_compute_output_duration_us": ("output_ns", "had their outputs taken"),
}


def triton_families(versions: Sequence[VersionCounters]) -> Iterable[Family]:
    """Return the families that have the labels model and version."""
    who = [labels(model=each.model, version=each.version) for each in versions]
    pairs = list(zip(who, versions, strict=True))
    for name, (key, text) in COUNTS.items():
        family = Family(name, NAMED_COUNTER, text)
        for at, each in pairs:
            family.add(at, each.counts.get(key, 0))
        yield family
    yield failures(pairs)
    yield request_duration(pairs)
    for name, (key, text) in DURATIONS.items():
        family = Family(name, NAMED_COUNTER, f"Microseconds that requests {text}.")
        for at, each in pairs:
            family.add(at, each.counts.get(key, 0) // NANOSECONDS_OF_ONE)
        yield family
    pending = Family(
        "nv_inference_pending_request_count", GAUGE, "Requests that wait for a worker."
    )
    loads = Family(
        "nv_model_load_duration_secs", GAUGE, "Time that the last load of a version took."
    )
    for at, each in pairs:
        pending.add(at, each.counts.get("queued", 0))
        loads.add(at, each.load_s)
    yield from (pending, loads)


def failures(pairs: Iterable[tuple[str, VersionCounters]]) -> Family:
    """Return the failures of all versions by Triton's reasons."""
    family = Family(
        "nv_inference_request_failure", NAMED_COUNTER, "Requests without an answer."
    )
    for at, each in pairs:
        for reason, keys in REASONS.items():
            total = sum(each.counts.get(key, 0) for key in keys)
            family.add(with_label(at, "reason", reason), total)
    return family


def request_duration(pairs: Iterable[tuple[str, VersionCounters]]) -> Family:
    """Return how long requests took in all: the sum behind `leeboard_request_seconds`."""
    family = Family(
        "nv_inference_request_duration_us",
        NAMED_COUNTER,
        "Microseconds from requests' arrival to their answers.",
    )
    for at, each in pairs:
        total = each.histograms.get("total", (0,))[-1]
        family.add(at, total // NANOSECONDS_OF_ONE)
    return family


def machine_families(use: Mapping[str, float]) -> Iterable[Family]:
    """Return the families about the machine; see `runtime.metrics.machine`."""
    names = {
        "nv_cpu_utilization": "Share of all processors' time that was used, 0 to 1.",
        "nv_cpu_memory_total_bytes": "Memory of the machine.",
        "nv_cpu_memory_used_bytes": "Of it, what is not available to programs.",
    }
    for name, text in names.items():
        if name in use:
            family = Family(name, GAUGE, text)
            family.add("", use[name])
            yield family
