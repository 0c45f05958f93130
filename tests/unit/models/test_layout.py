"""One model's folder: what is a version, and which file of it is the model."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.models.layout import is_version, is_visible_folder
from runtime.models.repository import find_models
from tests.unit.models.repository_files import put, write


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1", True), ("0", True), ("10", True), ("123456789012345678901234", True),
        ("01", False), ("00", False), ("", False), ("v1", False), ("1.0", False),
        ("-1", False), ("+1", False), ("1_0", False), (" 1", False), ("latest", False),
        ("\N{SUPERSCRIPT TWO}", False), ("\N{ARABIC-INDIC DIGIT THREE}", False),
    ],
)  # fmt: skip
def test_a_version_is_a_decimal_number_without_leading_zeros(
    name: str, expected: bool
) -> None:
    assert is_version(name) is expected


def test_the_named_file_is_served(tmp_path: Path) -> None:
    put(tmp_path, "m/1/model.onnx", "m/1/deep/net.bin", "m/2/model.onnx")
    write(tmp_path, "m/leeboard.yaml", "file: deep/net.bin")
    (source,) = find_models(tmp_path).sources
    assert (source.version, source.path) == ("1", tmp_path / "m/1/deep/net.bin")


@pytest.mark.parametrize("file", ["../2/model.onnx", "/etc/passwd", "..", ""])
def test_a_named_file_lies_within_its_version(tmp_path: Path, file: str) -> None:
    put(tmp_path, "m/1/model.onnx", "m/2/model.onnx")
    write(tmp_path, "m/leeboard.yaml", f"file: {file!r}\nversions: [1]")
    result = find_models(tmp_path)
    assert (result.sources, len(result.broken)) == ((), 1)


def test_several_model_files_need_a_choice(tmp_path: Path) -> None:
    put(tmp_path, "m/1/model.onnx", "m/1/model.fault", "m/2/model.onnx", "n/1/model.onnx")
    put(tmp_path, "n/1/model.fault")
    write(tmp_path, "n/leeboard.yaml", "backend: onnx")
    (tmp_path / "m/2").rename(tmp_path / "m/.2")
    result = find_models(tmp_path)
    assert [source.path.name for source in result.sources] == ["model.onnx"]
    (broken,) = result.broken
    assert (broken.name, broken.version) == ("m", "1")
    assert "m/1 has more than one model file: model.fault, model.onnx;" in broken.reason


@pytest.mark.parametrize(
    ("says", "files", "expected"),
    [
        ("backend: torch", ("model.pt", "model.onnx"), "model.pt"),
        ("backend: torch", ("model.pt2",), "model.pt2"),
        ("backend: python", ("model.py", "model.safetensors"), "model.py"),
        ("{backend: torch, module: a.b}", ("model.safetensors",), "model.safetensors"),
        ("backend: torch", ("model.safetensors", "model.pt2"), "model.pt2"),
    ],
)
def test_a_named_backend_chooses_its_own_files(
    tmp_path: Path, says: str, files: tuple[str, ...], expected: str
) -> None:
    put(tmp_path, *(f"m/1/{file}" for file in files))
    write(tmp_path, "m/leeboard.yaml", says)
    (source,) = find_models(tmp_path).sources
    assert source.path.name == expected


def test_weights_alone_need_their_module(tmp_path: Path) -> None:
    put(tmp_path, "m/1/model.safetensors")
    write(tmp_path, "m/leeboard.yaml", "backend: torch")
    (broken,) = find_models(tmp_path).broken
    assert "model.safetensors holds weights only; say in leeboard.yaml" in broken.reason


def test_a_model_may_be_a_folder_of_its_own_name(tmp_path: Path) -> None:
    put(tmp_path, "m/1/model.onnx/model.onnx", "m/1/model.onnx/weights.bin")
    (source,) = find_models(tmp_path).sources
    assert source.path == tmp_path / "m/1/model.onnx/model.onnx"


def test_a_folder_whose_name_is_no_text_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    os.mkdir(odd)
    assert not is_visible_folder(Path(odd))
    assert "its name is no UTF-8" in caplog.text
