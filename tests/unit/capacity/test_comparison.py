"""The ratio of two sides, its limit and its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from runtime.capacity.comparison import Run, Wish, compare
from runtime.errors import ConfigError, MeasurementError
from runtime.statistics.intervals import Limit


def made(
    baseline: Sequence[float], candidate: Sequence[float], key: str = "throughput_rps"
) -> list[tuple[Run, Run]]:
    """Pairs of runs that have one figure each."""
    both = zip(baseline, candidate, strict=True)
    return [(Run("a", {key: a}), Run("b", {key: b})) for a, b in both]


STEADY = [100.0 + i / 10 for i in range(10)]


def test_the_ratio_is_candidate_over_baseline() -> None:
    found = compare(made(STEADY, [2 * a for a in STEADY]), Wish("throughput_rps"))
    assert (found.ratio.low, found.ratio.middle, found.ratio.high) == (2.0, 2.0, 2.0)


def test_a_drift_common_to_a_pair_cancels() -> None:
    drift = [a * (1 + i) for i, a in enumerate(STEADY)]
    found = compare(made(drift, [0.99 * a for a in drift]), Wish("throughput_rps"))
    assert found.ratio.high - found.ratio.low < 1e-12


@pytest.mark.parametrize(
    ("metric", "factor", "verdict"),
    [
        ("latency_us.p99", 1.02, "met"),
        ("latency_us.p99", 1.04, "not met"),
        ("latency_us.p99", 0.5, "met"),
        ("throughput_rps", 0.98, "met"),
        ("throughput_rps", 0.96, "not met"),
        ("throughput_rps", 1.5, "met"),
    ],
)
def test_a_margin_bounds_only_the_worse_side(
    metric: str, factor: float, verdict: str
) -> None:
    wish = Wish(metric)
    group, _, key = metric.partition(".")

    def report(value: float) -> dict[str, Any]:
        return {group: {key: value}} if key else {group: value}

    pairs = [(Run("a", report(a)), Run("b", report(a * factor))) for a in STEADY]
    assert compare(pairs, wish).verdict == verdict


def test_an_interval_across_the_limit_is_unresolved() -> None:
    noisy = [a * (0.9 + i / 40) for i, a in enumerate(STEADY)]
    assert compare(made(STEADY, noisy), Wish("throughput_rps")).verdict == "unresolved"


def test_without_a_wish_the_margin_is_three_in_a_hundred() -> None:
    assert Wish().limit("latency_us.p50") == Limit("at most", 1.03)


def test_a_number_without_a_direction_needs_a_plain_limit() -> None:
    with pytest.raises(ConfigError, match="give --at-most or --at-least"):
        Wish("rows")
    assert Wish("rows", at_least=2.0).limit("rows") == Limit("at least", 2.0)


@pytest.mark.parametrize(
    "limits", [(0.1, 1.0, None), (0.1, None, 1.0), (None, 1.0, 1.0), (0.1, 1.0, 1.0)]
)
def test_there_is_one_limit_only(limits: tuple[float | None, ...]) -> None:
    with pytest.raises(ConfigError, match="one of --margin, --at-most and --at-least"):
        Wish(None, *limits)


@pytest.mark.parametrize("margin", [-0.1, 1.0, 3.0])
def test_a_margin_is_a_share(margin: float) -> None:
    with pytest.raises(ConfigError, match="must be 0 to below 1"):
        Wish(margin=margin)


def test_a_run_without_the_figure_is_named() -> None:
    pairs = [(Run("first.json", {"x": 1.0}), Run("second.json", {"y": 1.0}))]
    with pytest.raises(MeasurementError, match=r"second\.json has no number x"):
        compare(pairs, Wish("x", at_most=1.0))


def test_no_pairs_are_an_error() -> None:
    with pytest.raises(ConfigError, match="nothing to compare"):
        compare([], Wish())


def test_the_file_has_pairs_interval_limit_and_verdict() -> None:
    content = compare(made([2.0, 4.0], [1.0, 2.0]), Wish("throughput_rps")).as_json()
    assert content["pairs"] == ((2.0, 1.0), (4.0, 2.0))
    assert content["ratio"]["middle"] == 0.5
    assert content["limit"]["value"] == 0.97
    assert (content["format"], content["verdict"]) == ("leeboard.compare/1", "not met")
