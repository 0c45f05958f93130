"""Requests around swaps: what counts as failed, wrong and stray, and p99 in windows."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.processes import BenchmarkError
from benchmarks.swap.records import (
    CANCELLED,
    OK,
    RECORD,
    WRONG,
    Counts,
    Records,
    Swap,
    count,
    count_stray,
    first_answers,
    latencies_us,
    p99_us,
    read,
)

MS = 1_000_000
SWAPS = [
    Swap(1, 2, 100 * MS, 101 * MS, 130 * MS),
    Swap(2, 3, 200 * MS, 201 * MS, 230 * MS),
]


def answered(*answers: tuple[int, int, int], outcome: int = OK) -> Records:
    """Return records of (sent ms, ended ms, version), due when they were sent."""
    rows = [(s * MS, s * MS, e * MS, version, outcome) for s, e, version in answers]
    return np.array(rows, RECORD)


CALM = answered((10, 11, 1), (90, 91, 1), (125, 126, 2), (210, 211, 2), (220, 221, 3))


def strays(*more: tuple[int, int, int]) -> int:
    records = np.concatenate([CALM, answered(*more)]) if more else CALM
    return count_stray(records, SWAPS, first_answers(CALM, SWAPS))


def test_the_first_answer_is_of_the_new_version_and_not_of_its_earlier_turn() -> None:
    earlier = answered((5, 6, 2), (7, 8, 3))
    assert first_answers(np.concatenate([earlier, CALM]), SWAPS) == [126 * MS, 221 * MS]


def test_an_answer_to_an_earlier_turn_is_no_first_answer() -> None:
    swaps = [SWAPS[0], Swap(2, 1, 200 * MS, 201 * MS, 230 * MS)]
    late = answered((90, 205, 1), (195, 210, 1), (203, 225, 2), (220, 240, 1))
    assert first_answers(np.concatenate([CALM[:3], late]), swaps)[1] == 240 * MS


def test_a_version_that_never_answers_is_an_error() -> None:
    with pytest.raises(BenchmarkError, match="version 3 never answered"):
        first_answers(CALM[:4], SWAPS)


def test_every_version_in_its_turn_is_right() -> None:
    assert strays() == 0


@pytest.mark.parametrize(
    "answer",
    [
        (124, 140, 1),  # Sent before the new version was heard of.
        (99, 135, 1),
        (102, 103, 1),
        (124, 126, 2),
        (195, 225, 3),  # Arrived after the swap.
        (195, 225, 2),
    ],
)
def test_what_is_under_way_at_a_swap_may_come_to_either(
    answer: tuple[int, int, int],
) -> None:
    assert strays(answer) == 0


@pytest.mark.parametrize(
    "answer",
    [
        (127, 128, 1),  # After the first answer of version 2.
        (50, 60, 2),  # Before anybody has asked for version 2.
        (150, 151, 3),
        (300, 301, 1),
        (222, 223, 2),
        (300, 301, 9),
    ],
)
def test_a_version_out_of_turn_is_stray(answer: tuple[int, int, int]) -> None:
    assert strays(answer) == 1


def test_the_old_version_is_over_once_the_server_says_so_without_any_answer() -> None:
    late = answered((131, 132, 1), (140, 141, 2))
    swap = [Swap(1, 2, 100 * MS, 101 * MS, 130 * MS)]
    assert count_stray(late, swap, first_answers(late, swap)) == 1


def test_requests_are_counted_by_what_became_of_them() -> None:
    failed = answered((110, 111, 0), outcome=14)
    wrong = answered((112, 113, 1), outcome=WRONG)
    stray = answered((300, 301, 1))
    records = np.concatenate([CALM, failed, wrong, stray])
    assert count(records, SWAPS) == Counts(8, failed=1, wrong=1, stray=1)
    assert count(records, []) + Counts(1, 1, 1, 1) == Counts(9, 2, 2, 1)


def test_only_what_the_end_of_the_run_cut_off_is_left_out() -> None:
    cut = answered((10, 19, 0), (10, 29, 0), (10, 40, 0), outcome=CANCELLED)
    kept = read(np.concatenate([CALM, cut]).tobytes(), stopped_ns=30 * MS)
    assert len(kept) == len(CALM) + 1


def test_latencies_are_those_of_good_answers_due_in_the_window() -> None:
    late = np.array([(15 * MS, 18 * MS, 25 * MS, 1, OK)], RECORD)
    failed = answered((12, 19, 0), outcome=14)
    records = np.concatenate([CALM, late, failed])
    assert latencies_us(records, 10 * MS, 16 * MS).tolist() == [1000.0, 10_000.0]
    assert latencies_us(records, 11 * MS, 15 * MS).tolist() == []


def test_p99_is_over_all_windows_together() -> None:
    answers = [(second * 1000 + place, second * 1000 + place + 1 + place // 50, 1)
               for second in range(2) for place in range(100)]  # fmt: skip
    answers[99] = (99, 599, 1)
    records = answered(*answers)
    windows = [(0, 1000 * MS), (1000 * MS, 2000 * MS)]
    assert p99_us(records, windows) == 2000.0
    assert p99_us(records, windows[:1]) == 2000.0
    assert p99_us(records, [(90 * MS, 100 * MS)]) == 500_000.0


def test_windows_without_requests_have_no_p99() -> None:
    with pytest.raises(BenchmarkError, match="no request was due"):
        p99_us(CALM, [(400 * MS, 500 * MS)])
