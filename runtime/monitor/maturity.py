"""How far labels have come: which predictions could have one, which do, and who is missed.

A prediction is matured a stated time after its answer, or as soon as its label is there.
Until then a missing label says nothing; afterwards it is *censored*: the truth exists and
nobody told it. Coverage is of predictions past that time only: among younger ones, those
with a label would be all that count. Quality is judged by those that were told, so it
misleads where labels come for some scores or groups more than for others. That is tested
by the chi-squared test of labelled against unlabelled over the deciles of the score, and
over each group key.

The *watermark* is the time up to which every prediction is matured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from runtime.monitor.journal_rows import Journalled
from runtime.monitor.journal_store import JournalStore
from runtime.monitor.quality_outcomes import Unfit, score_of
from runtime.monitor.settings import ModelWatch
from runtime.statistics import distances as di
from runtime.statistics.distances_of_samples import counts_between, decile_edges
from runtime.statistics.estimates import Estimate
from runtime.statistics.window_estimates import share

MOST = 10_000
"""The newest matured predictions that coverage is judged by."""
SURE = 0.001
"""The chance at which uneven coverage is said not to be chance."""
UNEVEN = 0.1
"""How far two places' coverage must be apart to be worth a word."""
LEAST = 50
"""Predictions in a place, below which its coverage is not compared."""


@dataclass(frozen=True, slots=True)
class Place:
    """Some predictions by their score or group: how many, and how many have a label."""

    name: str
    n: int
    labelled: int

    @property
    def coverage(self) -> float:
        """The share with a label; NaN for none."""
        return self.labelled / self.n if self.n else float("nan")


@dataclass(frozen=True, slots=True)
class Coverage:
    """Whose labels have come, of the newest matured predictions.

    `by_score` has up to ten places from the lowest scores to the highest; `warnings` say
    where labels are missing for some more than for others.
    """

    all: Place
    by_score: tuple[Place, ...] = ()
    by_group: Mapping[str, tuple[Place, ...]] | None = None
    warnings: tuple[str, ...] = ()

    @property
    def estimate(self) -> Estimate:
        """The share with a label, with its fixed-window interval."""
        return share(self.all.labelled, self.all.n)

    def is_low(self, least: float) -> bool:
        """Whether there are matured predictions and too few of them have a label."""
        return self.all.n > 0 and self.all.coverage < least


@dataclass(frozen=True, slots=True)
class Maturity:
    """Up to when every prediction of a version is matured, and the coverage there."""

    watermark_s: float
    coverage: Coverage


def look(
    model: str, version: int, watch: ModelWatch, now_s: float
) -> Callable[[JournalStore], Maturity]:
    """Return the errand for a journal that tells how far a version's labels have come."""
    ripe_s = now_s - watch.labels.maturity_s

    def errand(store: JournalStore) -> Maturity:
        waiting_s = store.oldest_open(model, version, ripe_s)
        found = store.matured(model, version, ripe_s, MOST)
        return Maturity(now_s if waiting_s is None else waiting_s, coverage(found, watch))

    return errand


def coverage(found: Sequence[Journalled], watch: ModelWatch) -> Coverage:
    """Return whose labels have come. Pure."""
    labelled = np.array([each.is_labelled for each in found], dtype=bool)
    everything = Place("all", len(found), int(labelled.sum()))
    by_score = places_by_score(found, labelled, watch)
    by_group = {key: places_by_group(found, key) for key in watch.groups}
    by_group = {key: places for key, places in by_group.items() if places}
    warnings = [censoring("score", by_score)]
    warnings += [censoring(key, places) for key, places in by_group.items()]
    said = tuple(words for words in warnings if words)
    return Coverage(everything, by_score, by_group, said)


def places_by_score(
    found: Sequence[Journalled], labelled: np.ndarray, watch: ModelWatch
) -> tuple[Place, ...]:
    """Return coverage by deciles of the score; empty where there are no scores."""
    scores = np.array([scored(each, watch) for each in found], dtype=np.float64)
    has_score = np.isfinite(scores)
    if not has_score.any():
        return ()
    scores, labelled = scores[has_score], labelled[has_score]
    edges = decile_edges(scores)
    ends = [float(scores.min()), *edges.tolist(), float(scores.max())]
    n = counts_between(edges, scores).tolist()
    told = counts_between(edges, scores[labelled]).tolist()
    return tuple(
        Place(f"{ends[i]:.4g} to {ends[i + 1]:.4g}", n[i], told[i]) for i in range(len(n))
    )


def scored(prediction: Journalled, watch: ModelWatch) -> float:
    """Return a prediction's score; NaN without one."""
    try:
        return score_of(prediction.outputs, watch.score)
    except Unfit:
        return float("nan")


def places_by_group(found: Sequence[Journalled], key: str) -> tuple[Place, ...]:
    """Return coverage by the values of a group key."""
    n: dict[str, int] = {}
    told: dict[str, int] = {}
    for each in found:
        if key in each.groups:
            value = each.groups[key]
            n[value] = n.get(value, 0) + 1
            told[value] = told.get(value, 0) + each.is_labelled
    return tuple(Place(value, n[value], told[value]) for value in sorted(n))


def censoring(what: str, places: Sequence[Place]) -> str:
    """Return a warning where labels are missing for some places more than for others.

    Empty where the coverage is even, as far as can be told.

    Examples
    --------
    >>> censoring("sex", [Place("f", 500, 100), Place("m", 500, 300)])[:62]
    'labels are missing unevenly by sex: 20 % of f have one, 60 % o'
    """
    large = [place for place in places if place.n >= LEAST]
    if len(large) < 2:
        return ""
    low = min(large, key=lambda place: place.coverage)
    high = max(large, key=lambda place: place.coverage)
    told = [place.labelled for place in large]
    untold = [place.n - place.labelled for place in large]
    if high.coverage - low.coverage < UNEVEN or not any(told) or not any(untold):
        return ""
    if di.chi_squared_test(untold, told).p >= SURE:
        return ""
    shares = f"{low.coverage * 100:.0f} % of {low.name} have one, "
    shares += f"{high.coverage * 100:.0f} % of {high.name}"
    return (
        f"labels are missing unevenly by {what}: {shares}; quality is of the labelled only"
    )
