"""The data plane with worker threads, asked over its own messages."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable

import grpc
import numpy as np
import pytest

from runtime.messages import Message, ModelInferRequest, ModelInferResponse
from runtime.testing.fake_backend import FakeBackend
from runtime.testing.inline import InlineOptions, InlineServer


def infer(server: InlineServer, x: np.ndarray, name: str = "fake") -> np.ndarray:
    """Ask for the output y of an input x."""
    request = ModelInferRequest(model_name=name)
    request.inputs.add(name="x", datatype="FP32", shape=x.shape)
    request.raw_input_contents.append(x.tobytes())
    with grpc.insecure_channel(server.grpc) as channel:
        call: Callable[..., Message] = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=ModelInferResponse.FromString,
        )
        raw = call(request, timeout=30, wait_for_ready=True).raw_output_contents[0]
    return np.frombuffer(raw, np.float32).reshape(x.shape)


X = np.arange(12, dtype=np.float32).reshape(3, 4)


def test_a_backend_answers_clients() -> None:
    backend = FakeBackend()
    with InlineServer(backend, name="twice") as server:
        assert infer(server, X, "twice").tolist() == (X * 2).tolist()
        assert server.counts()["requests_ok"] == 1
        assert server.server_counts()["requests"] == 1
        server.assert_idle()
    assert backend.batches == [3]


def test_a_model_without_batching_sees_whole_tensors() -> None:
    backend = FakeBackend()
    with InlineServer(backend, options=InlineOptions(max_batch_size=0)) as server:
        assert infer(server, X).tolist() == (X * 2).tolist()
    assert [seen["x"].shape for seen in backend.seen] == [(3, 4)]


def test_a_lost_workers_batch_runs_on_another() -> None:
    first, second = FakeBackend(), FakeBackend()
    first.hold()
    with InlineServer(first) as server:
        answers: list[np.ndarray] = []
        asking = threading.Thread(target=lambda: answers.append(infer(server, X)))
        asking.start()
        server.wait_for("open_batches", 1)
        server.lose(server.workers[0])
        server.lose(server.workers[0])
        server.workers.append(server.add_worker(second))
        asking.join(30)
        assert answers[0].tolist() == (X * 2).tolist()
        assert server.counts()["deaths_killed"] == 1
        first.let_go()


def test_waiting_for_a_counter_says_what_it_is() -> None:
    with InlineServer(FakeBackend()) as server:
        infer(server, X)
        server.wait_for("requests_ok", 1)
        with pytest.raises(KeyError, match="no such counter"):
            server.wait_for("no such counter", 1)


def test_closing_leaves_no_thread_and_no_descriptor() -> None:
    def live() -> None:
        with InlineServer(FakeBackend(), FakeBackend()) as server:
            infer(server, X)
        gc.collect()

    live()  # What gRPC keeps for itself is made now.
    before = set(os.listdir("/proc/self/fd"))
    live()
    assert not any(t.name == "leeboard-inline" for t in threading.enumerate())
    assert set(os.listdir("/proc/self/fd")) <= before
