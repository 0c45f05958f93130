from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from tritonclient.grpc import (
    InferInput as InferInput,
)
from tritonclient.grpc import (
    InferRequestedOutput as InferRequestedOutput,
)
from tritonclient.grpc import (
    InferResult as InferResult,
)
from tritonclient.grpc import (
    KeepAliveOptions as KeepAliveOptions,
)

class InferenceServerClient:
    def __init__(
        self,
        url: str,
        verbose: bool = ...,
        ssl: bool = ...,
        *,
        keepalive_options: KeepAliveOptions | None = ...,
        channel_args: Sequence[tuple[str, Any]] | None = ...,
    ) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self,
        type: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
    async def close(self) -> None: ...
    async def is_server_live(self, *, client_timeout: float | None = ...) -> bool: ...
    async def is_server_ready(self, *, client_timeout: float | None = ...) -> bool: ...
    async def is_model_ready(
        self,
        model_name: str,
        model_version: str = ...,
        *,
        client_timeout: float | None = ...,
    ) -> bool: ...
    async def get_server_metadata(self, *, as_json: bool = ...) -> Any: ...
    async def get_model_metadata(
        self, model_name: str, model_version: str = ..., *, as_json: bool = ...
    ) -> Any: ...
    async def get_model_config(
        self, model_name: str, model_version: str = ..., *, as_json: bool = ...
    ) -> Any: ...
    async def get_model_repository_index(self, *, as_json: bool = ...) -> Any: ...
    async def get_inference_statistics(
        self, model_name: str = ..., model_version: str = ..., *, as_json: bool = ...
    ) -> Any: ...
    async def load_model(
        self,
        model_name: str,
        *,
        config: str | None = ...,
        files: dict[str, bytes] | None = ...,
        client_timeout: float | None = ...,
    ) -> None: ...
    async def unload_model(self, model_name: str) -> None: ...
    async def get_system_shared_memory_status(self, *, as_json: bool = ...) -> Any: ...
    async def get_cuda_shared_memory_status(self, *, as_json: bool = ...) -> Any: ...
    async def register_system_shared_memory(
        self, name: str, key: str, byte_size: int, offset: int = ...
    ) -> None: ...
    async def unregister_system_shared_memory(self, name: str = ...) -> None: ...
    async def unregister_cuda_shared_memory(self, name: str = ...) -> None: ...
    async def get_trace_settings(self, *, as_json: bool = ...) -> Any: ...
    async def get_log_settings(self, *, as_json: bool = ...) -> Any: ...
    async def infer(
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
