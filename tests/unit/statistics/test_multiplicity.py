"""One promise is shared out, and looks, hours and rows are the same promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.statistics.multiplicity import (
    arl_in_hours,
    arl_in_looks,
    arl_in_rows,
    e_bh,
    error_over_patience,
    split_arl,
)


@given(st.lists(st.floats(0.01, 100.0), min_size=1, max_size=50))
def test_shares_of_a_promise_add_up_to_it(weights: list[float]) -> None:
    shares = split_arl(5_000.0, weights)
    assert float((1.0 / shares).sum()) == pytest.approx(1.0 / 5_000.0)
    assert (shares >= 5_000.0 * (1.0 - 1e-12)).all()


@pytest.mark.parametrize("weights", [[], [0.0], [1.0, -1.0], [float("nan")]])
def test_weights_that_are_not_positive_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        split_arl(100.0, weights)


def test_a_month_of_looks_each_second_is_that_many() -> None:
    looks = arl_in_looks(30 * 24.0, 1.0)
    assert looks == 2_592_000.0
    assert arl_in_hours(looks, 1.0) == 720.0
    assert arl_in_rows(looks, 20.0) == 51_840_000.0


@pytest.mark.parametrize(("hours", "interval"), [(0.0, 1.0), (1.0, 0.0), (1.0, -1.0)])
def test_times_that_are_not_positive_are_refused(hours: float, interval: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        arl_in_looks(hours, interval)


def plainly(e: list[float], limit: float) -> set[int]:
    """The rule as written: the k largest, for the largest k with k e_(k) >= K limit."""
    ranked = sorted(range(len(e)), key=lambda i: -e[i])
    best = 0
    for k in range(1, len(e) + 1):
        if k * e[ranked[k - 1]] >= len(e) * limit * (1.0 - 1e-12):
            best = k
    return set(ranked[:best])


@given(
    st.lists(st.sampled_from([0.1, 1.0, 7.0, 30.0, 55.0, 210.0]), min_size=1, max_size=12)
)
def test_rejections_are_those_of_the_rule(e: list[float]) -> None:
    found = e_bh(e, 0.05)
    values = sorted(e[i] for i in found.nonzero()[0])
    assert values == sorted(e[i] for i in plainly(e, 20.0))


def test_known_e_values_are_rejected() -> None:
    e = [40.0, 25.0, 12.0, 3.0, 1.0, 0.5, 0.2, 8.0]
    assert e_bh(e, 0.2).nonzero()[0].tolist() == [0, 1]


def test_one_feature_in_many_needs_more_evidence_than_many_together() -> None:
    patience = 1_000.0
    enough = np.log(patience * 10)
    alone = [enough - 0.1, *[0.0] * 9]
    assert not error_over_patience(alone, patience).any()
    assert error_over_patience([enough + 0.1, *[0.0] * 9], patience).sum() == 1
    assert error_over_patience([np.log(patience) + 0.1] * 10, patience).all()


def test_the_share_of_false_reports_is_bounded_by_the_looks_over_the_patience() -> None:
    rng = np.random.default_rng(5)
    streams, looks, patience = 10, 40, 100.0
    logs = np.full((2_000, streams), -np.inf)
    shares = np.zeros(2_000)
    for _ in range(looks):
        heads = rng.random((2_000, streams)) < 0.5
        logs = np.logaddexp(logs, 0.0) + np.log(np.where(heads, 1.5, 0.5))
        found = np.array([error_over_patience(row, patience).any() for row in logs])
        shares = np.maximum(shares, found)
    assert shares.mean() <= looks / patience
    assert shares.mean() > 0.0
