"""Inputs made from a signature, or read from a person's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.backends.base import FREE, Signature, TensorSpec
from runtime.backends.datatypes import NUMPY_TYPES, bf16_from_float, float_from_bf16
from runtime.backends.sample import make_inputs, make_values, read_warmup, take_rows
from runtime.errors import ConfigError


def signature(*inputs: TensorSpec, batchable: bool = True) -> Signature:
    """Return a signature with these inputs."""
    return Signature("test", inputs, (), batchable)


X = TensorSpec("x", "FP32", (FREE, 3))


@pytest.mark.parametrize("datatype", NUMPY_TYPES)
def test_values_of_every_datatype_are_made(datatype: str, rng: np.random.Generator) -> None:
    values = make_values(TensorSpec("x", datatype, (FREE, 5)), (4, 5), rng)
    assert values.shape == (4, 5)
    assert values.dtype == NUMPY_TYPES[datatype]


def test_rows_of_small_integers_differ_half_a_batch_apart(rng: np.random.Generator) -> None:
    values = make_values(TensorSpec("x", "INT64", (FREE, 1)), (6, 1), rng)
    assert set((values[:3] + values[3:]).ravel().tolist()) == {1}


def test_the_same_seed_makes_the_same_inputs() -> None:
    first, second = (make_inputs(signature(X), 4, seed=7) for _ in range(2))
    assert first is not None
    assert second is not None
    assert np.array_equal(first["x"], second["x"])
    assert first["x"].shape == (4, 3)


def test_free_dims_cannot_be_guessed() -> None:
    assert make_inputs(signature(TensorSpec("x", "FP32", (FREE, 3, FREE))), 2) is None
    assert make_inputs(signature(X, batchable=False), None) is None


def test_fixed_shapes_need_no_batch() -> None:
    fixed = signature(TensorSpec("x", "FP32", (1, 3)), batchable=False)
    made = make_inputs(fixed, None)
    assert made is not None
    assert made["x"].shape == (1, 3)


def test_rows_go_round_with_a_roll() -> None:
    rows = take_rows(np.array([[1, 2, 3], [4, 5, 6]]), 5)
    assert rows.tolist() == [[1, 2, 3], [4, 5, 6], [3, 1, 2], [6, 4, 5], [2, 3, 1]]


def test_no_rows_become_zeros() -> None:
    assert take_rows(np.ones((0, 2)), 3).tolist() == [[0, 0]] * 3


def test_a_warmup_file_gives_the_free_dims(tmp_path: Path) -> None:
    wanted = signature(
        TensorSpec("x", "FP32", (FREE, FREE)), TensorSpec("t", "BYTES", (FREE,))
    )
    np.savez(tmp_path / "w.npz", x=np.ones((1, 7), np.float32), t=np.array(["é"]))
    warmup = read_warmup(tmp_path / "w.npz", wanted)
    made = make_inputs(wanted, 2, warmup=warmup)
    assert made is not None
    assert made["x"].shape == (2, 7)
    assert made["t"].tolist() == ["é".encode()] * 2


def test_a_scalar_of_a_warmup_file_stays_one(tmp_path: Path) -> None:
    rate = signature(TensorSpec("sr", "INT64", ()), batchable=False)
    np.savez(tmp_path / "w.npz", sr=np.int64(16000))
    assert read_warmup(tmp_path / "w.npz", rate)["sr"].shape == ()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": np.ones((1, 3), np.float32)}, "no input 'y'"),
        ({}, "input 'x' is missing"),
        ({"x": np.ones((1, 3))}, r"input 'x' is float64 \(1, 3\), the model expects FP32"),
        ({"x": np.ones((1, 4), np.float32)}, r"float32 \(1, 4\)"),
        ({"x": np.ones(3, np.float32)}, r"float32 \(3,\)"),
    ],
)
def test_a_warmup_file_that_does_not_fit_says_how(
    tmp_path: Path, arrays: dict[str, Any], message: str
) -> None:
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(ConfigError, match=message):
        read_warmup(tmp_path / "w.npz", signature(X))


def test_inputs_of_a_warmup_file_have_equal_rows(tmp_path: Path) -> None:
    two = signature(X, TensorSpec("z", "FP32", (FREE,)))
    np.savez(tmp_path / "w.npz", x=np.ones((1, 3), np.float32), z=np.ones(2, np.float32))
    with pytest.raises(ConfigError, match="differ in their number of rows"):
        read_warmup(tmp_path / "w.npz", two)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_npz_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.npz").write_bytes(content)
    with pytest.raises(ConfigError, match="not a readable"):
        read_warmup(tmp_path / "w.npz", signature(X))


def test_a_warmup_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a readable"):
        read_warmup(tmp_path / "none.npz", signature(X))


def test_bf16_rounds_to_the_nearest_and_ties_to_even() -> None:
    values = np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-9, -2.5], np.float32)
    expected = [1.0, 1.0, 1 + 2**-6, 1.0, -2.5]
    assert float_from_bf16(bf16_from_float(values)).tolist() == expected
