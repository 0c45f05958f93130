"""What the kernels' timing program prints, and the promises made of it."""

from __future__ import annotations

import pytest

from benchmarks.monitor import kernels


def printed(deciles: float, rounds: int = 10) -> str:
    lines = []
    for i in range(rounds):
        lines += [f"{i} any read 1000000 0.1", f"{i} avx2 deciles 1000000 {deciles}",
                  f"{i} avx2 deciles 8 0.5"]  # fmt: skip
    return "\n".join(lines)


def test_a_promise_is_judged_by_its_own_unit() -> None:
    rows = kernels.rows_of(kernels.read_lines(printed(0.4)))
    many, few = rows
    assert (many.figure.middle, many.limit.value, many.verdict) == (0.4, 0.45, "met")
    assert (few.figure.middle, few.limit.value, few.verdict) == (128.0, 130.0, "met")
    assert many.notes["share of read bandwidth"] == pytest.approx(0.25)


def test_what_is_too_slow_is_not_met() -> None:
    rows = kernels.rows_of(kernels.read_lines(printed(0.5)))
    assert rows[0].verdict == "not met"


def test_instructions_that_the_machine_lacks_have_no_row() -> None:
    names = [row.name for row in kernels.rows_of(kernels.read_lines(printed(0.4)))]
    assert names == ["kernels-avx2-deciles-1000000", "kernels-avx2-deciles-8"]
