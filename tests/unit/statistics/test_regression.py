"""Errors of numbers: known answers, merging, losses."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest

from runtime.statistics import regression as rg
from tests.known_statistics import known


def test_four_numbers_have_the_known_errors() -> None:
    case = known()["regression_metrics"]
    sums = rg.error_sums(case["y"], case["yhat"])
    found = rg.mae(sums).value, rg.rmse(sums).value
    assert found == pytest.approx((case["mae"], case["rmse"]), rel=1e-12)


def test_sums_add_up_over_any_cut(rng: np.random.Generator) -> None:
    y, said = rng.normal(size=(2, 100))
    parts = rg.error_sums(y[:7], said[:7]) + rg.error_sums(y[7:], said[7:])
    whole = rg.error_sums(y, said)
    assert parts.n == whole.n
    found = parts.absolute, parts.squares, parts.fourths
    assert found == pytest.approx((whole.absolute, whole.squares, whole.fourths))


def test_intervals_cover_as_often_as_they_say(rng: np.random.Generator) -> None:
    draws = rng.normal(0, 2.0, (1_500, 400))
    found = [rg.rmse(rg.error_sums(np.zeros(400), row)) for row in draws]
    assert np.mean([each.low <= 2.0 <= each.high for each in found]) >= 0.93


def test_losses_are_bounded_by_their_scale() -> None:
    assert rg.clipped_losses([1e30, -1.0, 0.0], 4.0).tolist() == [1.0, 0.25, 0.0]
    with pytest.raises(ValueError, match="must be positive, not 0"):
        rg.clipped_losses([1.0], 0.0)


def test_the_scale_is_the_95th_percentile_and_never_nothing() -> None:
    assert rg.scale_of(np.arange(101.0)) == pytest.approx(95.0)
    assert rg.scale_of([0.0, 0.0]) == 1.0
    assert rg.scale_of([]) == 1.0


@pytest.mark.parametrize("bad", [nan, inf])
def test_what_is_no_number_is_refused(bad: float) -> None:
    for given in (([bad], [1.0]), ([1.0], [bad])):
        with pytest.raises(ValueError, match="must be finite"):
            rg.errors(*given)
    with pytest.raises(ValueError, match="1 labels and 2 predictions do not pair"):
        rg.errors([1.0], [1.0, 2.0])
    assert not rg.rmse(rg.ErrorSums()).is_known
