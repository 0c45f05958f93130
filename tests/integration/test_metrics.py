"""What a scrape shows of what happened."""

from __future__ import annotations

from collections.abc import Callable
from urllib.error import HTTPError

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.messages import Message, message
from runtime.testing.running import RunningServer
from tests.integration.calls import rows, tensors

Client = triton.InferenceServerClient


def test_a_request_is_counted_in_every_phase(server: RunningServer, client: Client) -> None:
    def values() -> list[float]:
        return [
            server.total("leeboard_requests_total", model="mlp", outcome="ok"),
            server.total("leeboard_rows_total", model="mlp"),
            server.total("leeboard_queue_seconds_count", model="mlp"),
            server.total("leeboard_compute_seconds_count", model="mlp"),
            server.total("leeboard_request_seconds_count", model="mlp"),
            server.total("leeboard_batch_rows_sum", model="mlp"),
        ]

    before = values()
    client.infer("mlp", tensors(x=rows(3, width=32)))
    assert [b - a for a, b in zip(before, values(), strict=True)] == [1, 3, 1, 1, 1, 3]


def test_refusals_are_counted_by_reason(server: RunningServer, client: Client) -> None:
    before = server.total("leeboard_requests_total", model="mlp", outcome="invalid")
    unknown = server.total("leeboard_server_unknown_model_total")
    for model in ("mlp", "nobody"):
        with pytest.raises(InferenceServerException):
            client.infer(model, tensors(x=np.ones((1, 1), np.float32)))
    assert (
        server.total("leeboard_requests_total", model="mlp", outcome="invalid")
        == before + 1
    )
    assert server.total("leeboard_server_unknown_model_total") == unknown + 1


def test_other_paths_are_not_found(server: RunningServer) -> None:
    with pytest.raises(HTTPError, match="404"):
        server.get("/nothing")


def test_health_answers_for_the_server_and_for_models(server: RunningServer) -> None:
    import grpc

    request, response = (
        message(f"grpc.health.v1.HealthCheck{kind}") for kind in ("Request", "Response")
    )
    with grpc.insecure_channel(server.grpc) as channel:
        check: Callable[..., Message] = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=lambda sent: sent.SerializeToString(),
            response_deserializer=response.FromString,
        )
        states = {
            name: check(request(service=name), timeout=10).status
            for name in ("", "mlp", "not_a_number")
        }
        assert states == {"": 1, "mlp": 1, "not_a_number": 2}
        with pytest.raises(grpc.RpcError) as caught:
            check(request(service="nobody"), timeout=10)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
