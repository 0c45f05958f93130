from mlserver.types import RequestInput, ResponseOutput
from numpy import generic
from numpy.typing import NDArray

class NumpyCodec:
    @classmethod
    def decode_input(cls, request_input: RequestInput) -> NDArray[generic]: ...
    @classmethod
    def encode_output(cls, name: str, payload: NDArray[generic]) -> ResponseOutput: ...
