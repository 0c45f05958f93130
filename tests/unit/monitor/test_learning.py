"""A reference out of first rows: edges, shares, and values that are strange."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.monitor import learning
from runtime.monitor.tensor_reference import Floats
from runtime.monitor.version_watch import look_of
from runtime.native.stats import TensorProfile
from tests.unit.monitor.filled import plan

ONE = plan([("x", "FP32", 1)]).tensors[0]


def edges_of(*values: float) -> Floats:
    profile = learning.blank_profile(ONE)
    profile.add(np.array(values, dtype=np.float32).reshape(-1, 1))
    edges: Floats = learning.edges_of(profile)[0]
    return edges


def test_edges_are_quantiles_at_equal_steps() -> None:
    edges = edges_of(*np.linspace(1, 1_000, 1_000))
    wanted = 1_000 * np.arange(1, 16) / 16
    assert edges == pytest.approx(wanted, rel=0.02)


def test_a_constant_gets_itself_and_what_comes_next() -> None:
    edges = edges_of(*[2.5] * 100)
    known = edges[~np.isnan(edges)]
    assert known.size == 2
    assert known[0] == pytest.approx(2.5, rel=0.02)
    assert known[1] > known[0]


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_without_finite_values_there_are_no_edges(strange: float) -> None:
    assert np.isnan(edges_of(*[strange] * 10)).all()


def test_the_largest_float_has_nothing_above_it() -> None:
    edges = edges_of(*[float(np.finfo(np.float32).max)] * 10)
    known = edges[~np.isnan(edges)]
    assert known.size >= 1
    assert np.isfinite(known).all()


def test_edges_fill_their_row_for_the_data_plane() -> None:
    edges = np.array([[1.0, 2.0, np.nan], [np.nan] * 3])
    assert learning.native_edges(edges).tolist() == [[1, 2, 2], [0, 0, 0]]


def test_shares_missing_and_infinite_are_of_the_rows() -> None:
    profile = TensorProfile("float32", 1, edges=[[0.0, 10.0]])
    values = [-1.0, 1.0, 20.0, 30.0, np.nan, np.inf]
    profile.add(np.array(values, dtype=np.float32))
    edges = np.array([[0.0, 10.0]])
    reference = learning.reference_of(ONE, edges, look_of(profile))
    assert reference.rows == 6
    assert reference.shares.tolist() == [[0.75, 0.5]]
    assert reference.missing.tolist() == [1 / 6]
    assert reference.infinite.tolist() == [1 / 6]
    assert not reference.has_ranges


def test_a_feature_without_values_is_tested_for_nothing_but_events() -> None:
    profile = TensorProfile("float32", 1, edges=[[0.0]])
    profile.add(np.full(8, np.nan, dtype=np.float32))
    reference = learning.reference_of(ONE, np.array([[np.nan]]), look_of(profile))
    assert not reference.is_numeric.any()
    assert reference.missing.tolist() == [1.0]


def test_digests_tell_references_apart() -> None:
    def made(value: float) -> str:
        profile = TensorProfile("float32", 1, edges=[[0.0]])
        profile.add(np.array([value, 2.0], dtype=np.float32))
        edges = np.array([[0.0]])
        return learning.digest_of([learning.reference_of(ONE, edges, look_of(profile))])

    assert made(-1.0) != made(1.0)
    assert made(1.0) == made(1.0)
