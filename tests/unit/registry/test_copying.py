"""Copies are what their manifest says, or are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.registry.copying import copy_all, copy_checked, described
from runtime.registry.manifest import File, Manifest
from runtime.registry.source import DigestMismatch


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"weights" * 400_000)
    return path


def test_a_copy_is_what_it_should_be(source: Path, tmp_path: Path) -> None:
    copy_checked(source, tmp_path / "copy", described(source, "model/model.onnx"))
    assert (tmp_path / "copy").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("change", [File("", 5, ""), File("", 2_800_000, "0" * 64)])
def test_nothing_is_left_of_a_copy_that_is_not(
    change: File, source: Path, tmp_path: Path
) -> None:
    wanted = described(source, "model/model.onnx")
    other = File(wanted.path, change.size, change.sha256 or wanted.sha256)
    with pytest.raises(DigestMismatch, match="should have"):
        copy_checked(source, tmp_path / "copy", other)
    assert not (tmp_path / "copy").exists()


def test_a_source_that_vanished_is_a_mismatch(source: Path, tmp_path: Path) -> None:
    wanted = described(source, "model/model.onnx")
    source.unlink()
    with pytest.raises(DigestMismatch, match="not there any more"):
        copy_checked(source, tmp_path / "copy", wanted)


def test_a_file_that_is_there_already_is_not_written_over(
    source: Path, tmp_path: Path
) -> None:
    (tmp_path / "copy").write_text("mine")
    with pytest.raises(FileExistsError):
        copy_checked(source, tmp_path / "copy", described(source, "x"))
    assert (tmp_path / "copy").read_text() == "mine"


def test_a_version_is_laid_out_as_a_models_folder(source: Path, tmp_path: Path) -> None:
    names = ("leeboard.yaml", "model/model.onnx", "model/deep/part.bin")
    manifest = Manifest(tuple(described(source, name) for name in names), "onnx")
    copy_all(manifest, dict.fromkeys(names, source), 7, tmp_path / "fraud")
    found = [p for p in (tmp_path / "fraud").rglob("*") if p.is_file()]
    there = {str(path.relative_to(tmp_path / "fraud")) for path in found}
    assert there == {"leeboard.yaml", "7/model.onnx", "7/deep/part.bin"}
