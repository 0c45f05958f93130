"""What is in the golden file is what each answer must be, output by output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.capacity.inputs import Questions, make_questions
from runtime.capacity.model import Model
from runtime.capacity.scenario import Ask
from runtime.errors import ConfigError
from tests.unit.capacity.fakes import model, tensor

ROWS = [[1.0], [2.0], [3.0]]
Y = tensor("y", "FP32", 2)
WORDS = tensor("words", "BYTES")
MEAN = tensor("mean", "INT32", 1, batches=False)


def questions(
    tmp_path: Path, golden: object, *outputs: Any, of: Model | None = None, batch: int = 1
) -> Questions:
    """Ask with three rows of data and these goldens."""
    data, answers = tmp_path / "data.npy", tmp_path / "golden.json"
    np.save(data, np.array(ROWS))
    answers.write_text(json.dumps(golden))
    asked = of or model(tensor("x", "FP32", 1), outputs=outputs)
    ask = Ask("127.0.0.1:1", "fraud", batch=batch, data=data, golden=answers)
    return make_questions(asked, ask)


def test_each_message_has_its_rows_of_the_golden_file(tmp_path: Path) -> None:
    golden = {"y": [[1, 2], [3, 4], [5, 6]]}
    asked = questions(tmp_path, golden, Y, WORDS, batch=2)
    ((name, datatype, shape, raw, *tolerance),) = asked.goldens[0]
    assert (name, datatype, shape, tolerance) == ("y", "FP32", (2, 2), [1e-3, 1e-5])
    assert np.frombuffer(raw, np.float32).tolist() == [1, 2, 3, 4]
    assert len(asked.goldens) == len(asked.messages) == 1


@pytest.mark.parametrize(
    ("datatype", "tolerance"),
    [("FP16", (2e-2, 1e-3)), ("BF16", (2e-2, 1e-3)), ("FP64", (1e-6, 1e-9)),
     ("INT32", (0, 0)), ("BOOL", (0, 0))],
)  # fmt: skip
def test_only_floating_point_may_differ(
    tmp_path: Path, datatype: str, tolerance: tuple[float, float]
) -> None:
    asked = questions(tmp_path, {"y": [1, 0, 1]}, tensor("y", datatype))
    assert asked.goldens[0][0][4:] == tolerance


def test_an_output_that_does_not_batch_has_one_golden_for_each_message(
    tmp_path: Path,
) -> None:
    asked = questions(tmp_path, {"mean": [[1], [2], [3]]}, Y, MEAN)
    assert [outputs[0][2] for outputs in asked.goldens] == [(1,), (1,), (1,)]


def test_the_data_file_may_bring_its_own_answers(tmp_path: Path) -> None:
    data = tmp_path / "data.json"
    steps = {"data": [{"x": 1}, {"x": 2}], "validation_data": [{"y": 3}, {"y": 4}]}
    data.write_text(json.dumps(steps))
    asked = make_questions(
        model(tensor("x", "FP32", 1), outputs=[tensor("y", "INT32", 1)]),
        Ask("127.0.0.1:1", "fraud", data=data),
    )
    assert [outputs[0][3] for outputs in asked.goldens] == [b"\3\0\0\0", b"\4\0\0\0"]


def test_the_file_tells_the_outputs_of_a_model_that_declares_none(tmp_path: Path) -> None:
    asked = questions(tmp_path, {"z": [1, 2, 3]})
    assert [outputs[0][:3] for outputs in asked.goldens] == [("z", "INT64", (1,))] * 3


def test_without_answers_nothing_is_checked(tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", np.array(ROWS))
    ask = Ask("127.0.0.1:1", "fraud", data=tmp_path / "data.npy")
    assert make_questions(model(tensor("x", "FP32", 1), outputs=[Y]), ask).goldens == ()


@pytest.mark.parametrize(
    ("golden", "words"),
    [
        ({"z": [1, 2, 3]}, "--golden has 'z'; fraud's outputs are 'y', 'words'"),
        ({"y": [[1], [2], [3]]}, r"--golden y has shape \[3, 1\], .* expects \[-1, 2\]"),
        ({"y": [[1, 2]]}, "--golden y has 1 rows for 3 of --data"),
        ({"words": [1, 2, 3]}, "--golden words does not convert to BYTES"),
        ({}, "--golden has none of fraud's outputs"),
    ],
)
def test_goldens_that_do_not_fit_are_refused(
    tmp_path: Path, golden: object, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        questions(tmp_path, golden, Y, WORDS)


def test_goldens_without_data_are_refused() -> None:
    with pytest.raises(ConfigError, match="--golden answers --data, which is missing"):
        Ask("127.0.0.1:1", "fraud", golden=Path("golden.npz"))
