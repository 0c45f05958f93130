"""Distances of counts: known answers, symmetry, what cannot be compared."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.statistics import distances as di
from runtime.statistics.distances_of_samples import wasserstein
from tests.known_statistics import known

SIX = known()["binned_6"]
REF, CUR = SIX["ref_counts"], SIX["cur_counts"]
DISTANCES = (di.jensen_shannon, di.hellinger, di.total_variation, di.ks_on_grid)


def test_six_bins_have_the_known_distances() -> None:
    found = {
        "psi": di.psi(REF, CUR),
        "kl_cur_ref": di.kl_divergence(CUR, REF),
        "kl_ref_cur": di.kl_divergence(REF, CUR),
        "js_distance_base2": di.jensen_shannon(REF, CUR),
        "js_distance_nat": di.jensen_shannon(REF, CUR, np.e),
        "tvd": di.total_variation(REF, CUR),
        "hellinger": di.hellinger(REF, CUR),
        "l_inf": di.l_infinity(REF, CUR),
        "cramers_v": di.cramers_v(REF, CUR),
        "chisquare_gof_cur_vs_ref_stat": di.chi_squared_of_fit(REF, CUR).statistic,
    }
    assert found == pytest.approx({name: SIX[name] for name in found}, rel=1e-12)


def test_six_bins_have_the_known_tests() -> None:
    chi2, g = di.chi_squared_test(REF, CUR), di.g_test(REF, CUR)
    assert chi2.dof == g.dof == SIX["dof"]
    assert chi2.statistic == pytest.approx(SIX["chi2_contingency_stat"], rel=1e-12)
    assert chi2.p == pytest.approx(SIX["chi2_contingency_p"], rel=1e-10)
    assert g.statistic == pytest.approx(SIX["g_test_stat"], rel=1e-12)
    assert g.p == pytest.approx(SIX["g_test_p"], rel=1e-10)


def test_an_empty_bin_counts_as_the_floor() -> None:
    case = known()["psi_empty_bin"]
    ref, cur = case["ref_counts"], case["cur_counts"]
    assert di.psi(ref, cur) == pytest.approx(case["psi"], rel=1e-12)
    wanted = case["js_distance_base2_raw"]
    assert di.jensen_shannon(ref, cur) == pytest.approx(wanted, rel=1e-12)
    assert di.kl_divergence(cur, ref) == inf
    assert di.chi_squared_of_fit(ref, cur).statistic == inf


def test_the_limit_of_an_index_is_yurdakuls() -> None:
    case = known()["psi_null_threshold"]
    found = di.psi_limit(case["bins"], case["n_ref"], case["n_cur"], case["alpha"])
    assert found == pytest.approx(case["threshold"], rel=1e-12)
    assert di.psi_limit(1, 10, 10) == 0.0


def test_without_a_change_the_corrected_index_is_small_and_the_limit_holds(
    rng: np.random.Generator,
) -> None:
    shares = np.full(10, 0.1)
    found = [
        di.stability(rng.multinomial(2_000, shares), rng.multinomial(500, shares))
        for _ in range(2_000)
    ]
    assert np.mean([f.plain for f in found]) == pytest.approx(found[0].bias, rel=0.1)
    beyond = np.mean([f.is_beyond_chance for f in found])
    assert 0.03 <= beyond <= 0.075
    assert min(f.corrected for f in found) == 0.0


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 1_000), min_size=2, max_size=12).filter(sum),
    st.integers(1, 50),
)
def test_equal_shares_are_no_distance_apart(counts: list[int], times: int) -> None:
    more = [count * times for count in counts]
    for distance in (*DISTANCES, di.psi, di.l_infinity, di.kl_divergence, di.cramers_v):
        assert distance(counts, more) == pytest.approx(0.0, abs=2e-8)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=2, max_size=9
    ).filter(lambda pairs: all(sum(side) for side in zip(*pairs, strict=True)))
)
def test_distances_are_the_same_both_ways_and_within_0_and_1(
    pairs: list[tuple[int, int]],
) -> None:
    ref, cur = zip(*pairs, strict=True)
    for distance in DISTANCES:
        there = distance(ref, cur)
        assert there == pytest.approx(distance(cur, ref), abs=1e-12)
        assert 0.0 <= there <= 1.0 + 1e-12
    assert di.psi(ref, cur) == pytest.approx(di.psi(cur, ref), abs=1e-12)


def test_a_single_category_is_no_evidence() -> None:
    assert di.chi_squared_test([5, 0], [9, 0]) == di.Tested(0.0, 0, 1.0)


@pytest.mark.parametrize(
    ("ref", "cur", "why"),
    [
        ([1, 2], [1, 2, 3], "no common bins"),
        ([[1, 2]], [[1, 2]], "no common bins"),
        ([1, -2], [1, 2], "reference counts must be finite and not negative"),
        ([1, 2], [nan, 2], "compared counts must be finite"),
        ([1, 2], [0, 0], "compared counts are all zero"),
        ([], [], "reference counts are all zero"),
    ],
)
def test_what_cannot_be_compared_is_refused(ref: Any, cur: Any, why: str) -> None:
    for distance in (*DISTANCES, di.psi, di.chi_squared_test, di.stability):
        with pytest.raises(ValueError, match=why):
            distance(ref, cur)


def test_bins_of_even_spread_are_as_far_apart_as_their_samples(
    rng: np.random.Generator,
) -> None:
    x, y = rng.normal(0.0, 1.0, 4_000), rng.normal(0.1, 1.2, 3_000)
    ends = np.linspace(-7.0, 7.0, 141)
    counts = [np.histogram(values, ends)[0] for values in (x, y)]
    wanted = wasserstein(x, y)
    assert di.wasserstein_on_grid(ends, *counts) == pytest.approx(wanted, abs=5e-3)
    crossing = di.wasserstein_on_grid([0.0, 1.0, 2.0, 3.0], [1, 2, 1], [2, 0, 2])
    assert crossing == pytest.approx(0.375)


@pytest.mark.parametrize("ends", [[0.0, 1.0], [0.0, 2.0, 1.0], [0.0, 1.0, inf]])
def test_bins_without_their_ends_are_refused(ends: list[float]) -> None:
    with pytest.raises(ValueError, match="must be finite, in order, and one more"):
        di.wasserstein_on_grid(ends, [1, 2], [2, 1])
