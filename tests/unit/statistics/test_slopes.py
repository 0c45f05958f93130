"""A slope's interval covers as often as it says, and wild values do not move it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.statistics.slopes import slope_interval

Points = list[tuple[float, float]]


def line(slope: float, noise: np.ndarray) -> Points:
    return [(float(x), slope * x + float(e)) for x, e in enumerate(noise)]


@pytest.mark.parametrize("slope", [0.0, 0.3, -2.0])
def test_the_interval_covers_the_true_slope_as_often_as_it_says(slope: float) -> None:
    rng = np.random.default_rng(1)
    runs = 400
    intervals = [slope_interval(line(slope, rng.normal(size=30))) for _ in range(runs)]
    covered = sum(interval.low <= slope <= interval.high for interval in intervals)
    assert covered / runs > 0.92


def test_it_does_so_for_heavy_tails_as_well() -> None:
    rng = np.random.default_rng(2)
    runs = 400
    intervals = [slope_interval(line(0.0, rng.standard_cauchy(30))) for _ in range(runs)]
    covered = sum(interval.low <= 0.0 <= interval.high for interval in intervals)
    assert covered / runs > 0.92


def test_one_wild_value_in_ten_hardly_moves_the_slope() -> None:
    noise = np.zeros(40)
    noise[::10] = 1e9
    assert slope_interval(line(2.0, noise)).middle == pytest.approx(2.0)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=20),
    st.floats(-1e3, 1e3),
    st.floats(0.1, 100.0),
)
def test_shifting_and_stretching_the_values_does_the_same_to_the_slope(
    values: list[float], shift: float, factor: float
) -> None:
    points = list(enumerate(values))
    moved = [(x, y * factor + shift) for x, y in points]
    before, after = slope_interval(points), slope_interval(moved)
    scale = max(map(abs, values)) * factor + abs(shift) + 1.0
    assert after.middle == pytest.approx(before.middle * factor, abs=1e-9 * scale)


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match="4 points are too few"):
        slope_interval([(0, 0), (1, 1), (2, 2), (3, 3)])


def test_points_of_one_moment_are_refused() -> None:
    with pytest.raises(ValueError, match="the same x"):
        slope_interval([(1.0, float(y)) for y in range(6)])
