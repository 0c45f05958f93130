"""What a training script pushes serves, and answers as the framework itself does."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import tritonclient.grpc as triton
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from runtime import registry
from runtime.registry.store_source import StoreSource
from runtime.testing.models import save_mlp
from runtime.testing.running import RunningServer
from runtime.testing.torch_models import make_mlp, save_script
from tests.integration.calls import Array, tensors


def rows_of(width: int) -> Array:
    """Return rows that are the same in every run."""
    return np.random.default_rng(5).normal(size=(40, width)).astype(np.float32)


def classifier(place: Path, folder: Path) -> tuple[dict[str, Array], dict[str, Array]]:
    rows = rows_of(4)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(rows, rows[:, 0] > 0)
    registry.push("model", model, place, sample=rows, alias="champion")
    wanted = {"label": model.predict(rows), "probabilities": model.predict_proba(rows)}
    return {"X": rows}, wanted


def module(place: Path, folder: Path) -> tuple[dict[str, Array], dict[str, Array]]:
    rows, model = rows_of(32), make_mlp().train()
    registry.push("model", model, place, sample=rows[:1], alias="champion")
    with torch.no_grad():
        return {"x": rows}, {"OUTPUT__0": model.eval()(torch.from_numpy(rows)).numpy()}


def script(place: Path, folder: Path) -> tuple[dict[str, Array], dict[str, Array]]:
    rows, model = rows_of(32), make_mlp()
    path = save_script(folder / "saved.pt", model, [torch.zeros(2, 32)])
    jit: Any = torch.jit
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It says of itself that it is deprecated.
        loaded = jit.load(str(path))
    registry.push("model", loaded, place, sample=rows[:3], alias="champion")
    with torch.no_grad():
        return {"x": rows}, {"OUTPUT__0": model(torch.from_numpy(rows)).numpy()}


def graph(place: Path, folder: Path) -> tuple[dict[str, Array], dict[str, Array]]:
    rows, path = rows_of(32), save_mlp(folder / "mlp.onnx")
    registry.push("model", onnx.load(path), place, sample=rows, alias="champion")
    return {"x": rows}, {"y": reference(path, rows)}


def file(place: Path, folder: Path) -> tuple[dict[str, Array], dict[str, Array]]:
    rows, path = rows_of(32), save_mlp(folder / "mlp.onnx")
    registry.push("model", path, place, alias="champion")
    return {"x": rows}, {"y": reference(path, rows)}


def reference(path: Path, rows: Array) -> Array:
    """Return what onnx's own reference computes."""
    from onnx.reference import ReferenceEvaluator

    (answer,) = ReferenceEvaluator(str(path)).run(None, {"x": rows})
    return np.asarray(answer)


@pytest.mark.parametrize("push", [classifier, module, script, graph, file])
def test_a_pushed_model_answers_as_it_did_in_training(
    push: Callable[[Path, Path], tuple[dict[str, Array], dict[str, Array]]],
    tmp_path: Path,
) -> None:
    given, wanted = push(tmp_path / "registry", tmp_path)
    source = StoreSource(tmp_path / "registry", "server@host")
    pointer = source.look("model", "champion")
    into = tmp_path / "models" / "model"
    into.mkdir(parents=True)
    source.fetch("model", pointer.number, into)
    source.close()
    with (
        RunningServer(tmp_path / "models") as server,
        triton.InferenceServerClient(server.grpc) as client,
    ):
        answer = client.infer("model", tensors(**given))
        for name, values in wanted.items():
            np.testing.assert_allclose(answer.as_numpy(name), values, rtol=1e-4, atol=1e-5)
