"""Rates and quantiles out of two looks at /metrics."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from runtime.operating.scrapes import (
    NO_RATES,
    Numbers,
    between,
    parse,
    quantile,
    rates_of,
)

ODD = 'a "b" \\ {c} \n\x1b'
LABELS = ["model", "version"]


class Page(Collector):
    """One version's families, as any exposition of Prometheus writes them."""

    def __init__(self, model: str) -> None:
        self._who = [model, "7"]

    def collect(self) -> list[Metric]:
        outcomes = CounterMetricFamily(
            "leeboard_requests", "x", labels=[*LABELS, "outcome"]
        )
        outcomes.add_metric([*self._who, "ok"], 8)
        outcomes.add_metric([*self._who, "deadline"], 2)
        rows = CounterMetricFamily("leeboard_rows", "x", labels=LABELS)
        rows.add_metric(self._who, 30)
        queued = GaugeMetricFamily("leeboard_queued", "x", labels=LABELS)
        queued.add_metric(self._who, 3)
        deaths = CounterMetricFamily("leeboard_deaths", "x", labels=[*LABELS, "cause"])
        deaths.add_metric([*self._who, "killed"], 1)
        latency = HistogramMetricFamily("leeboard_request_seconds", "x", labels=LABELS)
        buckets = [("0.001", 4.0), ("0.002", 7.0), ("0.004", 9.0), ("+Inf", 10.0)]
        latency.add_metric(self._who, buckets, 0.02)
        return [outcomes, rows, queued, deaths, latency]


def page_of(model: str) -> str:
    registry = CollectorRegistry()
    registry.register(Page(model))
    return generate_latest(registry).decode()


@pytest.mark.parametrize("name", ["fraud", ODD])
def test_a_page_is_read(name: str) -> None:
    scrape = parse(page_of(name), 5.0)
    numbers = scrape.versions[name, "7"]
    assert scrape.at_s == 5.0
    assert numbers.outcomes == {"ok": 8.0, "deadline": 2.0}
    assert (numbers.answered, numbers.failed) == (10.0, 2.0)
    assert numbers.plain["rows_total"] == 30.0
    assert numbers.plain["queued"] == 3.0
    assert not any("deaths" in plain for plain in numbers.plain)
    assert numbers.latency == ((0.001, 4.0), (0.002, 7.0), (0.004, 9.0), (inf, 10.0))


def test_another_servers_page_has_nothing() -> None:
    assert parse('nv_inference_count{model="m",version="1"} 3\n', 0.0).versions == {}
    assert parse("leeboard_server_requests_total 3\n", 0.0).versions == {}


def numbers_of(ok: float, late: float, rows: float, batches: float) -> Numbers:
    plain = {"rows_total": rows, "batches_total": batches}
    return Numbers(
        plain, {"ok": ok, "deadline": late}, ((0.5, ok / 2), (1.0, ok), (inf, ok))
    )


def test_rates_are_of_what_came_between_two_looks() -> None:
    rates = rates_of(numbers_of(10, 1, 20, 5), numbers_of(30, 2, 60, 15), 4.0)
    assert (rates.requests_per_s, rates.failures_per_s) == (5.25, 0.25)
    assert (rates.rows_per_s, rates.rows_per_batch) == (10.0, 4.0)
    assert rates.p50_s == pytest.approx(0.5)
    assert rates.p99_s == pytest.approx(0.99)


def test_without_requests_there_are_no_latencies_and_no_batches() -> None:
    rates = rates_of(numbers_of(10, 1, 20, 5), numbers_of(10, 1, 20, 5), 4.0)
    assert (rates.requests_per_s, rates.p50_s, rates.rows_per_batch) == (0.0, None, None)


@pytest.mark.parametrize(
    ("before", "elapsed_s"),
    [
        (None, 1.0),
        (numbers_of(1, 1, 2, 1), 0.0),
        (numbers_of(11, 1, 2, 1), 1.0),  # More requests before than after.
        (numbers_of(1, 1, 21, 1), 1.0),
    ],
)
def test_without_an_earlier_look_at_the_same_server_there_are_no_rates(
    before: Numbers | None, elapsed_s: float
) -> None:
    assert rates_of(before, numbers_of(10, 1, 20, 5), elapsed_s) == NO_RATES


@pytest.mark.parametrize(
    ("share", "value"),
    [(0.0, 1.0), (0.25, 1.5), (0.5, 2.0), (0.75, 3.0), (0.9, 4.0), (1.0, 4.0)],
)
def test_a_quantile_lies_evenly_in_its_bucket(share: float, value: float) -> None:
    buckets = ((1.0, 0.0), (2.0, 4.0), (4.0, 6.8), (inf, 8.0))
    wanted = 2.0 + 2.0 * 2.0 / 2.8 if share == 0.75 else value
    assert quantile(buckets, share) == pytest.approx(wanted)


def test_a_quantile_is_within_a_bucket_of_the_truth() -> None:
    values = np.random.default_rng(7).exponential(1.0, 4000)
    bounds = [float(b) for b in np.geomspace(0.001, 32, 64)] + [inf]
    buckets = tuple((b, float((values <= b).sum())) for b in bounds)
    for share in (0.5, 0.9, 0.99):
        found = quantile(buckets, share)
        assert found == pytest.approx(float(np.quantile(values, share)), rel=0.2)


def test_an_empty_histogram_has_no_quantile() -> None:
    assert quantile((), 0.5) is None
    assert quantile(((1.0, 0.0), (inf, 0.0)), 0.5) is None


def test_a_histogram_that_was_not_there_before_counts_from_zero() -> None:
    assert between((), ((1.0, 2.0), (inf, 3.0))) == ((1.0, 2.0), (inf, 3.0))
