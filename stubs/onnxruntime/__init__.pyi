# What we use of ONNX Runtime, which ships no types.
from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

__version__: str
capi: Any

class GraphOptimizationLevel:
    ORT_DISABLE_ALL: GraphOptimizationLevel
    ORT_ENABLE_ALL: GraphOptimizationLevel

class ExecutionMode:
    ORT_SEQUENTIAL: ExecutionMode

class SessionOptions:
    intra_op_num_threads: int
    inter_op_num_threads: int
    execution_mode: ExecutionMode
    graph_optimization_level: GraphOptimizationLevel
    log_severity_level: int
    optimized_model_filepath: str
    def add_session_config_entry(self, key: str, value: str) -> None: ...

class NodeArg:
    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def shape(self) -> list[int | str | None]: ...

class ModelMetadata:
    @property
    def custom_metadata_map(self) -> dict[str, str]: ...

class OrtValue:
    def shape(self) -> list[int]: ...
    def data_ptr(self) -> int: ...
    def data_type(self) -> str: ...
    def numpy(self) -> npt.NDArray[Any]: ...

class IOBinding:
    def bind_input(
        self,
        name: str,
        device_type: str,
        device_id: int,
        element_type: int,
        shape: Sequence[int],
        buffer_ptr: int,
    ) -> None: ...
    def bind_output(
        self,
        name: str,
        device_type: str = ...,
        device_id: int = ...,
        element_type: int | None = ...,
        shape: Sequence[int] | None = ...,
        buffer_ptr: int | None = ...,
    ) -> None: ...
    def get_outputs(self) -> list[OrtValue]: ...

class InferenceSession:
    def __init__(
        self,
        path_or_bytes: str | bytes,
        sess_options: SessionOptions | None = ...,
        providers: Sequence[str] | None = ...,
    ) -> None: ...
    def get_inputs(self) -> list[NodeArg]: ...
    def get_outputs(self) -> list[NodeArg]: ...
    def get_modelmeta(self) -> ModelMetadata: ...
    def io_binding(self) -> IOBinding: ...
    def run(
        self, output_names: Sequence[str] | None, input_feed: dict[str, Any]
    ) -> list[npt.NDArray[Any]]: ...
    def run_with_iobinding(self, iobinding: IOBinding) -> None: ...
