"""Pairs as each task judges them, and those it has no use for."""

from __future__ import annotations

from dataclasses import replace
from math import isnan, log, nan

import numpy as np
import pytest

from runtime.monitor.journal_rows import Pair
from runtime.monitor.quality_outcomes import Judged, judged_pairs, losses_of
from runtime.monitor.settings import Loss, ModelWatch, Score, Task
from tests.unit.monitor.quality_pairs import BINARY, NUMBERS, pair

MANY = ModelWatch(task=Task.MULTICLASS, classes=("cat", "dog", "eel"))
ROW = {"p": np.array([0.2, 0.7, 0.1])}


def test_a_score_is_judged_by_its_threshold() -> None:
    found = judged_pairs([pair(1, 0.9, 1.0), pair(2, 0.4, 1.0), pair(3, 0.5, "0")], BINARY)
    assert found.said.tolist() == [1.0, 0.0, 1.0]
    assert found.truths.tolist() == [1.0, 1.0, 0.0]
    assert found.log_losses == pytest.approx([-log(0.9), -log(0.4), -log(0.5)])
    assert found.briers == pytest.approx([0.01, 0.36, 0.25])


def test_a_score_beyond_0_and_1_is_no_chance() -> None:
    found = judged_pairs([pair(1, 3.2)], BINARY)
    assert found.said.tolist() == [1.0]
    assert all(isnan(x) for x in (found.scores[0], found.log_losses[0], found.briers[0]))


def test_the_score_may_be_in_any_column_of_any_output() -> None:
    watch = replace(BINARY, score=Score("p", 1))
    found = judged_pairs([pair(1, outputs={"x": np.zeros(1), **ROW})], watch)
    assert found.scores.tolist() == [0.7]


def test_classes_are_judged_by_the_largest_score() -> None:
    given = [pair(1, value="dog", outputs=ROW), pair(2, value=0.0, outputs=ROW)]
    found = judged_pairs(given, MANY)
    assert (found.said.tolist(), found.truths.tolist()) == ([1.0, 1.0], [1.0, 0.0])
    assert found.log_losses == pytest.approx([-log(0.7), -log(0.2)])
    alone = judged_pairs([pair(1, 2.0, "eel")], MANY)
    assert (alone.said[0], alone.truths[0], isnan(alone.briers[0])) == (2.0, 2.0, True)


def test_numbers_are_taken_as_they_are() -> None:
    found = judged_pairs([pair(1, 7.5, 5.0), pair(2, -1e30, "1e3")], NUMBERS)
    assert found.said.tolist() == [7.5, -1e30]
    assert found.truths.tolist() == [5.0, 1000.0]


@pytest.mark.parametrize(
    ("watch", "bad", "why"),
    [
        (BINARY, pair(1, value="maybe"), "the label 'maybe' is no number"),
        (BINARY, pair(1, value=2.0), "the label 2 is no class; there are 0 to 1"),
        (BINARY, pair(1, value=0.5), "the label 0.5 is no class"),
        (BINARY, pair(1, value="nan"), "the label 'nan' is no finite number"),
        (BINARY, pair(1, nan), "the output 'score' is empty or not finite"),
        (BINARY, pair(1, outputs={}), "the prediction has no output ''"),
        (replace(BINARY, score=Score("p")), pair(1), "the prediction has no output 'p'"),
        (replace(BINARY, score=Score("", 1)), pair(1), "has 1 values and no column 1"),
        (MANY, pair(1, value="cow", outputs=ROW), "the label 'cow' is no number"),
        (MANY, pair(1, value=3.0, outputs=ROW), "there are 0 to 2"),
        (NUMBERS, pair(1, value="high"), "the label 'high' is no number"),
        (ModelWatch(), pair(1), "name no task"),
    ],
)
def test_what_does_not_fit_is_counted_with_its_reason(
    watch: ModelWatch, bad: Pair, why: str
) -> None:
    found = judged_pairs([bad], watch)
    assert (found.n, found.unfit) == (0, 1)
    assert why in found.why


def test_losses_are_as_the_settings_say() -> None:
    def of(loss: Loss, watch: ModelWatch = BINARY) -> list[float]:
        chosen = replace(watch, labels=replace(watch.labels, loss=loss))
        given = [pair(1, 0.9, 1.0), pair(2, 0.9, 0.0), pair(3, 8.0, 0.0)]
        found = losses_of(judged_pairs(given, chosen), chosen, 10.0)
        return [float(loss) for loss in found]

    assert of(Loss.AUTO) == of(Loss.ERROR) == [0.0, 1.0, 1.0]
    assert of(Loss.BRIER) == pytest.approx([0.01, 0.81, 1.0])
    assert of(Loss.AUTO, NUMBERS) == pytest.approx([0.01, 0.09, 0.8])


def test_a_judged_pair_has_no_chance_unless_it_is_said() -> None:
    assert isnan(Judged(1.0, 1.0).score)
