"""Bets are worth at most one in the null hypothesis, and much where they should be."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.statistics import bets
from runtime.statistics.betting import CategoryDetector, KsDetector
from runtime.statistics.restarts import Bets, Flags, Floats

DECILES = 1.0 - np.arange(1, 10) / 10
ROUNDING = 1e-9

shares_of_edges = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=5).map(
    lambda values: np.array(sorted(values, reverse=True))
)


def factors(held: Bets) -> Floats:
    """Each bet's factor for a row in each bin, [B, C], of the first feature."""
    steps = np.nan_to_num(held.slopes[0]).cumsum(axis=0)
    return np.asarray(np.exp(np.concatenate([held.base[:1], held.base[0] + steps])))


def live(held: Bets) -> Flags:
    return np.asarray(np.isfinite(held.log_weights[0]))


def worst(g: Floats, shares: Floats, eps: float) -> float:
    """The most that a factor g [B] can be worth in the ball, by trying all its corners.

    At a corner every share is at an end of some edge's band. Shares fall, so the best
    choice for the edges so far is kept for every value of the last one.
    """
    low, high = np.maximum(shares - eps, 0.0), np.minimum(shares + eps, 1.0)
    values = np.unique(np.concatenate([low, high]))[::-1]
    best = np.zeros(len(values))
    for k, step in enumerate(np.diff(g)):
        is_allowed = (values >= low[k]) & (values <= high[k])
        best = np.maximum.accumulate(best) + np.where(is_allowed, values * step, -np.inf)
    return float(g[0] + best.max())


@settings(max_examples=80, deadline=None)
@given(shares_of_edges, st.sampled_from([0.0, 0.02, 0.05, 0.2]))
def test_no_bet_is_worth_more_than_one_anywhere_in_the_ball(
    shares: Floats, eps: float
) -> None:
    held = KsDetector([shares], eps, 100.0).bets.bets
    g = factors(held)[:, live(held)]
    assert all(worst(each, shares, eps) <= 1.0 + ROUNDING for each in g.T)


@pytest.mark.parametrize("eps", [0.0, 0.01, 0.05, 0.15])
def test_shapes_are_worth_exactly_one_at_the_worst(eps: float) -> None:
    held = KsDetector([DECILES], eps, 100.0).bets.bets
    g = factors(held)[:, live(held)]
    most = np.array([worst(each, DECILES, eps) for each in g.T])
    assert most == pytest.approx(np.ones(len(most)), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.05, 0.3]), st.floats(0.0, 1.0))
def test_bets_on_a_category_are_worth_at_most_one_for_every_rate_within_eps(
    share: float, eps: float, at: float
) -> None:
    held = CategoryDetector([[share]], eps, 100.0).bets.bets
    g = factors(held)[:, live(held)]
    low, high = max(share - eps, 0.0), min(share + eps, 1.0)
    rate = low + at * (high - low)
    assert (rate * g[1] + (1.0 - rate) * g[0] <= 1.0 + ROUNDING).all()


def test_the_projection_is_the_nearest_member_of_the_ball() -> None:
    q = np.array([0.02, 0.08, 0.2, 0.3, 0.4])
    p0 = np.full(5, 0.2)
    eps = 0.05
    found = bets.project(q[None, :, None], p0[None, :, None], eps, sweeps=500)[0, :, 0]
    above = np.triu(np.ones((4, 5)), k=1)
    assert np.abs(above @ (found - p0)).max() <= eps + 1e-12
    rng = np.random.default_rng(1)
    shares = above @ p0 + rng.uniform(-eps, eps, (4000, 4))
    others = bets.bins(np.concatenate([shares, above @ p0 + eps * np.sign(shares - 0.5)]))
    far = -(q * np.log(np.maximum(others, 1e-12))).sum(axis=1)
    assert -(q * np.log(found)).sum() <= far.min()
    assert -(q * np.log(found)).sum() < -(q * np.log(p0)).sum() - 0.05


def test_a_bet_on_a_shift_keeps_most_of_what_knowing_it_is_worth() -> None:
    held = KsDetector([DECILES], 0.0, 100.0).bets.bets
    for shift in (0.1, 0.25, 0.5, 1.0):
        edges = [NormalDist().inv_cdf(float(1.0 - share)) for share in DECILES]
        above = [1.0 - NormalDist(shift).cdf(edge) for edge in edges]
        p = bets.bins(np.array([above]))[0]
        growth = p @ np.log(factors(held))
        assert growth.max() > 0.85 * shift**2 / 2


def test_weights_of_bets_that_are_held_add_up_to_one() -> None:
    shares = np.array([[0.9, 0.5, 0.1], [1.0, np.nan, np.nan], [0.5, np.nan, 0.2]])
    held = KsDetector(shares, 0.05, 100.0).bets.bets
    assert np.exp(held.log_weights).sum(axis=1) == pytest.approx(np.ones(3))


def test_a_share_of_which_every_value_is_within_eps_has_no_bets() -> None:
    held = KsDetector([[0.97, 0.03]], 0.99, 100.0).bets.bets
    assert not live(held).any()


def test_a_short_reference_widens_the_tolerance_and_a_long_one_does_not() -> None:
    assert bets.tolerance(0.05, 100) > 0.15
    assert bets.tolerance(0.05, 10_000) == 0.05
    assert bets.tolerance(0.05, np.inf) == 0.05


@pytest.mark.parametrize(("eps", "rows"), [(-0.1, 10), (1.0, 10), (0.1, 0), (0.1, np.nan)])
def test_a_tolerance_that_makes_no_sense_is_refused(eps: float, rows: float) -> None:
    with pytest.raises(ValueError, match=r"eps is|says nothing"):
        bets.tolerance(eps, rows)
