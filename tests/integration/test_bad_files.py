"""Bad files of every kind: each is refused with its reason, and the others are served."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.listing import Listed, list_models
from runtime.testing import models
from runtime.testing.running import RunningServer
from tests.integration.calls import rows, tensors

LOAD_TIMEOUT_S = "4"
HANGS = """
import threading

class Model:
    def load(self, context):
        threading.Event().wait()

    def predict(self, batch):
        return {"y": batch["x"]}
"""
TENSORS = """
inputs:
  - {name: x, datatype: FP32, dims: [4]}
outputs:
  - {name: y, datatype: FP32, dims: [4]}
"""


def truncated(folder: Path) -> None:
    whole = models.save_mlp(folder / "whole.onnx").read_bytes()
    (folder / "1" / "model.onnx").write_bytes(whole[: len(whole) // 2])


def empty(folder: Path) -> None:
    (folder / "1" / "model.onnx").touch()


def other_datatype(folder: Path) -> None:
    models.save_identity(folder / "1" / "model.onnx")
    text = TENSORS.replace("name: x, datatype: FP32", "name: x, datatype: FP64")
    (folder / "leeboard.yaml").write_text(text)


def other_signature(folder: Path) -> None:
    models.save_identity(folder / "1" / "model.onnx", "FP32", ["N", 5])
    (folder / "leeboard.yaml").write_text(TENSORS)


def a_pickle(folder: Path) -> None:
    with (folder / "1" / "model.pt").open("wb") as file:
        pickle.dump({"weights": [1, 2, 3]}, file)
    (folder / "leeboard.yaml").write_text(TENSORS)


def a_zip_bomb(folder: Path) -> None:
    path = folder / "1" / "model.pt2"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("model/data/weights/weight_0", bytes(256 << 20))


def a_link_out(folder: Path) -> None:
    outside = folder.parent.parent / "outside.onnx"
    models.save_identity(outside)
    (folder / "1" / "model.onnx").symlink_to(outside)


def nan_weights(folder: Path) -> None:
    models.save_not_a_number(folder / "1" / "model.onnx")


def a_hang_in_load(folder: Path) -> None:
    (folder / "1" / "model.py").write_text(HANGS)
    (folder / "leeboard.yaml").write_text(TENSORS)


def bad_python(folder: Path) -> None:
    (folder / "1" / "model.py").write_text("class Model:\n  def predict(self, batch")
    (folder / "leeboard.yaml").write_text(TENSORS)


def unknown_key(folder: Path) -> None:
    models.save_identity(folder / "1" / "model.onnx")
    (folder / "leeboard.yaml").write_text("instanecs: 2\n")


def bad_config(folder: Path) -> None:
    models.save_identity(folder / "1" / "model.onnx")
    (folder / "config.pbtxt").write_text('name: "bad_config"\nensemble_scheduling {}\n')


def wrong_golden(folder: Path) -> None:
    models.save_identity(folder / "1" / "model.onnx")
    x = np.ones((1, 4), np.float32)
    arrays: dict[str, Any] = {"input:x": x, "output:y": x + 1}
    np.savez(folder / "1" / "golden.npz", **arrays)


BAD: dict[Callable[[Path], None], str] = {
    truncated: "open: ",
    empty: "model.onnx is empty",
    other_datatype: "signature: input 'x' is declared FP64, the file has FP32",
    other_signature: "signature: input 'x' is declared as",
    a_pickle: "pickle",
    a_zip_bomb: "model.pt2",
    a_link_out: "out of the repository",
    nan_weights: "run: output 'y' is not finite",
    a_hang_in_load: f"loading the model (step open) took over {LOAD_TIMEOUT_S} s",
    bad_python: "model.py",
    unknown_key: "instances",
    bad_config: "ensemble_scheduling",
    wrong_golden: "golden: row 0 of output 'y' has values off",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("bad") / "models"
    models.save_identity(folder / "good" / "1" / "model.onnx")
    for spoil in BAD:
        (folder / spoil.__name__ / "1").mkdir(parents=True)
        spoil(folder / spoil.__name__)
    with RunningServer(folder, "--load-timeout", LOAD_TIMEOUT_S) as running:
        yield running


@pytest.fixture(scope="module")
def listed(server: RunningServer) -> dict[str, Listed]:
    return {model.name: model for model in list_models(server.grpc)}


@pytest.mark.parametrize("spoil", BAD)
def test_a_bad_file_is_refused_with_its_reason(
    listed: dict[str, Listed], spoil: Callable[[Path], None]
) -> None:
    model = listed[spoil.__name__]
    assert model.state == "UNAVAILABLE"
    assert BAD[spoil] in model.reason


def test_the_server_goes_on_serving(server: RunningServer) -> None:
    with triton.InferenceServerClient(server.grpc) as client:
        x = rows(2)
        assert (client.infer("good", tensors(x=x)).as_numpy("y") == x).all()
        with pytest.raises(InferenceServerException, match="is not at ready state"):
            client.infer("nan_weights", tensors(x=x))
    assert os.path.exists(f"/proc/{server.pid}")
    assert len(server.worker_pids()) == 1
