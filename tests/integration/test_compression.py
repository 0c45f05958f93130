"""gRPC's compression with real clients: zeros shrink, noise does not."""

from __future__ import annotations

from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton

from runtime.backends.base import Signature, TensorSpec
from runtime.config import Transport
from runtime.messages import ModelInferRequest
from runtime.testing.fake_backend import FakeBackend
from runtime.testing.inline import InlineOptions
from tests.integration.calls import Array, tensors
from tests.integration.conftest import MakeInline

INFER = "/inference.GRPCInferenceService/ModelInfer"
WIDTH = 20_000
WIDE = Signature(
    "fake",
    (TensorSpec("x", "FP32", (-1, WIDTH)),),
    (TensorSpec("y", "FP32", (-1, WIDTH)),),
    batchable=True,
)
ZEROS: Array = np.zeros((1, WIDTH), np.float32)
NOISE: Array = np.random.default_rng(7).random((1, WIDTH), dtype=np.float32)
COMPRESSED = InlineOptions(transport=Transport(compress_replies="gzip"))


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
@pytest.mark.parametrize("replies", ["none", "gzip"])
def test_tritonclient_may_compress(
    make_inline: MakeInline, algorithm: str, replies: str
) -> None:
    options = InlineOptions(transport=Transport(compress_replies=replies))
    server = make_inline(FakeBackend(WIDE), options=options)
    with triton.InferenceServerClient(server.grpc) as client:
        for x in (ZEROS, NOISE):
            answer = client.infer("fake", tensors(x=x), compression_algorithm=algorithm)
            assert (answer.as_numpy("y") == x * 2).all()


def exchanged(server: Any, x: Array, **how: Any) -> tuple[int, int]:
    """Return the bytes that one call sends and gets back, handshakes apart."""
    with triton.InferenceServerClient(server.grpc) as client:
        client.is_server_live()
        before = server.server_counts()
        client.infer("fake", tensors(x=x), **how)
        client.is_server_live()  # By then the answer before it has been counted.
        after = server.server_counts()
    received = after["bytes_received"] - before["bytes_received"]
    return received, after["bytes_sent"] - before["bytes_sent"]


def test_zeros_cost_few_bytes_and_noise_costs_its_own(make_inline: MakeInline) -> None:
    server = make_inline(FakeBackend(WIDE), options=COMPRESSED)
    received, sent = exchanged(server, ZEROS, compression_algorithm="gzip")
    assert received < 2000
    assert sent < 2000
    received, sent = exchanged(server, NOISE, compression_algorithm="gzip")
    assert received > 4 * WIDTH * 0.8
    assert sent > 4 * WIDTH * 0.8


def test_answers_stay_plain_unless_asked_for(make_inline: MakeInline) -> None:
    server = make_inline(FakeBackend(WIDE))
    received, sent = exchanged(server, ZEROS, compression_algorithm="gzip")
    assert received < 2000
    assert sent > 4 * WIDTH


def test_a_bomb_is_refused_before_it_takes_memory(make_inline: MakeInline) -> None:
    server = make_inline(
        FakeBackend(WIDE), options=InlineOptions(max_message_bytes=1 << 20)
    )
    bomb = ModelInferRequest(model_name="fake")
    bomb.raw_input_contents.append(bytes(50_000_000))
    with grpc.insecure_channel(server.grpc) as channel:
        call: Any = channel.unary_unary(INFER)
        with pytest.raises(grpc.RpcError) as caught:
            call(bomb.SerializeToString(), compression=grpc.Compression.Gzip, timeout=30)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "1048576" in str(caught.value.details())
