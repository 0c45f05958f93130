"""Batches in ordinary memory are as strict as a worker's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from runtime.backends.base import FREE, Signature, TensorSpec
from runtime.backends.memory import POISON, MemoryOutputs, MemoryResponses, Shelf
from runtime.errors import ModelError

SIGNATURE = Signature(
    "test",
    (),
    (TensorSpec("y", "FP32", (FREE, 2)), TensorSpec("t", "BYTES", (FREE,))),
    batchable=True,
)


def test_reserved_memory_is_poisoned_and_of_the_declared_type() -> None:
    memory = MemoryOutputs(SIGNATURE).reserve("y", (3, 2))
    assert memory.dtype == np.float32
    assert (memory.view(np.uint8) == POISON).all()


def test_written_values_are_copied() -> None:
    outputs = MemoryOutputs(SIGNATURE)
    values = np.ones((3, 2), np.float32)
    outputs.write("y", values)
    values[:] = 0
    assert (outputs.arrays["y"] == 1).all()


def test_a_shelf_gives_the_same_memory_for_the_same_shape() -> None:
    shelf: Shelf = {}
    first, second = (MemoryOutputs(SIGNATURE, shelf=shelf) for _ in range(2))
    assert first.key == second.key
    assert first.reserve("y", (3, 2)) is second.reserve("y", (3, 2))
    assert MemoryOutputs(SIGNATURE).key is None


def test_an_output_comes_once() -> None:
    outputs = MemoryOutputs(SIGNATURE)
    outputs.reserve("y", (3, 2))
    with pytest.raises(ModelError, match="'y' was filled twice"):
        outputs.write("y", np.ones((3, 2), np.float32))


def test_an_output_must_be_declared() -> None:
    with pytest.raises(ModelError, match="'z' is not in the signature"):
        MemoryOutputs(SIGNATURE).reserve("z", (3, 2))


@pytest.mark.parametrize("shape", [(3, 3), (3,), (3, 2, 1)])
def test_an_output_keeps_its_declared_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="declared"):
        MemoryOutputs(SIGNATURE).reserve("y", shape)


def test_an_output_keeps_its_declared_type() -> None:
    with pytest.raises(ModelError, match="'y' is float64, declared FP32"):
        MemoryOutputs(SIGNATURE).write("y", np.ones((3, 2)))


def test_a_batched_output_has_the_batchs_rows() -> None:
    with pytest.raises(ModelError, match="for a batch of 4"):
        MemoryOutputs(SIGNATURE, rows=4).reserve("y", (3, 2))


def test_text_cannot_be_reserved() -> None:
    with pytest.raises(ModelError, match="BYTES"):
        MemoryOutputs(SIGNATURE).reserve("t", (3,))


def test_a_forgotten_output_is_named() -> None:
    outputs = MemoryOutputs(SIGNATURE)
    outputs.reserve("y", (3, 2))
    with pytest.raises(ModelError, match="'t' was not filled"):
        outputs.finish()


MANY = Signature("fake", (), (TensorSpec("y", "FP32", (FREE, 2)),), True, decoupled=True)


def respond(outputs: MemoryResponses, count: int) -> int:
    """Give so many responses; returns how many were wanted."""
    for given in range(count):
        if not outputs.ready():
            return given
        outputs.write("y", np.full((given, 2), given, np.float32))
        outputs.send()
    return count


def test_responses_are_kept_one_by_one() -> None:
    outputs = MemoryResponses(MANY)
    assert respond(outputs, 3) == 3
    assert [len(response["y"]) for response in outputs.end()] == [0, 1, 2]
    assert not outputs.was_cut


@pytest.mark.parametrize(
    ("limit", "given"),
    [({"most": 0}, 0), ({"most": 2}, 2), ({"most_bytes": 20}, 3), ({"seconds": -1.0}, 0)],
)
def test_nobody_wants_more_than_was_said(limit: dict[str, Any], given: int) -> None:
    outputs = MemoryResponses(MANY, **limit)
    assert respond(outputs, 9) == given == len(outputs.end())
    assert outputs.was_cut
    assert not outputs.ready()


def test_a_response_is_filled_between_ready_and_send() -> None:
    outputs = MemoryResponses(MANY)
    with pytest.raises(ModelError, match="nobody was ready for"):
        outputs.send()
    outputs.ready()
    with pytest.raises(ModelError, match="'y' was not filled"):
        outputs.send()
    outputs.write("y", np.zeros((1, 2), np.float32))
    with pytest.raises(ModelError, match="not given as a response"):
        outputs.end()


def test_what_was_given_stays_when_memory_is_used_again() -> None:
    outputs = MemoryResponses(MANY, shelf={})
    for value in (1.0, 2.0):
        outputs.ready()
        outputs.reserve("y", (1, 2))[...] = value
        outputs.send()
    assert [response["y"][0, 0] for response in outputs.end()] == [1.0, 2.0]
