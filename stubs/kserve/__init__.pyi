from collections.abc import Sequence

from kserve import model_server as model_server
from kserve.model_server import ModelServer as ModelServer
from numpy import generic
from numpy.typing import NDArray

class InferInput:
    name: str
    def as_numpy(self) -> NDArray[generic]: ...

class InferRequest:
    id: str
    inputs: list[InferInput]

class InferOutput:
    def __init__(self, name: str, shape: list[int], datatype: str) -> None: ...
    def set_data_from_numpy(
        self, output_tensor: NDArray[generic], binary_data: bool = True
    ) -> None: ...

class InferResponse:
    def __init__(
        self, response_id: str, model_name: str, infer_outputs: Sequence[InferOutput]
    ) -> None: ...

class Model:
    name: str
    ready: bool
    def __init__(self, name: str) -> None: ...
