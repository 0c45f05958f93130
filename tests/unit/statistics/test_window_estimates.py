"""Estimates and their intervals: how often they cover, and what few values give."""

from __future__ import annotations

from math import inf, isnan

import numpy as np
import pytest

from runtime.statistics import window_estimates as es
from runtime.statistics.estimates import Estimate, z_of


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
    assert es.mean(3.0, 9.0, 1) == Estimate(3.0, -inf, inf, 1)


def test_a_share_of_all_or_none_has_its_own_end() -> None:
    assert es.share(7, 7).high == 1.0
    assert es.share(0, 7).low == 0.0


def test_an_interval_is_kept_within_its_ends() -> None:
    assert es.around(0.9, 1.0, 5, (0.0, 1.0)) == Estimate(0.9, 0.0, 1.0, 5)


def test_every_estimate_says_its_confidence() -> None:
    for found in (
        es.share(3, 10, 0.9),
        es.mean(3.0, 9.0, 5, 0.9),
        es.mean(3.0, 9.0, 1, 0.9),
    ):
        assert (found.confidence, found.is_sequence) == (0.9, False)
    assert es.around(0.5, 0.1, 5, confidence=0.5).high < es.around(0.5, 0.1, 5).high


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0, float("nan")])
def test_a_confidence_that_cannot_be_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="not between 0 and 1"):
        z_of(confidence)


def test_a_share_has_the_known_interval_of_wilson() -> None:
    assert es.share(5, 10).low == pytest.approx(0.2366, abs=1e-4)
    found = es.share(20, 100)
    assert (round(found.low, 4), round(found.high, 4)) == (0.1334, 0.2888)
