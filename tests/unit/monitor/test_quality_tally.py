"""Tallies: any cut gives the same figures, and they are those of the pairs themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.monitor.quality_outcomes import judged_pairs, losses_of
from runtime.monitor.quality_tally import (
    MOST_GROUPS,
    OPPORTUNITY,
    OTHERS,
    PARITY,
    Tally,
    gaps,
    metrics,
    tally_of,
)
from runtime.monitor.settings import ModelWatch, Task
from runtime.statistics import classification as cl
from runtime.statistics.ranking import exact_auc
from tests.unit.monitor.quality_pairs import BINARY, NUMBERS, pair, stream

WATCH = ModelWatch(task=Task.BINARY, groups=("sex",))


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 300), max_size=5))
def test_any_cut_gives_the_same_figures(cuts: list[int]) -> None:
    found = judged_pairs(stream(300, np.random.default_rng(1)), WATCH)
    losses = losses_of(found, WATCH, 1.0)
    parts = Tally()
    for places in np.array_split(np.arange(300), sorted(cuts)):
        parts = parts + tally_of(found.part(places), losses[places], WATCH)
    whole = tally_of(found, losses, WATCH)
    assert (parts.n, parts.right, parts.groups) == (whole.n, whole.right, whole.groups)
    assert parts.confusion == whole.confusion
    assert (parts.since_s, parts.until_s) == (whole.since_s, whole.until_s)
    ours, theirs = metrics(parts, Task.BINARY), metrics(whole, Task.BINARY)
    for name, figure in ours.items():
        assert figure.value == pytest.approx(theirs[name].value, rel=1e-12), name


def test_figures_are_those_of_the_pairs(rng: np.random.Generator) -> None:
    found = judged_pairs(stream(2_000, rng), BINARY)
    shown = metrics(tally_of(found, losses_of(found, BINARY, 1.0), BINARY), Task.BINARY)
    counts = cl.confusion(found.truths, found.said)
    assert shown["accuracy"].value == cl.accuracy(counts).value
    assert shown["loss"].value == pytest.approx(1 - shown["accuracy"].value)
    assert shown["brier"].value == pytest.approx(found.briers.mean())
    area = exact_auc(found.truths, found.scores)
    assert shown["auc"].value == pytest.approx(area, abs=2e-3)
    assert {"precision", "recall", "f1", "log_loss", "ece"} <= set(shown)
    assert all(each.low <= each.value <= each.high for each in shown.values())


def test_numbers_have_their_own_figures() -> None:
    found = judged_pairs([pair(1, 3.0, 1.0), pair(2, 1.0, 1.0)], NUMBERS)
    shown = metrics(tally_of(found, None, NUMBERS), Task.REGRESSION)
    assert (shown["mae"].value, shown["rmse"].value) == (1.0, 2**0.5)
    assert not shown["loss"].is_known


def test_of_nothing_nothing_is_known() -> None:
    for task in (Task.BINARY, Task.MULTICLASS, Task.REGRESSION):
        assert not any(each.is_known for each in metrics(Tally(), task).values())


def test_gaps_are_of_groups_and_of_their_crossings(rng: np.random.Generator) -> None:
    watch = ModelWatch(task=Task.BINARY, groups=("sex", "age"))
    given = [
        pair(n, 0.9 if (sex == "f") == (age == "old") else 0.1, 1.0,
             groups={"sex": sex, "age": age})
        for n, (sex, age) in enumerate([("f", "old"), ("f", "young"), ("m", "old"),
                                        ("m", "young")] * 50)
    ]  # fmt: skip
    found = gaps(tally_of(judged_pairs(given, watch), None, watch), 20)
    alone, crossed = found["sex"][PARITY], found["sex & age"][OPPORTUNITY]
    assert alone.value is not None
    assert crossed.value is not None
    assert (alone.value.value, crossed.value.value) == (0.0, 1.0)
    assert crossed.is_over(0.5)
    assert {crossed.highest, crossed.lowest} <= {
        "f & old", "f & young", "m & old", "m & young"
    }  # fmt: skip


def test_groups_are_bounded_in_number() -> None:
    given = [pair(n, groups={"sex": f"g{n}"}) for n in range(MOST_GROUPS + 36)]
    found = judged_pairs(given, WATCH)
    whole = tally_of(found, None, WATCH)
    halves = [tally_of(found.part(p), None, WATCH) for p in (slice(70), slice(70, None))]
    for tally in (whole, halves[0] + halves[1]):
        assert len(tally.groups["sex"]) == MOST_GROUPS + 1
        assert tally.groups["sex"][OTHERS].n == 36
