"""Starting, refusing to start, draining and stopping."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.errors import ServerError
from runtime.testing import models
from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until
from tests.integration.calls import tensors


@pytest.fixture
def mlp(tmp_path: Path) -> Path:
    return models.save_mlp(tmp_path / "mlp.onnx")


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    return models.save_slow(tmp_path / "slow.onnx", products=60)


def test_a_single_file_is_served_under_its_name_as_version_one(mlp: Path) -> None:
    with RunningServer(mlp) as server:
        assert server.about["models"] == {"mlp": "READY"}
        assert server.get("/live") == "live\n"
        assert server.get("/ready") == "ready\n"
        with triton.InferenceServerClient(server.grpc) as client:
            assert client.is_model_ready("mlp", "1")
        assert server.stop() == 0


def test_what_is_in_flight_is_answered_after_sigterm_and_nothing_new_is_taken(
    slow: Path,
) -> None:
    x = np.ones((1, 4), np.float32)
    with RunningServer(slow) as server:
        answers: list[object] = []

        def ask() -> None:
            with triton.InferenceServerClient(server.grpc) as client:
                answers.append(client.infer("slow", tensors(x=x)).as_numpy("y"))

        late = triton.InferenceServerClient(server.grpc)
        assert late.is_server_ready()
        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        wait_until(lambda: server.total("leeboard_server_requests_total") == 6, "in flight")
        server.signal(signal.SIGTERM)
        wait_until(lambda: any("draining" in line for line in server.log), "draining")
        with pytest.raises(InferenceServerException) as caught:
            late.infer("slow", tensors(x=x))
        assert caught.value.status() == "StatusCode.UNAVAILABLE"
        late.close()
        for thread in threads:
            thread.join(60)
        assert len(answers) == 6
        assert server.wait() == 0
        assert not any("still in flight" in line for line in server.log)


def test_a_second_signal_does_not_wait_for_the_drain(slow: Path) -> None:
    x = np.ones((64, 4), np.float32)
    with RunningServer(slow) as server, triton.InferenceServerClient(server.grpc) as client:
        heard: list[object] = []
        for _ in range(20):
            client.async_infer(
                "slow", tensors(x=x), lambda result, error: heard.append(error)
            )
        wait_until(
            lambda: server.total("leeboard_server_requests_total") == 20, "in flight"
        )
        server.signal(signal.SIGINT)
        wait_until(lambda: any("draining" in line for line in server.log), "draining")
        server.signal(signal.SIGINT)
        assert server.wait() == 0
        wait_until(lambda: len(heard) == 20, "every call has ended")
        assert any(error is not None for error in heard)


def test_an_address_in_use_is_one_clear_line(mlp: Path) -> None:
    with RunningServer(mlp) as first:
        port = str(first.about["grpc_port"])
        with pytest.raises(ServerError) as caught, RunningServer(mlp, "--grpc-port", port):
            pass
        assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in str(
            caught.value
        )
        assert "Traceback" not in str(caught.value)


def test_one_broken_model_leaves_the_others_serving_and_fails_strict(
    tmp_path: Path,
) -> None:
    save: dict[str, Callable[[Path], object]] = {
        "good": models.save_mlp,
        "broken": lambda path: path.write_bytes(b"not a model"),
    }
    for name, write in save.items():
        (tmp_path / name / "1").mkdir(parents=True)
        write(tmp_path / name / "1" / "model.onnx")
    with RunningServer(tmp_path) as server:
        assert server.about["models"] == {"broken": "UNAVAILABLE", "good": "READY"}
        with triton.InferenceServerClient(server.grpc) as client:
            assert client.is_server_ready()
            with pytest.raises(InferenceServerException, match="not at ready state"):
                client.infer("broken", tensors(x=np.ones((1, 4), np.float32)))
    with pytest.raises(ServerError, match="not serving: broken version 1"):
        RunningServer(tmp_path, "--strict").__enter__()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--instances", "0"], "--instances is 0; it must be 1 to 256"),
        (["--max-batch-size", "100000"], "--max-batch-size is 100000"),
        (["--warmup", "nowhere.npz"], "nowhere.npz"),
    ],
)
def test_a_wrong_option_is_named(mlp: Path, arguments: list[str], words: str) -> None:
    with pytest.raises(ServerError) as caught:
        RunningServer(mlp, *arguments).__enter__()
    assert words in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_path_without_models_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="holds no model; expected"):
        RunningServer(tmp_path).__enter__()
    with pytest.raises(ServerError, match="does not exist"):
        RunningServer(tmp_path / "nowhere").__enter__()


def test_a_model_with_free_dims_is_unwarmed_until_real_inputs_are_given(
    tmp_path: Path,
) -> None:
    path = models.save_identity(tmp_path / "width.onnx", "FP32", ["N", "W"])
    with RunningServer(path) as server:
        assert "unwarmed" in "".join(server.log)
        with triton.InferenceServerClient(server.grpc) as client:
            assert client.get_model_config("width").config.max_batch_size == 0
            x = np.ones((2, 9), np.float32)
            assert (client.infer("width", tensors(x=x)).as_numpy("y") == x).all()
    np.savez(tmp_path / "inputs.npz", x=np.ones((1, 5), np.float32))
    warmup = ("--warmup", str(tmp_path / "inputs.npz"))
    with RunningServer(path, *warmup) as server:
        assert "unwarmed" not in "".join(server.log)
        with triton.InferenceServerClient(server.grpc) as client:
            assert client.get_model_config("width").config.max_batch_size == 64


def test_the_highest_numeric_version_is_served(tmp_path: Path) -> None:
    for version in ("2", "10", "09", "latest"):
        (tmp_path / "mlp" / version).mkdir(parents=True)
        models.save_mlp(tmp_path / "mlp" / version / "model.onnx")
    with (
        RunningServer(tmp_path) as server,
        triton.InferenceServerClient(server.grpc) as client,
    ):
        index = client.get_model_repository_index().models
        assert [(m.name, m.version) for m in index] == [("mlp", "10")]
        assert "09 is not a version" in "".join(server.log)


def test_a_stop_while_models_load_ends_the_server_and_its_workers(slow: Path) -> None:
    server = RunningServer(slow)
    server.start()
    wait_until(lambda: len(server.worker_pids()) == 1, "the worker has started")
    worker = server.worker_pids()[0]
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    wait_until(lambda: not Path(f"/proc/{worker}").exists(), "no worker is left")


def test_probes_are_not_ready_while_the_server_drains(slow: Path) -> None:
    x = np.ones((64, 4), np.float32)
    with RunningServer(slow) as server, triton.InferenceServerClient(server.grpc) as client:
        for _ in range(4):
            client.async_infer("slow", tensors(x=x), lambda result, error: None)
        wait_until(lambda: server.total("leeboard_server_requests_total") == 4, "in flight")
        server.signal(signal.SIGTERM)
        wait_until(lambda: any("draining" in line for line in server.log), "draining")
        with pytest.raises(HTTPError, match="503"):
            server.get("/ready")
        server.signal(signal.SIGTERM)
