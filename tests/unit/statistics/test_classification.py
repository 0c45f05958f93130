"""Decisions against labels: known answers, merging, and what is refused."""

from __future__ import annotations

from math import isfinite

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.statistics import classification as cl
from tests.known_statistics import known

CASE = known()["binary_metrics"]
TRUTH, SCORES = CASE["y_true"], np.array(CASE["y_prob"])
SAID = CASE["threshold"] <= SCORES


def test_ten_decisions_have_the_known_figures() -> None:
    counts = cl.confusion(TRUTH, SAID)
    found = {
        "accuracy": cl.accuracy(counts).value,
        "precision": cl.precision(counts).value,
        "recall": cl.recall(counts).value,
        "f1": cl.f1(counts).value,
        "log_loss": cl.log_losses(TRUTH, SCORES).mean(),
        "brier": cl.brier_losses(TRUTH, SCORES).mean(),
    }
    assert found == pytest.approx({name: CASE[name] for name in found}, rel=1e-12)
    assert [[counts.tn, counts.fp], [counts.fn, counts.tp]] == CASE["confusion"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60), st.integers(0, 60))
def test_counts_add_up_over_any_cut(pairs: list[tuple[bool, bool]], cut: int) -> None:
    def of(part: list[tuple[bool, bool]]) -> cl.Confusion:
        return cl.confusion([y for y, _ in part], [d for _, d in part])

    assert of(pairs[:cut]) + of(pairs[cut:]) == of(pairs)
    assert of(pairs).n == len(pairs)


def test_the_interval_of_f1_covers_as_often_as_it_says(rng: np.random.Generator) -> None:
    tp, fp, fn = 0.3, 0.1, 0.2
    true = 2 * tp / (2 * tp + fp + fn)
    draws = rng.multinomial(300, [tp, fp, fn, 0.4], 2_000)
    found = [cl.f1(cl.Confusion(*map(float, row))) for row in draws]
    assert np.mean([each.low <= true <= each.high for each in found]) >= 0.93


def test_what_was_never_said_has_no_precision() -> None:
    counts = cl.confusion([1, 0], [0, 0])
    assert not cl.precision(counts).is_known
    assert cl.recall(counts).value == 0.0
    assert not cl.f1(cl.confusion([0, 0], [0, 0])).is_known


def test_certain_and_wrong_scores_have_a_finite_loss() -> None:
    assert isfinite(cl.log_losses([1, 0], [0.0, 1.0]).sum())
    assert isfinite(cl.many_log_losses([1], [[1.0, 0.0]]).sum())


def test_two_classes_are_two_sides() -> None:
    rows = np.stack([1 - SCORES, SCORES], axis=1)
    found = cl.many_log_losses(TRUTH, rows), cl.many_brier_losses(TRUTH, rows)
    assert found[0] == pytest.approx(cl.log_losses(TRUTH, SCORES), rel=1e-12)
    assert found[1] == pytest.approx(cl.brier_losses(TRUTH, SCORES), rel=1e-12)
    assert cl.error_losses(["a", "b"], ["a", "c"]).tolist() == [0.0, 1.0]


def test_what_is_no_label_or_score_is_refused() -> None:
    with pytest.raises(ValueError, match="labels must be 0 or 1"):
        cl.confusion([2], [1])
    with pytest.raises(ValueError, match="decisions must be 0 or 1"):
        cl.confusion([1], [float("nan")])
    with pytest.raises(ValueError, match="2 labels and 1 decisions do not pair"):
        cl.confusion([1, 0], [1])
    with pytest.raises(ValueError, match="scores must lie between 0 and 1"):
        cl.brier_losses([1], [1.5])
