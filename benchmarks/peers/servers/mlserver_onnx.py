"""MLServer's custom runtime that runs an ONNX file.

MLServer makes it from `model-settings.json`, whose `parameters.uri` is the file. Tensors
pass through Python lists on their way in and out: its gRPC server unpacks raw contents
into lists before a runtime sees them, and packs them again.
"""

from __future__ import annotations

from pathlib import Path

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers.session import open_session


class OnnxRuntime(MLModel):
    """One ONNX file; `predict` gets one request, or a batch that MLServer has merged."""

    async def load(self) -> bool:
        """Open the file; called once, in the process that runs inference."""
        assert self.settings.parameters is not None
        self._session = open_session(Path(str(self.settings.parameters.uri)))
        self._output = self._session.get_outputs()[0].name
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer with one run."""
        inputs = {tensor.name: NumpyCodec.decode_input(tensor) for tensor in payload.inputs}
        values = self._session.run([self._output], inputs)[0]
        output = NumpyCodec.encode_output(self._output, values)
        return InferenceResponse(model_name=self.name, outputs=[output])
