"""Distances of samples: known answers, scipy, and values that are none."""

from __future__ import annotations

from importlib import import_module
from math import inf, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.statistics import distances as di
from runtime.statistics import distances_of_samples as ds
from tests.known_statistics import known

STATS: Any = import_module("scipy.stats")
NUMBERS = st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), min_size=1, max_size=40)


def test_two_small_samples_have_the_known_distances() -> None:
    case = known()["two_sample_small"]
    assert ds.kolmogorov_smirnov(case["x"], case["y"]) == case["ks"]
    found = ds.wasserstein(case["x"], case["y"])
    assert found == pytest.approx(case["wasserstein"], rel=1e-12)


def test_two_seeded_samples_have_the_known_distances() -> None:
    case = known()["two_sample_seeded"]
    state = np.random.RandomState(42)
    x, y = state.normal(0, 1, 5000), state.normal(0.1, 1.1, 3000)
    assert ds.kolmogorov_smirnov(x, y) == pytest.approx(case["ks"], rel=1e-12)
    assert ds.wasserstein(x, y) == pytest.approx(case["wasserstein"], rel=1e-10)
    edges = ds.decile_edges(x)
    assert edges == pytest.approx(case["deciles_numpy_linear"], rel=1e-12)
    ref, cur = ds.counts_between(edges, x), ds.counts_between(edges, y)
    assert (ref.tolist(), cur.tolist()) == (case["ref_bins"], case["cur_bins"])
    assert ds.stability(x, y).plain == pytest.approx(case["psi_deciles"], rel=1e-12)
    found = di.jensen_shannon(ref, cur), di.hellinger(ref, cur)
    wanted = case["js_base2_deciles"], case["hellinger_deciles"]
    assert found == pytest.approx(wanted, rel=1e-12)


@settings(deadline=None)
@given(NUMBERS, NUMBERS)
def test_distances_are_those_of_the_definition_and_of_scipy(
    x: list[float], y: list[float]
) -> None:
    shares = [
        (np.mean(np.less_equal(x, at)), np.mean(np.less_equal(y, at))) for at in x + y
    ]
    wanted = max(abs(first - second) for first, second in shares)
    assert ds.kolmogorov_smirnov(x, y) == pytest.approx(wanted, abs=1e-12)
    far = STATS.wasserstein_distance(x, y)
    assert ds.wasserstein(x, y) == pytest.approx(far, rel=1e-9, abs=1e-9)


def test_values_that_are_not_finite_are_left_out() -> None:
    assert ds.wasserstein([nan, 0.0, inf], [1.0, -inf]) == 1.0
    assert ds.counts_between([0.5], [nan, 0.0, 1.0, inf]).tolist() == [1, 1]


@pytest.mark.parametrize("distance", [ds.kolmogorov_smirnov, ds.wasserstein])
def test_a_sample_of_nothing_is_refused(distance: Any) -> None:
    with pytest.raises(ValueError, match="compared sample has no finite value"):
        distance([1.0], [nan])
    with pytest.raises(ValueError, match="reference sample has no finite value"):
        distance([], [1.0])
    with pytest.raises(ValueError, match="compared counts are all zero"):
        ds.stability([1.0], [nan])


def test_a_constant_has_no_spread_to_measure_by() -> None:
    assert ds.wasserstein_over_iqr([2.0] * 9, [2.0, 2.0]) == 0.0
    assert ds.wasserstein_over_iqr([2.0] * 9, [3.0]) == inf
    assert ds.wasserstein_over_iqr([0.0, 1.0, 2.0, 3.0], [1.5] * 4) == pytest.approx(2 / 3)
    assert ds.decile_edges([2.0] * 9).tolist() == [2.0]


def test_values_of_any_size_have_a_distance() -> None:
    assert ds.wasserstein([0.0], [1e30]) == 1e30
    assert ds.kolmogorov_smirnov([1e15], [1e15 + 1]) == 1.0
