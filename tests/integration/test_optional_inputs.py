"""Inputs that requests may leave out."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.backends.base import Signature, TensorSpec
from runtime.testing.fake_backend import FakeBackend
from runtime.testing.inline import InlineServer
from runtime.testing.waiting import wait_until
from tests.integration.calls import Array, rows, tensors
from tests.integration.conftest import MakeInline

SIGNATURE = Signature(
    "fake",
    (
        TensorSpec("bias", "FP32", (-1, -1), optional=True),
        TensorSpec("x", "FP32", (-1, -1)),
        TensorSpec("factor", "FP32", (-1, -1), optional=True),
    ),
    (TensorSpec("y", "FP32", (-1, -1)),),
    batchable=True,
)


def answer(arrays: dict[str, Array]) -> dict[str, Array]:
    return {"y": arrays["x"] * arrays.get("factor", 1) + arrays.get("bias", 0)}


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend(SIGNATURE, answer)


@pytest.fixture
def server(make_inline: MakeInline, backend: FakeBackend) -> InlineServer:
    return make_inline(backend)


@pytest.fixture
def client(server: InlineServer) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(server.grpc) as client:
        yield client


def ask(client: triton.InferenceServerClient, **arrays: Array) -> list[list[float]]:
    found = client.infer("fake", tensors(**arrays)).as_numpy("y").tolist()
    assert isinstance(found, list)
    return found


def test_the_model_sees_only_what_was_given(
    client: triton.InferenceServerClient, backend: FakeBackend
) -> None:
    x = rows(2)
    ten = np.full_like(x, 10)
    assert ask(client, x=x) == x.tolist()
    assert ask(client, x=x, factor=ten) == (x * 10).tolist()
    assert ask(client, bias=ten, x=x) == (x + 10).tolist()
    assert ask(client, factor=ten, x=x, bias=ten) == (x * 10 + 10).tolist()
    assert [list(seen) for seen in backend.seen] == [
        ["x"],
        ["x", "factor"],
        ["bias", "x"],
        ["bias", "x", "factor"],
    ]


def test_requests_with_other_inputs_never_share_a_batch(
    client: triton.InferenceServerClient, server: InlineServer, backend: FakeBackend
) -> None:
    backend.hold()
    x, ten = rows(1), np.full((1, 4), 10, np.float32)
    asked = [{"x": x}, {"x": x, "factor": ten}, {"x": x, "bias": ten}] * 3
    with ThreadPoolExecutor(len(asked) + 1) as pool:
        first = pool.submit(ask, client, x=x)
        wait_until(lambda: backend.entered == 1, "the worker is busy")
        answers = [pool.submit(ask, client, **arrays) for arrays in asked]
        wait_until(lambda: server.server_counts()["requests"] == 10, "all have arrived")
        backend.let_go()
        found = [future.result(60) for future in [first, *answers]]
    assert found[1:] == [answer(arrays)["y"].tolist() for arrays in asked]
    assert sum(backend.batches) == 10
    shared = {tuple(seen) for seen in backend.seen}
    assert shared == {("x",), ("x", "factor"), ("bias", "x")}


def test_large_tensors_stream_beside_a_missing_one(
    client: triton.InferenceServerClient,
) -> None:
    x = np.arange(200_000, dtype=np.float32).reshape(1, -1)
    assert ask(client, x=x) == x.tolist()
    assert ask(client, factor=x, x=x) == (x * x).tolist()


def test_other_inputs_must_be_there(client: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match=r"input 'x' of .* is missing"):
        ask(client, factor=rows(1))
