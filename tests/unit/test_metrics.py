"""Counters as Prometheus reads them, to the letter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from runtime.metrics import (
    COUNTERS,
    GAUGES,
    HISTOGRAMS,
    SERVER_COUNTERS,
    SERVER_GAUGES,
    Bounds,
    VersionCounters,
    buckets,
    server_families,
    version_families,
)
from runtime.models.queueing import QueueOptions
from runtime.native.served import Served, latency_bounds_ns, row_bounds
from runtime.native.server import Server
from runtime.testing.inline import InlineOptions

BOUNDS = Bounds(latency_ns=(1_000, 50_000, 2_000_000), rows=(1, 8))
MLP = VersionCounters(
    "mlp", "3", True,
    {"requests_ok": 5, "failed_invalid": 2, "rows": 9, "queued": 1},
    {"total": (1, 0, 2, 1, 3_500_000), "batch_rows": (2, 1, 1, 31)},
)  # fmt: skip


class Fixed(Collector):
    """Answers every scrape with the same families."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def scrape(families: Iterable[Metric]) -> str:
    registry = CollectorRegistry()
    registry.register(Fixed(families))
    return generate_latest(registry).decode()


def lines_of(text: str, *names: str) -> list[str]:
    """Return the lines about some families, comments included."""
    return [line for line in text.splitlines() if any(name in line for name in names)]


def test_outcomes_of_requests_are_one_family() -> None:
    assert lines_of(scrape(version_families([MLP], BOUNDS)), "leeboard_requests") == [
        "# HELP leeboard_requests_total Inference requests by outcome.",
        "# TYPE leeboard_requests_total counter",
        'leeboard_requests_total{model="mlp",outcome="ok",version="3"} 5.0',
        'leeboard_requests_total{model="mlp",outcome="invalid",version="3"} 2.0',
    ]


def test_plain_counts_become_counters_and_gauges() -> None:
    text = scrape(version_families([MLP], BOUNDS))
    assert lines_of(text, "leeboard_rows", "leeboard_queued", "leeboard_ready") == [
        "# HELP leeboard_ready The version serves requests.",
        "# TYPE leeboard_ready gauge",
        'leeboard_ready{model="mlp",version="3"} 1.0',
        "# HELP leeboard_rows_total Rows that models computed.",
        "# TYPE leeboard_rows_total counter",
        'leeboard_rows_total{model="mlp",version="3"} 9.0',
        "# HELP leeboard_queued Requests that wait for a worker.",
        "# TYPE leeboard_queued gauge",
        'leeboard_queued{model="mlp",version="3"} 1.0',
    ]


def test_deaths_of_workers_are_told_apart() -> None:
    ended = replace(MLP, counts={"deaths_killed": 2, "deaths_hung": 1})
    text = scrape(version_families([ended], BOUNDS))
    assert lines_of(text, "leeboard_worker_deaths") == [
        "# HELP leeboard_worker_deaths_total Workers that ended while they served.",
        "# TYPE leeboard_worker_deaths_total counter",
        'leeboard_worker_deaths_total{cause="killed",model="mlp",version="3"} 2.0',
        'leeboard_worker_deaths_total{cause="hung",model="mlp",version="3"} 1.0',
    ]


def test_times_are_cumulative_and_in_seconds() -> None:
    text = scrape(version_families([MLP], BOUNDS))
    assert lines_of(text, "leeboard_request_seconds") == [
        "# HELP leeboard_request_seconds Time from a request's arrival to its answer.",
        "# TYPE leeboard_request_seconds histogram",
        'leeboard_request_seconds_bucket{le="1e-06",model="mlp",version="3"} 1.0',
        'leeboard_request_seconds_bucket{le="5e-05",model="mlp",version="3"} 1.0',
        'leeboard_request_seconds_bucket{le="0.002",model="mlp",version="3"} 3.0',
        'leeboard_request_seconds_bucket{le="+Inf",model="mlp",version="3"} 4.0',
        'leeboard_request_seconds_count{model="mlp",version="3"} 4.0',
        'leeboard_request_seconds_sum{model="mlp",version="3"} 0.0035',
    ]


def test_rows_of_batches_are_counted_in_rows() -> None:
    expected = [("1", 2.0), ("8", 3.0), ("+Inf", 4.0)]
    assert buckets("batch_rows", (2, 1, 1, 31), BOUNDS) == (expected, 31.0)


@pytest.mark.parametrize("values", [(0, 0, 0, 0, 0), (4, 0, 0, 1, 9), (1, 2, 3, 4, 5)])
def test_buckets_never_fall_and_end_with_the_count(values: Sequence[int]) -> None:
    cumulative = [count for _, count in buckets("queue", values, BOUNDS)[0]]
    assert cumulative == sorted(cumulative)
    assert cumulative[-1] == sum(values[:-1])


def test_versions_share_families_and_a_broken_one_is_not_ready() -> None:
    other = replace(MLP, version="4", ready=False)
    text = scrape(version_families([MLP, other], BOUNDS))
    assert text.count("# TYPE leeboard_ready gauge") == 1
    assert 'leeboard_ready{model="mlp",version="3"} 1.0' in text
    assert 'leeboard_ready{model="mlp",version="4"} 0.0' in text


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", "new\nline", "caf\xe9"])
def test_a_models_name_survives_as_a_label(name: str) -> None:
    text = scrape(version_families([replace(MLP, model=name)], BOUNDS))
    (family,) = [
        f for f in text_string_to_metric_families(text) if f.name == "leeboard_ready"
    ]
    assert [sample.labels["model"] for sample in family.samples] == [name]


def test_the_servers_own_numbers_have_no_labels() -> None:
    counts = dict.fromkeys([*SERVER_COUNTERS, *SERVER_GAUGES], 1) | {"requests": 12}
    text = scrape(server_families(counts))
    assert lines_of(text, "leeboard_server_requests", "leeboard_server_connections ") == [
        "# HELP leeboard_server_requests_total ModelInfer messages that arrived whole.",
        "# TYPE leeboard_server_requests_total counter",
        "leeboard_server_requests_total 12.0",
        "# HELP leeboard_server_connections Open client connections.",
        "# TYPE leeboard_server_connections gauge",
        "leeboard_server_connections 1.0",
    ]


def names(counts: Mapping[bytes, object]) -> set[str]:
    return {name.decode() for name in counts}


def test_the_data_plane_counts_what_is_described_here_and_nothing_else() -> None:
    served = Served(QueueOptions("m", "1", 1, 1, 0, 1, 0.0, 1 << 20, [], []))
    labelled = ("requests_", "failed_", "deaths_")
    outcomes = {n for n in names(served.counts()) if n.startswith(labelled)}
    # Counted by the control plane.
    described = {*COUNTERS, *GAUGES} - {"worker_restarts", "crash_looping"}
    assert names(served.counts()) - outcomes == described
    assert names(served.histograms()) == {*HISTOGRAMS}
    plane = Server(InlineOptions())
    assert names(plane.counts()) == {*SERVER_COUNTERS, *SERVER_GAUGES}


def test_histograms_have_a_value_for_every_bound_one_beyond_and_their_sum() -> None:
    served = Served(QueueOptions("m", "1", 1, 1, 0, 1, 0.0, 1 << 20, [], []))
    lengths = {name.decode(): len(v) for name, v in served.histograms().items()}
    beyond_and_sum = 2
    times = len(latency_bounds_ns()) + beyond_and_sum
    rows = len(row_bounds()) + beyond_and_sum
    assert lengths == dict.fromkeys(HISTOGRAMS, times) | {"batch_rows": rows}
