"""Decisions about versions, as tables."""

from __future__ import annotations

import pytest

from runtime.backends.report import LoadReport
from runtime.models.policy import (
    CRASH_LOOP,
    DEFAULT_BATCH,
    LONGEST_PAUSE_S,
    MOST_TRIES,
    SETTLED_S,
    batch_size,
    close_rows,
    gives_up,
    is_crash_loop,
    proved_itself,
    requested_batch,
    restart_pause_s,
)


def report(batchable: bool = True, best_rows: int = 0) -> LoadReport:
    return LoadReport(batchable=batchable, warmed=True, best_rows=best_rows)


@pytest.mark.parametrize(
    ("chosen", "requested"), [(None, DEFAULT_BATCH), (0, 0), (1, 1), (100, 100)]
)
def test_the_load_check_proves_what_was_chosen_or_the_default(
    chosen: int | None, requested: int
) -> None:
    assert requested_batch(chosen) == requested


@pytest.mark.parametrize(
    ("chosen", "batchable", "size"),
    [
        (None, True, DEFAULT_BATCH), (8, True, 8), (0, True, 0),
        (None, False, 0), (8, False, 0), (0, False, 0),
    ],
)  # fmt: skip
def test_only_what_is_proven_batches(
    chosen: int | None, batchable: bool, size: int
) -> None:
    assert batch_size(chosen, report(batchable)) == size


@pytest.mark.parametrize(
    ("chosen", "batchable", "best_rows", "rows"),
    [
        (None, True, 12, 12), (None, True, 0, DEFAULT_BATCH),
        (None, True, 1000, DEFAULT_BATCH), (8, True, 12, 8),
        (8, True, 4, 8), (0, True, 4, 0), (None, False, 12, 0),
    ],
)  # fmt: skip
def test_batches_close_at_the_measured_best_unless_a_person_chose(
    chosen: int | None, batchable: bool, best_rows: int, rows: int
) -> None:
    assert close_rows(chosen, report(batchable, best_rows)) == rows


@pytest.mark.parametrize(
    ("failures", "pause_s"),
    [(0, 0), (1, 0), (2, 0.1), (3, 0.2), (4, 0.4), (10, 25.6), (11, 30), (10_000, 30)],
)
def test_the_first_restart_is_at_once_and_later_ones_wait_twice_as_long(
    failures: int, pause_s: float
) -> None:
    assert restart_pause_s(failures) == pytest.approx(pause_s)


def test_no_pause_is_shorter_than_the_one_before_or_longer_than_the_longest() -> None:
    pauses = [restart_pause_s(failures) for failures in range(100)]
    assert pauses == sorted(pauses)
    assert max(pauses) == LONGEST_PAUSE_S


@pytest.mark.parametrize(
    ("failures", "refused", "expected"),
    [
        (1, True, True), (1, False, False), (MOST_TRIES - 1, False, False),
        (MOST_TRIES, False, True), (MOST_TRIES + 1, False, True),
    ],
)  # fmt: skip
def test_a_refused_model_is_given_up_at_once_and_a_dying_worker_after_some_tries(
    failures: int, refused: bool, expected: bool
) -> None:
    assert gives_up(failures, refused) is expected


def test_a_crash_loop_is_called_before_a_version_is_given_up() -> None:
    called = [is_crash_loop(failures) for failures in range(MOST_TRIES + 1)]
    assert called == [False] * CRASH_LOOP + [True] * (MOST_TRIES + 1 - CRASH_LOOP)
    assert CRASH_LOOP < MOST_TRIES


@pytest.mark.parametrize(
    ("served_s", "batches", "alone", "proved"),
    [
        (0.0, 0, True, False), (0.0, 1, True, True), (0.0, 1000, False, False),
        (SETTLED_S, 0, True, False), (SETTLED_S + 0.1, 0, True, True),
        (SETTLED_S + 0.1, 0, False, True),
    ],
)  # fmt: skip
def test_a_worker_has_proved_itself_by_time_or_by_batches_that_were_surely_its_own(
    served_s: float, batches: int, alone: bool, proved: bool
) -> None:
    assert proved_itself(served_s, batches, alone) is proved
