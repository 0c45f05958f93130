"""Models of onnx become files, with their weights beside them where they are large."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from runtime.errors import ModelError
from runtime.registry import from_onnx
from runtime.registry.from_onnx import convert, input_names, inputs_of_file
from runtime.testing.models import save_mlp


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return save_mlp(tmp_path / "mlp.onnx")


def test_weights_are_no_inputs(path: Path) -> None:
    assert input_names(onnx.load(path)) == ["x"]
    assert inputs_of_file(path) == ["x"]


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"\xff" * 100)
    with pytest.raises(ModelError, match="no ONNX file"):
        inputs_of_file(tmp_path / "model.onnx")


def test_large_weights_lie_beside_the_file_and_the_model_keeps_its_own(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(from_onnx, "LARGEST_BYTES", 1000)
    model, folder = onnx.load(path), tmp_path / "out"
    folder.mkdir()
    made = convert(model, np.ones((1, 32), np.float32), folder)
    assert set(made.laid.files) == {"model/model.onnx", "model/model.data"}
    assert model == onnx.load(path)
    assert list(made.sample) == ["x"]
