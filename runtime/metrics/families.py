"""Counters of the data plane as Prometheus families.

The numbers are counted in C++; a scrape only reads them. Names follow Prometheus' rules:
base units (seconds, bytes), ``_total`` for counters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from runtime.metrics.exemplars import NO_EXEMPLARS, Exemplars
from runtime.metrics.exposition import (
    COUNTER,
    GAUGE,
    HISTOGRAM,
    Family,
    labels,
    with_label,
)
from runtime.metrics.histograms import NANOSECONDS, Bounds, bucket_samples, edges

COUNTERS = {
    "rows": "Rows that models computed.",
    "batches": "Batches that models ran.",
    "responses": "Responses of decoupled models: any number of them for each request.",
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
INTERNAL = frozenset({"queue_ns", "input_ns", "infer_ns", "output_ns"})
"""Counts that stand behind Triton's names only; see `runtime.metrics.triton`."""

SERVER_COUNTERS = {
    "requests": "ModelInfer messages that arrived whole.",
    "unknown_model": "Requests that named no known model.",
    "malformed": "Requests that could not be read.",
    "refused_connections": "Connections turned away because there were too many.",
    "calls_started": "gRPC calls begun.",
    "calls_finished": "gRPC calls ended, whatever the outcome.",
    "calls_gone": "gRPC calls that the client gave up.",
    "tables": "Route tables put in force: one with each change of what is served.",
    "bytes_received": "Bytes read from clients.",
    "bytes_sent": "Bytes sent to clients.",
    "connections_silent": "Connections closed because a keepalive PING had no answer.",
    "tls_handshakes": "TLS handshakes that ended well.",
    "tls_handshakes_failed": "TLS handshakes that did not.",
    "unauthenticated": "gRPC calls without credentials, or with unknown ones.",
    "connections_abused": "Connections closed because of what the client did.",
    "traces_sampled": "Requests that were given a span.",
    "traces_over_rate": "Requests without a span because of the bound on their rate.",
    "traces_dropped": "Requests whose records found no room on the way to the exporter.",
    "slow_requests": "Requests that took as long as --slow-request-ms.",
    "slow_requests_unsaid": "Of those, without a line in the log: too many in a second.",
}
ROUTE_TIMES = (
    (COUNTER, "pause", "table_ns", "Time in which new route tables held requests up."),
    (GAUGE, "longest_pause", "table_most_ns", "The longest of these pauses."),
)
SERVER_GAUGES = {
    "connections": "Open client connections.",
    "live_calls": "gRPC calls that have begun and not ended.",
    "streams": "Of them, those with many messages.",
}


@dataclass(frozen=True, slots=True)
class VersionCounters:
    """One version's numbers at one moment; `load_s` is 0 while it is not known."""

    model: str
    version: str
    ready: bool
    counts: Mapping[str, int]
    histograms: Mapping[str, Sequence[int]]
    load_s: float = 0.0


def version_families(
    versions: Sequence[VersionCounters],
    bounds: Bounds,
    exemplars: Exemplars = NO_EXEMPLARS,
) -> list[Family]:
    """Return the families that have the labels model and version."""
    ready = Family("leeboard_ready", GAUGE, "The version serves requests.")
    ended = Family("leeboard_requests", COUNTER, "Inference requests by outcome.")
    deaths = Family(
        "leeboard_worker_deaths", COUNTER, "Workers that ended while they served."
    )
    plain = {
        **{n: Family(f"leeboard_{n}", COUNTER, text) for n, text in COUNTERS.items()},
        **{n: Family(f"leeboard_{n}", GAUGE, text) for n, text in GAUGES.items()},
    }
    for each in versions:
        who = labels(model=each.model, version=each.version)
        ready.add(who, int(each.ready))
        for name, value in each.counts.items():
            if name in plain:
                plain[name].add(who, value)
            elif name.startswith("deaths_"):
                deaths.add(with_label(who, "cause", name.removeprefix("deaths_")), value)
            elif name not in INTERNAL:
                outcome = name.removeprefix("requests_").removeprefix("failed_")
                ended.add(with_label(who, "outcome", outcome), value)
    timed = histogram_families(versions, bounds, exemplars)
    return [ready, ended, deaths, *plain.values(), *timed]


def histogram_families(
    versions: Sequence[VersionCounters], bounds: Bounds, exemplars: Exemplars
) -> list[Family]:
    """Return the histograms; exemplars stand at those of whole requests."""
    families = []
    for key, (name, text) in HISTOGRAMS.items():
        family = Family(f"leeboard_{name}", HISTOGRAM, text)
        upper = edges(key, bounds)
        scale = 1 if key == "batch_rows" else NANOSECONDS
        for each in versions:
            values = each.histograms.get(key)
            if values is None:
                continue
            who = labels(model=each.model, version=each.version)
            seen = exemplars.of(each.model, each.version) if key == "total" else {}
            family.samples += bucket_samples(who, values, upper, scale, seen)
        families.append(family)
    return families


def server_families(counts: Mapping[str, int]) -> Iterable[Family]:
    """Return the families of the front end as a whole."""
    for kind, names in ((COUNTER, SERVER_COUNTERS), (GAUGE, SERVER_GAUGES)):
        for name, text in names.items():
            family = Family(f"leeboard_server_{name}", kind, text)
            family.add("", counts[name])
            yield family
    for kind, name, count, text in ROUTE_TIMES:
        family = Family(f"leeboard_route_{name}_seconds", kind, text)
        family.add("", counts[count] * NANOSECONDS)
        yield family


def certificate_family(not_after: float) -> Family:
    """Return when the TLS certificate in use ends, in seconds since 1970."""
    family = Family(
        "leeboard_tls_certificate_not_after_seconds",
        GAUGE,
        "When the TLS certificate in use ends, in seconds since 1970.",
    )
    family.add("", not_after)
    return family


def identity_families(counts: Mapping[str, Mapping[str, int]]) -> Iterable[Family]:
    """Return the families with the label identity: outcomes by name, "open" a gauge.

    Refused are role, model, rate, concurrent (the quota's) and expired.
    """
    requests = Family(
        "leeboard_identity_requests", COUNTER, "gRPC requests of known callers by outcome."
    )
    calls = Family(
        "leeboard_identity_open_calls",
        GAUGE,
        "gRPC calls of an identity that have begun and not ended.",
    )
    for identity, outcomes in counts.items():
        for outcome, count in outcomes.items():
            if outcome == "open":
                calls.add(labels(identity=identity), count)
            else:
                requests.add(labels(identity=identity, outcome=outcome), count)
    return [requests, calls] if counts else []


def control_family(counts: Mapping[tuple[str, str], int]) -> Family:
    """Return the family of the control port's calls, by method and gRPC code."""
    calls = Family(
        "leeboard_control_calls",
        COUNTER,
        "Calls of the control port by method and gRPC code.",
    )
    for (method, code), count in counts.items():
        calls.add(labels(method=method, code=code), count)
    return calls
