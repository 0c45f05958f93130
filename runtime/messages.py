"""The messages of protos/, in a descriptor pool of our own.

tritonclient registers the same names in protobuf's default pool, where a second set would
be refused; with a private pool server and client live in one process, whichever is imported
first. Messages of the two pools are strangers: pass bytes between them, not objects.

The classes are made at run time, so to a type checker their instances are ``Any``.

Examples
--------
>>> request = ModelReadyRequest(name="fraud", version="7")
>>> ModelReadyRequest.FromString(request.SerializeToString()).version
'7'
>>> DataType.Value("TYPE_FP32")
11
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias, cast

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message_factory import GetMessageClass

DESCRIPTORS = Path(__file__).resolve().parent / "protos" / "inference.binpb"


def _load(path: Path) -> DescriptorPool:
    pool: Any = DescriptorPool()
    for file in FileDescriptorSet.FromString(path.read_bytes()).file:
        pool.AddSerializedFile(file.SerializeToString())
    return cast(DescriptorPool, pool)


Message: TypeAlias = Any
"""An instance of any of these classes."""

POOL: Any = _load(DESCRIPTORS)


def message(name: str) -> type[Any]:
    """Return the class of a message by its full name; KeyError when there is none."""
    return GetMessageClass(POOL.FindMessageTypeByName(name))


def _inference(name: str) -> type[Any]:
    return message(f"inference.{name}")


ServerLiveRequest = _inference("ServerLiveRequest")
ServerLiveResponse = _inference("ServerLiveResponse")
ServerReadyRequest = _inference("ServerReadyRequest")
ServerReadyResponse = _inference("ServerReadyResponse")
ServerMetadataRequest = _inference("ServerMetadataRequest")
ServerMetadataResponse = _inference("ServerMetadataResponse")
ModelReadyRequest = _inference("ModelReadyRequest")
ModelReadyResponse = _inference("ModelReadyResponse")
ModelMetadataRequest = _inference("ModelMetadataRequest")
ModelMetadataResponse = _inference("ModelMetadataResponse")
ModelConfigRequest = _inference("ModelConfigRequest")
ModelConfigResponse = _inference("ModelConfigResponse")
ModelConfig = _inference("ModelConfig")
ModelStatisticsRequest = _inference("ModelStatisticsRequest")
ModelStatisticsResponse = _inference("ModelStatisticsResponse")
RepositoryIndexRequest = _inference("RepositoryIndexRequest")
RepositoryIndexResponse = _inference("RepositoryIndexResponse")
RepositoryModelLoadRequest = _inference("RepositoryModelLoadRequest")
RepositoryModelLoadResponse = _inference("RepositoryModelLoadResponse")
RepositoryModelUnloadRequest = _inference("RepositoryModelUnloadRequest")
RepositoryModelUnloadResponse = _inference("RepositoryModelUnloadResponse")
ModelInferRequest = _inference("ModelInferRequest")
ModelInferResponse = _inference("ModelInferResponse")
ModelStreamInferResponse = _inference("ModelStreamInferResponse")
InferParameter = _inference("InferParameter")
InferTensorContents = _inference("InferTensorContents")
SystemSharedMemoryStatusResponse = _inference("SystemSharedMemoryStatusResponse")
SystemSharedMemoryUnregisterRequest = _inference("SystemSharedMemoryUnregisterRequest")
SystemSharedMemoryUnregisterResponse = _inference("SystemSharedMemoryUnregisterResponse")
CudaSharedMemoryStatusResponse = _inference("CudaSharedMemoryStatusResponse")
CudaSharedMemoryUnregisterRequest = _inference("CudaSharedMemoryUnregisterRequest")
CudaSharedMemoryUnregisterResponse = _inference("CudaSharedMemoryUnregisterResponse")

HealthCheckRequest = message("grpc.health.v1.HealthCheckRequest")
HealthCheckResponse = message("grpc.health.v1.HealthCheckResponse")

DataType: Any = EnumTypeWrapper(POOL.FindEnumTypeByName("inference.DataType"))
