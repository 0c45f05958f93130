"""A version proves itself in a process of its own before it is registered."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.errors import ConfigError, ModelError
from runtime.registry.check import prove
from runtime.registry.layout import lay_out
from runtime.registry.manifest import Signature, Tensor
from runtime.testing.models import save_mean_over_batch, save_mlp, save_not_a_number
from tests.unit.registry.test_onnx_files import save


def test_the_signature_is_what_the_file_says(tmp_path: Path) -> None:
    proof = prove(lay_out(save_mlp(tmp_path / "x.onnx", (4, 2))))
    assert proof.signature == Signature(
        (Tensor("x", "FP32", (-1, 4)),), (Tensor("y", "FP32", (-1, 2)),)
    )
    assert proof.findings == ()
    assert proof.report.batchable


def test_weights_in_another_file_are_found(tmp_path: Path) -> None:
    proof = prove(lay_out(save(tmp_path / "x.onnx", "w.bin")))
    assert proof.signature.inputs == (Tensor("x", "FP32", (-1, 64)),)


def test_what_a_person_should_know_is_found(tmp_path: Path) -> None:
    proof = prove(lay_out(save_mean_over_batch(tmp_path / "x.onnx")))
    assert not proof.report.batchable
    assert proof.findings


def test_a_file_that_is_broken_is_refused_by_its_own_path(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"xx")
    with pytest.raises(ModelError, match="cannot be opened") as refused:
        prove(lay_out(tmp_path / "x.onnx"))
    assert str(tmp_path / "x.onnx") in str(refused.value)
    assert "leeboard-check-" not in str(refused.value)


def test_settings_need_who_reads_them(tmp_path: Path) -> None:
    save_mlp(tmp_path / "model.onnx")
    (tmp_path / "leeboard.yaml").write_text("max_batch_size: 8\n")
    with pytest.raises(ConfigError, match=r"runtime\.models\.proving reads them"):
        prove(lay_out(tmp_path))


def test_more_than_one_model_file_is_refused(tmp_path: Path) -> None:
    save_mlp(tmp_path / "model.onnx")
    (tmp_path / "model.pt2").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"here are: model\.onnx, model\.pt2"):
        prove(lay_out(tmp_path))


def test_a_model_whose_answers_are_no_numbers_is_refused(tmp_path: Path) -> None:
    path = save_not_a_number(tmp_path / "x.onnx")
    with pytest.raises(ModelError, match="output 'y' is not finite"):
        prove(lay_out(path))
