"""Sequences cover at all times at once, and known answers come out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.statistics.sequences import (
    MeanSequence,
    MeanState,
    beta_log_e,
    betting_path,
    dirichlet_log_e,
    normal_mixture_radius,
    rate_sequence,
)


def test_known_answers() -> None:
    values = [1, 0, 1, 1, 1, 0, 1, 1, 1, 1]
    path = [1.5, 0.75, 1.125, 1.6875, 2.53125, 1.265625, 1.8984375, 2.84765625]
    assert betting_path(values, 0.5, 0.5)[:8].tolist() == path
    assert betting_path(values, 0.5, 0.5)[-1] == 6.4072265625
    assert beta_log_e(8, 2, 0.5) == pytest.approx(0.7269140430307626, rel=1e-12)
    counts, p0 = [30, 25, 20, 15, 10], [0.2] * 5
    found = dirichlet_log_e(counts, p0, [1.0] * 5)
    assert found == pytest.approx(-0.13560170982140107, abs=1e-10)
    radius = normal_mixture_radius(1000, 1.0, 0.01, 0.05)
    assert radius == pytest.approx(0.09606401928868574, rel=1e-12)


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_a_beta_mixture_is_worth_one_on_all_sequences_of_its_coin(p: float) -> None:
    total = 0.0
    for path in product([0, 1], repeat=8):
        hits = sum(path)
        total += p**hits * (1 - p) ** (8 - hits) * np.exp(beta_log_e(hits, 8 - hits, p))
    assert total == pytest.approx(1.0)


def test_what_is_said_to_be_impossible_is_infinite_evidence_when_seen() -> None:
    assert dirichlet_log_e([1, 0], [0.0, 1.0], [1.0, 1.0]) == np.inf
    assert dirichlet_log_e([0, 1], [0.0, 1.0], [1.0, 1.0]) < 0.0


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 300))
def test_a_rate_s_sequence_is_where_the_mixture_is_below_its_limit(
    hits: int, misses: int
) -> None:
    found = rate_sequence(hits, hits + misses, 0.9)
    assert 0.0 <= found.low <= found.value <= found.high <= 1.0
    for p in np.linspace(0.001, 0.999, 37):
        is_in = beta_log_e(hits, misses, float(p)) < np.log(10.0)
        assert is_in == (found.low < p < found.high)


def test_a_rate_s_sequence_covers_at_all_times_at_once() -> None:
    rng = np.random.default_rng(1)
    missed, runs = 0, 150
    for _ in range(runs):
        hits = np.cumsum(rng.random(400) < 0.3)
        low_high = [rate_sequence(int(hits[n - 1]), n, 0.8) for n in range(5, 400, 15)]
        missed += any(not each.low <= 0.3 <= each.high for each in low_high)
    assert missed / runs <= 0.2


@pytest.mark.parametrize("mean", [0.05, 0.5])
def test_a_mean_s_sequence_covers_at_all_times_at_once(mean: float) -> None:
    rng = np.random.default_rng(2)
    sequence = MeanSequence(0.8)
    missed, runs = 0, 60
    for _ in range(runs):
        state, is_out = sequence.start(), False
        for _ in range(40):
            state = sequence.add(state, rng.beta(2 * mean, 2 * (1 - mean), 10))
            found = sequence.estimate(state)
            is_out = is_out or not found.low <= mean <= found.high
        missed += is_out
    assert missed / runs <= 0.2


def test_a_small_variance_makes_it_narrow() -> None:
    sequence = MeanSequence()
    calm = sequence.estimate(sequence.add(sequence.start(), [0.29, 0.31] * 500))
    wild = sequence.estimate(sequence.add(sequence.start(), [0.0, 0.6] * 500))
    assert calm.high - calm.low < 0.25 * (wild.high - wild.low)
    assert calm.is_sequence


def fortunes(values: list[float], m: float, alpha: float) -> tuple[float, float]:
    """Both log fortunes at one m, value by value as the formula has it."""
    up = down = total = squares = 0.0
    for t, x in enumerate(values, start=1):
        variance = (0.25 + squares) / t
        bet = np.sqrt(2 * np.log(2 / alpha) / (variance * t * np.log(1 + t)))
        up += np.log1p(min(bet, 0.5 / m) * (x - m))
        down += np.log1p(-min(bet, 0.5 / (1 - m)) * (x - m))
        total += x
        squares += (x - (0.5 + total) / (t + 1)) ** 2
    return up, down


@settings(deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=40), st.integers(1, 399))
def test_fortunes_are_those_of_the_formula_for_any_cut(
    values: list[float], at: int
) -> None:
    sequence = MeanSequence(0.9)
    state = sequence.start()
    for first in range(0, len(values), 7):
        state = sequence.add(state, values[first : first + 7])
    up, down = fortunes(values, float(sequence.grid[at]), 0.1)
    assert state.log_up[at] == pytest.approx(up, abs=1e-9)
    assert state.log_down[at] == pytest.approx(down, abs=1e-9)


def test_nothing_is_known_before_the_first_value() -> None:
    sequence = MeanSequence()
    found = sequence.estimate(sequence.add(sequence.start(), []))
    assert (found.low, found.high, found.n) == (0.0, 1.0, 0)
    assert (rate_sequence(0, 0).low, rate_sequence(0, 0).high) == (0.0, 1.0)


def test_a_state_survives_arrays_exactly() -> None:
    sequence = MeanSequence()
    state = sequence.add(sequence.start(), [0.1, 1.0, 0.0])
    back = MeanState.from_arrays(state.to_arrays())
    one, other = (sequence.add(each, [0.5]) for each in (state, back))
    for name, array in one.to_arrays().items():
        assert np.array_equal(array, other.to_arrays()[name]), name
    with pytest.raises(ValueError, match="state without log_up"):
        MeanState.from_arrays({})


@pytest.mark.parametrize("values", [[1.5], [-0.1], [float("nan")]])
def test_values_out_of_bounds_are_refused(values: list[float]) -> None:
    sequence = MeanSequence()
    with pytest.raises(ValueError, match="between 0 and 1"):
        sequence.add(sequence.start(), values)


def test_counts_and_confidences_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be"):
        rate_sequence(3, 2)
    with pytest.raises(ValueError, match="confidence of 1"):
        MeanSequence(1.0)
