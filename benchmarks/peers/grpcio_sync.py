"""The baseline: the same ONNX model behind a synchronous grpcio server.

    python -m benchmarks.peers.grpcio_sync MODEL.onnx --ready-file FILE [--port N]

As its documentation advises for one processor: a small pool of threads (4; 2 and 8 were no
better), unlimited message sizes, no compression, SO_REUSEPORT off. ONNX Runtime has one
thread and does not spin. Messages are parsed by protobuf's upb, tensors are read without a
copy, one request is one run: nobody batches by hand in such a server. ModelMetadata is
answered too, because load generators ask it.
"""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Callable
from concurrent import futures
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np

from benchmarks.peers.session import Tensor, describe, open_session
from benchmarks.results import write_json
from runtime.messages import (
    ModelInferRequest,
    ModelInferResponse,
    ModelMetadataRequest,
    ModelMetadataResponse,
)

if TYPE_CHECKING:
    import onnxruntime

SERVICE = "inference.GRPCInferenceService"
Message = Any
"""A protobuf message; its class is made at run time."""

DATATYPES = {"FP32": "<f4", "INT64": "<i8"}
NAMES = {np.dtype(dtype): name for name, dtype in DATATYPES.items()}
THREADS = 4
OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
)


Answer = Callable[[Message, grpc.ServicerContext], Message]


def make_infer(session: onnxruntime.InferenceSession) -> Answer:
    """Return what answers one ModelInfer call."""
    names = [output.name for output in session.get_outputs()]

    def infer(request: Message, context: grpc.ServicerContext) -> Message:
        inputs = {
            tensor.name: np.frombuffer(raw, DATATYPES[tensor.datatype]).reshape(
                tensor.shape
            )
            for tensor, raw in zip(request.inputs, request.raw_input_contents, strict=True)
        }
        answer = ModelInferResponse(model_name=request.model_name, model_version="1")
        for name, value in zip(names, session.run(names, inputs), strict=True):
            datatype = NAMES[value.dtype]
            answer.outputs.add(name=name, datatype=datatype, shape=value.shape)
            answer.raw_output_contents.append(value.tobytes())
        return answer

    return infer


def make_metadata(session: onnxruntime.InferenceSession) -> Answer:
    """Return what answers one ModelMetadata call."""
    inputs, outputs = describe(session.get_inputs()), describe(session.get_outputs())

    def metadata(request: Message, context: grpc.ServicerContext) -> Message:
        answer = ModelMetadataResponse(name=request.name, platform="onnx")
        add(answer.inputs, inputs)
        add(answer.outputs, outputs)
        return answer

    return metadata


def add(field: Message, tensors: list[Tensor]) -> None:
    """Write tensors into a repeated field."""
    for tensor in tensors:
        field.add(**tensor)


def make_handlers(path: Path) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
    """Return what answers each method."""
    session = open_session(path)
    return {
        "ModelInfer": grpc.unary_unary_rpc_method_handler(
            make_infer(session),
            request_deserializer=ModelInferRequest.FromString,
            response_serializer=ModelInferResponse.SerializeToString,
        ),
        "ModelMetadata": grpc.unary_unary_rpc_method_handler(
            make_metadata(session),
            request_deserializer=ModelMetadataRequest.FromString,
            response_serializer=ModelMetadataResponse.SerializeToString,
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve a model with grpcio.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--ready-file", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    chosen = parser.parse_args()
    server = grpc.server(futures.ThreadPoolExecutor(THREADS), options=OPTIONS)
    handlers = make_handlers(chosen.model)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, handlers),)
    )
    port = server.add_insecure_port(f"127.0.0.1:{chosen.port}")
    server.start()
    write_json(chosen.ready_file, {"grpc_port": port})
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    stop.wait()
    server.stop(1.0).wait(5.0)


if __name__ == "__main__":
    main()
