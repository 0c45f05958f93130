"""The ONNX backend keeps the contract of backends, on models of every kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from runtime.backends.base import LoadOptions
from runtime.backends.datatypes import NUMPY_TYPES
from runtime.backends.onnx import OnnxBackend
from runtime.backends.sample import Warmup
from runtime.testing import models
from runtime.testing.conformance import CHECKS, Case, check_backend
from runtime.testing.encoder import Sizes, save_mid

SMALL = Sizes(tokens=8, width=24, layers=2, heads=3, inner=48, vocabulary=50)

MODELS: dict[str, Callable[[Path], Path]] = {
    "mlp": models.save_mlp,
    "encoder": lambda path: save_mid(path, SMALL),
    "embedding": models.save_embedding,
    "fixed batch": lambda path: models.save_identity(path, "FP32", [1, 5]),
    "image": lambda path: models.save_identity(path, "UINT8", ["N", 3, 8, 8]),
}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A model of each kind."""
    return MODELS[request.param](tmp_path / "model.onnx")


@pytest.mark.parametrize("check", CHECKS)
def test_keeps_the_contract(check: str, model: Path, tmp_path: Path) -> None:
    CHECKS[check](Case(OnnxBackend, model, LoadOptions(cache_dir=tmp_path / "cache")))


@pytest.mark.parametrize("datatype", NUMPY_TYPES)
def test_keeps_the_contract_for_every_datatype(datatype: str, tmp_path: Path) -> None:
    path = models.save_identity(tmp_path / "model.onnx", datatype, ["N", 2, 3])
    check_backend(OnnxBackend, path, LoadOptions(cache_dir=tmp_path / "cache"))


def test_keeps_the_contract_with_free_dims(tmp_path: Path) -> None:
    path = models.save_identity(tmp_path / "model.onnx", "FP32", ["N", 3, "width"])
    warmup: Warmup = {"x": np.arange(24, dtype=np.float32).reshape(2, 3, 4)}
    check_backend(OnnxBackend, path, LoadOptions(extra={"cache": "off"}), warmup)
