"""Coverage and the watermark: who is matured, and whose labels are missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.monitor.journal_rows import Journalled
from runtime.monitor.maturity import Maturity, coverage, look
from runtime.monitor.settings import ModelWatch
from tests.unit.monitor.journal_desk import NOW, WAIT_S, Desk, label, prediction
from tests.unit.monitor.quality_pairs import BINARY

WATCH = replace(BINARY, groups=("sex",), labels=replace(BINARY.labels, maturity_s=100.0))


def made(score: float, is_labelled: bool, sex: str = "f") -> Journalled:
    return Journalled(NOW, {"p": np.array([score])}, {"sex": sex}, is_labelled)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "journal")
    yield desk
    desk.journal.close()


def seen(desk: Desk, now_s: float, watch: ModelWatch = WATCH) -> Maturity:
    return desk.journal.ask(look("fraud", 3, watch, now_s)).result(WAIT_S)


def test_the_watermark_stops_at_the_oldest_prediction_that_may_yet_be_labelled(
    desk: Desk,
) -> None:
    desk.add([prediction(n) for n in range(10)])
    desk.put([label(0), label(1), label(3)])
    assert seen(desk, NOW + 20).watermark_s == NOW + 2
    assert seen(desk, NOW + 105).watermark_s == NOW + 6
    assert seen(desk, NOW + 500).watermark_s == NOW + 500


def test_coverage_is_of_matured_predictions_only(desk: Desk) -> None:
    desk.add([prediction(n) for n in range(10)])
    desk.add([prediction(99, version=2)])
    desk.put([label(0), label(1), label(8), label(9), label(99)])
    found = seen(desk, NOW + 105).coverage
    assert (found.all.n, found.all.labelled) == (6, 2)
    assert found.is_low(0.5)
    assert not found.is_low(0.3)
    assert found.estimate.value == pytest.approx(1 / 3)
    young = seen(desk, NOW + 20).coverage
    assert (young.all.n, young.is_low(0.9)) == (0, False)


def test_even_coverage_is_no_warning(rng: np.random.Generator) -> None:
    scores = rng.random(3_000)
    given = [made(s, rng.random() < 0.5, "fm"[n % 2]) for n, s in enumerate(scores)]
    found = coverage(given, WATCH)
    assert found.warnings == ()
    assert len(found.by_score) == 10
    assert sum(place.n for place in found.by_score) == 3_000
    assert {place.n for place in found.by_score} == {300}


def test_labels_that_are_missing_for_low_scores_are_told(rng: np.random.Generator) -> None:
    found = coverage([made(s, rng.random() < s) for s in rng.random(3_000)], WATCH)
    [words] = found.warnings
    assert words.startswith("labels are missing unevenly by score: ")
    assert words.endswith("quality is of the labelled only")


def test_labels_that_are_missing_for_a_group_are_told(rng: np.random.Generator) -> None:
    given = [made(0.5, n % 2 == 0 or rng.random() < 0.3, "fm"[n % 2]) for n in range(2_000)]
    found = coverage(given, WATCH)
    assert found.by_group is not None
    assert [place.name for place in found.by_group["sex"]] == ["f", "m"]
    [words] = found.warnings
    assert "unevenly by sex: 3" in words
    assert "of m have one, 100 % of f" in words


def test_few_predictions_and_no_scores_warn_of_nothing() -> None:
    few = [made(0.1, False)] * 20 + [made(0.9, True)] * 20
    assert coverage(few, WATCH).warnings == ()
    without = [Journalled(NOW, {}, {}, True)] * 100
    found = coverage(without, WATCH)
    assert (found.by_score, found.by_group, found.warnings) == ((), {}, ())
    assert coverage([], WATCH).all.n == 0
