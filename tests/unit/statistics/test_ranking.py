"""The area under the curve: exact, binned within what is stated, merged."""

from __future__ import annotations

from math import isnan, nan

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.statistics import ranking as ra
from tests.known_statistics import known

CASE = known()["binary_metrics"]
Values = npt.NDArray[np.float64]


def test_ten_scores_have_the_known_area() -> None:
    wanted = pytest.approx(CASE["roc_auc"], rel=1e-12)
    assert ra.exact_auc(CASE["y_true"], CASE["y_prob"]) == wanted
    assert ra.binned_auc(ra.score_counts(CASE["y_true"], CASE["y_prob"])).value == wanted


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=1, max_size=40))
def test_the_area_is_the_share_of_pairs_in_order(pairs: list[tuple[bool, int]]) -> None:
    found = ra.exact_auc([y for y, _ in pairs], [s for _, s in pairs])
    wins = [
        (p > n) + (p == n) / 2 for y, p in pairs for z, n in pairs if y and not z
    ]  # fmt: skip
    wanted = sum(wins) / len(wins) if wins else nan
    assert found == pytest.approx(wanted, nan_ok=True)


SCORES = {
    "even": (2.0, 1.0, 1.0, 2.0),
    "rare": (1.0, 30.0, 1.0, 300.0),
    "sure": (0.3, 0.1, 0.1, 0.3),
    "narrow": (310.0, 300.0, 300.0, 300.0),
}


@pytest.mark.parametrize("name", SCORES)
def test_the_binned_area_is_within_what_is_stated(
    name: str, rng: np.random.Generator
) -> None:
    a, b, c, d = SCORES[name]
    truth = rng.random(20_000) < 0.2
    scores = np.where(truth, rng.beta(a, b, truth.size), rng.beta(c, d, truth.size))
    counts = ra.score_counts(truth, scores)
    error = abs(ra.exact_auc(truth, scores) - ra.binned_auc(counts).value)
    assert error <= ra.STATED
    assert error <= ra.uncertainty(counts)


def test_counts_add_up_over_any_cut(rng: np.random.Generator) -> None:
    truth, scores = rng.random(999) < 0.5, rng.random(999)
    whole = ra.score_counts(truth, scores)
    parts = ra.no_scores()
    for part in np.array_split(np.arange(999), [1, 10, 500]):
        parts = parts + ra.score_counts(truth[part], scores[part])
    assert (parts.negatives == whole.negatives).all()
    assert (parts.positives == whole.positives).all()
    assert parts.n == 999


def test_an_interval_covers_as_often_as_it_says(rng: np.random.Generator) -> None:
    def one() -> bool:
        truth = np.arange(300) % 3 == 0
        scores = np.clip(rng.normal(np.where(truth, 0.6, 0.4), 0.2), 0, 1)
        found = ra.binned_auc(ra.score_counts(truth, scores))
        return found.low <= 0.7598 <= found.high

    # The normal's area is Phi(0.2 / (0.2 sqrt 2)); clipping ties some and moves it little.
    assert np.mean([one() for _ in range(400)]) >= 0.91


def test_one_side_alone_has_no_area() -> None:
    counts = ra.score_counts([1, 1], [0.2, 0.3])
    assert not ra.binned_auc(counts).is_known
    assert isnan(ra.uncertainty(counts))
    assert isnan(ra.exact_auc([], []))


def test_what_is_no_score_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        ra.score_counts([1], [nan])
    with pytest.raises(ValueError, match="finite, one for each label"):
        ra.exact_auc([1], [nan])
    with pytest.raises(ValueError, match="finite, one for each label"):
        ra.exact_auc([1, 0], [0.5])
    assert ra.score_counts([1, 0], [0.0, 1.0]).n == 2
