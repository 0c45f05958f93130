"""Which batch size is taken for which costs."""

from __future__ import annotations

import pytest

from runtime.backends.batch_timing import SIZES, best_rows, measure


def linear(
    fixed_us: float, row_us: float, sizes: tuple[int, ...] = SIZES
) -> dict[int, float]:
    return {rows: fixed_us + row_us * rows for rows in sizes if rows <= 64}


def test_a_high_fixed_cost_wants_the_largest_batch() -> None:
    assert best_rows(linear(2400.0, 180.0), row_bytes=4096, max_rows=64) == 64


def test_a_cost_in_proportion_to_rows_wants_small_batches() -> None:
    assert best_rows(linear(0.0, 4700.0), row_bytes=256, max_rows=64) == 1


def test_a_middle_size_that_is_fastest_is_taken() -> None:
    times = {1: 6700.0, 2: 11_000.0, 4: 19_000.0, 8: 35_500.0, 12: 52_200.0,
             16: 72_000.0, 32: 147_000.0, 64: 309_000.0}  # fmt: skip
    assert best_rows(times, row_bytes=256, max_rows=64) == 12


def test_large_rows_are_not_gathered_for_nothing() -> None:
    identity = linear(3.0, 27.0)
    assert best_rows(identity, row_bytes=600_000, max_rows=64) == 1
    assert best_rows(identity, row_bytes=600, max_rows=64) > 1


def test_the_limit_is_taken_when_measuring_stopped_early_at_its_best() -> None:
    assert best_rows({1: 1000.0, 2: 1100.0}, row_bytes=4, max_rows=64) == 64


def test_a_flat_end_is_taken_when_measuring_stopped_early() -> None:
    times = {1: 7147.0, 2: 11_110.0, 4: 19_744.0, 8: 36_912.0, 12: 53_976.0}
    assert best_rows(times, row_bytes=256, max_rows=64) == 12


def test_nothing_measured_leaves_the_limit() -> None:
    assert best_rows({}, row_bytes=4, max_rows=64) == 64


@pytest.mark.parametrize("max_rows", [1, 3, 64])
def test_sizes_run_up_to_the_limit(max_rows: int) -> None:
    seen: list[int] = []
    times = measure(seen.append, max_rows)
    assert set(times) == set(seen)
    assert max(seen) == max_rows
    assert min(seen) == 1
