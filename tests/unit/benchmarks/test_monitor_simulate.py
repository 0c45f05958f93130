"""Simulations count what they say; rivals' statistics are those of their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.monitor import simulate_delays as delays
from benchmarks.monitor import simulate_nulls as nulls
from benchmarks.monitor import simulate_rivals as rivals
from benchmarks.monitor import simulate_streams as streams
from benchmarks.monitor.simulate import simulate


def test_counts_of_a_look_are_those_of_its_values() -> None:
    rng = np.random.default_rng(1)
    reference = streams.referred(streams.gaussian, rng, 3, 500)
    looks = list(streams.looks(streams.gaussian, np.random.default_rng(2), reference, 4, 4))
    values = streams.gaussian(np.random.default_rng(2), (3, 4, streams.ROWS))
    for look, counts in enumerate(looks):
        for stream in range(3):
            edges = reference.edges[stream]
            plain = [(values[stream, look] >= edge).sum() for edge in edges]
            assert counts[stream].tolist() == plain


def test_a_discrete_reference_has_each_edge_once() -> None:
    rng = np.random.default_rng(3)
    reference = streams.referred(streams.discrete, rng, 5, 1000)
    for edges, shares in zip(reference.edges, reference.shares, strict=True):
        known = edges[~np.isnan(shares)]
        assert len(set(known)) == len(known) == len(set(edges))


def test_chi2_and_ks_of_a_window_are_those_of_its_last_rows() -> None:
    values = np.random.default_rng(4).normal(size=(2, 12, streams.ROWS))
    edges = streams.exact_normal(1).edges[0]
    last = values[1, 2:].ravel()
    bins = np.histogram(last, [-np.inf, *edges, np.inf])[0]
    found = rivals.sliding_chi2(200)(values)
    assert found[1, -1] == pytest.approx(((bins - 20) ** 2 / 20).sum())
    assert np.isnan(found[:, :9]).all()
    fine = streams.exact_normal(1, rivals.PERCENTILES).edges[0]
    gap = [
        abs((last >= e).mean() - s)
        for e, s in zip(fine, 1 - rivals.PERCENTILES, strict=True)
    ]
    assert rivals.sliding_ks(200)(values)[1, -1] == pytest.approx(max(gap), abs=1e-6)


def test_adwin_s_buckets_keep_every_value_and_its_bound_is_solved() -> None:
    held = np.zeros((1, 0))
    sizes: list[int] = []
    for look in range(200):
        held, sizes = np.concatenate([held, [[float(look)]]], axis=1), [*sizes, 1]
        held, sizes = rivals.compressed(held, sizes)
        assert held.sum() == look * (look + 1) / 2
        assert sum(sizes) == look + 1
        assert sizes == sorted(sizes, reverse=True)
        assert max(sizes.count(size) for size in sizes) <= rivals.PER_LEVEL
    a, b = np.arange(40.0), np.arange(40.0) + 30.0
    both = np.concatenate([a, b])
    found = rivals.cut(
        np.array([[a.sum(), b.sum()]]), np.array([40.0, 40.0]), both.sum()[None],
        np.square(both).sum()[None],
    )[0]  # fmt: skip
    logs = found + np.log(2 * np.log(80))
    bound = np.sqrt(2 / 20 * both.var() * logs) + 2 / (3 * 20) * logs
    assert bound == pytest.approx(30.0)


def test_a_threshold_is_where_the_measured_run_length_is_wanted() -> None:
    rng = np.random.default_rng(5)
    peaks = delays.running_peak(rng.exponential(size=(200, 400)))
    found = delays.calibrated(peaks, 200.0)
    assert 200.0 <= found.arl < 220.0
    assert found.value == pytest.approx(np.log(200.0), abs=0.4)


def test_a_silent_detector_has_no_finite_run_length() -> None:
    assert delays.run_length(np.zeros((3, 10)), 1.0) == (np.inf, 0)


def test_a_quick_run_has_a_row_for_every_promise_and_false_alarms_stay_few() -> None:
    rows, _ = simulate(("alarms",), is_quick=True)
    assert len({row.name for row in rows}) == len(rows) == 10
    assert all(row.verdict != "not met" for row in rows)
    assert all(row.figure.high > row.limit.value for row in rows)


def test_as_many_alarms_as_looks_over_the_run_length_are_not_enough_to_be_sure() -> None:
    row = nulls.as_row(nulls.Counted("x", "x", 100, 1_000_000))
    assert row.verdict == "unresolved"
    assert nulls.as_row(nulls.Counted("x", "x", 3, 1_000_000)).verdict == "met"


def test_the_interval_of_a_median_covers_it_and_takes_any_number_of_values() -> None:
    rng = np.random.default_rng(6)
    covered = 0
    for _ in range(300):
        found = delays.of_median(rng.exponential(size=200).tolist())
        covered += found.low <= np.log(2.0) <= found.high
    assert 0.92 <= covered / 300 <= 0.99
    assert delays.of_median([1.0] * 5_000).middle == 1.0


def test_a_ratio_of_medians_has_an_interval_around_it() -> None:
    rng = np.random.default_rng(7)
    ours, theirs = (rng.exponential(scale, 500).tolist() for scale in (2.0, 1.0))
    found = delays.ratio_interval(ours, theirs)
    assert found.low < 2.0 < found.high
    assert found.low < found.middle < found.high
