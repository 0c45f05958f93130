"""What reflection is given: every file, symbol and service of protos/."""

from __future__ import annotations

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from runtime.messages import DESCRIPTORS
from runtime.server.reflection import reflection, symbols


def names() -> set[str]:
    files = FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file
    return {name for file in files for name in symbols(file)}


def test_symbols_are_messages_enums_services_and_methods() -> None:
    assert names() >= {
        "inference.ModelInferRequest",
        "inference.ModelInferRequest.InferInputTensor",
        "inference.DataType",
        "inference.GRPCInferenceService",
        "inference.GRPCInferenceService.ModelStreamInfer",
        "grpc.health.v1.Health.Watch",
        "grpc.reflection.v1.ServerReflection.ServerReflectionInfo",
    }


def test_it_can_be_made_without_a_server() -> None:
    assert reflection() is not None
