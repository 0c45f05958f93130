"""Calibration: known answers, scikit-learn's isotonic regression, promised quality."""

from __future__ import annotations

from importlib import import_module
from math import isnan, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.statistics import calibration as ca
from tests.known_statistics import known

ISOTONIC: Any = import_module("sklearn.isotonic").IsotonicRegression
CASE = known()["binary_metrics"]
PAIRS = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=60)


def test_ten_scores_have_the_known_calibration_error() -> None:
    bins = ca.reliability(CASE["y_true"], CASE["y_prob"], bins=5)
    found = ca.expected_calibration_error(bins)
    assert found.value == pytest.approx(CASE["ece_5_equal_width"], rel=1e-12)
    assert found.low <= found.value <= found.high


def test_bins_add_up_over_any_cut(rng: np.random.Generator) -> None:
    truth, scores = rng.random(500) < 0.3, rng.random(500)
    whole = ca.reliability(truth, scores)
    parts = ca.reliability(truth[:9], scores[:9]) + ca.reliability(truth[9:], scores[9:])
    assert (parts.n == whole.n).all()
    assert parts.scores == pytest.approx(whole.scores)
    assert not ca.expected_calibration_error(ca.reliability([], [])).is_known


@settings(deadline=None)
@given(PAIRS)
def test_the_fit_is_that_of_scikit_learn(pairs: list[tuple[int, bool]]) -> None:
    scores = np.array([score / 12 for score, _ in pairs])
    truth = np.array([float(label) for _, label in pairs])
    theirs: Any = ISOTONIC(out_of_bounds="clip", increasing=True)
    places = np.linspace(-0.2, 1.2, 57)
    wanted = theirs.fit(scores, truth).predict(places)
    fitted = ca.isotonic(truth, scores)
    assert fitted(places) == pytest.approx(wanted, abs=1e-9)
    assert (np.diff(fitted.chances) >= 0).all()


def test_ten_chances_promise_what_was_computed_by_hand() -> None:
    case = known()["cbpe_by_hand"]
    p = np.array(case["y_prob"])
    found = ca.promised(p, p >= case["threshold"], p)
    counts = found.counts.tp, found.counts.fp, found.counts.fn, found.counts.tn
    assert counts == pytest.approx([case[f"exp_{n}"] for n in ("tp", "fp", "fn", "tn")])
    shown = found.accuracy, found.precision, found.recall, found.f1
    names = "accuracy", "precision", "recall", "f1"
    assert shown == pytest.approx([case[f"est_{name}"] for name in names])


def test_true_chances_promise_what_happens(rng: np.random.Generator) -> None:
    p = rng.random(20_000)
    found = ca.promised(p, p >= 0.5, p)
    truth = rng.random(p.size) < p
    assert abs(np.mean(truth == (p >= 0.5)) - found.accuracy) <= 4 * found.deviation


def test_one_row_and_no_row_promise_what_they_can() -> None:
    one = ca.promised([0.75], [1], [0.75])
    assert (one.accuracy, one.precision, one.n) == (0.75, 0.75, 1)
    none = ca.promised([], [], [])
    assert isnan(none.accuracy)
    assert isnan(none.deviation)


def test_what_cannot_be_calibrated_is_refused() -> None:
    for labels, scores in (([], []), ([1], [nan]), ([1, 0], [0.5])):
        with pytest.raises(ValueError, match="finite scores, one for each label"):
            ca.isotonic(labels, scores)
    with pytest.raises(ValueError, match="of one length"):
        ca.promised([0.5], [1, 0], [0.5])


def test_a_calibration_error_well_above_zero_is_covered(rng: np.random.Generator) -> None:
    n, said = np.full(10, 200.0), np.linspace(0.05, 0.95, 10)
    true = said + np.where(said < 0.5, 0.1, -0.1)

    def covers() -> bool:
        came = rng.binomial(200, true).astype(float)
        found = ca.expected_calibration_error(ca.Reliability(n, said * 200, came))
        return found.low <= 0.1 <= found.high

    assert np.mean([covers() for _ in range(300)]) >= 0.92
