"""The quality of one version by its matured labels: baseline, windows, losses in order.

The baseline is the version's own first matured labels after its promotion, never a sample
that was held out: those are drawn from another time. Losses begin after it, each in [0, 1],
in the order that pairs matured and within one look in that of their predictions; they are
what the harm detector bets on. For numbers the scale of a loss is what the settings say, or
the 95th percentile of the baseline's absolute errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from runtime.monitor import quality_state as qs
from runtime.monitor.journal_rows import Pair
from runtime.monitor.predictions import Values
from runtime.monitor.quality_outcomes import COLUMNS, Outcomes, judged_pairs, losses_of
from runtime.monitor.quality_tally import Tally, tally_of
from runtime.monitor.quality_windows import Windows
from runtime.monitor.settings import ModelWatch, Task
from runtime.statistics import calibration as ca
from runtime.statistics import regression as rg

FORMAT = 1
NOTHING = np.zeros(0)


@dataclass(frozen=True, slots=True)
class Baseline:
    """What later losses are held to: losses of the first matured pairs, in order.

    `scale` is the error that counts as a whole loss where numbers are predicted.
    """

    losses: Values
    scale: float
    since_s: float
    until_s: float

    @property
    def mean(self) -> float:
        """The mean loss."""
        return float(self.losses.mean())


@dataclass(frozen=True, slots=True)
class Taken:
    """What a look at new pairs brought.

    `losses` and `times` (of the predictions) are of pairs after the baseline, in order;
    `pairs` are all that fit the task, those of the baseline too. `baseline` is set once, by
    the look that completed it.
    """

    losses: Values
    times: Values
    pairs: Outcomes
    baseline: Baseline | None = None
    unfit: int = 0
    why: str = ""


class QualityBook:
    """Judges the matured pairs of one version of a model. One thread."""

    def __init__(
        self, model: str, version: int, watch: ModelWatch, promoted_s: float = 0.0
    ) -> None:
        """Begin a book; pairs predicted before `promoted_s` are not taken."""
        self.model, self.version, self.promoted_s = model, version, promoted_s
        self.watch = watch
        self.windows = Windows(watch)
        self.baseline: Baseline | None = None
        self.calibrated: ca.Isotonic | None = None
        """From scores to chances; of a reference with labels, or else of the baseline."""
        self.cursor = 0
        """The `seq` of the last pair that was seen."""
        self.taken = self.unfit = self.before = 0
        self.why = ""
        """Why the last unfit pair was so."""
        self._first = judged_pairs((), watch)
        self._given: tuple[Values, Values] | None = None

    @property
    def baseline_n(self) -> int:
        """How many pairs of the baseline are there."""
        return self._first.n

    @property
    def wanted(self) -> int:
        """How many pairs make the baseline."""
        return max(self.watch.labels.baseline, 1)

    @property
    def baseline_tally(self) -> Tally:
        """The sums over the baseline's pairs so far; losses once it is complete."""
        losses = self.baseline.losses if self.baseline else None
        return tally_of(self._first, losses, self.watch)

    def take(self, given: Sequence[Pair]) -> Taken:
        """Take the next pairs of the model, in order of `seq`, other versions' too."""
        if given:
            self.cursor = max(self.cursor, given[-1].seq)
        mine = [pair for pair in given if pair.version == self.version]
        after = [pair for pair in mine if pair.time_s >= self.promoted_s]
        self.before += len(mine) - len(after)
        found = judged_pairs(sorted(after, key=lambda p: (p.time_s, p.seq)), self.watch)
        unfit, why = found.unfit, found.why
        self.taken += found.n
        self.unfit += unfit
        self.why = why or self.why
        done, everything = None, found
        if self.baseline is None:
            room = slice(0, max(self.wanted - self._first.n, 0))
            first, found = found.part(room), found.part(slice(room.stop, None))
            self._first = joined(self._first, first)
            self.windows.add(first, None)
            done = self._complete()
        losses = self._losses(found)
        self.windows.add(found, losses)
        return Taken(losses, found.times, everything, done, unfit, why)

    def _complete(self) -> Baseline | None:
        """Make the baseline once its pairs are there."""
        first, wanted = self._first, self.watch.labels
        if first.n < self.wanted:
            return None
        scale = wanted.loss_scale
        if scale <= 0 and self.watch.task is Task.REGRESSION:
            scale = rg.scale_of(first.said - first.truths)
        losses = losses_of(first, self.watch, scale if scale > 0 else 1.0)
        ends = float(first.times.min()), float(first.times.max())
        self.baseline = Baseline(losses, scale if scale > 0 else 1.0, *ends)
        if self.calibrated is None and self.watch.task is Task.BINARY:
            there = ~np.isnan(first.scores)
            if there.any():
                self.calibrated = ca.isotonic(first.truths[there], first.scores[there])
        return self.baseline

    def _losses(self, found: Outcomes) -> Values:
        if self.baseline is None or not found.n:
            return NOTHING
        return losses_of(found, self.watch, self.baseline.scale)

    def calibrate(self, labels: Values, scores: Values) -> None:
        """Fit chances to the labels (0 or 1) and scores of a reference."""
        fitted = ca.isotonic(labels, scores)
        self._calibrate(fitted.knots, fitted.chances)

    def _calibrate(self, knots: Values, chances: Values) -> None:
        self._given = (knots, chances)
        self.calibrated = ca.Isotonic(knots, chances)

    def promised(self, scores: Values) -> ca.Promised | None:
        """Return the quality that scores promise without labels; None without chances.

        Scores that are no chances of their own are left out.
        """
        fit = scores[(scores >= 0) & (scores <= 1)]
        if self.calibrated is None or not fit.size:
            return None
        chances = np.clip(self.calibrated(fit), 0.0, 1.0)
        return ca.promised(chances, fit >= self.watch.threshold, fit)

    def state(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            "format": FORMAT,
            "model": self.model,
            "version": self.version,
            "task": self.watch.task.value,
            "promoted_s": self.promoted_s,
            "cursor": self.cursor,
            "taken": self.taken,
            "unfit": self.unfit,
            "before": self.before,
            "why": self.why,
            "first": qs.of_outcomes(self._first),
            "calibrated": [side.tolist() for side in self._given] if self._given else None,
            "windows": self.windows.state(),
        }

    @classmethod
    def restored(cls, saved: Mapping[str, Any], watch: ModelWatch) -> Self:
        """Return the book that `state` was of; raises ValueError for another format."""
        if saved.get("format") != FORMAT:
            raise ValueError(
                f"the saved quality has format {saved.get('format')!r}; this program "
                f"knows {FORMAT}"
            )
        book = cls(saved["model"], saved["version"], watch, saved["promoted_s"])
        for name in ("cursor", "taken", "unfit", "before", "why"):
            setattr(book, name, saved[name])
        if saved["calibrated"]:
            sides = (np.array(side, dtype=np.float64) for side in saved["calibrated"])
            book._calibrate(*sides)
        book._first = qs.outcomes_from(saved["first"])
        book.windows.restore(saved["windows"])
        book._complete()
        return book


def joined(one: Outcomes, other: Outcomes) -> Outcomes:
    """Return the pairs of both in order."""
    columns = {
        name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in COLUMNS
    }
    return Outcomes.made(columns, one.groups + other.groups)
