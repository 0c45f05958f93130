"""Intervals and verdicts of the benchmarks."""

from __future__ import annotations

import random
from fractions import Fraction
from math import comb
from statistics import median

import pytest

from runtime.statistics.intervals import (
    Interval,
    Limit,
    coverage,
    judge,
    median_interval,
    ratio_interval,
    show,
)


def interval(low: float, high: float) -> Interval:
    return Interval(low, (low + high) / 2, high, 0.97, 10)


def test_the_coverage_of_ten_values_follows_from_the_binomial_distribution() -> None:
    assert coverage(10, 1) == pytest.approx(1 - 2 / 1024)
    assert coverage(10, 2) == pytest.approx(1 - 2 * 11 / 1024)


def test_ten_values_give_the_second_to_the_ninth() -> None:
    values = [7.0, 1.0, 9.0, 4.0, 3.0, 10.0, 2.0, 8.0, 6.0, 5.0]
    found = median_interval(values)
    assert (found.low, found.middle, found.high, found.n) == (2.0, 5.5, 9.0, 10)


def test_one_disturbed_repeat_of_ten_moves_no_end_of_the_interval() -> None:
    calm = [1.0 + i / 100 for i in range(10)]
    disturbed = [*calm[:-1], 50.0]
    assert median_interval(disturbed).high == median_interval(calm).high


def test_too_few_values_say_the_coverage_that_they_have() -> None:
    found = median_interval([1.0, 2.0, 3.0])
    assert (found.low, found.high) == (1.0, 3.0)
    assert found.confidence == pytest.approx(0.75)


def test_one_value_is_covered_by_chance_only() -> None:
    assert median_interval([4.0]).confidence == 0.0


def test_the_interval_covers_the_median_as_often_as_it_says() -> None:
    rng = random.Random(1)
    tries = 2000
    covered = 0
    for _ in range(tries):
        found = median_interval([rng.lognormvariate(0.0, 1.0) for _ in range(10)])
        covered += found.low <= 1.0 <= found.high
    assert covered / tries == pytest.approx(coverage(10, 2), abs=0.01)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 10, 64, 500, 1_000])
def test_the_coverage_is_that_of_exact_counts(n: int) -> None:
    for depth in range(1, (n + 1) // 2 + 1, max(n // 20, 1)):
        outside = sum(comb(n, i) for i in range(depth))
        exact = float(1 - 2 * Fraction(outside, 2**n))
        assert coverage(n, depth) == pytest.approx(exact, abs=1e-11)


@pytest.mark.parametrize("n", [1_024, 1_025, 5_000, 200_000])
def test_many_values_have_an_interval_too(n: int) -> None:
    found = median_interval([float(i) for i in range(n)])
    assert found.middle == (n - 1) / 2
    # The normal distribution's, to a few places.
    reach = (n - 1) / 2 - found.low
    assert reach == pytest.approx(0.98 * n**0.5, abs=1.5)
    assert found.high - found.middle == reach
    assert 0.95 <= found.confidence < 0.96


def test_no_values_have_no_interval() -> None:
    with pytest.raises(ValueError, match="no values"):
        median_interval([])


def test_a_ratio_is_taken_pair_by_pair_so_a_common_drift_cancels() -> None:
    drift = [1.0, 5.0, 2.0, 9.0, 3.0, 1.0, 4.0, 8.0, 2.0, 6.0]
    found = ratio_interval([(0.5 * d, d) for d in drift])
    assert (found.low, found.high) == (0.5, 0.5)


def test_the_middle_of_a_ratio_is_the_median_of_the_ratios() -> None:
    made = [(1.0, 2.0), (3.0, 3.0), (8.0, 2.0)]
    assert ratio_interval(made).middle == median([0.5, 1.0, 4.0])


def test_a_pair_that_measured_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        ratio_interval([(1.0, 0.0)])


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(1.0, 2.0, "met"), (2.1, 3.0, "not met"), (1.9, 2.1, "unresolved")],
)
def test_an_upper_limit_is_judged_by_the_whole_interval(
    low: float, high: float, verdict: str
) -> None:
    assert judge(interval(low, high), Limit("at most", 2.0)) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.97, 1.0, "met"), (0.90, 0.96, "not met"), (0.96, 0.98, "unresolved")],
)
def test_a_lower_limit_is_judged_by_the_whole_interval(
    low: float, high: float, verdict: str
) -> None:
    assert judge(interval(low, high), Limit("at least", 0.97)) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.86, 1.14, "met"),
        (1.16, 1.3, "not met"),
        (0.7, 0.84, "not met"),
        (1.1, 1.2, "unresolved"),
        (0.8, 1.2, "unresolved"),
    ],
)
def test_a_limit_on_both_sides_is_judged_by_the_whole_interval(
    low: float, high: float, verdict: str
) -> None:
    assert judge(interval(low, high), Limit("within", 0.15)) == verdict


def test_a_limit_on_both_sides_lies_around_what_it_names() -> None:
    limit = Limit("within", 2.0, around=10.0)
    assert (limit.lowest, limit.highest) == (8.0, 12.0)


@pytest.mark.parametrize(
    ("figures", "unit", "text"),
    [
        ((137.2, 138.4, 150.0), "us", "138 [137, 150] us"),
        ((3.912, 4.02, 4.2), "us", "4.02 [3.91, 4.20] us"),
        ((0.9123, 0.9187, 0.93), "", "0.919 [0.912, 0.930]"),
        ((90_000.0, 93_749.4, 95_000.0), "rows/s", "93,749 [90,000, 95,000] rows/s"),
        ((0.0, 0.0, 2.0), "requests", "0 [0, 2] requests"),
    ],
)
def test_a_figure_shows_its_interval_and_unit(
    figures: tuple[float, float, float], unit: str, text: str
) -> None:
    low, middle, high = figures
    assert show(Interval(low, middle, high, 0.979, 10), unit) == text
