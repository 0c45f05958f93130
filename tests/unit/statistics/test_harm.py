"""Harm is found soon and to the label; a model that did not change raises no alarm."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.statistics.harm import Baseline, HarmDetector, HarmState, upper_mean

ARL = 100_000.0
BASELINE = Baseline(mean=0.13, upper=0.15, labels=2_000)

Losses = list[list[float]]


def defined(detector: HarmDetector, looks: Losses) -> float:
    """The highest log evidence in the last look, from products begun at every label."""
    factors, weights = [], []
    for look in looks:
        factors += list(detector.log_factors(np.array(look)))
        weights += [1.0 / len(look)] * len(look)
    bets = factors[0].size
    evidence = []
    for end in range(len(factors) - len(looks[-1]) + 1, len(factors) + 1):
        total = sum(weights[j] * np.exp(np.sum(factors[j:end], axis=0)) for j in range(end))
        evidence.append(float(np.log(np.sum(total) / bets)))
    return max(evidence)


losses_of_a_look = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6)


@settings(max_examples=80, deadline=None)
@given(st.lists(losses_of_a_look, min_size=1, max_size=6))
def test_the_evidence_is_that_of_its_definition(looks: Losses) -> None:
    detector = HarmDetector(BASELINE, 0.03, 1e300)
    state = detector.start()
    for look in looks:
        state = detector.look(state, look)
    assert state.log_e == pytest.approx(defined(detector, looks), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.01, 1.0)), min_size=2, max_size=6),
    st.floats(0.01, 0.9),
)
def test_no_bet_is_worth_more_than_one_for_any_loss_with_a_tolerated_mean(
    points: list[tuple[float, float]], tolerated: float
) -> None:
    detector = HarmDetector(Baseline(tolerated, tolerated, 10), 0.0, ARL)
    values = np.array([value for value, _ in points])
    chances = np.array([weight for _, weight in points])
    chances = chances / chances.sum()
    values = values * min(1.0, tolerated / max(float(values @ chances), 1e-12))
    factors = np.exp(detector.log_factors(values))
    assert (chances @ factors <= 1.0 + 1e-9).all()


def test_its_expectation_is_at_most_the_looks_at_the_edge_of_what_is_tolerated() -> None:
    detector = HarmDetector(Baseline(0.2, 0.2, 100), 0.1, 1e300)
    p, sizes = detector.tolerated, [1, 3, 2]
    expected = 0.0
    for path in product([0.0, 1.0], repeat=sum(sizes)):
        state, place = detector.start(), 0
        for size in sizes:
            state = detector.look(state, path[place : place + size])
            place += size
        chance = p ** sum(path) * (1 - p) ** (sum(sizes) - sum(path))
        expected += chance * float(np.exp(state.log_sums).mean())
    assert expected == pytest.approx(len(sizes))


@pytest.mark.parametrize("seed", range(5))
def test_harm_is_found_within_300_labels_and_its_beginning_within_tens(seed: int) -> None:
    rng = np.random.default_rng(seed)
    losses = (rng.random(2500) < np.where(np.arange(2500) < 1500, 0.13, 0.32)).astype(float)
    baseline = Baseline.of(rng.random(2000) < 0.13)
    detector = HarmDetector(baseline, 0.03, ARL)
    state, first = detector.start(), None
    for begin in range(0, len(losses), 20):
        state = detector.look(state, losses[begin : begin + 20])
        if first is None and detector.findings(state).is_over:
            first = begin + 20
            found = detector.findings(state)
    assert first is not None
    assert 1500 < first <= 1800
    assert abs(found.since_label - 1500) <= 60
    assert 0.1 < found.effect < 0.5


def test_a_block_of_harm_between_two_looks_is_seen_though_it_is_over_at_the_end() -> None:
    detector = HarmDetector(BASELINE, 0.03, ARL)
    look = np.concatenate([np.zeros(200), np.ones(15), np.zeros(400)])
    found = detector.findings(detector.look(detector.start(), look))
    assert found.is_over
    assert found.since_label == 200
    assert not detector.findings(
        detector.look(detector.look(detector.start(), look), [0.0])
    ).is_over


def test_what_is_tolerated_is_never_less_than_the_chance_error_of_the_baseline() -> None:
    short, long = Baseline.of([0.0] * 45 + [1.0] * 5), Baseline.of([0.0, 1.0] * 50_000)
    assert HarmDetector(short, 0.01, ARL).tolerated == short.upper > 0.15
    assert HarmDetector(long, 0.01, ARL).tolerated == pytest.approx(0.51)


@pytest.mark.parametrize(("mean", "n"), [(0.1, 100), (0.5, 30), (0.02, 1000)])
def test_the_upper_end_of_a_baseline_covers_as_often_as_it_says(
    mean: float, n: int
) -> None:
    rng = np.random.default_rng(3)
    hits = rng.binomial(n, mean, 500)
    covered = sum(upper_mean(int(k) / n, n, 0.95) >= mean for k in hits)
    assert covered / 500 >= 0.95


def test_a_perfect_baseline_and_a_hopeless_one_work() -> None:
    perfect = HarmDetector(Baseline(0.0, 0.0, 10**9), 0.0, ARL)
    assert not perfect.findings(perfect.look(perfect.start(), [1.0])).is_over
    assert perfect.findings(perfect.look(perfect.start(), [1.0] * 5)).is_over
    hopeless = HarmDetector(Baseline(1.0, 1.0, 10**9), 0.0, ARL)
    assert not hopeless.findings(hopeless.look(hopeless.start(), [1.0] * 500)).is_over


def test_evidence_is_bounded_and_falls_when_harm_ends() -> None:
    detector = HarmDetector(BASELINE, 0.03, ARL)
    state = detector.look(detector.start(), np.ones(20_000))
    assert detector.findings(state).is_over
    state = detector.look(state, np.zeros(600))
    state = detector.look(state, np.zeros(600))
    assert not detector.findings(state).is_over


def test_looks_without_labels_change_nothing() -> None:
    detector = HarmDetector(BASELINE, 0.03, 2.0)
    state = detector.start()
    for _ in range(50):
        state = detector.look(state, [])
    found = detector.findings(state)
    assert (found.looks, found.labels, found.is_over) == (0, 0, False)
    assert np.isnan(found.loss)


def test_a_state_survives_arrays_exactly() -> None:
    detector = HarmDetector(BASELINE, 0.03, ARL)
    rng = np.random.default_rng(4)
    state = detector.look(detector.start(), rng.random(100))
    back = HarmState.from_arrays(state.to_arrays())
    one, other = (detector.look(each, [0.2, 0.9, 1.0]) for each in (state, back))
    for name, array in one.to_arrays().items():
        assert np.array_equal(array, other.to_arrays()[name]), name


def test_a_state_that_was_cut_short_is_refused() -> None:
    with pytest.raises(ValueError, match="state without"):
        HarmState.from_arrays({})


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan"), float("inf")])
def test_losses_that_are_not_between_0_and_1_are_refused(bad: float) -> None:
    detector = HarmDetector(BASELINE, 0.03, ARL)
    with pytest.raises(ValueError, match="between 0 and 1"):
        detector.look(detector.start(), [0.5, bad])
    with pytest.raises(ValueError, match="between 0 and 1"):
        Baseline.of([bad])


def test_a_baseline_without_labels_and_an_eps_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="needs losses"):
        Baseline.of([])
    with pytest.raises(ValueError, match="eps is 1"):
        HarmDetector(BASELINE, 1.0, ARL)
    with pytest.raises(ValueError, match="at least 1 look"):
        HarmDetector(BASELINE, 0.1, 0.5)
