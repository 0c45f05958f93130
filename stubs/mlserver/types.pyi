from collections.abc import Sequence

class RequestInput:
    name: str

class ResponseOutput: ...

class InferenceRequest:
    inputs: list[RequestInput]

class InferenceResponse:
    def __init__(self, *, model_name: str, outputs: Sequence[ResponseOutput]) -> None: ...
