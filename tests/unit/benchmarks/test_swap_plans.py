"""Swaps in order, their windows and groups, and verdicts on what they leave."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.results import Row
from benchmarks.swap.around import as_rows, judge_p99
from benchmarks.swap.broken import CANDIDATES, Refusal, says
from benchmarks.swap.going_back import WentBack
from benchmarks.swap.going_back import as_rows as rollback_rows
from benchmarks.swap.many import (
    FRESH_EVERY,
    Ran,
    as_row,
    first_answer_row,
    held_row,
    pause_row,
)
from benchmarks.swap.plans import Held, grouped, is_back, turns, windows
from benchmarks.swap.records import OK, RECORD, Counts, Swap

MIB = 1 << 20
S = 1_000_000_000
HELD = Held(200 * MIB, 40, 12, 4)
RAN = Ran(
    "mlp-onnx", 1000.0, 700.0, Counts(5000), 4, [300.0, 400.0], [20.0, 30.0], [5.0] * 4,
    9.0, 30, 60.0, HELD, HELD, 0.4, 12.0,
)  # fmt: skip


def replayed(count: int, fresh_every: int) -> None:
    held = [1]  # The last three that came in, the latest first.
    for turn in turns(count, fresh_every):
        assert turn.number != held[0]
        assert turn.is_fresh == (turn.number not in held[:3])
        held = [turn.number, *(n for n in held if n != turn.number)]


@pytest.mark.parametrize("fresh_every", [1, *FRESH_EVERY.values()])
def test_only_a_version_that_is_not_held_is_loaded(fresh_every: int) -> None:
    replayed(50, fresh_every)


def test_so_many_swaps_load_as_was_asked_for() -> None:
    assert sum(turn.is_fresh for turn in turns(200, 8)) == 25
    assert all(turn.is_fresh for turn in turns(200))


def test_a_plan_goes_on_where_another_has_ended() -> None:
    first = turns(4)
    rest = turns(2, 1, (first[-1].number, first[-2].number, first[-3].number))
    assert [t.number for t in first + rest] == [t.number for t in turns(6)]


def test_the_second_around_a_swap_has_the_first_answer_in_its_middle() -> None:
    found = windows(10 * S, 14 * S)
    assert found.quiet == (9 * S, 10 * S)
    assert found.around == (27 * S // 2, 29 * S // 2)
    assert found.loading == (10 * S, 27 * S // 2)
    assert windows(10 * S, 10 * S + 5).loading == (10 * S, 10 * S)


@pytest.mark.parametrize(
    ("swaps", "sizes"), [(30, [3] * 10), (3, [1] * 3), (12, [1, 1, 1, 1, 2] * 2)]
)
def test_all_swaps_are_dealt_to_groups(swaps: int, sizes: list[int]) -> None:
    found = [windows(n * S, n * S + 1) for n in range(swaps)]
    groups = grouped(found)
    assert [len(group) for group in groups] == sizes
    assert [each for group in groups for each in group] == found


def disturbed(around_ms: int) -> list[Row]:
    """Return the rows of ten swaps that answer so slowly in the second around them."""
    rows, swaps = [], []
    for place in range(10):
        begin = place * 10 * S
        swap = Swap(place % 3 + 1, (place + 1) % 3 + 1, begin + 2 * S, begin + 2 * S + 1,
                    begin + 6 * S)  # fmt: skip
        swaps.append(swap)
        for due in range(begin, begin + 10 * S, S // 20):
            is_new = due > begin + 5 * S
            taken = around_ms if 4.6 * S < due - begin < 6 * S else 10
            version = swap.version if is_new else swap.before
            rows.append((due, due, due + taken * S // 1000, version, OK))
    return as_rows("mid-onnx", judge_p99(np.array(rows, RECORD), swaps))


def test_a_swap_that_nobody_notices_is_met() -> None:
    around, lost = disturbed(10)
    assert (around.figure.middle, around.verdict, lost.verdict) == (1.0, "met", "met")
    assert around.figure.n == 10


def test_a_swap_that_slows_requests_is_not_met() -> None:
    around, _ = disturbed(12)
    assert (around.figure.middle, around.verdict) == (1.2, "not met")
    assert around.beside["fetching and loading us"].middle == 10_000.0


@pytest.mark.parametrize(
    "lost", [Counts(9, failed=1), Counts(9, wrong=1), Counts(9, stray=1)]
)
def test_one_lost_request_breaks_the_promise(lost: Counts) -> None:
    assert as_row(RAN).verdict == "met"
    assert as_row(replace(RAN, counts=lost)).verdict == "not met"
    rows = rollback_rows(WentBack(lost, [1.0], [2.0]))
    assert rows[1].verdict == "not met"


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        (HELD, "met"),
        (replace(HELD, pss_bytes=207 * MIB), "met"),
        (replace(HELD, pss_bytes=100 * MIB, threads=3), "met"),
        (replace(HELD, pss_bytes=209 * MIB), "not met"),
        (replace(HELD, descriptors=41), "not met"),
        (replace(HELD, threads=13), "not met"),
        (replace(HELD, processes=5), "not met"),
    ],
)
def test_a_server_is_back_when_it_holds_no_more(after: Held, verdict: str) -> None:
    assert is_back(HELD, after) == (verdict == "met")
    assert held_row(replace(RAN, after=after)).verdict == verdict


def test_the_longest_pause_of_all_counts() -> None:
    row = pause_row([RAN, replace(RAN, longest_pause_us=60.0, tables=10, pauses_us=80.0)])
    assert (row.figure.middle, row.verdict) == (60.0, "not met")
    assert row.beside["mean"].middle == 3.5


def test_the_first_answer_is_judged_where_the_version_was_loaded() -> None:
    row = first_answer_row(RAN)
    assert (row.figure.middle, row.beside["worst"].middle, row.verdict) == (
        0.35,
        0.4,
        "met",
    )


def test_a_rollback_is_judged_by_the_servers_word() -> None:
    row = rollback_rows(WentBack(Counts(9), [1.0, 2.0, 3.0], [6.0, 7.0, 80.0]))[0]
    assert (row.figure.middle, row.beside["worst"].middle, row.verdict) == (2.0, 3.0, "met")


@pytest.mark.parametrize(
    ("text", "reason", "expected"),
    [
        ("refused: no such file: FILE; push it", "no such file: /a/b.onnx; push it", True),
        ("│ y is │\n│ NaN │", "y is NaN", True),
        ("y is fine", "y is NaN", False),
        ("anything", "", False),
    ],
)
def test_a_reason_is_known_again(text: str, reason: str, expected: bool) -> None:
    assert says(text, reason) is expected


def test_a_refusal_is_good_when_nobody_noticed_and_everybody_can_know() -> None:
    told = {"log": True, "why": True, "audit": True}
    good = Refusal("nan", "answers NaN", "y is NaN", 0.1, True, 1, Counts(900), told)
    assert good.is_good
    assert good.as_json()["is_good"] is True
    for bad in (
        replace(good, is_refused=False),
        replace(good, serving=2),
        replace(good, counts=Counts(900, failed=1)),
        replace(good, counts=Counts(900, stray=1)),
        replace(good, is_told={**told, "audit": False}),
    ):
        assert not bad.is_good


def test_every_kind_of_broken_version_of_the_promise_is_tried() -> None:
    names = [candidate.name for candidate in CANDIDATES]
    assert names == ["corrupt", "signature", "nan", "crash", "hang", "memory", "shape"]
