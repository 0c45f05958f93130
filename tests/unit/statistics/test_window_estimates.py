"""Estimates and their intervals: how often they cover, and what few values give."""

from __future__ import annotations

from math import inf, isnan

import numpy as np
import pytest

from runtime.statistics import window_estimates as es


@pytest.mark.parametrize(("p", "n"), [(0.5, 20), (0.03, 100), (0.9, 400)])
def test_a_shares_interval_covers_as_often_as_it_says(
    p: float, n: int, rng: np.random.Generator
) -> None:
    found = [es.share(float(hits), n) for hits in rng.binomial(n, p, 3_000)]
    covered = np.mean([each.low <= p <= each.high for each in found])
    assert covered >= 0.92


def test_a_means_interval_covers_as_often_as_it_says(rng: np.random.Generator) -> None:
    values = rng.exponential(1.0, (2_000, 200))
    found = [es.mean(v.sum(), np.square(v).sum(), v.size) for v in values]
    assert np.mean([each.low <= 1.0 <= each.high for each in found]) >= 0.92


def test_nothing_is_known_of_nothing() -> None:
    for found in (es.share(0, 0), es.mean(0.0, 0.0, 0)):
        assert isnan(found.value)
        assert (found.low, found.high, found.n, found.is_known) == (-inf, inf, 0, False)


def test_one_value_has_a_mean_and_no_interval() -> None:
    assert es.mean(3.0, 9.0, 1) == es.Estimate(3.0, -inf, inf, 1)


def test_a_share_of_all_or_none_has_its_own_end() -> None:
    assert es.share(7, 7).high == 1.0
    assert es.share(0, 7).low == 0.0


def test_an_interval_is_kept_within_its_ends() -> None:
    assert es.around(0.9, 1.0, 5, (0.0, 1.0)) == es.Estimate(0.9, 0.0, 1.0, 5)
