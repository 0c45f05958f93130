"""A model of Triton's Python backend that runs an ONNX file; used by its stub process.

The repository's `model.py` puts site-packages on the path and imports this. Requests of
one call are run as one batch, as the backend's documentation asks a model with dynamic
batching to do it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import triton_python_backend_utils as pb_utils

from benchmarks.peers.session import open_session

if TYPE_CHECKING:
    from numpy.typing import NDArray


class TritonPythonModel:
    """What the backend makes once for each instance of the model."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the file that the model's configuration names."""
        parameters = json.loads(args["model_config"])["parameters"]
        self._session = open_session(Path(parameters["onnx"]["string_value"]))
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name

    def execute(
        self, requests: list[pb_utils.InferenceRequest]
    ) -> list[pb_utils.InferenceResponse]:
        """Answer all requests with one run."""
        rows = [
            pb_utils.get_input_tensor_by_name(request, self._input).as_numpy()
            for request in requests
        ]
        values = self._session.run(
            [self._output],
            {self._input: rows[0] if len(rows) == 1 else np.concatenate(rows)},
        )[0]
        answers = []
        begin = 0
        for row in rows:
            answers.append(self._answer(values[begin : begin + len(row)]))
            begin += len(row)
        return answers

    def _answer(self, values: NDArray[np.float32]) -> pb_utils.InferenceResponse:
        return pb_utils.InferenceResponse([pb_utils.Tensor(self._output, values)])
