"""Matured pairs as arrays: what was said, what is true, and what each pair loses.

A pair that does not fit the model's task (a text where a number is due, a class that there
is not, no such output) is unfit: it is counted, its reason kept, and nothing else of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Self

import numpy as np
import numpy.typing as npt

from runtime.monitor.journal_rows import Pair
from runtime.monitor.labels import Value, shown
from runtime.monitor.predictions import Values
from runtime.monitor.settings import Loss, ModelWatch, Score, Task
from runtime.statistics import classification as cl
from runtime.statistics import regression as rg

NAN = float("nan")
COLUMNS = ("times", "truths", "said", "scores", "log_losses", "briers")


class Unfit(ValueError):
    """A pair that the model's task has no use for."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One pair: the truth and what was said as class numbers or as numbers.

    `score` is the chance of class 1 in [0, 1]; it and the losses are NaN without one.
    """

    truth: float
    said: float
    score: float = NAN
    log_loss: float = NAN
    brier: float = NAN


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Fit pairs in order, as columns, and how many were unfit and why the last was."""

    times: Values
    truths: Values
    said: Values
    scores: Values
    log_losses: Values
    briers: Values
    groups: tuple[Mapping[str, str], ...]
    unfit: int = 0
    why: str = ""

    @classmethod
    def made(
        cls, columns: Mapping[str, Values], groups: tuple[Mapping[str, str], ...]
    ) -> Self:
        """Return pairs of columns by their name."""
        return cls(
            columns["times"],
            columns["truths"],
            columns["said"],
            columns["scores"],
            columns["log_losses"],
            columns["briers"],
            groups,
        )

    @property
    def n(self) -> int:
        """Fit pairs."""
        return int(self.times.size)

    def part(self, which: slice | npt.NDArray[np.int64]) -> Outcomes:
        """Return some of the pairs, without the count of unfit ones."""
        places = np.arange(self.n)[which]
        columns = {name: getattr(self, name)[places] for name in COLUMNS}
        return Outcomes.made(columns, tuple(self.groups[place] for place in places))


def judged_pairs(given: Sequence[Pair], watch: ModelWatch) -> Outcomes:
    """Return pairs as the model's task judges them, in their order."""
    rows: list[Judged] = []
    fit: list[Pair] = []
    unfit, why = 0, ""
    for pair in given:
        try:
            rows.append(judged(pair.outputs, pair.value, watch))
            fit.append(pair)
        except Unfit as error:
            unfit, why = unfit + 1, str(error)
    columns = (
        np.array([pair.time_s for pair in fit], dtype=np.float64),
        np.array([row.truth for row in rows], dtype=np.float64),
        np.array([row.said for row in rows], dtype=np.float64),
        np.array([row.score for row in rows], dtype=np.float64),
        np.array([row.log_loss for row in rows], dtype=np.float64),
        np.array([row.brier for row in rows], dtype=np.float64),
    )
    return Outcomes(*columns, tuple(pair.groups for pair in fit), unfit, why)


def judged(outputs: Mapping[str, Values], value: Value, watch: ModelWatch) -> Judged:
    """Return one pair as the model's task judges it; raises Unfit."""
    match watch.task:
        case Task.BINARY:
            return two_sided(score_of(outputs, watch.score), value, watch)
        case Task.MULTICLASS:
            return many_sided(row_of(outputs, watch.score), value, watch)
        case Task.REGRESSION:
            return Judged(number_of(value), score_of(outputs, watch.score))
    raise Unfit("the model's settings name no task, so its labels judge nothing")


def two_sided(score: float, value: Value, watch: ModelWatch) -> Judged:
    """Judge a score by its threshold; it is a chance where it lies in [0, 1]."""
    truth = class_of(value, watch.classes, 2)
    said = float(score >= watch.threshold)
    if not 0.0 <= score <= 1.0:
        return Judged(truth, said)
    log_loss = float(cl.log_losses([truth], [score])[0])
    return Judged(truth, said, score, log_loss, (score - truth) ** 2)


def many_sided(row: Values, value: Value, watch: ModelWatch) -> Judged:
    """Judge a row of scores by its largest, or one number that is a class itself."""
    if row.size == 1:
        return Judged(class_of(value, watch.classes, 0), float(row[0]))
    truth = class_of(value, watch.classes, row.size)
    said = float(np.argmax(row))
    if (row < 0).any() or not row.sum() > 0:
        return Judged(truth, said)
    log_loss = float(cl.many_log_losses([truth], [row])[0])
    brier = float(cl.many_brier_losses([truth], [row])[0])
    return Judged(truth, said, NAN, log_loss, brier)


def row_of(outputs: Mapping[str, Values], score: Score) -> Values:
    """Return the output that the score is in; raises Unfit where it is not there."""
    name = score.output or next(iter(outputs), "")
    if name not in outputs:
        raise Unfit(f"the prediction has no output {name!r}")
    row = outputs[name]
    if not row.size or not np.isfinite(row).all():
        raise Unfit(f"the output {name!r} is empty or not finite")
    return row


def score_of(outputs: Mapping[str, Values], score: Score) -> float:
    """Return the score of a prediction; raises Unfit where there is none."""
    row = row_of(outputs, score)
    if not 0 <= score.column < row.size:
        raise Unfit(f"the output has {row.size} values and no column {score.column}")
    return float(row[score.column])


def number_of(value: Value) -> float:
    """Return a label as a number; raises Unfit."""
    try:
        found = float(value)
    except ValueError:
        raise Unfit(f"the label {shown(value)} is no number") from None
    if not isfinite(found):
        raise Unfit(f"the label {shown(value)} is no finite number")
    return found


def class_of(value: Value, classes: tuple[str, ...], count: int) -> float:
    """Return a label's class number, by name or by number; `count` 0 knows no bound."""
    if isinstance(value, str) and value in classes:
        return float(classes.index(value))
    found = number_of(value)
    if found != int(found) or found < 0 or (count and found >= count):
        most = f"0 to {count - 1}" if count else "0, 1, 2 ..."
        raise Unfit(f"the label {shown(value)} is no class; there are {most}")
    return found


def losses_of(found: Outcomes, watch: ModelWatch, scale: float) -> Values:
    """Return each pair's loss in [0, 1]: what harm is measured by.

    A pair without a chance has no Brier loss and counts by its error instead.
    """
    kind = watch.labels.loss
    if kind is Loss.ABSOLUTE or (kind is Loss.AUTO and watch.task is Task.REGRESSION):
        return rg.clipped_losses(found.said - found.truths, scale)
    wrong = cl.error_losses(found.truths, found.said)
    if kind is not Loss.BRIER:
        return wrong
    return np.where(np.isnan(found.briers), wrong, found.briers)
