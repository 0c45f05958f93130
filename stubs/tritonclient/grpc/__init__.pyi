from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import numpy.typing as npt
from tritonclient.utils import InferenceServerException

class InferInput:
    def __init__(self, name: str, shape: Sequence[int], datatype: str) -> None: ...
    def name(self) -> str: ...
    def datatype(self) -> str: ...
    def shape(self) -> list[int]: ...
    def set_shape(self, shape: Sequence[int]) -> InferInput: ...
    def set_data_from_numpy(self, input_tensor: npt.NDArray[Any]) -> InferInput: ...

class InferRequestedOutput:
    def __init__(self, name: str, class_count: int = ...) -> None: ...
    def name(self) -> str: ...

class InferResult:
    def as_numpy(self, name: str) -> npt.NDArray[Any]: ...
    def get_output(self, name: str, as_json: bool = ...) -> Any: ...
    def get_response(self, as_json: bool = ...) -> Any: ...

class CallContext:
    def cancel(self) -> bool: ...

class KeepAliveOptions:
    def __init__(
        self,
        keepalive_time_ms: int = ...,
        keepalive_timeout_ms: int = ...,
        keepalive_permit_without_calls: bool = ...,
        http2_max_pings_without_data: int = ...,
    ) -> None: ...

class InferenceServerClient:
    def __init__(
        self,
        url: str,
        verbose: bool = ...,
        ssl: bool = ...,
        root_certificates: str | None = ...,
        private_key: str | None = ...,
        certificate_chain: str | None = ...,
        *,
        keepalive_options: KeepAliveOptions | None = ...,
        channel_args: Sequence[tuple[str, Any]] | None = ...,
    ) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        type: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
    def close(self) -> None: ...
    def is_server_live(self, *, client_timeout: float | None = ...) -> bool: ...
    def is_server_ready(self, *, client_timeout: float | None = ...) -> bool: ...
    def is_model_ready(
        self,
        model_name: str,
        model_version: str = ...,
        *,
        client_timeout: float | None = ...,
    ) -> bool: ...
    def get_server_metadata(self, *, as_json: bool = ...) -> Any: ...
    def get_model_metadata(
        self, model_name: str, model_version: str = ..., *, as_json: bool = ...
    ) -> Any: ...
    def get_model_config(
        self, model_name: str, model_version: str = ..., *, as_json: bool = ...
    ) -> Any: ...
    def get_model_repository_index(self, *, as_json: bool = ...) -> Any: ...
    def get_inference_statistics(
        self, model_name: str = ..., model_version: str = ..., *, as_json: bool = ...
    ) -> Any: ...
    def load_model(
        self,
        model_name: str,
        *,
        config: str | None = ...,
        files: dict[str, bytes] | None = ...,
        client_timeout: float | None = ...,
    ) -> None: ...
    def unload_model(self, model_name: str) -> None: ...
    def get_system_shared_memory_status(self, *, as_json: bool = ...) -> Any: ...
    def get_cuda_shared_memory_status(self, *, as_json: bool = ...) -> Any: ...
    def register_system_shared_memory(
        self, name: str, key: str, byte_size: int, offset: int = ...
    ) -> None: ...
    def unregister_system_shared_memory(self, name: str = ...) -> None: ...
    def unregister_cuda_shared_memory(self, name: str = ...) -> None: ...
    def get_trace_settings(self, *, as_json: bool = ...) -> Any: ...
    def get_log_settings(self, *, as_json: bool = ...) -> Any: ...
    def infer(
        self,
        model_name: str,
        inputs: Sequence[InferInput],
        model_version: str = ...,
        outputs: Sequence[InferRequestedOutput] | None = ...,
        request_id: str = ...,
        sequence_id: int | str = ...,
        sequence_start: bool = ...,
        sequence_end: bool = ...,
        priority: int = ...,
        timeout: int | None = ...,
        client_timeout: float | None = ...,
        headers: dict[str, str] | None = ...,
        compression_algorithm: str | None = ...,
        parameters: dict[str, Any] | None = ...,
    ) -> InferResult: ...
    def start_stream(
        self,
        callback: Callable[[Any, Any], None],
        stream_timeout: float | None = ...,
        headers: dict[str, str] | None = ...,
    ) -> None: ...
    def stop_stream(self, cancel_requests: bool = ...) -> None: ...
    def async_stream_infer(
        self,
        model_name: str,
        inputs: Sequence[InferInput],
        model_version: str = ...,
        outputs: Sequence[InferRequestedOutput] | None = ...,
        request_id: str = ...,
        *,
        enable_empty_final_response: bool = ...,
        parameters: dict[str, Any] | None = ...,
    ) -> None: ...
    def async_infer(
        self,
        model_name: str,
        inputs: Sequence[InferInput],
        callback: Callable[[InferResult | None, InferenceServerException | None], object],
        model_version: str = ...,
        outputs: Sequence[InferRequestedOutput] | None = ...,
        request_id: str = ...,
        *,
        priority: int = ...,
        timeout: int | None = ...,
        client_timeout: float | None = ...,
        headers: dict[str, str] | None = ...,
        parameters: dict[str, Any] | None = ...,
    ) -> CallContext: ...
