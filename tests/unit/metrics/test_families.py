"""Counters as Prometheus reads them, to the letter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from runtime.metrics.exemplars import Exemplars
from runtime.metrics.exposition import Family, render
from runtime.metrics.families import (
    COUNTERS,
    GAUGES,
    HISTOGRAMS,
    INTERNAL,
    ROUTE_TIMES,
    SERVER_COUNTERS,
    SERVER_GAUGES,
    VersionCounters,
    identity_families,
    server_families,
    version_families,
)
from runtime.metrics.histograms import Bounds, bucket_samples, edges
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

ROUTE_COUNTS = [count for _, _, count, _ in ROUTE_TIMES]


def scrape(families: Iterable[Family]) -> str:
    return render(families, openmetrics=False)


def lines_of(text: str, *names: str) -> list[str]:
    """Return the lines about some families, comments included."""
    return [line for line in text.splitlines() if any(name in line for name in names)]


def test_outcomes_of_requests_are_one_family() -> None:
    assert lines_of(scrape(version_families([MLP], BOUNDS)), "leeboard_requests") == [
        "# HELP leeboard_requests_total Inference requests by outcome.",
        "# TYPE leeboard_requests_total counter",
        'leeboard_requests_total{model="mlp",version="3",outcome="ok"} 5',
        'leeboard_requests_total{model="mlp",version="3",outcome="invalid"} 2',
    ]


def test_plain_counts_become_counters_and_gauges() -> None:
    text = scrape(version_families([MLP], BOUNDS))
    assert lines_of(text, "leeboard_rows", "leeboard_queued", "leeboard_ready") == [
        "# HELP leeboard_ready The version serves requests.",
        "# TYPE leeboard_ready gauge",
        'leeboard_ready{model="mlp",version="3"} 1',
        "# HELP leeboard_rows_total Rows that models computed.",
        "# TYPE leeboard_rows_total counter",
        'leeboard_rows_total{model="mlp",version="3"} 9',
        "# HELP leeboard_queued Requests that wait for a worker.",
        "# TYPE leeboard_queued gauge",
        'leeboard_queued{model="mlp",version="3"} 1',
    ]


def test_deaths_of_workers_are_told_apart() -> None:
    ended = replace(MLP, counts={"deaths_killed": 2, "deaths_hung": 1})
    text = scrape(version_families([ended], BOUNDS))
    assert lines_of(text, "leeboard_worker_deaths") == [
        "# HELP leeboard_worker_deaths_total Workers that ended while they served.",
        "# TYPE leeboard_worker_deaths_total counter",
        'leeboard_worker_deaths_total{model="mlp",version="3",cause="killed"} 2',
        'leeboard_worker_deaths_total{model="mlp",version="3",cause="hung"} 1',
    ]


def test_times_are_cumulative_and_in_seconds() -> None:
    text = scrape(version_families([MLP], BOUNDS))
    assert lines_of(text, "leeboard_request_seconds") == [
        "# HELP leeboard_request_seconds Time from a request's arrival to its answer.",
        "# TYPE leeboard_request_seconds histogram",
        'leeboard_request_seconds_bucket{model="mlp",version="3",le="1e-06"} 1',
        'leeboard_request_seconds_bucket{model="mlp",version="3",le="5e-05"} 1',
        'leeboard_request_seconds_bucket{model="mlp",version="3",le="0.002"} 3',
        'leeboard_request_seconds_bucket{model="mlp",version="3",le="+Inf"} 4',
        'leeboard_request_seconds_count{model="mlp",version="3"} 4',
        'leeboard_request_seconds_sum{model="mlp",version="3"} 0.0035',
    ]


def test_rows_of_batches_are_counted_in_rows() -> None:
    text = scrape(version_families([MLP], BOUNDS))
    assert lines_of(text, "leeboard_batch_rows_") == [
        'leeboard_batch_rows_bucket{model="mlp",version="3",le="1.0"} 2',
        'leeboard_batch_rows_bucket{model="mlp",version="3",le="8.0"} 3',
        'leeboard_batch_rows_bucket{model="mlp",version="3",le="+Inf"} 4',
        'leeboard_batch_rows_count{model="mlp",version="3"} 4',
        'leeboard_batch_rows_sum{model="mlp",version="3"} 31',
    ]


def test_bounds_are_written_without_what_floats_add() -> None:
    real = Bounds(latency_bounds_ns(), row_bounds())
    assert edges("queue", real)[:4] == ["5e-05", "0.0001", "0.0002", "0.0005"]
    assert edges("batch_rows", real)[-2:] == ["1024.0", "+Inf"]


def test_an_exemplar_stands_at_its_bucket_of_whole_requests_and_nowhere_else() -> None:
    exemplars = Exemplars(BOUNDS.latency_ns)
    exemplars.note("mlp", "3", took_ns=60_000, trace_id=0xAB, at_s=17.25)
    exemplars.note("mlp", "4", took_ns=60_000, trace_id=0xCD, at_s=17.25)
    families = version_families([MLP], BOUNDS, exemplars)
    marked = [line for line in render(families, openmetrics=True).splitlines()
              if "trace_id" in line]  # fmt: skip
    assert marked == [
        'leeboard_request_seconds_bucket{model="mlp",version="3",le="0.002"} 3 '
        f'# {{trace_id="{0xAB:032x}"}} 6e-05 17.250'
    ]
    assert "trace_id" not in scrape(families)


@pytest.mark.parametrize("values", [(0, 0, 0, 0, 0), (4, 0, 0, 1, 9), (1, 2, 3, 4, 5)])
def test_buckets_never_fall_and_end_with_the_count(values: Sequence[int]) -> None:
    samples = bucket_samples("", values, edges("queue", BOUNDS), 1e-9, {})
    cumulative = [s.value for s in samples if s.suffix == "_bucket"]
    assert cumulative == sorted(cumulative)
    assert cumulative[-1] == sum(values[:-1])


def test_versions_share_families_and_a_broken_one_is_not_ready() -> None:
    other = replace(MLP, version="4", ready=False)
    text = scrape(version_families([MLP, other], BOUNDS))
    assert text.count("# TYPE leeboard_ready gauge") == 1
    assert 'leeboard_ready{model="mlp",version="3"} 1' in text
    assert 'leeboard_ready{model="mlp",version="4"} 0' in text


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", "new\nline", "caf\xe9"])
def test_a_models_name_survives_as_a_label(name: str) -> None:
    text = scrape(version_families([replace(MLP, model=name)], BOUNDS))
    (family,) = [
        f for f in text_string_to_metric_families(text) if f.name == "leeboard_ready"
    ]
    assert [sample.labels["model"] for sample in family.samples] == [name]


def test_the_servers_own_numbers_have_no_labels() -> None:
    named = [*SERVER_COUNTERS, *SERVER_GAUGES, *ROUTE_COUNTS]
    counts = dict.fromkeys(named, 1) | {"requests": 12, "table_ns": 2_500}
    text = scrape(server_families(counts))
    assert "\nleeboard_route_pause_seconds_total 2.5e-06\n" in text
    assert lines_of(text, "leeboard_server_requests", "leeboard_server_connections ") == [
        "# HELP leeboard_server_requests_total ModelInfer messages that arrived whole.",
        "# TYPE leeboard_server_requests_total counter",
        "leeboard_server_requests_total 12",
        "# HELP leeboard_server_connections Open client connections.",
        "# TYPE leeboard_server_connections gauge",
        "leeboard_server_connections 1",
    ]


def names(counts: Mapping[bytes, object]) -> set[str]:
    return {name.decode() for name in counts}


def test_the_data_plane_counts_what_is_described_here_and_nothing_else() -> None:
    served = Served(QueueOptions("m", "1", 1, 1, 0, 1, 0.0, 1 << 20, [], []))
    labelled = ("requests_", "failed_", "deaths_")
    outcomes = {n for n in names(served.counts()) if n.startswith(labelled)}
    # Counted by the control plane.
    described = {*COUNTERS, *GAUGES} - {"worker_restarts", "crash_looping"}
    assert names(served.counts()) - outcomes == described | INTERNAL
    assert names(served.histograms()) == {*HISTOGRAMS}
    plane = Server(InlineOptions())
    assert names(plane.counts()) == {*SERVER_COUNTERS, *SERVER_GAUGES, *ROUTE_COUNTS}


def test_histograms_have_a_value_for_every_bound_one_beyond_and_their_sum() -> None:
    served = Served(QueueOptions("m", "1", 1, 1, 0, 1, 0.0, 1 << 20, [], []))
    lengths = {name.decode(): len(v) for name, v in served.histograms().items()}
    beyond_and_sum = 2
    times = len(latency_bounds_ns()) + beyond_and_sum
    rows = len(row_bounds()) + beyond_and_sum
    assert lengths == dict.fromkeys(HISTOGRAMS, times) | {"batch_rows": rows}


def test_identities_have_their_requests_by_outcome_and_their_open_calls() -> None:
    counts = {"ci": {"allowed": 5, "rate": 2, "open": 1}, "x": {"allowed": 0, "open": 0}}
    page = render(identity_families(counts), openmetrics=False)
    for line in (
        'leeboard_identity_requests_total{identity="ci",outcome="allowed"} 5',
        'leeboard_identity_requests_total{identity="ci",outcome="rate"} 2',
        'leeboard_identity_requests_total{identity="x",outcome="allowed"} 0',
        'leeboard_identity_open_calls{identity="ci"} 1',
        'leeboard_identity_open_calls{identity="x"} 0',
    ):
        assert line in page.splitlines()


def test_nobody_has_no_families() -> None:
    assert list(identity_families({})) == []
