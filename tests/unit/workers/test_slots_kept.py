"""Inputs that requests leave out, and inputs that a model keeps."""

from __future__ import annotations

import pytest

from runtime.backends.base import FREE, TensorSpec
from runtime.errors import WorkerError
from runtime.workers.slots import InputReader
from tests.unit.workers.fake_port import FakePort
from tests.unit.workers.slot_batches import (
    PAIR,
    SCALE,
    TEXT,
    X,
    pair_port,
    pair_reader,
    scales,
    signature,
    text_port,
    x_rows,
)

OPTIONAL = (TensorSpec("bias", "FP32", (FREE,), optional=True), X, SCALE)


def test_an_input_that_was_left_out_is_not_there() -> None:
    port = pair_port()
    port.present = (1, 2)
    inputs = InputReader(port.as_port(), signature(*OPTIONAL)).read()
    assert list(inputs) == ["x", "scale"]
    assert inputs["scale"].tolist() == [7, 8]


@pytest.mark.parametrize("present", [(0, 1), (2, 1), (1, 1), (1, 3), (1, 2, 2)])
def test_a_layout_of_other_inputs_is_refused(present: tuple[int, ...]) -> None:
    port = pair_port()
    port.declare(1, *PAIR, *PAIR[len(present) - 3 :][: len(present) - 2])
    port.present = present
    with pytest.raises(WorkerError, match="was laid out with inputs"):
        InputReader(port.as_port(), signature(*OPTIONAL)).read()


def test_views_of_a_fresh_array_refer_to_it() -> None:
    inputs = pair_reader(pair_port()).read()
    fresh = inputs.fresh("x")
    assert fresh is not inputs.fresh("x")
    assert fresh.tolist() == x_rows(2).tolist()
    assert not fresh.flags.writeable
    for view in (fresh[1:], fresh[1:].reshape(-1), fresh.T[:2]):
        assert view.base is fresh


def test_an_array_that_was_detached_stands_while_later_batches_come() -> None:
    port = pair_port()
    reader = pair_reader(port)
    inputs = reader.read()
    kept = inputs.fresh("x")
    inputs.detach()
    inputs.detach()
    assert port.detached == [(128, 192 + 16 - 128 + 64)]
    port.lay(128, 8, x_rows(2, first=100), scales(1, 2))
    later = reader.read()
    assert kept.tolist() == x_rows(2).tolist()
    assert later["x"].tolist() == x_rows(2, first=100).tolist()
    assert later.key is None


def test_after_a_detach_every_batch_is_private() -> None:
    port = pair_port()
    reader = pair_reader(port)
    reader.read().detach()
    first = reader.read()
    kept, fresh = first["x"], first.fresh("scale")
    first.detach()
    port.lay(128, 8, x_rows(2, first=100), scales(1, 2))
    assert kept.tolist() == x_rows(2).tolist()
    assert fresh.tolist() == [7, 8]
    assert reader.read()["x"].tolist() == x_rows(2, first=100).tolist()
    assert len(port.detached) == 1


def test_a_scalar_of_a_model_without_batching_is_private_after_a_detach() -> None:
    port = FakePort(batched=False)
    port.declare(1, ((2, 2), 16), ((), 8))
    port.lay(0, 1, x_rows(1), scales(7))
    port.claim((0, 1, 1, 0))
    reader = pair_reader(port)
    reader.read().detach()
    inputs = reader.read()
    port.lay(0, 1, x_rows(1), scales(8))
    assert inputs["scale"] == inputs.fresh("scale") == 7


def test_a_gathered_batch_is_private_already() -> None:
    port = pair_port()
    port.lay(1024, 4, x_rows(3, first=50), scales(1, 2, 3))
    port.claim((128, 8, 2, 0), (1024, 4, 3, 0))
    inputs = pair_reader(port).read()
    fresh = inputs.fresh("scale")
    assert fresh is not inputs["scale"]
    inputs.detach()
    assert port.detached == []
    assert fresh.tolist() == [7, 8, 1, 2, 3]


def test_fresh_texts_are_private() -> None:
    port = text_port(b"a", b"b", b"c", b"d")
    inputs = InputReader(port.as_port(), signature(TEXT, SCALE)).read()
    fresh = inputs.fresh("text")
    assert fresh is not inputs["text"]
    assert fresh.tolist() == [[b"a", b"b"], [b"c", b"d"]]
