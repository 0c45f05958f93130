"""What of a model is watched, and what its values are called."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runtime.backends.base import Signature, TensorSpec
from runtime.monitor.plan import SUMMARY, plan_of
from runtime.monitor.settings import DEFAULT
from runtime.monitor.signals import Kind
from tests.unit.monitor.filled import plan


def test_values_are_called_by_their_tensor_and_place() -> None:
    found = plan([("x", "FP32", 2), ("age", "INT64", 1)], [("y", "FP64", 1)])
    assert [tensor.features for tensor in found.tensors] == [
        ("x[0]", "x[1]"), ("age",), ("y",),
    ]  # fmt: skip
    assert [tensor.kind for tensor in found.tensors] == [
        Kind.INPUT, Kind.INPUT, Kind.OUTPUT,
    ]  # fmt: skip
    assert found.features == 4


def test_names_are_given_to_inputs_in_order_and_not_to_outputs() -> None:
    settings = replace(DEFAULT, features=("a", "b", "c"))
    found = plan([("x", "FP32", 2), ("z", "FP32", 1)], [("y", "FP32", 1)], settings)
    assert [tensor.features for tensor in found.tensors] == [("a", "b"), ("c",), ("y",)]


@pytest.mark.parametrize("names", [("a",), ("a", "b", "c"), ("a", "a")])
def test_another_number_of_names_is_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="value by value have 2"):
        plan([("x", "FP32", 2)], settings=replace(DEFAULT, features=names))


def test_long_rows_are_watched_by_what_they_come_to() -> None:
    [tensor] = plan([("image", "UINT8", 5_000)]).tensors
    assert tensor.is_summary
    assert tensor.value_kind == "float64"
    assert tensor.features == tuple(f"image: {what}" for what in SUMMARY)


def test_the_longest_row_that_is_watched_value_by_value_can_be_chosen() -> None:
    settings = replace(DEFAULT, max_features=3)
    three, four = plan([("a", "FP32", 3), ("b", "FP32", 4)], settings=settings).tensors
    assert not three.is_summary
    assert four.is_summary


def test_rows_of_any_length_are_watched_by_what_they_come_to() -> None:
    spec = TensorSpec("words", "INT64", (-1, -1))
    signature = Signature("any", (spec,), (), batchable=True)
    [tensor] = plan_of(signature, True, DEFAULT).tensors
    assert tensor.is_summary


def test_without_batches_all_dims_are_a_row() -> None:
    spec = TensorSpec("x", "FP32", (2, 2))
    signature = Signature("any", (spec,), (), batchable=False)
    [tensor] = plan_of(signature, False, DEFAULT).tensors
    assert tensor.features == ("x[0,0]", "x[0,1]", "x[1,0]", "x[1,1]")


def test_texts_are_not_watched_and_said_to_be_so() -> None:
    found = plan([("t", "BYTES", 1), ("x", "FP32", 1)])
    assert found.unwatched == ("input t has the datatype BYTES",)
    assert [tensor.index for tensor in found.tensors] == [1]
