"""Requests are valid for the model, the same for a seed, and cut from data in order."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.backends.base import Array
from runtime.backends.datatypes import NUMPY_TYPES
from runtime.backends.encoding import from_raw
from runtime.capacity.inputs import DATA_MESSAGES, Questions, make_questions
from runtime.capacity.model import Model
from runtime.capacity.scenario import Ask
from runtime.errors import ConfigError
from runtime.messages import ModelInferRequest
from tests.unit.capacity.fakes import model, tensor

ONE = model(tensor("x", "FP32", 3))
TWO = model(tensor("x", "FP32", 3), tensor("n", "INT64"))
FIXED = model(tensor("x", "FP32", 2, 2, batches=False))
FREE = model(tensor("x", "FP32", -1))


def questions(of: Model, **ask: Any) -> Questions:
    return make_questions(of, Ask("127.0.0.1:1", "fraud", **ask))


def decoded(message: bytes) -> dict[str, Array]:
    request = ModelInferRequest.FromString(message)
    pairs = zip(request.inputs, request.raw_input_contents, strict=True)
    return {t.name: from_raw(raw, t.datatype, tuple(t.shape)) for t, raw in pairs}


def sent(asked: Questions, name: str = "x") -> list[Any]:
    """Return one input of every message."""
    return [decoded(message)[name].tolist() for message in asked.messages]


@pytest.mark.parametrize("datatype", NUMPY_TYPES)
def test_random_values_are_valid_for_every_datatype(datatype: str) -> None:
    asked = questions(model(tensor("x", datatype, 4)), batch=3)
    assert len(asked.messages) == len(set(asked.messages)) == 16
    assert {decoded(message)["x"].shape for message in asked.messages} == {(3, 4)}


def test_integers_are_0_to_99_and_booleans_both() -> None:
    numbers = questions(model(tensor("x", "INT8", 1000))).messages
    values = np.concatenate([decoded(message)["x"].ravel() for message in numbers])
    assert (values.min(), values.max()) == (0, 99)
    truths = questions(model(tensor("x", "BOOL", 100))).messages
    assert 0 < np.mean([decoded(message)["x"] for message in truths]) < 1


def test_texts_are_eight_printable_characters() -> None:
    texts = sent(questions(model(tensor("x", "BYTES", 2, batches=False))))
    assert all(
        len(text) == 8 and text.decode().isprintable() for row in texts for text in row
    )


def test_a_tensor_without_dimensions_has_one_value() -> None:
    asked = questions(model(tensor("x", "BYTES", batches=False)))
    assert decoded(asked.messages[0])["x"].shape == ()


def test_the_seed_decides_the_values() -> None:
    assert questions(TWO, seed=1) == questions(TWO, seed=1)
    assert questions(TWO, seed=1) != questions(TWO, seed=2)


@pytest.mark.parametrize(("width", "count"), [(1 << 20, 15), (1 << 23, 1), (17 << 20, 1)])
def test_large_messages_are_fewer(width: int, count: int) -> None:
    assert len(questions(model(tensor("x", "FP32", width))).messages) == count


def test_a_request_names_model_and_version() -> None:
    named = Model("fraud", "7", ONE.inputs, ())
    request = ModelInferRequest.FromString(questions(named).messages[0])
    assert (request.model_name, request.model_version) == ("fraud", "7")


def test_free_sizes_are_what_the_person_says() -> None:
    asked = questions(FREE, shapes={"x": (5,)}, batch=2)
    assert decoded(asked.messages[0])["x"].shape == (2, 5)


@pytest.mark.parametrize(
    ("of", "ask", "words"),
    [
        (FREE, {}, r"'x' of fraud has the shape \[-1, -1\]; give .* as --shape x:D1, or"),
        (FREE, {"shapes": {"x": (0,)}}, r"--shape x is \[0\], the model expects \[-1\]"),
        (FREE, {"shapes": {"x": (2, 3)}}, r"--shape x is \[2, 3\], .* after the batch dim"),
        (ONE, {"shapes": {"x": (4,)}}, r"--shape x is \[4\], the model expects \[3\]"),
        (ONE, {"shapes": {"z": (4,)}}, "--shape 'z': fraud has no such input; .* are 'x'"),
        (FIXED, {"batch": 2}, r"--batch is 2, but fraud does not batch: .* 'x' \[2, 2\]"),
        (model(), {}, "fraud declares no inputs; give --data with their names"),
        (model(tensor("x", "FP8", 1)), {}, "'x' of fraud has the datatype 'FP8'"),
    ],
)
def test_what_cannot_be_made_up_is_asked_for(
    of: Model, ask: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        questions(of, **ask)


def as_npy(path: Path, values: object) -> Path:
    file = path / "data.npy"
    np.save(file, np.asarray(values))
    return file


def as_npz(path: Path, **arrays: object) -> Path:
    file = path / "data.npz"
    made: dict[str, Any] = {name: np.asarray(values) for name, values in arrays.items()}
    np.savez(file, **made)
    return file


def as_json(path: Path, content: object) -> Path:
    file = path / "data.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def test_rows_are_cut_into_requests_in_order_and_the_rest_is_named(tmp_path: Path) -> None:
    asked = questions(FREE, data=as_npy(tmp_path, [[1], [2], [3], [4], [5]]), batch=2)
    assert sent(asked) == [[[1], [2]], [[3], [4]]]
    assert asked.notes == (
        "the last 1 of 5 rows of --data are not sent: they do not fill a request of 2",
    )


def test_one_row_may_leave_out_the_batch_dimension(tmp_path: Path) -> None:
    assert sent(questions(ONE, data=as_npy(tmp_path, [1, 2, 3]))) == [[[1, 2, 3]]]


def test_a_model_that_does_not_batch_takes_whole_tensors(tmp_path: Path) -> None:
    one = [[1, 2], [3, 4]]
    assert sent(questions(FIXED, data=as_npy(tmp_path, one))) == [one]
    assert sent(questions(FIXED, data=as_npy(tmp_path, [one, one, one]))) == [one] * 3


def test_names_come_from_npz_and_from_json(tmp_path: Path) -> None:
    arrays = {"x": [[1, 2, 3], [4, 5, 6]], "n": [7, 8]}
    from_npz = questions(TWO, data=as_npz(tmp_path, **arrays))
    from_json = questions(TWO, data=as_json(tmp_path, arrays))
    assert from_npz == from_json
    assert (sent(from_npz), sent(from_npz, "n")) == ([[[1, 2, 3]], [[4, 5, 6]]], [[7], [8]])


def test_a_tensor_called_data_is_no_list_of_steps(tmp_path: Path) -> None:
    named = model(tensor("data", "FP32", 1))
    asked = questions(named, data=as_json(tmp_path, {"data": [[1], [2]]}))
    assert sent(asked, "data") == [[[1]], [[2]]]


def test_steps_are_rows_as_perf_analyzer_has_them(tmp_path: Path) -> None:
    raw = base64.b64encode(np.array([7, 8, 9], np.float32).tobytes()).decode()
    steps = [
        {"x": [1, 2, 3]},
        {"x": {"content": [4, 5, 6], "shape": [3]}},
        {"x": {"b64": raw}},
        {"x": [[1, 1, 1]]},
    ]
    asked = questions(ONE, data=as_json(tmp_path, {"data": steps}), batch=2)
    assert sent(asked) == [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [1, 1, 1]]]


def test_streams_of_steps_follow_each_other(tmp_path: Path) -> None:
    streams = [[{"x": [1, 1, 1]}], [{"x": [2, 2, 2]}, {"x": [3, 3, 3]}]]
    asked = questions(ONE, data=as_json(tmp_path, {"data": streams}))
    assert [rows[0][0] for rows in sent(asked)] == [1, 2, 3]


def test_steps_may_differ_in_shape_when_they_travel_alone(tmp_path: Path) -> None:
    steps = [{"x": [1]}, {"x": {"content": [1, 2], "shape": [2]}}]
    data = as_json(tmp_path, {"data": steps})
    assert sent(questions(FREE, data=data)) == [[[1]], [[1, 2]]]
    with pytest.raises(ConfigError, match=r"rows of different shapes .*; --batch 1 keeps"):
        questions(FREE, data=data, batch=2)


def test_a_flat_list_takes_the_shape_that_the_person_gave(tmp_path: Path) -> None:
    free = model(tensor("x", "FP32", -1, 2))
    data = as_json(tmp_path, {"data": [{"x": [1, 2, 3, 4]}]})
    assert sent(questions(free, data=data, shapes={"x": (2, 2)})) == [[[[1, 2], [3, 4]]]]


def test_data_tells_the_inputs_of_a_model_that_declares_none(tmp_path: Path) -> None:
    x, words = np.ones((4, 2), np.float32), ["a", "b", "c", "d"]
    asked = questions(model(), data=as_npz(tmp_path, x=x, words=words), batch=2)
    request = ModelInferRequest.FromString(asked.messages[0])
    assert [(t.name, t.datatype, list(t.shape)) for t in request.inputs] == [
        ("x", "FP32", [2, 2]),
        ("words", "BYTES", [2]),
    ]
    with pytest.raises(ConfigError, match="fraud declares no inputs; give --data with"):
        questions(model(), data=as_npy(tmp_path, x))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"x": [[1, 2]], "n": [1]}, r"--data x has shape \[1, 2\], .* expects \[-1, 3\]"),
        ({"x": [[1, 2, 3]], "z": [1]}, "--data has 'z'; fraud's inputs are 'x', 'n'"),
        ({"x": [[1, 2, 3]]}, "--data lacks fraud's input 'n'"),
        ({"x": [[1, 2, 3]], "n": [1, 2]}, "different numbers of rows: {'x': 1, 'n': 2}"),
        ({"x": [["a", "b", "c"]], "n": [1]}, "--data x does not convert to FP32"),
        ({"x": [[1, 2, 3]], "n": [1.5]}, "--data n does not convert to INT64"),
        ({"x": [[1], [2, 3]], "n": [1]}, "--data .*data.json: "),
        ({"data": [{"x": [1, 2], "n": 1}]}, r"x has shape \[2\], .* \[3\] in each step"),
        ({"data": [{"x": [1, 2, 3], "n": 1}, {"n": 1}]}, "--data lacks 'x' in step 1"),
        ({"data": [{"z": 1}]}, "--data has 'z'"),
        ({"data": [{"x": {"shape": [3]}, "n": 1}]}, "x has neither 'content' nor 'b64'"),
        ({"data": [{"x": {"b64": "AAAA"}, "n": 1}]}, "--data x: "),
        ({"data": [{"x": {"b64": "?"}, "n": 1}]}, "--data x: "),
        ({"data": [{"x": 1}, 7]}, "has steps that are no objects"),
        ([1, 2], "is no JSON object"),
        ("{", "--data .*data.json: "),
    ],
)
def test_data_that_does_not_fit_is_refused(
    tmp_path: Path, content: object, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        questions(TWO, data=as_json(tmp_path, content))


def test_one_array_is_not_enough_for_two_inputs(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="--data is one array, fraud's inputs are 2; give"
    ):
        questions(TWO, data=as_npy(tmp_path, [[1, 2, 3]]))


def test_fewer_rows_than_a_request_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--data has 1 rows, fewer than --batch 2"):
        questions(ONE, data=as_npy(tmp_path, [[1, 2, 3]]), batch=2)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere.npy", "No such file"), ("nowhere.npz", "No such file"),
        ("text.npy", "--data .*text.npy: "), ("text.npz", "--data .*text.npz: "),
        ("text.csv", "is neither .npy, .npz nor .json"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, words: str) -> None:
    for ending in ("npy", "npz", "csv"):
        (tmp_path / f"text.{ending}").write_text("x,y\n1,2\n")
    with pytest.raises(ConfigError, match=words):
        questions(ONE, data=tmp_path / name)


def test_no_file_makes_more_messages_than_fit(tmp_path: Path) -> None:
    data = as_npy(tmp_path, np.zeros((DATA_MESSAGES + 1, 1), np.float32))
    asked = questions(FREE, data=data)
    assert len(asked.messages) == DATA_MESSAGES
    assert asked.notes == ("only the first 65536 of 65537 requests in --data are sent",)
