"""What a person types becomes a request, and an answer what a person reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.backends.base import Array
from runtime.backends.encoding import to_raw
from runtime.client import (
    Answer,
    make_request,
    read_answer,
    read_value,
    save_outputs,
    show_outputs,
)
from runtime.errors import ConfigError
from runtime.messages import Message, ModelInferResponse, ModelMetadataResponse


def metadata(*inputs: tuple[str, str, list[int]]) -> Message:
    made = ModelMetadataResponse(name="mlp")
    for name, datatype, shape in inputs:
        made.inputs.add(name=name, datatype=datatype, shape=shape)
    return made


def test_a_request_has_the_declared_datatypes_and_the_typed_values() -> None:
    model = metadata(("x", "FP32", [-1, 2]), ("label", "INT64", [-1]))
    request = make_request(model, "7", ["label=[3]", "x=[[1, 2.5]]"])
    assert (request.model_name, request.model_version) == ("mlp", "7")
    assert [(i.name, i.datatype, list(i.shape)) for i in request.inputs] == [
        ("label", "INT64", [1]),
        ("x", "FP32", [1, 2]),
    ]
    label, x = request.raw_input_contents
    assert np.frombuffer(label, np.int64).tolist() == [3]
    assert np.frombuffer(x, np.float32).tolist() == [1, 2.5]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("x", r"--input 'x' has no '='; give NAME=@FILE.npy or NAME=JSON"),
        ("z=[1]", "mlp has no input 'z'; its inputs are 'x', 'label'"),
        ("x=[[1, 2, 3]]", r"--input x has shape \[1, 3\], the model expects \[-1, 2\]"),
        ("x=[1, 2, 3]", r"--input x has shape \[1, 3\]"),
        ("label=[[1]]", r"--input label has shape \[1, 1\], the model expects \[-1\]"),
        ("x=[1, 2", "--input x: "),
        ("x=[[1], [1, 2]]", "--input x: "),
        ('x=["one", "two"]', "--input x does not convert to FP32"),
        ('x={"a": 1}', r"--input x has shape \[\]"),
        ("label=[null]", "--input label does not convert to INT64"),
        ("label=[1.5]", "--input label does not convert to INT64: it cannot hold these"),
        ("label=[NaN]", "--input label does not convert to INT64: it cannot hold these"),
        (f"label=[{2**80}]", "--input label does not convert to INT64"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(typed: str, words: str) -> None:
    model = metadata(("x", "FP32", [-1, 2]), ("label", "INT64", [-1]))
    with pytest.raises(ConfigError, match=words):
        make_request(model, "", [typed])


def test_an_array_is_read_from_a_file(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.eye(2))
    assert read_value("x", f"@{tmp_path}/x.npy").tolist() == [[1, 0], [0, 1]]


def write_pickle(path: Path) -> None:
    np.save(path.with_suffix(".npy"), np.array([{}], object), allow_pickle=True)
    path.with_suffix(".npy").rename(path)


def write_archive(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, x=np.eye(2))


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(b""), "--input x: "),
        (lambda path: path.write_bytes(b"[1, 2]"), "--input x: "),
        (lambda path: path.write_bytes(b"PK\x03\x04 cut"), "--input x: "),
        (write_pickle, "allow_pickle"),
        (write_archive, "is no .npy file of one array"),
    ],
    ids=["missing", "folder", "empty", "text", "cut", "pickle", "archive"],
)
def test_a_file_that_is_no_array_is_refused(tmp_path: Path, write: Any, words: str) -> None:
    write(tmp_path / "x")
    with pytest.raises(ConfigError, match=words):
        read_value("x", f"@{tmp_path}/x")


def test_an_answer_has_its_outputs_by_name() -> None:
    response = ModelInferResponse(model_name="mlp", model_version="3")
    response.outputs.add(name="y", datatype="FP32", shape=[1, 2])
    response.outputs.add(name="words", datatype="BYTES", shape=[1])
    response.raw_output_contents.append(np.array([1, 2], np.float32).tobytes())
    response.raw_output_contents.append(b"\x02\0\0\0ok")
    answer = read_answer(response)
    assert (answer.model, answer.version) == ("mlp", "3")
    assert answer.outputs["y"].tolist() == [[1, 2]]
    assert answer.outputs["words"].tolist() == [b"ok"]


def answer(**outputs: Array) -> Answer:
    return Answer("mlp", "3", outputs)


def test_an_answer_is_shown_with_its_version_and_shapes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_outputs(answer(y=np.array([[1, 2]], np.float32)))
    assert capsys.readouterr().out == "mlp version 3\ny float32 [1, 2]\n[[1. 2.]]\n"


@pytest.mark.parametrize(
    "values", [np.array([1.5, np.nan]), np.array([b"one", b"\xff"], object)]
)
def test_a_saved_output_is_an_input_again(tmp_path: Path, values: Array) -> None:
    save_outputs(answer(y=values), [f"y=@{tmp_path}/y.npy"])
    read = read_value("y", f"@{tmp_path}/y.npy")
    datatype = "BYTES" if values.dtype == object else "FP64"
    assert to_raw("y", read, datatype) == to_raw("y", values, datatype)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("z=@z.npy", "--output 'z=@z.npy' names no output; .* one of 'y', 'text'"),
        ("y", "--output 'y' names no output; give NAME=@FILE.npy"),
        ("y=@nowhere/y.npy", "--output y: .*No such file"),
        ("text=@text.npy", "--output text: .npy loses zero bytes at a text's end"),
    ],
)
def test_an_output_that_cannot_be_saved_is_refused(wanted: str, words: str) -> None:
    given = answer(y=np.zeros(1), text=np.array([b"\0"], object))
    with pytest.raises(ConfigError, match=words):
        save_outputs(given, [wanted])
