"""Drift is found in time, what is within eps is not, and any cut and look is taken."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.statistics.bernoulli import BernoulliDetector
from runtime.statistics.betting import CategoryDetector, KsDetector
from runtime.statistics.restarts import Findings, Floats, Integers, State

DECILES = 1.0 - np.arange(1, 10) / 10
EDGES = np.array([-1.2816, -0.8416, -0.5244, -0.2533, 0.0, 0.2533, 0.5244, 0.8416, 1.2816])
ARL = 10_000.0


def counts(values: Floats) -> Integers:
    return np.asarray((values[..., None] >= EDGES).sum(axis=-2))


def run(detector: KsDetector, values: Floats, rows: int = 20) -> tuple[State, int | None]:
    """Take looks of `rows` rows; the state and the row of the first alarm."""
    state, first = detector.start(), None
    for begin in range(0, len(values), rows):
        look = values[begin : begin + rows]
        state = detector.look(state, counts(look)[None], [len(look)])
        if first is None and detector.findings(state).is_over[0]:
            first = begin + len(look)
    return state, first


def defined(detector: KsDetector, looks: list[tuple[list[int], int]]) -> float:
    """The log evidence by its definition: a product from every look on, added up."""
    held = detector.bets.bets
    gains = [
        n * held.base[0] + np.asarray(c, dtype=float) @ held.slopes[0]
        for c, n in looks
        if n
    ]
    if not gains:
        return -np.inf
    products = [np.sum(gains[j:], axis=0) for j in range(len(gains))]
    return float(
        np.logaddexp.reduce(np.logaddexp.reduce(products, axis=0) + held.log_weights[0])
    )


one_look = st.integers(0, 12).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, n), min_size=3, max_size=3).map(
            lambda c: sorted(c, reverse=True)
        ),
        st.just(n),
    )
)


@settings(max_examples=60, deadline=None)
@given(st.lists(one_look, min_size=1, max_size=12), st.sampled_from([0.0, 0.05]))
def test_the_evidence_is_that_of_its_definition(
    looks: list[tuple[list[int], int]], eps: float
) -> None:
    detector = KsDetector([[0.7, 0.5, 0.2]], eps, 1e300)
    state = detector.start()
    for c, n in looks:
        state = detector.look(state, [c], [n])
    assert state.log_e[0] == pytest.approx(defined(detector, looks), abs=1e-9)


@pytest.mark.parametrize("p", [0.5, 0.55, 0.6])
def test_its_expectation_is_at_most_the_looks_for_every_rate_in_the_ball(p: float) -> None:
    detector = KsDetector([[0.5]], 0.1, 1e300)
    sizes = [2, 1, 3]
    expected = 0.0
    outcomes = [[(hits, n) for hits in range(n + 1)] for n in sizes]
    for path in np.stack(np.meshgrid(*[range(len(o)) for o in outcomes]), -1).reshape(
        -1, 3
    ):
        chance, state = 1.0, detector.start()
        for i, size in zip(path, sizes, strict=True):
            ways = {2: [1, 2, 1], 1: [1, 1], 3: [1, 3, 3, 1]}[size][i]
            chance *= ways * p**i * (1 - p) ** (size - i)
            state = detector.look(state, [[i]], [size])
        expected += chance * np.exp(state.log_e[0])
    assert expected <= len(sizes) + 1e-9


def test_a_shift_is_found_and_where_it_began_and_which_way_it_went() -> None:
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(size=4000), rng.normal(0.5, 1.0, 2000)])
    detector = KsDetector([DECILES], 0.05, ARL, reference_rows=10_000)
    state, first = run(detector, values)
    found: Findings = detector.findings(state)
    assert first is not None
    assert 4000 < first < 4600
    assert abs(int(found.since_row[0]) - 4000) <= 200
    assert found.since_look[0] * 20 == found.since_row[0]
    assert found.side[0] == 1
    assert found.effect[0] == pytest.approx(0.19, abs=0.05)


@pytest.mark.parametrize("name", ["wider", "narrower", "two peaks", "one value"])
def test_changes_that_are_no_shift_are_found_as_well(name: str) -> None:
    rng = np.random.default_rng(8)
    n = 3000
    changed = {
        "wider": rng.normal(0.0, 1.6, n),
        "narrower": rng.normal(0.0, 0.6, n),
        "two peaks": rng.normal(0.0, 0.3, n) + rng.choice([-0.95, 0.95], n),
        "one value": np.where(rng.random(n) < 0.2, 0.6, rng.normal(size=n)),
    }[name]
    values = np.concatenate([rng.normal(size=2000), changed])
    _, first = run(KsDetector([DECILES], 0.05, ARL, reference_rows=10_000), values)
    assert first is not None
    assert 2000 < first <= 5000


def test_what_is_within_eps_is_silent_however_long() -> None:
    rng = np.random.default_rng(2)
    detector = KsDetector([DECILES], 0.05, 1_000.0)
    _, first = run(detector, rng.normal(0.1, 1.0, 60_000), rows=60)
    assert first is None


def test_many_cuts_of_the_same_rows_find_the_same_drift() -> None:
    values = np.random.default_rng(3).normal(0.8, 1.0, 1200)
    detector = KsDetector([DECILES], 0.05, ARL)
    alarms = [run(detector, values, rows)[1] for rows in (1, 7, 100, 1200)]
    assert None not in alarms


def test_evidence_falls_again_after_the_drift_is_over() -> None:
    rng = np.random.default_rng(4)
    values = np.concatenate([rng.normal(1.0, 1.0, 40_000), rng.normal(size=4000)])
    detector = KsDetector([DECILES], 0.05, ARL)
    state, first = run(detector, values)
    assert first is not None
    assert not detector.findings(state).is_over[0]


def test_forgotten_evidence_begins_again_and_other_features_keep_theirs() -> None:
    detector = KsDetector([DECILES, DECILES], 0.05, ARL)
    state = detector.look(detector.start(), [[500] * 9, [500] * 9], [500, 500])
    state = detector.forget(state, [True, False])
    assert detector.findings(state).is_over.tolist() == [False, True]
    assert state.rows.tolist() == [500, 500]
    state = detector.look(state, [[200] * 9] * 2, [200, 200])
    found = detector.findings(state)
    assert found.since_row.tolist() == [500, 0]


def test_a_state_survives_arrays_exactly() -> None:
    rng = np.random.default_rng(5)
    detector = KsDetector([DECILES], 0.02, ARL)
    state, _ = run(detector, rng.normal(0.2, 1.0, 500))
    back = State.from_arrays(state.to_arrays())
    look = counts(rng.normal(size=30))[None]
    one, other = detector.look(state, look, [30]), detector.look(back, look, [30])
    for name, array in one.to_arrays().items():
        assert np.array_equal(array, other.to_arrays()[name]), name


def test_a_state_that_was_cut_short_or_is_of_another_detector_is_refused() -> None:
    detector = KsDetector([DECILES], 0.02, ARL)
    arrays = detector.start().to_arrays()
    del arrays["hits"]
    with pytest.raises(ValueError, match="state without hits"):
        State.from_arrays(arrays)
    other = KsDetector([[0.5]], 0.02, ARL)
    with pytest.raises(ValueError, match="begin a new one"):
        other.look(detector.start(), [[1]], [2])


def test_looks_without_rows_change_nothing() -> None:
    detector = KsDetector([DECILES], 0.05, 5.0)
    state = detector.start()
    for _ in range(50):
        state = detector.look(state, [[0] * 9], [0])
    found = detector.findings(state)
    assert found.looks[0] == 0
    assert not found.is_over[0]
    assert np.isnan(found.effect[0])


def test_edges_that_a_feature_lacks_are_ignored_whatever_is_counted_there() -> None:
    short = KsDetector([[0.8, 0.3]], 0.05, ARL)
    long = KsDetector([[0.8, np.nan, 0.3, np.nan]], 0.05, ARL)
    one, other = short.start(), long.start()
    for _ in range(5):
        one = short.look(one, [[90, 55]], [100])
        other = long.look(other, [[90, np.nan, 55, -7]], [100])
    assert other.log_e == pytest.approx(one.log_e, abs=1e-6)


def test_a_constant_feature_alarms_when_it_moves_and_never_before() -> None:
    detector = KsDetector([[1.0]], 0.05, ARL)
    state = detector.start()
    for _ in range(2000):
        state = detector.look(state, [[50]], [50])
    assert state.log_e[0] < 0.0
    state = detector.look(state, [[0]], [50])
    assert detector.findings(state).is_over[0]
    assert detector.findings(state).side[0] == -1


def test_a_feature_without_edges_is_never_over() -> None:
    detector = KsDetector([[np.nan, np.nan], [0.5, 0.2]], 0.05, ARL)
    state = detector.look(
        detector.start(), [[float("nan"), float("nan")], [900.0, 900.0]], [1000, 1000]
    )
    found = detector.findings(state)
    assert found.is_over.tolist() == [False, True]
    assert np.isnan(found.effect[0])


def test_looks_of_a_million_billion_rows_stay_finite() -> None:
    detector = KsDetector([DECILES], 0.05, ARL)
    n = 10**15
    same = (DECILES * n).astype(np.int64)
    state = detector.start()
    for _ in range(8):
        state = detector.look(state, [same], [n])
    assert not detector.findings(state).is_over[0]
    state = detector.look(state, [[n] * 9], [n])
    assert np.isfinite(state.log_e[0])
    assert detector.findings(state).is_over[0]


@pytest.mark.parametrize(
    ("look", "rows", "words"),
    [
        ([[3]], [2], "not between 0 and its rows"),
        ([[-1]], [2], "not between 0 and its rows"),
        ([[np.nan]], [2], "not between 0 and its rows"),
        ([[1]], [-2], "whole and not negative"),
        ([[1]], [np.nan], "whole and not negative"),
        ([[1, 1]], [2], "has counts"),
    ],
)
def test_counts_that_are_none_are_refused(
    look: list[list[float]], rows: list[float], words: str
) -> None:
    detector = KsDetector([[0.5]], 0.05, ARL)
    with pytest.raises(ValueError, match=words):
        detector.look(detector.start(), look, rows)


@pytest.mark.parametrize("shares", [[[0.2, 0.5]], [[1.2]], [[]], [[-0.1]]])
def test_shares_that_are_none_are_refused(shares: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="shares"):
        KsDetector(shares, 0.05, ARL)


def test_a_category_that_grows_is_named() -> None:
    detector = CategoryDetector([[0.5, 0.3, 0.2]], 0.05, ARL, reference_rows=5_000)
    rng = np.random.default_rng(6)
    state = detector.start()
    for share in [[0.5, 0.3, 0.2]] * 100 + [[0.45, 0.15, 0.4]] * 30:
        state = detector.look(state, rng.multinomial(50, share)[None], [50])
    found = detector.findings(state)
    assert found.is_over[0]
    assert found.edge[0] in {1, 2}
    assert abs(int(found.since_look[0]) - 100) <= 5


def test_categories_of_more_than_everything_are_refused() -> None:
    with pytest.raises(ValueError, match="more than one"):
        CategoryDetector([[0.7, 0.7]], 0.05, ARL)


def test_events_are_found_stream_by_stream() -> None:
    detector = BernoulliDetector([0.0, 0.1], eps=0.01, arl_looks=ARL, reference_rows=1_000)
    rng = np.random.default_rng(7)
    state = detector.start()
    for look in range(300):
        rates = [0.0, 0.1] if look < 200 else [0.0, 0.3]
        state = detector.look(state, rng.binomial(50, rates), [50, 50])
    found = detector.findings(state)
    assert found.is_over.tolist() == [False, True]
    assert abs(int(found.since_look[1]) - 200) <= 5
    assert found.share[1] == pytest.approx(0.3, abs=0.03)


def test_one_event_of_a_kind_that_was_never_seen_is_no_alarm() -> None:
    detector = BernoulliDetector([0.0], eps=0.0, arl_looks=ARL)
    state = detector.look(detector.start(), [1], [20])
    assert not detector.findings(state).is_over[0]
    state = detector.look(state, [20], [20])
    assert detector.findings(state).is_over[0]
