"""Intervals of fixed windows: known figures, coverage, and what has none."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.statistics.fixed_windows import auc, ece, f1, wilson

metrics = pytest.importorskip("sklearn.metrics")

TRUE = np.array([0, 1, 1, 0, 1, 0, 1, 1, 0, 0])
SCORES = np.array([0.1, 0.9, 0.8, 0.4, 0.35, 0.2, 0.7, 0.6, 0.65, 0.5])


def test_known_figures() -> None:
    assert auc(SCORES, TRUE).value == pytest.approx(0.84)
    assert f1(4, 2, 1).value == pytest.approx(0.7272727272727273)
    place = np.minimum((SCORES * 5).astype(int), 4)
    counts, said, true = (
        np.bincount(place, weights, 5) for weights in (None, SCORES, TRUE)
    )
    assert ece(counts, said, true).value == pytest.approx(0.18)
    assert wilson(5, 10).low == pytest.approx(0.2366, abs=1e-4)
    assert not wilson(5, 10).is_sequence


def test_delong_s_variance_is_that_of_all_pairs() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random(60) < 0.4
    scores = np.round(rng.normal(size=60) + truth, 1)
    above, below = scores[truth], scores[~truth]
    wins = (above[:, None] > below) + 0.5 * (above[:, None] == below)
    variance = wins.mean(axis=1).var(ddof=1) / len(above)
    variance += wins.mean(axis=0).var(ddof=1) / len(below)
    found = auc(scores, truth)
    assert found.value == pytest.approx(metrics.roc_auc_score(truth, scores))
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * np.sqrt(variance))


def test_auc_covers_about_as_often_as_it_says() -> None:
    from statistics import NormalDist

    rng = np.random.default_rng(2)
    true = NormalDist().cdf(1.0 / np.sqrt(2.0))
    covered = 0
    for _ in range(300):
        labels = np.arange(200) < 80
        found = auc(rng.normal(size=200) + labels, labels)
        covered += found.low <= true <= found.high
    assert 0.91 <= covered / 300 <= 0.99


def test_f1_covers_about_as_often_as_it_says_and_equals_its_definition() -> None:
    rng = np.random.default_rng(3)
    truth = rng.random(500) < 0.3
    said = np.where(rng.random(500) < 0.8, truth, ~truth)
    hits = int((truth & said).sum())
    found = f1(hits, int((said & ~truth).sum()), int((truth & ~said).sum()))
    assert found.value == pytest.approx(metrics.f1_score(truth, said))
    covered = 0
    for _ in range(400):
        tp, fp, fn, _rest = rng.multinomial(400, [0.2, 0.1, 0.1, 0.6])
        each = f1(int(tp), int(fp), int(fn))
        covered += each.low <= 2 / 3 <= each.high
    assert 0.92 <= covered / 400 <= 0.985


def test_a_calibration_error_well_above_zero_is_covered() -> None:
    rng = np.random.default_rng(4)
    counts, said = np.full(10, 200), np.linspace(0.05, 0.95, 10)
    true = said + np.where(said < 0.5, 0.1, -0.1)
    covered = 0
    for _ in range(300):
        found = ece(counts, said * 200, rng.binomial(200, true))
        covered += found.low <= 0.1 <= found.high
    assert covered / 300 >= 0.92


def test_ends_of_rates_are_exact() -> None:
    assert wilson(0, 10).low == 0.0
    assert wilson(10, 10).high == 1.0


def test_all_alike_scores_have_an_auc_of_one_half() -> None:
    found = auc([0.5] * 8, [0, 1] * 4)
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("scores", "labels"),
    [([0.1, 0.2, 0.3], [1, 1, 1]), ([0.1, 0.2, 0.3], [1, 0, 0]), ([np.nan] * 4, [1, 0] * 2),
     ([0.1], [1, 0])],
)  # fmt: skip
def test_an_auc_that_cannot_be_is_refused(scores: list[float], labels: list[int]) -> None:
    with pytest.raises(ValueError, match=r"two of each|must be finite"):
        auc(scores, labels)


def test_windows_without_anything_are_refused() -> None:
    with pytest.raises(ValueError, match="have no rate"):
        wilson(0, 0)
    with pytest.raises(ValueError, match="at least one positive"):
        f1(0, 0, 0)
    with pytest.raises(ValueError, match="bins are empty"):
        ece([0], [0.0], [0])
    with pytest.raises(ValueError, match="confidence of 0"):
        wilson(1, 2, 0.0)
