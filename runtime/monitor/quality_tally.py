"""Sums over matured pairs that add up over any cut, and the figures made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from runtime.monitor.predictions import Values
from runtime.monitor.quality_outcomes import Outcomes
from runtime.monitor.settings import ModelWatch, Task
from runtime.statistics import calibration as ca
from runtime.statistics import classification as cl
from runtime.statistics import ranking as ra
from runtime.statistics import regression as rg
from runtime.statistics import window_estimates as es
from runtime.statistics.estimates import Estimate
from runtime.statistics.groups import Gap, Rate, gap

MOST_GROUPS = 64
OTHERS = "(others)"
"""Where values of a group key beyond the first 64 are counted."""
PARITY, OPPORTUNITY = "demographic_parity", "equal_opportunity"

NO_DECISIONS, NO_ERRORS = cl.Confusion(), rg.ErrorSums()
ONE = {
    (1.0, 1.0): cl.Confusion(tp=1.0),
    (0.0, 1.0): cl.Confusion(fp=1.0),
    (1.0, 0.0): cl.Confusion(fn=1.0),
    (0.0, 0.0): cl.Confusion(tn=1.0),
}
"""One decision, by what is true and what was said."""

ByGroup = Mapping[str, Mapping[str, cl.Confusion]]


@dataclass(frozen=True, slots=True)
class Mean:
    """Sums that a mean and its interval are made of."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    def __add__(self, other: Mean) -> Mean:
        return Mean(
            self.n + other.n, self.total + other.total, self.squares + other.squares
        )

    @property
    def estimate(self) -> Estimate:
        """The mean with its fixed-window interval."""
        return es.mean(self.total, self.squares, self.n)


def mean_of(values: Values) -> Mean:
    """Return the sums over the values that are there."""
    there = values[~np.isnan(values)]
    return Mean(int(there.size), float(there.sum()), float(np.square(there).sum()))


@dataclass(frozen=True, slots=True)
class Tally:
    """What is known of some pairs; `right` are those whose class was said."""

    n: int = 0
    since_s: float = float("inf")
    until_s: float = float("-inf")
    right: int = 0
    confusion: cl.Confusion = NO_DECISIONS
    loss: Mean = Mean()
    log_loss: Mean = Mean()
    brier: Mean = Mean()
    errors: rg.ErrorSums = NO_ERRORS
    scores: ra.ScoreCounts = field(default_factory=ra.no_scores)
    reliability: ca.Reliability = field(default_factory=lambda: ca.reliability([], []))
    groups: ByGroup = field(default_factory=dict)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.n + other.n,
            min(self.since_s, other.since_s),
            max(self.until_s, other.until_s),
            self.right + other.right,
            self.confusion + other.confusion,
            self.loss + other.loss,
            self.log_loss + other.log_loss,
            self.brier + other.brier,
            self.errors + other.errors,
            self.scores + other.scores,
            self.reliability + other.reliability,
            merged(self.groups, other.groups),
        )


def merged(one: ByGroup, other: ByGroup) -> ByGroup:
    """Return the sums of both; values beyond the first 64 of a key go to the others."""
    found = {key: dict(values) for key, values in one.items()}
    for key, values in other.items():
        mine = found.setdefault(key, {})
        for value, counts in values.items():
            name = value if value in mine or len(mine) < MOST_GROUPS else OTHERS
            mine[name] = mine.get(name, NO_DECISIONS) + counts
    return found


def tally_of(found: Outcomes, losses: Values | None, watch: ModelWatch) -> Tally:
    """Return the sums over pairs; `losses` is None while no scale is known."""
    if not found.n:
        return Tally()
    plain = Tally(
        n=found.n,
        since_s=float(found.times.min()),
        until_s=float(found.times.max()),
        loss=mean_of(losses) if losses is not None else Mean(),
    )
    if watch.task is Task.REGRESSION:
        return replace(plain, errors=rg.error_sums(found.truths, found.said))
    classes = replace(
        plain,
        right=int(np.count_nonzero(found.truths == found.said)),
        log_loss=mean_of(found.log_losses),
        brier=mean_of(found.briers),
    )
    if watch.task is not Task.BINARY:
        return classes
    has_score = ~np.isnan(found.scores)
    truths, scores = found.truths[has_score], found.scores[has_score]
    return replace(
        classes,
        confusion=cl.confusion(found.truths, found.said),
        scores=ra.score_counts(truths, scores),
        reliability=ca.reliability(truths, scores),
        groups=by_group(found, watch.groups),
    )


def by_group(found: Outcomes, keys: Sequence[str]) -> ByGroup:
    """Return decisions by the value of each key, and by all of them together."""
    sets = [(key,) for key in keys] + ([tuple(keys)] if len(keys) > 1 else [])
    tallied: dict[str, dict[str, cl.Confusion]] = {}
    for names in sets:
        mine = tallied.setdefault(" & ".join(names), {})
        for place, values in enumerate(found.groups):
            if not all(name in values for name in names):
                continue
            value = " & ".join(values[name] for name in names)
            value = value if value in mine or len(mine) < MOST_GROUPS else OTHERS
            one = ONE[float(found.truths[place]), float(found.said[place])]
            mine[value] = mine.get(value, NO_DECISIONS) + one
    return tallied


def metrics(tally: Tally, task: Task) -> dict[str, Estimate]:
    """Return the figures of a window by name, each with its fixed-window interval."""
    if task is Task.REGRESSION:
        found = {"mae": rg.mae(tally.errors), "rmse": rg.rmse(tally.errors)}
        return {**found, "loss": tally.loss.estimate}
    found = {
        "accuracy": es.share(tally.right, tally.n),
        "log_loss": tally.log_loss.estimate,
        "brier": tally.brier.estimate,
        "loss": tally.loss.estimate,
    }
    if task is Task.BINARY:
        found |= {
            "precision": cl.precision(tally.confusion),
            "recall": cl.recall(tally.confusion),
            "f1": cl.f1(tally.confusion),
            "auc": ra.binned_auc(tally.scores),
            "ece": ca.expected_calibration_error(tally.reliability),
        }
    return found


def gaps(tally: Tally, least: int) -> dict[str, dict[str, Gap]]:
    """Return for each group key the gaps by name; groups below `least` are left out."""
    found: dict[str, dict[str, Gap]] = {}
    for key, values in tally.groups.items():
        chosen = {v: Rate(c.tp + c.fp, c.n) for v, c in values.items()}
        reached = {v: Rate(c.tp, c.tp + c.fn) for v, c in values.items()}
        found[key] = {PARITY: gap(chosen, least), OPPORTUNITY: gap(reached, least)}
    return found
