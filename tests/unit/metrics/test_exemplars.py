"""The last trace of each bucket."""

from __future__ import annotations

import pytest

from runtime.metrics import exemplars as module
from runtime.metrics.exemplars import NO_EXEMPLARS, Exemplars

BOUNDS = (1_000, 50_000)


@pytest.mark.parametrize(
    ("took_ns", "place"), [(0, 0), (1_000, 0), (1_001, 1), (50_000, 1), (50_001, 2)]
)
def test_a_trace_stands_at_the_bucket_that_counts_it(took_ns: int, place: int) -> None:
    exemplars = Exemplars(BOUNDS)
    exemplars.note("m", "1", took_ns, 7, 17.0)
    assert list(exemplars.of("m", "1")) == [place]


def test_a_later_one_takes_the_place_of_an_earlier_one() -> None:
    exemplars = Exemplars(BOUNDS)
    before = exemplars.of("m", "1")
    for trace_id in (1, 2):
        exemplars.note("m", "1", 10, trace_id, 17.0)
    assert f"{2:032x}" in exemplars.of("m", "1")[0]
    assert before == {}  # What a scrape was given does not change under it.


def test_versions_have_their_own_and_others_none() -> None:
    exemplars = Exemplars(BOUNDS)
    exemplars.note("m", "1", 10, 1, 17.0)
    assert exemplars.of("m", "2") == {} == NO_EXEMPLARS.of("m", "1")


def test_only_so_many_versions_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    exemplars = Exemplars(BOUNDS)
    for version in "123":
        exemplars.note("m", version, 10, 1, 17.0)
    assert [bool(exemplars.of("m", version)) for version in "123"] == [False, True, True]
