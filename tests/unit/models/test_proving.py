"""What is to be pushed proves itself as this server would serve it."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.errors import ConfigError, ModelError
from runtime.models.proving import prove_as_served
from runtime.registry.layout import Laid, lay_out
from runtime.registry.manifest import Tensor
from runtime.testing.models import save_mlp

SETTINGS = """
inputs: [{name: x, datatype: FP32, dims: [4]}]
outputs: [{name: y, datatype: FP32, dims: [4]}]
max_batch_size: 8
versions: [7]
"""
PROGRAM = """
import os, signal, threading

class Model:
    def load(self, context):
        DEED

    def predict(self, batch):
        return {"y": batch["x"]}
"""


def python_model(folder: Path, deed: str = "pass") -> Laid:
    (folder / "7").mkdir()
    (folder / "7" / "model.py").write_text(PROGRAM.replace("DEED", deed))
    (folder / "leeboard.yaml").write_text(SETTINGS)
    return lay_out(folder)


def test_settings_beside_the_version_are_heard(tmp_path: Path) -> None:
    proof = prove_as_served(python_model(tmp_path))
    assert proof.signature.inputs == (Tensor("x", "FP32", (-1, 4)),)
    assert proof.report.max_rows == 8


def test_a_model_that_ends_its_process_is_refused(tmp_path: Path) -> None:
    laid = python_model(tmp_path, "os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(ModelError, match="the worker ended while loading the model"):
        prove_as_served(laid)


def test_a_model_that_never_comes_up_is_refused(tmp_path: Path) -> None:
    laid = python_model(tmp_path, "threading.Event().wait()")
    with pytest.raises(ModelError, match=r"loading the model.* took over 3 s"):
        prove_as_served(laid, timeout_s=3.0)


def test_settings_that_are_wrong_are_told(tmp_path: Path) -> None:
    laid = python_model(tmp_path)
    (tmp_path / "leeboard.yaml").write_text("max_batch_size: many\n")
    with pytest.raises(ConfigError, match="max_batch_size"):
        prove_as_served(laid)


def test_a_plain_file_needs_no_settings(tmp_path: Path) -> None:
    proof = prove_as_served(lay_out(save_mlp(tmp_path / "x.onnx", (4, 2))))
    assert proof.signature.outputs == (Tensor("y", "FP32", (-1, 2)),)


def test_a_folder_without_a_model_of_that_backend_is_told(tmp_path: Path) -> None:
    save_mlp(tmp_path / "model.onnx")
    (tmp_path / "leeboard.yaml").write_text("backend: torch\n")
    with pytest.raises(ConfigError, match="holds no model file"):
        prove_as_served(lay_out(tmp_path))
