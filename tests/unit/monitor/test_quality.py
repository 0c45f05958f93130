"""A version's book: its baseline, losses in order, windows, promises, exact restarts."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from runtime.monitor.quality import QualityBook
from runtime.monitor.settings import Task
from tests.unit.monitor.journal_desk import NOW
from tests.unit.monitor.quality_pairs import BINARY, LABELS, NUMBERS, pair, stream


def test_the_first_pairs_are_the_baseline_and_losses_begin_after_them(
    rng: np.random.Generator,
) -> None:
    book = QualityBook("fraud", 3, BINARY)
    given = stream(250, rng)
    first = book.take(given[:60])
    assert (first.losses.size, first.baseline, book.baseline_n) == (0, None, 60)
    second = book.take(given[60:130])
    assert second.baseline is book.baseline
    assert book.baseline is not None
    assert (book.baseline.losses.size, second.losses.size) == (100, 30)
    assert book.baseline.mean == pytest.approx(0.1, abs=0.1)
    third = book.take(given[130:])
    assert (third.losses.size, third.baseline) == (120, None)
    assert third.times[0] == NOW + 131
    assert book.cursor == 250


def test_losses_come_in_the_order_of_predictions_within_a_look() -> None:
    watch = replace(BINARY, labels=replace(LABELS, baseline=1))
    book = QualityBook("fraud", 3, watch)
    book.take([pair(1)])
    late = pair(2, 0.1, 1.0, time_s=NOW + 50)
    taken = book.take([late, pair(3, time_s=NOW + 9), pair(4, time_s=NOW + 70)])
    assert taken.times.tolist() == [NOW + 9, NOW + 50, NOW + 70]
    assert taken.losses.tolist() == [0.0, 1.0, 0.0]


def test_any_cut_into_looks_gives_the_same_losses(rng: np.random.Generator) -> None:
    given = stream(400, rng)
    whole = QualityBook("fraud", 3, BINARY)
    wanted = whole.take(given).losses
    parts = QualityBook("fraud", 3, BINARY)
    found = [parts.take(given[a : a + 33]).losses for a in range(0, 400, 33)]
    assert np.concatenate(found).tolist() == wanted.tolist()
    assert parts.windows.rows.confusion == whole.windows.rows.confusion


def test_a_baseline_has_at_least_one_pair() -> None:
    book = QualityBook("fraud", 3, replace(BINARY, labels=replace(LABELS, baseline=0)))
    assert book.take([pair(1), pair(2)]).losses.tolist() == [0.0]


def test_other_versions_and_earlier_predictions_are_not_taken() -> None:
    book = QualityBook("fraud", 3, BINARY, promoted_s=NOW + 10)
    book.take([pair(5), pair(11), pair(12, version=2)])
    assert (book.taken, book.before, book.cursor) == (1, 1, 12)


def test_unfit_pairs_are_counted_and_move_the_cursor() -> None:
    book = QualityBook("fraud", 3, BINARY)
    taken = book.take([pair(1, value="what"), pair(2)])
    assert (taken.unfit, book.unfit, book.taken, book.cursor) == (1, 1, 1, 2)
    assert taken.why == book.why == "the label 'what' is no number"


def test_the_scale_of_numbers_is_said_or_that_of_the_baseline() -> None:
    given = [pair(n, float(n), 0.0) for n in range(1, 102)]
    book = QualityBook("fraud", 3, NUMBERS)
    taken = book.take(given)
    assert book.baseline is not None
    assert book.baseline.scale == pytest.approx(np.quantile(np.arange(1, 101), 0.95))
    assert taken.losses.tolist() == [1.0]
    said = replace(NUMBERS, labels=replace(LABELS, loss_scale=202.0))
    assert QualityBook("fraud", 3, said).take(given).losses.tolist() == [0.5]


def test_windows_close_by_rows_and_by_time(rng: np.random.Generator) -> None:
    book = QualityBook("fraud", 3, BINARY)
    book.take(stream(450, rng))
    windows = book.windows
    assert [tally.n for tally in windows.closed_rows] == [200, 200]
    assert (windows.rows.n, windows.latest.n) == (50, 250)
    closed = [tally.n for _, tally in windows.closed_times]
    assert sum(closed) + sum(tally.n for tally in windows.times.values()) == 450
    assert len(windows.times) == 8
    assert sorted(windows.times)[0] == windows.closed_times[-1][0] + 1


def test_a_late_label_counts_where_its_prediction_was_made() -> None:
    book = QualityBook("fraud", 3, BINARY)
    times = [NOW + 60.0 * n for n in range(12)]
    book.take([pair(n + 1, time_s=time) for n, time in enumerate(times)])
    windows = book.windows
    assert len(windows.closed_times) == 4
    book.take([pair(20, time_s=times[6]), pair(21, time_s=times[1])])
    assert windows.times[int(times[6] // 60)].n == 2
    assert windows.late == 1
    assert windows.start_of(int(times[6] // 60)) <= times[6]


@pytest.mark.parametrize("cut", [0, 40, 100, 230, 470])
@pytest.mark.parametrize("task", [Task.BINARY, Task.REGRESSION])
def test_a_restored_book_goes_on_exactly(
    cut: int, task: Task, rng: np.random.Generator
) -> None:
    watch = replace(BINARY, task=task, groups=("sex",))
    given = stream(500, rng)
    book = QualityBook("fraud", 3, watch)
    book.take(given[:cut])
    saved = json.loads(json.dumps(book.state()))
    other = QualityBook.restored(saved, watch)
    ours, theirs = book.take(given[cut:]), other.take(given[cut:])
    assert ours.losses.tolist() == theirs.losses.tolist()
    assert book.state() == other.state()
    assert json.dumps(book.state()) == json.dumps(other.state())


def test_a_book_of_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="has format 9; this program knows 1"):
        QualityBook.restored({"format": 9}, BINARY)


def test_scores_promise_nothing_until_they_are_calibrated(
    rng: np.random.Generator,
) -> None:
    book = QualityBook("fraud", 3, BINARY)
    assert book.promised(np.array([0.5])) is None
    given = stream(2_100, rng)
    book.take(given)
    scores = np.array([each.outputs["score"][0] for each in given])
    found = book.promised(scores)
    assert found is not None
    assert found.accuracy == pytest.approx(0.9, abs=0.07)
    assert book.promised(np.array([7.0])) is None


def test_a_reference_calibrates_better_than_the_baseline_and_stays(
    rng: np.random.Generator,
) -> None:
    book = QualityBook("fraud", 3, BINARY)
    scores = rng.random(20_000)
    book.calibrate((rng.random(scores.size) < scores**2).astype(float), scores)
    mine = book.calibrated
    book.take(stream(150, rng))
    assert book.calibrated is mine
    assert mine is not None
    assert mine([0.5])[0] == pytest.approx(0.25, abs=0.06)
    other = QualityBook.restored(json.loads(json.dumps(book.state())), BINARY)
    assert other.calibrated is not None
    assert other.calibrated(scores).tolist() == mine(scores).tolist()
