"""What NVIDIA's perf_analyzer asks before, between and after its load, in its order.

It reads metadata and configuration, clears shared memory, reads the server's metadata and
statistics, infers, and reads statistics again; it ends with an error when the numbers do
not fit together. Source: its observed behaviour, versions 2.41 and 2.50.
"""

from __future__ import annotations

from collections.abc import Callable

import grpc
import numpy as np

from runtime.messages import (
    Message,
    ModelConfigRequest,
    ModelConfigResponse,
    ModelInferRequest,
    ModelInferResponse,
    ModelMetadataRequest,
    ModelMetadataResponse,
    ModelStatisticsRequest,
    ModelStatisticsResponse,
    ServerMetadataRequest,
    ServerMetadataResponse,
    message,
)
from runtime.testing.running import RunningServer

SERVICE = "/inference.GRPCInferenceService/"


class Analyzer:
    """Calls methods by name, as perf_analyzer's C++ client does."""

    def __init__(self, url: str) -> None:
        self._channel = grpc.insecure_channel(url)

    def call(self, method: str, request: Message, response: type[Message]) -> Message:
        invoke: Callable[..., Message] = self._channel.unary_unary(
            SERVICE + method,
            request_serializer=lambda sent: sent.SerializeToString(),
            response_deserializer=response.FromString,
        )
        return invoke(request, timeout=30)

    def close(self) -> None:
        self._channel.close()


def infer_request(number: int) -> Message:
    request = ModelInferRequest(model_name="mlp", id=str(number))
    # Its C++ client sets this parameter on every request, unary ones included.
    request.parameters["triton_enable_empty_final_response"].bool_param = True
    request.inputs.add(name="x", datatype="FP32", shape=[1, 32])
    request.outputs.add(name="y")
    request.raw_input_contents.append(np.ones((1, 32), np.float32).tobytes())
    return request


def test_the_whole_sequence_and_its_sums(server: RunningServer) -> None:
    analyzer = Analyzer(server.grpc)
    metadata = analyzer.call(
        "ModelMetadata", ModelMetadataRequest(name="mlp"), ModelMetadataResponse
    )
    config = analyzer.call(
        "ModelConfig", ModelConfigRequest(name="mlp"), ModelConfigResponse
    ).config
    assert {i.name for i in config.input} == {i.name for i in metadata.inputs}
    assert config.max_batch_size > 0
    assert metadata.inputs[0].shape[0] == -1
    for kind in ("System", "Cuda"):
        name = f"{kind}SharedMemoryUnregister"
        analyzer.call(
            name,
            message(f"inference.{name}Request")(name=""),
            message(f"inference.{name}Response"),
        )
    about = analyzer.call("ServerMetadata", ServerMetadataRequest(), ServerMetadataResponse)
    assert "statistics" in about.extensions
    assert not {"sequence", "trace", "logging"} & set(about.extensions)

    def statistics() -> Message:
        wanted = ModelStatisticsRequest(name="mlp", version="")
        return analyzer.call(
            "ModelStatistics", wanted, ModelStatisticsResponse
        ).model_stats[0]

    before = statistics()
    for number in range(20):
        answer = analyzer.call("ModelInfer", infer_request(number), ModelInferResponse)
        assert answer.id == str(number)
        assert len(answer.raw_output_contents) == len(answer.outputs) == 1
    after = statistics()
    assert int(after.version) == 1
    sums = after.inference_stats
    assert sums.queue.count - before.inference_stats.queue.count == 20
    assert sums.compute_input.count == sums.compute_infer.count == sums.compute_output.count
    assert after.inference_count - before.inference_count == 20
    analyzer.close()
