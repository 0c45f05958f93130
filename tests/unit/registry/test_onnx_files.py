"""Files that an ONNX file keeps weights in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import convert_model_to_external_data

from runtime.errors import ConfigError
from runtime.registry.layout import lay_out
from runtime.registry.onnx_files import beside_onnx, locations


def save(path: Path, location: str) -> Path:
    """y = x @ w, with w in another file."""
    weights = numpy_helper.from_array(np.eye(64, dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 64])],
        [weights],
    )
    model = helper.make_model(graph)
    convert_model_to_external_data(model, location=location, size_threshold=0)
    onnx.save(model, str(path))
    return path


def save_pointing(path: Path, location: str) -> Path:
    """A file that says that its weights are somewhere, and writes none."""
    tensor = TensorProto(name="w", data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    model = helper.make_model(helper.make_graph([], "g", [], [], [tensor]))
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("name", ["w.bin", "caf\u00e9.data", "w" * 200 + ".bin"])
def test_the_weights_go_along_under_their_name(tmp_path: Path, name: str) -> None:
    path = save(tmp_path / "x.onnx", name)
    assert beside_onnx(path) == {name: tmp_path / name}
    assert set(lay_out(path).files) == {"model/model.onnx", f"model/{name}"}


def test_weights_that_are_missing_are_told(tmp_path: Path) -> None:
    path = save(tmp_path / "x.onnx", "w.bin")
    (tmp_path / "w.bin").unlink()
    with pytest.raises(ConfigError, match=r"weights in 'w\.bin', which is not beside"):
        beside_onnx(path)


def test_weights_elsewhere_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"")
    (tmp_path / "m").mkdir()
    for location in ("../secret", str(tmp_path / "secret")):
        path = save_pointing(tmp_path / "m" / "x.onnx", location)
        with pytest.raises(ConfigError, match="out of its folder"):
            beside_onnx(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x0a\x08location\x12",
        b"\x0a\x08location\x12\xff\xff\xff\xff",
        b"\x0a\x08location\x12\x09short",
        b"\x0a\x08location\x12\x02a\n",
        b"\x0a\x08location\x12\x00",
    ],
)
def test_bytes_that_only_look_like_it_are_passed_over(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "x.onnx").write_bytes(content)
    assert locations(tmp_path / "x.onnx") == set()
