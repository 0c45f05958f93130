"""Backends under the names and shapes that a person declared."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.backends.adapt import adapt, as_model_specs
from runtime.backends.base import FREE, UNSTATED, Signature, TensorSpec
from runtime.backends.declared import Declared
from runtime.backends.load_check import run_once
from runtime.errors import ModelError
from runtime.testing.fake_backend import FakeBackend, Function

FLAT = Signature(
    "fake",
    (TensorSpec("x", "FP32", (FREE,)), TensorSpec("bias", "FP32", (FREE, 2))),
    (TensorSpec("sum", "FP32", (FREE,)), TensorSpec("both", "FP32", (FREE, 2))),
    batchable=True,
)


def summed(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Answer the sum of a row, and bias + x."""
    x, bias = arrays["x"], arrays["bias"]
    return {"sum": x + bias.sum(axis=1), "both": bias + x[:, None]}


def backend(answer: Function = summed) -> FakeBackend:
    return FakeBackend(FLAT, answer)


def test_nothing_declared_is_the_backend_itself() -> None:
    made = backend()
    assert adapt(made, (), (), batched=True) is made


def test_declared_order_and_a_subset_of_outputs_are_served() -> None:
    inputs = (Declared("bias", "FP32", (2,)), Declared("x", "FP32", (1,), reshape=()))
    outputs = (Declared("sum", "FP32", (1,), reshape=()),)
    adapted = adapt(backend(), inputs, outputs, batched=True)
    signature = adapted.signature()
    assert [(s.name, s.shape) for s in signature.inputs] == [
        ("bias", (FREE, 2)), ("x", (FREE, 1))
    ]  # fmt: skip
    assert [(s.name, s.shape) for s in signature.outputs] == [("sum", (FREE, 1))]
    answer = run_once(
        adapted,
        {"bias": np.ones((3, 2), np.float32), "x": np.array([[1], [2], [3]], np.float32)},
        3,
    )
    assert answer["sum"].tolist() == [[3], [4], [5]]
    assert set(answer) == {"sum"}


def test_an_input_that_is_not_declared_is_missed() -> None:
    with pytest.raises(ModelError, match="input 'x' of the file is not declared"):
        adapt(backend(), (Declared("bias", "FP32", (2,)),), (), batched=True)


def test_whole_shapes_without_a_free_first_dim_do_not_batch() -> None:
    inputs = (Declared("x", "FP32", (1,)), Declared("bias", "FP32", (1, 2)))
    assert not adapt(backend(), inputs, (), batched=False).signature().batchable


def test_what_is_left_to_the_file_is_told_so() -> None:
    declared = (Declared("sum", "", None), Declared("x", "FP32", (1,), reshape=()))
    assert as_model_specs(declared, batched=True) == (
        TensorSpec("sum", "", UNSTATED), TensorSpec("x", "FP32", (FREE,))
    )  # fmt: skip


def test_free_dims_are_carried_over_a_reshape() -> None:
    signature = Signature(
        "fake",
        (TensorSpec("x", "FP32", (FREE, FREE)),),
        (TensorSpec("y", "FP32", (FREE, FREE)),),
        batchable=True,
    )
    twice = FakeBackend(signature, lambda arrays: {"y": arrays["x"] * 2})
    inputs = (Declared("x", "FP32", (1, -1), reshape=(-1,)),)
    outputs = (Declared("y", "FP32", (-1, 1, 1), reshape=(-1,)),)
    adapted = adapt(twice, inputs, outputs, batched=True)
    x = np.arange(6, dtype=np.float32).reshape(2, 1, 3)
    answer = run_once(adapted, {"x": x}, 2)["y"]
    assert answer.shape == (2, 3, 1, 1)
    assert answer.ravel().tolist() == [0, 2, 4, 6, 8, 10]


def test_a_reshape_keeps_the_number_of_free_dims() -> None:
    inputs = (Declared("x", "FP32", (-1, -1), reshape=()), Declared("bias", "FP32", (2,)))
    with pytest.raises(ModelError, match="another number of free dims"):
        adapt(backend(), inputs, (), batched=True)
