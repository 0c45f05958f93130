"""Figures of a report: their direction, their default, and reports not to be trusted."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.capacity.figures import (
    Flaw,
    choose_metric,
    find_flaws,
    kind_of,
    read_figure,
    refuse_flaws,
)
from runtime.capacity.report import FORMAT
from runtime.errors import ConfigError, MeasurementError


def report(**more: Any) -> dict[str, Any]:
    usual = {
        "format": FORMAT,
        "requests": 100,
        "ok": 100,
        "partial": False,
        "client_saturated": False,
        "latency_us": {"p50": 80.0, "p99": 200.0},
        "throughput_rps": 1000.0,
        "server_cpu_us_per_request": 4.0,
    }
    return {**usual, **more}


@pytest.mark.parametrize(
    ("path", "better"),
    [
        ("latency_us.p99", "lower"),
        ("latency_us.mean", "lower"),
        ("server_cpu_us_per_request", "lower"),
        ("server.pss_bytes", "lower"),
        ("throughput_rps", "higher"),
    ],
)
def test_the_better_direction_of_a_load_reports_figures_is_known(
    path: str, better: str
) -> None:
    kind = kind_of(path)
    assert kind is not None
    assert kind.better == better


@pytest.mark.parametrize("path", ["server.rows_per_batch", "rows_per_s", "latency_us"])
def test_nothing_is_guessed_about_other_numbers(path: str) -> None:
    assert kind_of(path) is None


def test_processor_time_is_compared_where_every_report_has_it() -> None:
    assert choose_metric([report(), report()]) == "server_cpu_us_per_request"


def test_else_the_median_latency_is_compared() -> None:
    elsewhere = report(server_cpu_us_per_request=None)
    assert choose_metric([report(), elsewhere]) == "latency_us.p50"


def test_a_metric_must_be_named_for_other_json() -> None:
    with pytest.raises(ConfigError, match="give --metric"):
        choose_metric([{"seconds": 1.0}])


def test_a_figure_is_read_by_its_path() -> None:
    assert read_figure(report(), "latency_us.p99", "a.json") == 200.0


def test_a_missing_figure_names_the_report_and_what_it_has() -> None:
    wish = r"a.json has no number latency_us.p90; it has latency_us.p50, latency_us.p99, "
    with pytest.raises(MeasurementError, match=wish):
        read_figure(report(), "latency_us.p90", "a.json")


def test_a_figure_of_zero_measured_nothing() -> None:
    with pytest.raises(MeasurementError, match=r"p50 of a\.json is 0; a ratio needs more"):
        read_figure(report(latency_us={"p50": 0.0}), "latency_us.p50", "a.json")


def test_a_sound_report_has_no_flaws() -> None:
    assert find_flaws(report()) == {}


def test_other_json_is_taken_as_it_is() -> None:
    assert find_flaws({"partial": True, "requests": 5}) == {}


@pytest.mark.parametrize(
    ("flaw", "more", "words"),
    [
        ("partial", {"partial": True}, "run 3 of B: ended before its time"),
        ("saturated", {"client_saturated": True}, "bounded by its client"),
        ("failed", {"ok": 97}, "3 of 100 requests failed"),
    ],
)
def test_a_doubtful_report_is_refused_by_name_unless_it_is_allowed(
    flaw: str, more: dict[str, Any], words: str
) -> None:
    doubtful = report(**more)
    with pytest.raises(MeasurementError, match=words):
        refuse_flaws(doubtful, "run 3 of B", [])
    refuse_flaws(doubtful, "run 3 of B", [Flaw(flaw)])
