"""DeLong's interval of an area: a known figure, its definition, coverage, refusals."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from runtime.statistics.delong import auc
from runtime.statistics.ranking import binned_auc, score_counts

metrics = pytest.importorskip("sklearn.metrics")

TRUE = np.array([0, 1, 1, 0, 1, 0, 1, 1, 0, 0])
SCORES = np.array([0.1, 0.9, 0.8, 0.4, 0.35, 0.2, 0.7, 0.6, 0.65, 0.5])


def test_the_known_figure() -> None:
    found = auc(SCORES, TRUE)
    assert found.value == pytest.approx(0.84)
    assert (found.n, found.is_sequence, found.confidence) == (10, False, 0.95)


def test_the_binned_area_has_about_the_same_interval(rng: np.random.Generator) -> None:
    truth = rng.random(4_000) < 0.3
    scores = 1.0 / (1.0 + np.exp(-rng.normal(size=4_000) - truth))
    ours, theirs = auc(scores, truth), binned_auc(score_counts(truth, scores))
    assert theirs.value == pytest.approx(ours.value, abs=2e-3)
    assert theirs.low == pytest.approx(ours.low, abs=5e-3)
    assert theirs.high == pytest.approx(ours.high, abs=5e-3)


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
    rng = np.random.default_rng(2)
    true = NormalDist().cdf(1.0 / np.sqrt(2.0))
    covered = 0
    for _ in range(300):
        labels = np.arange(200) < 80
        found = auc(rng.normal(size=200) + labels, labels)
        covered += found.low <= true <= found.high
    assert 0.91 <= covered / 300 <= 0.99


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
