"""Signatures and shape predictions, from declarations without a file."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from runtime.backends.base import FREE, TensorSpec
from runtime.backends.onnx_types import ELEMENTS, Dim, OutputShapes, read_signature
from runtime.errors import ModelError


@dataclass(frozen=True)
class Declared:
    """A declaration as ONNX Runtime shows it."""

    name: str
    shape: tuple[Dim, ...]
    type: str = "tensor(float)"


def is_batchable(*shapes: tuple[Dim, ...]) -> bool:
    """Read a signature whose last shape is the output's."""
    inputs = [Declared(f"x{place}", shape) for place, shape in enumerate(shapes[:-1])]
    return read_signature(inputs, [Declared("y", shapes[-1])]).batchable


def test_a_signature_keeps_names_order_and_fixed_dims() -> None:
    inputs = [Declared("b", ("N", 3, None)), Declared("a", ("N",), "tensor(int64)")]
    signature = read_signature(inputs, [Declared("y", ("N", 2))])
    assert signature.inputs == (
        TensorSpec("b", "FP32", (FREE, 3, FREE)),
        TensorSpec("a", "INT64", (FREE,)),
    )
    assert signature.outputs == (TensorSpec("y", "FP32", (FREE, 2)),)


@pytest.mark.parametrize("kind", ELEMENTS)
def test_every_tensor_type_has_a_datatype(kind: str) -> None:
    signature = read_signature([Declared("x", ("N",), kind)], [Declared("y", ("N",), kind)])
    assert (
        signature.inputs[0].datatype == signature.outputs[0].datatype == ELEMENTS[kind][0]
    )


@pytest.mark.parametrize(
    "shapes",
    [
        (("N", 4), ("N", 2)),
        ((None, 4), (None, 2)),
        (("unk_1", 4), ("unk_2", 2)),
        (("N", 4), (None, 3), ("N",)),
    ],
)
def test_free_first_dims_may_be_a_batch(shapes: tuple[tuple[Dim, ...], ...]) -> None:
    assert is_batchable(*shapes)


@pytest.mark.parametrize(
    "shapes",
    [
        ((1, 4), (1, 2)),
        (("N", 4), (8, 2)),
        (("N", 4), ()),
        ((), ("N",)),
        ((2, "N", 128), ("N", 1)),
        (("N", 4), ("M", 4), ("N", 4)),
        (("N", "T"), ("T", 4)),
    ],
)
def test_these_first_dims_are_no_batch(shapes: tuple[tuple[Dim, ...], ...]) -> None:
    assert not is_batchable(*shapes)


def test_a_model_without_inputs_does_not_batch() -> None:
    assert not read_signature([], [Declared("y", ("N",))]).batchable


@pytest.mark.parametrize(
    "kind", ["seq(tensor(float))", "map(int64,tensor(float))", "optional"]
)
def test_a_type_that_is_no_tensor_is_refused_by_name(kind: str) -> None:
    with pytest.raises(ModelError, match="output 'scores' is a "):
        read_signature([Declared("x", ("N",))], [Declared("scores", ("N",), kind)])


def test_a_repeated_name_is_refused() -> None:
    twice = [Declared("y", ("N",))] * 2
    with pytest.raises(ModelError, match="declares output 'y' more than once"):
        read_signature([Declared("x", ("N",))], twice)


def test_text_and_bf16_do_not_meet_in_one_model() -> None:
    inputs = [Declared("t", ("N",), "tensor(string)")]
    with pytest.raises(ModelError, match="text and BF16"):
        read_signature(inputs, [Declared("y", ("N",), "tensor(bfloat16)")])


def shapes_of(given: tuple[Dim, ...], output: tuple[Dim, ...]) -> OutputShapes:
    """Predict one output of one input."""
    return OutputShapes.declared(
        [Declared("x", given)], [Declared("y", output)], batchable=True
    )


def test_a_shape_follows_from_names_and_the_batch() -> None:
    shapes = shapes_of(("N", "T", 3), ("unk_7", 5, "T"))
    assert shapes.predict("y", {"x": (4, 9, 3)}) == (4, 5, 9)


@pytest.mark.parametrize("dim", [None, "?", "elsewhere"])
def test_a_dim_that_no_input_names_has_no_prediction(dim: Dim) -> None:
    shapes = shapes_of(("N", dim if dim == "?" else "T"), ("N", dim))
    assert shapes.predict("y", {"x": (4, 9)}) is None
    assert shapes.is_settled("y", {"x": (4, 9)})


def test_a_prediction_is_trusted_after_two_different_shapes_proved_it() -> None:
    shapes = shapes_of(("N", 2), ("N", 8))
    one, three = {"x": (1, 2)}, {"x": (3, 2)}
    for _ in range(3):
        shapes.observe("y", one, (1, 8))
        assert shapes.trusted("y", one) is None
    shapes.observe("y", three, (3, 8))
    assert shapes.trusted("y", {"x": (50, 2)}) == (50, 8)


def test_one_proof_is_enough_where_inputs_have_one_shape() -> None:
    shapes = OutputShapes.declared(
        [Declared("x", (1, 2))], [Declared("y", (1, 8))], batchable=False
    )
    shapes.observe("y", {"x": (1, 2)}, (1, 8))
    assert shapes.trusted("y", {"x": (1, 2)}) == (1, 8)


def test_an_output_that_came_otherwise_is_never_trusted_again() -> None:
    shapes = shapes_of(("N", 2), ("N", 8))
    shapes.observe("y", {"x": (1, 2)}, (1, 8))
    shapes.observe("y", {"x": (3, 2)}, (1, 8))
    shapes.observe("y", {"x": (4, 2)}, (4, 8))
    assert shapes.trusted("y", {"x": (4, 2)}) is None
    assert shapes.is_settled("y", {"x": (4, 2)})
