"""A repository as Triton has it: what is declared is what the models' files say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runtime.backends import backend_for
from runtime.backends.base import LoadOptions, Signature
from runtime.models.fingerprint import scan
from runtime.models.repository import ModelSource, find_models
from runtime.testing import models

MLP = """
name: "mlp"
platform: "onnxruntime_onnx"
max_batch_size: 16
input [ { name: "x" data_type: TYPE_FP32 dims: [ 32 ] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ 8 ] label_filename: "labels.txt" } ]
dynamic_batching { preferred_batch_size: [ 8, 16 ] }
version_policy { specific { versions: [ 1, 3 ] } }
parameters { key: "team" value { string_value: "fraud" } }
"""

TEXT = """
backend: "onnxruntime"
default_model_filename: "text.onnx"
max_batch_size: 4
input [ { name: "x" data_type: TYPE_STRING dims: [ 2, 2 ] reshape { shape: [ 4 ] } } ]
output [ { name: "y" data_type: TYPE_STRING dims: [ 4 ] } ]
"""

GPU = 'platform: "onnxruntime_onnx" instance_group [ { kind: KIND_GPU } ]'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Versions 1 to 3 of an MLP, a model of texts, one without a config, one for a GPU."""
    for path, text in (("mlp", MLP), ("text", TEXT), ("gpu", GPU)):
        (tmp_path / path).mkdir()
        (tmp_path / path / "config.pbtxt").write_text(text)
    (tmp_path / "mlp/labels.txt").write_text("\n".join("abcdefgh"))
    for folder in ("mlp/1", "mlp/2", "mlp/3", "text/1", "gpu/1", "bare/5"):
        (tmp_path / folder).mkdir(parents=True)
    for version in (1, 2, 3):
        models.save_mlp(tmp_path / f"mlp/{version}/model.onnx", seed=version)
    models.save_identity(tmp_path / "text/1/text.onnx", "BYTES")
    models.save_mlp(tmp_path / "gpu/1/model.onnx")
    models.save_mlp(tmp_path / "bare/5/model.onnx")
    return tmp_path


def signature_of(source: ModelSource) -> Signature:
    backend = backend_for(source.path)
    backend.load(source.path, LoadOptions(extra={"cache": "off"}))
    try:
        return backend.signature()
    finally:
        backend.close()


def test_what_is_served_and_what_is_not(root: Path) -> None:
    found = find_models(root)
    served = [(source.name, source.version) for source in found.sources]
    assert served == [("bare", "5"), ("mlp", "1"), ("mlp", "3"), ("text", "1")]
    (broken,) = found.broken
    assert (broken.name, broken.version) == ("gpu", "")
    assert "KIND_GPU: leeboard serves on the CPU here; set KIND_CPU" in broken.reason


def test_what_is_declared_is_what_the_files_say(root: Path) -> None:
    for source in find_models(root).sources:
        signature = signature_of(source)
        for declared, specs in (
            (source.settings.inputs, signature.inputs),
            (source.settings.outputs, signature.outputs),
        ):
            known = {spec.name: spec for spec in specs}
            for tensor in declared:
                assert tensor.datatype == known[tensor.name].datatype
                seen = tensor.dims if tensor.reshape is None else tensor.reshape
                assert seen == known[tensor.name].shape[1:]


def test_settings_go_with_every_version(root: Path) -> None:
    first, third = (s for s in find_models(root).sources if s.name == "mlp")
    assert first.settings == third.settings
    assert (first.settings.max_batch_size, first.settings.close_rows) == (16, 16)
    assert first.settings.outputs[0].labels == tuple("abcdefgh")
    assert first.settings.notes == (
        "parameters.team=fraud: leeboard does not know this parameter",
    )


def test_a_version_is_published_by_renaming_it(root: Path) -> None:
    before = scan(root)
    (root / "mlp/config.pbtxt").unlink()
    shutil.copytree(root / "mlp/3", root / "mlp/.4")
    versions = [s.version for s in find_models(root).sources if s.name == "mlp"]
    assert versions == ["3"]
    (root / "mlp/.4").rename(root / "mlp/4")
    versions = [s.version for s in find_models(root).sources if s.name == "mlp"]
    assert versions == ["4"]
    assert scan(root).keys() - before.keys() == {("mlp", "4")}
