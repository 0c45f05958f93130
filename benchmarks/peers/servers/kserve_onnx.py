"""KServe's Python model server with a custom model that runs an ONNX file.

    python -m benchmarks.peers.servers.kserve_onnx --onnx FILE --model_name NAME OPTION...

Every other option is KServe's own. Its server binds every address and has no option
against that, so the two calls that do it are replaced by ones that use 127.0.0.1.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from unittest.mock import patch

import kserve
import uvicorn
from grpc import aio

from benchmarks.peers.session import Tensor, describe, open_session

LOOPBACK = "127.0.0.1"


class OnnxModel(kserve.Model):
    """One ONNX file. `predict` runs on the event loop: it is not async."""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name)
        self._session = open_session(path)
        self._output = self._session.get_outputs()[0].name
        self.ready = True

    def get_input_types(self) -> list[Tensor]:
        """Return what ModelMetadata says of the inputs."""
        return describe(self._session.get_inputs())

    def get_output_types(self) -> list[Tensor]:
        """Return what ModelMetadata says of the outputs."""
        return describe(self._session.get_outputs())

    def predict(
        self, payload: kserve.InferRequest, headers: dict[str, str] | None = None
    ) -> kserve.InferResponse:
        """Answer one request with one run; nobody batches in this server."""
        inputs = {tensor.name: tensor.as_numpy() for tensor in payload.inputs}
        values = self._session.run([self._output], inputs)[0]
        output = kserve.InferOutput(self._output, list(values.shape), "FP32")
        output.set_data_from_numpy(values, binary_data=True)
        return kserve.InferResponse(payload.id, self.name, [output])


configure = uvicorn.Config
bind = aio.Server.add_insecure_port


def configure_loopback(*values: object, **options: object) -> uvicorn.Config:
    """Return the HTTP server's settings, whatever address was asked for."""
    return configure(*values, **{**options, "host": LOOPBACK})


def bind_loopback(server: aio.Server, address: str) -> int:
    """Listen on the same port of 127.0.0.1."""
    return bind(server, address.replace("[::]", LOOPBACK))


def main() -> None:
    parser = argparse.ArgumentParser(parents=[kserve.model_server.parser])
    parser.add_argument("--onnx", type=Path, required=True)
    chosen = parser.parse_args()
    with (
        patch.object(uvicorn, "Config", configure_loopback),
        patch.object(aio.Server, "add_insecure_port", bind_loopback),
    ):
        kserve.ModelServer().start([OnnxModel(chosen.model_name, chosen.onnx)])


if __name__ == "__main__":
    main()
