"""Gaps between two groups are found either way; tolerated ones raise no alarm."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.statistics.gap_bets import GapDetector, GapState

ARL = 1_000.0
Flags = npt.NDArray[np.bool_]

rows = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=40)


def plainly(given: list[tuple[bool, bool]]) -> list[float]:
    """The differences in blocks, from the definition."""
    gaps, block = [], []
    for row in given:
        block.append(row)
        sides = [[hit for first, hit in block if first is side] for side in (True, False)]
        if all(sides):
            gaps.append(sum(sides[0]) / len(sides[0]) - sum(sides[1]) / len(sides[1]))
            block = []
    return gaps


def split(given: list[tuple[bool, bool]]) -> tuple[list[bool], list[bool]]:
    return [first for first, _ in given], [hit for _, hit in given]


@settings(deadline=None)
@given(rows)
def test_a_block_ends_when_both_groups_are_there(given: list[tuple[bool, bool]]) -> None:
    detector = GapDetector(0.1, ARL)
    state, ends = detector.look(detector.start(), *split(given))
    gaps = plainly(given)
    assert len(ends) == len(gaps)
    assert state.up.labels == len(gaps)
    assert state.up.loss == pytest.approx(sum((1 + gap) / 2 for gap in gaps))
    assert state.down.loss == pytest.approx(sum((1 - gap) / 2 for gap in gaps))


@settings(deadline=None)
@given(st.lists(rows, max_size=6))
def test_blocks_are_the_same_for_any_cut_into_looks(
    looks: list[list[tuple[bool, bool]]],
) -> None:
    detector = GapDetector(0.1, ARL)
    state = detector.start()
    ended = 0
    for look in looks:
        state, ends = detector.look(state, *split(look))
        ended += len(ends)
    whole, _ = detector.look(
        detector.start(), *split([row for look in looks for row in look])
    )
    assert (state.open == whole.open).all()
    assert (state.up.labels, ended) == (whole.up.labels, whole.up.labels)
    assert state.up.loss == pytest.approx(whole.up.loss)


@settings(deadline=None)
@given(st.floats(0.0, 0.9), st.floats(0.0, 1.0), st.integers(1, 3), st.integers(1, 3))
def test_no_bet_is_worth_more_than_one_on_a_tolerated_gap(
    tolerated: float, low: float, first: int, second: int
) -> None:
    """The expectation over all outcomes of a block, exactly, at the edge of the null."""
    high = min(low + tolerated, 1.0)
    detector = GapDetector(tolerated, ARL)
    total = np.zeros(1)
    for bits in range(1 << (first + second)):
        hits = np.array([bits >> place & 1 for place in range(first + second)])
        chances = np.array([high] * first + [low] * second)
        chance = float(np.where(hits == 1, chances, 1.0 - chances).prod())
        gap = hits[:first].mean() - hits[first:].mean()
        total = total + chance * np.exp(
            detector.side.log_factors(np.array([(1 + gap) / 2]))[0]
        )
    assert (total <= 1.0 + 1e-9).all()


def stream(
    rng: np.random.Generator, n: int, share: float, first: float, second: float
) -> tuple[Flags, Flags]:
    is_first = rng.random(n) < share
    return is_first, rng.random(n) < np.where(is_first, first, second)


@pytest.mark.parametrize(
    ("rates", "share"), [((0.55, 0.45), 0.5), ((0.15, 0.05), 0.2), ((0.85, 0.95), 0.5)]
)
def test_a_gap_at_the_edge_of_what_is_tolerated_runs_as_long_as_promised(
    rates: tuple[float, float], share: float, rng: np.random.Generator
) -> None:
    """Looks of any size, begun anew after each alarm; in long runs it is twice as long."""
    promised = 100.0
    detector = GapDetector(0.1, promised)
    state, looks, alarms = detector.start(), 0, 0
    for size in rng.integers(1, 60, 4_000).tolist():
        state, ends = detector.look(state, *stream(rng, size, share, *rates))
        looks += bool(ends.size)
        if detector.findings(state).is_over:
            state, alarms = detector.start(), alarms + 1
    assert 0 < alarms <= looks / promised


@pytest.mark.parametrize(
    ("rates", "share", "sign", "most"),
    [((0.6, 0.3), 0.5, 1, 60), ((0.3, 0.6), 0.5, -1, 60), ((0.6, 0.3), 0.1, 1, 160)],
)
def test_a_gap_is_found_and_which_way_it_goes(
    rates: tuple[float, float], share: float, sign: int, most: int,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    detector = GapDetector(0.1, ARL)
    state, _ = detector.look(detector.start(), *stream(rng, 20 * most, share, *rates))
    found = detector.findings(state)
    assert found.is_over
    assert found.sign == sign


def test_its_beginning_is_found(rng: np.random.Generator) -> None:
    detector = GapDetector(0.1, ARL)
    state, before = detector.look(detector.start(), *stream(rng, 2_000, 0.5, 0.4, 0.4))
    assert not detector.findings(state).is_over
    state, _ = detector.look(state, *stream(rng, 1_000, 0.5, 0.8, 0.4))
    found = detector.findings(state)
    assert found.is_over
    assert abs(found.since_block - len(before)) < 60


def test_a_state_goes_on_exactly(rng: np.random.Generator) -> None:
    detector = GapDetector(0.1, ARL)
    state, _ = detector.look(detector.start(), *stream(rng, 500, 0.3, 0.6, 0.3))
    more = stream(rng, 500, 0.3, 0.6, 0.3)
    again, _ = detector.look(GapState.from_arrays(state.to_arrays()), *more)
    whole, _ = detector.look(state, *more)
    assert detector.findings(again) == detector.findings(whole)
    assert (again.open == whole.open).all()


def test_a_look_of_one_group_ends_no_block() -> None:
    detector = GapDetector(0.1, ARL)
    state, ends = detector.look(detector.start(), [True] * 5, [True] * 5)
    assert not ends.size
    assert state.open.tolist() == [[5, 5], [0, 0]]
    assert detector.findings(state).looks == 0


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="gap of 1"):
        GapDetector(1.0, ARL)
    detector = GapDetector(0.1, ARL)
    with pytest.raises(ValueError, match="2 rows have 1 events"):
        detector.look(detector.start(), [True, False], [True])
    arrays = detector.start().to_arrays()
    del arrays["open"]
    with pytest.raises(ValueError, match="cut short"):
        GapState.from_arrays(arrays)
