"""Batches as backends see them: views of the right memory, and outputs that are checked."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.backends.base import FREE, TensorSpec
from runtime.errors import ModelError
from runtime.rawbytes import pack_elements
from runtime.workers.slots import InputReader, SlotInputs, SlotOutputs
from runtime.workers.view_cache import CACHED_VIEWS
from tests.unit.workers.fake_port import FakePort
from tests.unit.workers.slot_batches import (
    PAIR,
    SCALE,
    TEXT,
    pair_port,
    pair_reader,
    scales,
    signature,
    text_port,
    x_rows,
)


def test_inputs_are_read_only_views_of_shared_memory() -> None:
    port = pair_port()
    inputs = pair_reader(port).read()
    port.lay(128, 8, x_rows(2, first=100), scales(1, 2))
    assert inputs["x"].tolist() == x_rows(2, first=100).tolist()
    assert inputs["scale"].tolist() == [1, 2]
    assert not inputs["x"].flags.writeable
    assert (list(inputs), inputs.rows) == (["x", "scale"], 2)


def test_a_model_without_batching_gets_its_own_shape() -> None:
    port = FakePort(batched=False)
    port.declare(1, ((2, 2), 16), ((), 8))
    port.lay(0, 1, x_rows(1), scales(7))
    port.claim((0, 1, 1, 0))
    inputs = pair_reader(port).read()
    assert (inputs["x"].shape, inputs["scale"].shape) == ((2, 2), ())


def test_the_same_place_is_shown_by_the_same_arrays() -> None:
    reader = pair_reader(pair_port())
    assert reader.read() is reader.read()


@pytest.mark.parametrize(
    ("layout_id", "segment"),
    [(1, (192, 8, 2, 0)), (1, (128, 8, 1, 0)), (1, (128, 2, 2, 0)), (2, (128, 8, 2, 0))],
    ids=["offset", "rows", "capacity", "layout"],
)
def test_another_place_or_shape_has_another_key(
    layout_id: int, segment: tuple[int, int, int, int]
) -> None:
    port = pair_port()
    reader = pair_reader(port)
    first = reader.read().key
    port.declare(layout_id, *PAIR)
    port.claim(segment)
    assert first is not None
    assert reader.read().key != first


def test_a_place_laid_out_for_other_rows_shows_its_own_second_input() -> None:
    port = pair_port(capacity=8)
    reader = pair_reader(port)
    reader.read()
    port.lay(128, 2, x_rows(2), scales(30, 40))
    port.claim((128, 2, 2, 0))
    assert reader.read()["scale"].tolist() == [30, 40]


def test_a_batch_in_several_segments_is_gathered_in_order() -> None:
    port = pair_port()
    port.lay(1024, 4, x_rows(3, first=50), scales(1, 2, 3))
    port.claim((128, 8, 2, 0), (1024, 4, 3, 0))
    inputs = pair_reader(port).read()
    assert inputs["x"].tolist() == [*x_rows(2).tolist(), *x_rows(3, first=50).tolist()]
    assert inputs["scale"].tolist() == [7, 8, 1, 2, 3]
    assert (inputs.rows, inputs.key) == (5, None)


def read_text(port: FakePort) -> SlotInputs:
    return InputReader(port.as_port(), signature(TEXT, SCALE)).read()


def test_texts_are_objects_and_what_lies_behind_their_room_is_found() -> None:
    inputs = read_text(text_port(b"a", b"", b"\xff\x00", b"four"))
    assert inputs["text"].tolist() == [[b"a", b""], [b"\xff\x00", b"four"]]
    assert inputs["scale"].tolist() == [7, 8]
    assert inputs.key is None


def test_texts_are_read_anew_for_every_batch() -> None:
    port = text_port(b"one", b"two")
    reader = InputReader(port.as_port(), signature(TEXT, SCALE))
    reader.read()
    port.lay_bytes(0, pack_elements(np.array([b"three", b"four"], object)))
    assert reader.read()["text"].tolist() == [[b"three", b"four"]]


def test_texts_of_several_segments_are_gathered() -> None:
    port = text_port(b"a", b"b")
    port.lay_bytes(512, pack_elements(np.array([b"c", b"d"], object)))
    port.lay_bytes(640, scales(9).tobytes())
    port.claim((0, 4, 1, 64), (512, 1, 1, 128))
    assert read_text(port)["text"].tolist() == [[b"a", b"b"], [b"c", b"d"]]


def test_of_too_many_views_the_one_unused_for_longest_is_forgotten() -> None:
    port = pair_port()
    reader = pair_reader(port)

    def read_at(offset: int) -> SlotInputs:
        port.claim((offset, 8, 2, 0))
        return reader.read()

    kept, forgotten = read_at(0), read_at(64)
    for place in range(2, CACHED_VIEWS + 1):
        read_at(64 * place)
        read_at(0)
    assert read_at(0) is kept
    assert read_at(64) is not forgotten


def test_a_layout_is_read_once_and_not_remembered_for_ever() -> None:
    port = pair_port()
    reader = pair_reader(port)

    def read_as(layout_id: int) -> None:
        port.declare(layout_id, *PAIR)
        for rows in (1, 2):
            port.claim((128, 8, rows, 0))
            reader.read()

    for layout_id in range(CACHED_VIEWS + 1):
        read_as(layout_id)
    assert port.layouts_read == CACHED_VIEWS + 1
    read_as(0)
    assert port.layouts_read == CACHED_VIEWS + 2


Y = TensorSpec("y", "FP32", (FREE, 4))
LABEL = TensorSpec("label", "INT64", (FREE,))
WORDS = TensorSpec("words", "BYTES", (FREE,))


def outputs_of(port: FakePort, *specs: TensorSpec, batched: bool = True) -> SlotOutputs:
    return SlotOutputs(port.as_port(), signature(outputs=specs), batched)


def two_rows(room: int = 4096) -> FakePort:
    port = FakePort(room)
    port.claim((0, 2, 2, 0))
    return port


def test_outputs_lie_one_behind_the_other_in_what_was_granted() -> None:
    port = two_rows()
    port.output_offset = 128
    outputs = outputs_of(port, Y, LABEL)
    outputs.reserve("y", (2, 4))[...] = x_rows(2)
    outputs.reserve("label", (2,))[...] = [5, 6]
    assert outputs.finish() == 2
    assert port.records == {0: (128, 32, (2, 4)), 1: (192, 16, (2,))}
    assert port.output(0).tolist() == x_rows(2).tolist()
    assert port.output(1, "int64").tolist() == [5, 6]
    assert not outputs.grown


def test_equal_keys_give_the_same_memory() -> None:
    port = two_rows()
    outputs = outputs_of(port, Y, LABEL)
    first = (outputs.key, outputs.reserve("y", (2, 4)), outputs.reserve("label", (2,)))
    outputs.begin()
    assert outputs.key == first[0]
    assert outputs.reserve("y", (2, 4)) is first[1]
    assert outputs.reserve("label", (2,)) is first[2]


@pytest.mark.parametrize(("offset", "room"), [(64, 4096), (0, 2048)])
def test_another_grant_has_another_key(offset: int, room: int) -> None:
    port = two_rows()
    outputs = outputs_of(port, Y)
    first = outputs.key
    port.output_offset, port.output_capacity = offset, room
    outputs.begin()
    assert first is not None
    assert outputs.key != first


def test_beside_a_text_no_place_is_promised() -> None:
    assert outputs_of(two_rows(), WORDS, Y).key is None


def test_written_values_take_the_declared_datatype() -> None:
    port = two_rows()
    outputs = outputs_of(port, Y)
    outputs.write("y", np.arange(8, dtype=np.float64).reshape(2, 4))
    outputs.finish()
    assert port.output(0).tolist() == x_rows(2).tolist()


def test_texts_are_packed_into_the_grant() -> None:
    port = two_rows()
    outputs = outputs_of(port, WORDS, LABEL)
    texts = np.array([b"one", "\N{SNOWMAN}"], object)
    outputs.write("words", texts)
    outputs.write("label", scales(1, 2))
    assert outputs.finish() == 2
    assert port.output_bytes(0) == pack_elements(texts)
    assert port.records[0][2] == (2,)
    assert port.output(1, "int64").tolist() == [1, 2]


@pytest.mark.parametrize("names", [("y", "label", "words"), ("words", "label", "y")])
def test_outputs_that_do_not_fit_all_move_to_one_region_of_their_own(
    names: tuple[str, ...],
) -> None:
    port = two_rows(room=80)
    outputs = outputs_of(port, Y, LABEL, WORDS)
    values = {
        "y": x_rows(2),
        "label": scales(5, 6),
        "words": np.array([b"w" * 30, b""], object),
    }
    for name in names:
        outputs.write(name, values[name])
    assert outputs.finish() == 3
    assert outputs.grown
    assert outputs.key is None
    assert port.output(0).tolist() == x_rows(2).tolist()
    assert port.output(1, "int64").tolist() == [5, 6]
    assert port.output_bytes(2) == pack_elements(values["words"])
    assert all(offset % 64 == 0 for offset, _, _ in port.records.values())


def test_memory_reserved_before_the_move_may_be_filled_until_the_end() -> None:
    port = two_rows(room=40)
    outputs = outputs_of(port, Y, LABEL)
    y, label = outputs.reserve("y", (2, 4)), outputs.reserve("label", (2,))
    y[...], label[...] = x_rows(2), [5, 6]
    outputs.finish()
    assert port.output(0).tolist() == x_rows(2).tolist()
    assert port.output(1, "int64").tolist() == [5, 6]


def test_the_batch_after_one_that_moved_is_in_its_grant_again() -> None:
    port = two_rows(room=16)
    outputs = outputs_of(port, Y)
    outputs.write("y", x_rows(2))
    outputs.finish()
    port.output_capacity = 4096
    outputs.begin()
    assert not outputs.grown
    assert outputs.key is not None


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("z", (2, 4), "the model produced 'z', which its signature lacks"),
        ("label", (2,), "output 'label' was produced twice"),
        (
            "y",
            (3, 4),
            r"has shape \[3, 4\]; its first dimension must be the batch's 2 rows",
        ),
        ("y", (), r"has shape \[\]; its first dimension must be the batch's 2 rows"),
        ("y", (2, 5), r"output 'y' has shape \[2, 5\], the model declares \[-1, 4\]"),
        ("y", (2, 4, 1), r"output 'y' has shape \[2, 4, 1\], the model declares \[-1, 4\]"),
        ("words", (2,), "output 'words' is BYTES, which has no fixed size; write it"),
    ],
)
def test_an_output_that_breaks_the_signature_is_refused(
    name: str, shape: tuple[int, ...], words: str
) -> None:
    outputs = outputs_of(two_rows(), Y, LABEL, WORDS)
    outputs.reserve("label", (2,))
    with pytest.raises(ModelError, match=words):
        outputs.reserve(name, shape)


def test_without_batching_any_number_of_rows_is_the_models_to_choose() -> None:
    port = two_rows()
    outputs = outputs_of(port, Y, batched=False)
    outputs.write("y", x_rows(5))
    assert outputs.finish() == 1
    assert port.records[0][2] == (5, 4)


def test_every_missing_output_is_named() -> None:
    outputs = outputs_of(two_rows(), Y, LABEL, WORDS)
    outputs.write("label", scales(1, 2))
    with pytest.raises(ModelError, match="did not produce its outputs 'y', 'words'"):
        outputs.finish()


def test_a_failed_batch_leaves_nothing_to_the_next() -> None:
    outputs = outputs_of(two_rows(), Y, LABEL)
    outputs.reserve("y", (2, 4))
    outputs.begin()
    outputs.write("y", x_rows(2))
    outputs.write("label", scales(1, 2))
    assert outputs.finish() == 2
