"""Profiles of tensors through Cython, against numpy."""

from __future__ import annotations

import threading
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from runtime.errors import ProfileError
from runtime.native.profile_options import KINDS
from runtime.native.stats import TensorProfile

NUMERIC = [kind for kind in KINDS if kind not in ("bfloat16", "bool")]


def profile_of(rows: npt.NDArray[Any], **options: Any) -> TensorProfile:
    profile = TensorProfile(str(rows.dtype), rows.shape[1], **options)
    profile.add(rows)
    return profile


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(
        np.float32, st.tuples(st.integers(1, 40), st.integers(1, 20)),
        elements=st.floats(width=32),
    )
)  # fmt: skip
def test_counts_are_those_of_the_definition(rows: npt.NDArray[np.float32]) -> None:
    edges = np.tile([-1.0, 0.0, 1e-40, 3.5], (rows.shape[1], 1))
    read = profile_of(rows, edges=edges).read()
    finite = np.isfinite(rows)
    assert read.counts.tolist() == finite.sum(axis=0).tolist()
    assert read.nan.tolist() == np.isnan(rows).sum(axis=0).tolist()
    assert read.missing.tolist() == (~finite).sum(axis=0).tolist()
    wide = rows.astype(np.float64)
    above = [(finite & (wide >= edge)).sum(axis=0).tolist() for edge in edges[0]]
    assert read.cumulative.T.tolist() == above


@pytest.mark.parametrize("kind", NUMERIC)
def test_every_kind_is_read_as_numpy_has_it(kind: str) -> None:
    rng = np.random.default_rng(3)
    rows = rng.integers(0, 100, (200, 7)).astype(kind)
    read = profile_of(rows).read()
    assert read.mean == pytest.approx(rows.astype(np.float64).mean(axis=0))
    assert read.variance == pytest.approx(rows.astype(np.float64).var(axis=0))
    assert read.max.tolist() == rows.max(axis=0).tolist()


def test_brain_floats_and_bools_are_taken_as_bytes() -> None:
    brain = TensorProfile("bfloat16", 1)
    brain.add(np.array([1.5, -2.5, np.nan], ml_dtypes.bfloat16).tobytes())
    assert (brain.read().mean[0], brain.read().nan[0]) == (-0.5, 1)
    flags = TensorProfile("bool", 2)
    flags.add(np.array([[True, False], [True, True]]))
    assert flags.read().mean.tolist() == [1.0, 0.5]


def test_ranges_and_histograms_are_counted() -> None:
    rows = np.array([[-2.0], [0.0], [0.5], [9.0], [np.nan]])
    profile = profile_of(rows, ranges=([-1.0], [5.0]), histogram=([0.0], [64.0]))
    read = profile.read()
    assert (read.below[0], read.above[0]) == (1, 1)
    assert read.histogram[0, :10].tolist() == [3, 0, 0, 0, 0, 0, 0, 0, 0, 1]


def test_signed_categories_keep_their_sign() -> None:
    rows = np.array([[-5], [-5], [3]], np.int32)
    profile = profile_of(rows, categories=True, known=[[-5]])
    top, rest, error = profile.categories(0)
    assert [(c.value, c.count, c.is_known) for c in top] == [(-5, 2, True), (3, 1, False)]
    assert (rest, error) == (0, 0)
    assert profile.distinct(0) == pytest.approx(2.0, abs=0.1)


def test_bytes_and_merges_give_the_sum() -> None:
    rows = np.random.default_rng(4).normal(size=(500, 3))
    whole, half = profile_of(rows), profile_of(rows[:200])
    again = TensorProfile.from_bytes(half.to_bytes())
    rest = half.fresh()
    assert rest.rows == 0
    rest.add(np.ascontiguousarray(rows[200:]))
    again.merge(rest)
    assert again.read().m2 == pytest.approx(whole.read().m2, rel=1e-12)
    assert (again.rows, again.kind, again.features) == (500, "float64", 3)


def test_what_cannot_be_is_refused_with_the_reason() -> None:
    with pytest.raises(ProfileError, match="not complex64"):
        TensorProfile("complex64", 1)
    with pytest.raises(ProfileError, match="edges must ascend"):
        TensorProfile("float32", 1, edges=[[2.0, 1.0]])
    with pytest.raises(ProfileError, match="a row for every feature"):
        TensorProfile("float32", 2, edges=[[1.0]])
    with pytest.raises(ProfileError, match="whole numbers"):
        TensorProfile("float32", 1, categories=True)
    profile = TensorProfile("float32", 2)
    with pytest.raises(ProfileError, match="a row has 8 bytes; 12 are no whole rows"):
        profile.add(np.zeros(3, np.float32))
    with pytest.raises(ProfileError, match="do not merge"):
        profile.merge(TensorProfile("float32", 3))
    with pytest.raises(ProfileError, match="checksum"):
        TensorProfile.from_bytes(profile.to_bytes()[:-1] + b"\0")
    with pytest.raises(IndexError):
        profile.quantile(2, 0.5)
    with pytest.raises(ValueError, match="not C-contiguous"):
        profile.add(np.zeros((4, 4), np.float32)[:, :2])


def test_rows_may_be_read_only_and_none() -> None:
    profile = TensorProfile("float32", 2)
    rows = np.ones((3, 2), np.float32)
    rows.flags.writeable = False
    profile.add(rows)
    profile.add(b"")
    profile.add(memoryview(rows.tobytes()))
    assert profile.rows == 6


def test_two_threads_cannot_use_one_profile_at_once() -> None:
    rows = np.zeros((400_000, 16), np.float32)
    profile = TensorProfile("float32", 16, quantiles=True)
    outcomes: list[int] = []
    ready = threading.Barrier(2)

    def add() -> None:
        ready.wait(10)
        done = 0
        for _ in range(5):
            try:
                profile.add(rows)
            except ValueError:
                continue
            done += 1
        outcomes.append(done)

    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert profile.rows == sum(outcomes) * len(rows)


@pytest.mark.parametrize("name", ["portable", "avx2", "avx512"])
def test_all_instructions_count_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(1_000, 33)).astype(np.float32)
    rows[rng.random(rows.shape) < 0.01] = np.nan
    options = {"edges": np.tile(np.linspace(-2, 2, 20), (33, 1)), "quantiles": True,
               "histogram": ([-3.0] * 33, [3.0] * 33)}  # fmt: skip
    best = profile_of(rows, **options).read()
    monkeypatch.setenv("LEEBOARD_SIMD", name)
    read = profile_of(rows, **options).read()
    assert np.array_equal(read.cumulative, best.cumulative)
    assert np.array_equal(read.histogram, best.histogram)
    assert read.m2 == pytest.approx(best.m2, rel=1e-12)
