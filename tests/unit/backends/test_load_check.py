"""What a freshly loaded model must prove, on real models of each kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runtime.backends.base import FREE, LoadOptions, TensorSpec
from runtime.backends.load_check import OTHER_SIZE, SAME_SIZE, check_loaded, difference
from runtime.backends.onnx import OnnxBackend
from runtime.errors import ModelError
from runtime.testing import models

OFF = LoadOptions(extra={"cache": "off"})


def loaded(path: Path) -> OnnxBackend:
    """Return a backend with a model."""
    backend = OnnxBackend()
    backend.load(path, OFF)
    return backend


def test_an_ordinary_model_may_batch(tmp_path: Path) -> None:
    report = check_loaded(loaded(models.save_mlp(tmp_path / "m.onnx")), 64)
    assert (report.batchable, report.warmed, report.notes) == (True, True, ())
    assert report.run_us > 0


@pytest.mark.parametrize(
    "datatype", ["BOOL", "UINT8", "INT64", "FP16", "BF16", "FP32", "FP64", "BYTES"]
)
def test_every_kind_of_values_can_be_proved(tmp_path: Path, datatype: str) -> None:
    path = models.save_identity(tmp_path / "m.onnx", datatype, ["N", 3])
    assert check_loaded(loaded(path), 64).batchable


def test_a_model_with_free_rows_is_warmed_when_it_shall_not_batch(tmp_path: Path) -> None:
    report = check_loaded(loaded(models.save_mlp(tmp_path / "m.onnx")), 0)
    assert (report.batchable, report.warmed, report.notes) == (False, True, ())


def test_a_model_that_mixes_rows_must_not_batch(tmp_path: Path) -> None:
    report = check_loaded(loaded(models.save_mean_over_batch(tmp_path / "m.onnx")), 64)
    assert not report.batchable
    assert "output 'y' has values off by" in report.notes[0]
    assert "when other rows of its batch change" in report.notes[0]


def test_a_model_whose_answer_is_no_rows_must_not_batch(tmp_path: Path) -> None:
    report = check_loaded(loaded(models.save_flattened(tmp_path / "m.onnx")), 64)
    assert not report.batchable
    assert "came as (12, 1) for a batch of 3" in report.notes[0]
    assert report.warmed


def test_a_model_whose_answer_depends_on_data_must_not_batch(tmp_path: Path) -> None:
    report = check_loaded(loaded(models.save_positive_only(tmp_path / "m.onnx")), 64)
    assert not report.batchable


def test_a_fixed_batch_is_warmed_and_does_not_batch(tmp_path: Path) -> None:
    report = check_loaded(
        loaded(models.save_identity(tmp_path / "m.onnx", "FP32", [1, 3])), 64
    )
    assert (report.batchable, report.warmed) == (False, True)
    assert "first dimension is not free" in report.notes[0]


def test_free_dims_leave_a_model_unwarmed_and_say_how_to_help(tmp_path: Path) -> None:
    path = models.save_identity(tmp_path / "m.onnx", "FP32", ["N", 3, "width"])
    report = check_loaded(loaded(path), 64)
    assert (report.batchable, report.warmed, report.run_us) == (False, False, 0)
    assert "x [-1, 3, -1]" in report.notes[0]
    assert "--warmup FILE.npz" in report.notes[0]


def test_a_warmup_proves_what_could_not_be_guessed(tmp_path: Path) -> None:
    path = models.save_identity(tmp_path / "m.onnx", "FP32", ["N", 3, "width"])
    warmup = {"x": np.arange(15, dtype=np.float32).reshape(1, 3, 5)}
    assert check_loaded(loaded(path), 64, warmup).batchable


def test_one_row_of_warmup_is_enough_to_see_rows_mix(tmp_path: Path) -> None:
    path = models.save_mean_over_batch(tmp_path / "m.onnx")
    warmup = {"x": np.array([[1, 5, 2, 8]], np.float32)}
    assert not check_loaded(loaded(path), 64, warmup).batchable


def test_an_output_that_is_not_a_number_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="output 'y' is not finite"):
        check_loaded(loaded(models.save_not_a_number(tmp_path / "m.onnx")), 64)


def test_made_indices_are_valid_ones(tmp_path: Path) -> None:
    assert check_loaded(
        loaded(models.save_embedding(tmp_path / "m.onnx", entries=2)), 8
    ).batchable


def test_a_model_that_fails_on_one_row_does_not_load(tmp_path: Path) -> None:
    backend = loaded(models.save_embedding(tmp_path / "m.onnx", entries=2))
    with pytest.raises(ModelError, match=r"m\.onnx failed"):
        check_loaded(backend, 8, {"x": np.array([7])})


Y = TensorSpec("y", "FP32", (FREE,))


def floats(*values: float) -> np.ndarray:
    """Return FP32 values."""
    return np.array(values, np.float32)


def test_rounding_is_no_difference() -> None:
    assert difference(Y, floats(1, 1e-9), floats(1 + 1e-6, 2e-9), SAME_SIZE) == ""
    assert difference(Y, floats(1, 2), floats(1.01, 2.01), OTHER_SIZE) == ""


def test_a_small_output_is_compared_at_its_own_scale() -> None:
    assert difference(Y, floats(1e-8, 2e-8), floats(1e-8, 3e-8), SAME_SIZE)


def test_equal_infinities_and_nans_are_no_difference() -> None:
    odd = floats(np.inf, -np.inf, np.nan, 1)
    assert difference(Y, odd, odd.copy(), SAME_SIZE) == ""
    assert difference(Y, odd, floats(np.inf, -np.inf, 0, 1), SAME_SIZE)


def test_a_changed_shape_is_a_difference() -> None:
    assert difference(Y, floats(1), floats(1, 2), SAME_SIZE) == "shape (2,) instead of (1,)"


def test_integers_must_be_equal() -> None:
    labels = TensorSpec("label", "INT64", (FREE,))
    assert difference(labels, np.array([3]), np.array([4]), OTHER_SIZE) == "other values"
