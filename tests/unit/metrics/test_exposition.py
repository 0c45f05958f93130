"""The page of /metrics in both formats, read back by Prometheus' own parsers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import Metric
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from runtime.metrics.exposition import (
    COUNTER,
    GAUGE,
    HISTOGRAM,
    NAMED_COUNTER,
    OPENMETRICS_TYPE,
    PLAIN_TYPE,
    Family,
    Sample,
    Scrape,
    labels,
    render,
    wants_openmetrics,
    with_label,
)

parse_openmetrics: Callable[[str], Iterable[Metric]] = (
    openmetrics_parser.text_string_to_metric_families
)
EVIL = 'quo"te\nnew \\ caf\xe9 {a="b"} #'


def families() -> list[Family]:
    who = labels(model=EVIL)
    ended = Family("x_ended", COUNTER, "Ended.")
    ended.add(who, 3)
    open_ = Family("x_open", GAUGE, "Open.")
    open_.add("", 1.5)
    named = Family("nv_count", NAMED_COUNTER, "Named by others.")
    named.add(who, 7)
    exemplar = f' # {{trace_id="{1:032x}"}} 0.5 17.250'
    timed = Family("x_seconds", HISTOGRAM, "Time.")
    timed.samples = [
        Sample("_bucket", with_label(who, "le", "1.0"), 2, exemplar),
        Sample("_bucket", with_label(who, "le", "+Inf"), 3),
        Sample("_count", who, 3),
        Sample("_sum", who, 4.5),
    ]
    return [ended, open_, named, timed, Family("x_none", GAUGE, "Has no sample.")]


def test_prometheus_reads_the_plain_page() -> None:
    read = {f.name: f for f in parse_plain(render(families(), openmetrics=False))}
    assert {name: f.type for name, f in read.items()} == {
        "x_ended": "counter", "x_open": "gauge", "nv_count": "counter",
        "x_seconds": "histogram",
    }  # fmt: skip
    (sample,) = read["x_ended"].samples
    assert (sample.name, sample.labels, sample.value) == (
        "x_ended_total", {"model": EVIL}, 3.0,
    )  # fmt: skip


def test_a_counter_that_others_named_keeps_its_name() -> None:
    lines = render(families(), openmetrics=False).splitlines()
    assert "# TYPE nv_count counter" in lines
    assert [line for line in lines if line.startswith("nv_")] == [
        f"nv_count{labels(model=EVIL)} 7"
    ]


def test_prometheus_reads_the_openmetrics_page() -> None:
    text = render(families(), openmetrics=True) + "# EOF\n"
    read = {f.name: f for f in parse_openmetrics(text)}
    assert {name: f.type for name, f in read.items()} == {
        "x_ended": "counter", "x_open": "gauge", "nv_count": "unknown",
        "x_seconds": "histogram",
    }  # fmt: skip
    bucket = read["x_seconds"].samples[0]
    assert bucket.exemplar is not None
    assert bucket.exemplar.labels == {"trace_id": f"{1:032x}"}
    assert (bucket.exemplar.value, str(bucket.exemplar.timestamp)) == (0.5, "17.250000000")
    assert read["x_ended"].samples[0].labels == {"model": EVIL}


def test_exemplars_are_for_openmetrics_only() -> None:
    assert "trace_id" not in render(families(), openmetrics=False)


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain;version=0.0.4", False),
        ("application/openmetrics-text", True),
        ("Application/OpenMetrics-Text; version=0.0.1; q=0.75, text/plain;q=0.5", True),
        ("text/plain, application/openmetrics-text;q=0.000", False),
        ("application/openmetrics-text-of-others", False),
        (";;,,;q=1", False),
    ],
)
def test_the_format_is_the_one_that_is_asked_for(accept: str, wanted: bool) -> None:
    assert wants_openmetrics(accept) is wanted


@pytest.mark.parametrize(
    ("accept", "kind"),
    [("", PLAIN_TYPE), ("application/openmetrics-text", OPENMETRICS_TYPE)],
)
def test_a_scrape_has_ours_and_what_is_registered(accept: str, kind: str) -> None:
    registry = CollectorRegistry()
    Gauge("registered", "Of a library.", registry=registry).set(1)
    page = Scrape(families, registry)(accept)
    assert page.content_type == kind
    parse = parse_plain if kind == PLAIN_TYPE else parse_openmetrics
    assert {"x_open", "registered"} <= {f.name for f in parse(page.body.decode())}
