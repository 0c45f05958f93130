"""A real server of MLflow for the registry's conformance suite."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from runtime.registry.mlflow_source import MlflowSource
from runtime.registry.source import Source
from tests.mlflow_server import MlflowServer

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

MLMODEL = """
flavors:
  onnx:
    data: model.onnx
    onnx_version: 1.20.0
  python_function:
    loader_module: mlflow.onnx
"""


class MlflowStand:
    """Logs models as training scripts do, with MLflow's own client."""

    def __init__(self, server: MlflowServer) -> None:
        self._server = server
        self._made = 0
        self._artifacts: dict[tuple[str, int], Path] = {}

    @property
    def client(self) -> MlflowClient:
        from mlflow.tracking import MlflowClient

        return MlflowClient(self._server.uri, self._server.uri)

    def open(self) -> Source:
        return MlflowSource(self._server.uri)

    def model_files(self) -> dict[str, bytes]:
        self._made += 1
        return {
            "model/model.onnx": b"weights %d" % self._made,
            "leeboard.yaml": b"max_batch_size: 8\n",
        }

    def publish(self, model: str, files: Mapping[str, bytes]) -> int:
        with TemporaryDirectory() as folder:
            for name, content in files.items():
                (Path(folder) / name.removeprefix("model/")).write_bytes(content)
            (Path(folder) / "MLmodel").write_text(MLMODEL)
            return self.register(model, Path(folder))

    @property
    def uri(self) -> str:
        return self._server.uri

    def register_behind_its_back(self, model: str, source: str) -> None:
        """Write a source into the database that the server would not have taken."""
        with TemporaryDirectory() as folder:
            (Path(folder) / "model.onnx").write_bytes(b"x")
            number = self.register(model, Path(folder))
        with closing(sqlite3.connect(self._server.database)) as database:
            database.execute(
                "UPDATE model_versions SET source=?, storage_location=? "
                "WHERE name=? AND version=?",
                (source, source, model, number),
            )
            database.commit()

    def register(self, model: str, folder: Path, auc: float = 0.5) -> int:
        """Log a folder in a run of its own and register it; returns its number."""
        client = self.client
        if model not in {found.name for found in client.search_registered_models()}:
            client.create_registered_model(model)
        run = client.create_run("0")
        client.log_artifacts(run.info.run_id, str(folder), "model")
        client.log_metric(run.info.run_id, "auc", auc)
        client.log_param(run.info.run_id, "depth", 3)
        source = f"{run.info.artifact_uri}/model"
        made = client.create_model_version(model, source, run.info.run_id)
        number = int(made.version)
        relative = source.removeprefix("mlflow-artifacts:/")
        self._artifacts[model, number] = self._server.artifacts / relative
        return number

    def point(self, model: str, alias: str, number: int) -> None:
        self.client.set_registered_model_alias(model, alias, str(number))

    def damage(self, model: str, number: int) -> None:
        path = self._artifacts[model, number] / "model.onnx"
        content = bytearray(path.read_bytes())
        content[0] ^= 0xFF
        path.write_bytes(content)

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.start()
