"""The baseline: the same ONNX model behind a synchronous grpcio server.

    python -m benchmarks.peers.grpcio_sync MODEL.onnx --ready-file FILE

As its documentation advises for one processor: a small pool of threads (4; 2 and 8 were no
better), unlimited message sizes, no compression, SO_REUSEPORT off. ONNX Runtime has one
thread and does not spin. Messages are parsed by protobuf's upb, tensors are read without a
copy, one request is one run: nobody batches by hand in such a server.
"""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Callable
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from benchmarks.peers.session import open_session
from benchmarks.results import write_json
from runtime.messages import ModelInferRequest, ModelInferResponse

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


def make_handler(path: Path) -> Callable[[Message, grpc.ServicerContext], Message]:
    """Return what answers one ModelInfer call."""
    session = open_session(path)
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


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve a model with grpcio.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--ready-file", type=Path, required=True)
    chosen = parser.parse_args()
    server = grpc.server(futures.ThreadPoolExecutor(THREADS), options=OPTIONS)
    method = grpc.unary_unary_rpc_method_handler(
        make_handler(chosen.model),
        request_deserializer=ModelInferRequest.FromString,
        response_serializer=ModelInferResponse.SerializeToString,
    )
    service = "inference.GRPCInferenceService"
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {"ModelInfer": method}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    write_json(chosen.ready_file, {"grpc_port": port})
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    stop.wait()
    server.stop(1.0).wait(5.0)


if __name__ == "__main__":
    main()
