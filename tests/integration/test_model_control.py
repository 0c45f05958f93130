"""Models that come, change and go while the server runs, as tritonclient asks for it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.listing import list_models, load_model, show_model, unload_model
from runtime.testing import models
from runtime.testing.running import RunningServer, children_of
from runtime.testing.waiting import wait_until
from tests.integration.calls import rows, tensors

EXPLICIT = ("--model-control-mode", "explicit")


def publish(folder: Path, name: str, version: str, seed: int = 0) -> None:
    """Put a version of a model where it is found, in one step."""
    scratch = folder / f".{name}.{version}"
    models.save_mlp(scratch / "model.onnx", (4, 8, 2), seed)
    target = folder / name / version
    target.parent.mkdir(exist_ok=True)
    scratch.rename(target)


def answer(client: triton.InferenceServerClient, name: str, version: str = "") -> Any:
    result = client.infer(name, tensors(x=rows(1)), model_version=version)
    return result.as_numpy("y").tolist()


def states(server: RunningServer) -> dict[tuple[str, str], tuple[str, str]]:
    return {(m.name, m.version): (m.state, m.reason) for m in list_models(server.grpc)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "models"
    made.mkdir()
    publish(made, "a", "1")
    publish(made, "b", "1", seed=1)
    return made


@pytest.fixture
def explicit(folder: Path) -> Iterator[RunningServer]:
    with RunningServer(folder, *EXPLICIT, "--load-model", "a") as server:
        yield server
        server.assert_idle()


def test_only_what_was_asked_for_is_loaded(
    explicit: RunningServer,
) -> None:
    assert states(explicit) == {
        ("a", "1"): ("READY", ""), ("b", ""): ("UNAVAILABLE", "not loaded")
    }  # fmt: skip
    with triton.InferenceServerClient(explicit.grpc) as client:
        assert client.is_server_ready()
        assert not client.is_model_ready("b")
        client.load_model("b")
        assert client.is_model_ready("b")
        assert answer(client, "b") != answer(client, "a")
        client.unload_model("a")
        assert not client.is_model_ready("a")
        with pytest.raises(InferenceServerException, match="UNAVAILABLE: unloaded"):
            answer(client, "a")
        assert answer(client, "b")


def test_a_model_is_replaced_by_its_next_version_and_can_go_back(
    explicit: RunningServer, folder: Path
) -> None:
    with triton.InferenceServerClient(explicit.grpc) as client:
        first = answer(client, "a")
        publish(folder, "a", "2", seed=7)
        client.load_model("a")
        second = answer(client, "a")
        assert second != first
        assert ("a", "1") in states(explicit)
        assert states(explicit)["a", "1"] == ("UNAVAILABLE", "unloaded")
        shutil.rmtree(folder / "a" / "2")
        client.load_model("a")
        assert answer(client, "a") == first


def test_a_file_that_changed_is_loaded_again_and_a_bad_one_changes_nothing(
    explicit: RunningServer, folder: Path
) -> None:
    path = folder / "a" / "1" / "model.onnx"
    with triton.InferenceServerClient(explicit.grpc) as client:
        first, workers = answer(client, "a"), explicit.worker_pids()
        client.load_model("a")
        assert explicit.worker_pids() == workers  # Nothing has changed, nothing is done.
        other = models.save_mlp(folder / "a" / "other.onnx", (4, 8, 2), seed=5)
        other.replace(path)
        client.load_model("a")
        second = answer(client, "a")
        assert second != first
        path.with_suffix(".tmp").write_bytes(b"no model")
        path.with_suffix(".tmp").replace(path)
        with pytest.raises(InferenceServerException, match=r"open: .*model\.onnx"):
            client.load_model("a")
        assert answer(client, "a") == second
        state, reason = states(explicit)["a", "1"]
        assert state == "READY"
        assert reason.startswith("could not be loaded again: open: ")


def test_one_version_is_loaded_and_unloaded_alone(
    explicit: RunningServer, folder: Path
) -> None:
    publish(folder, "a", "2", seed=7)
    (folder / "a" / "leeboard.yaml").write_text("versions: all\n")
    with triton.InferenceServerClient(explicit.grpc) as client:
        load_model(explicit.grpc, "a", "2")
        assert client.is_model_ready("a", "1")
        assert client.is_model_ready("a", "2")
        assert sorted(client.get_model_metadata("a").versions) == ["1", "2"]
        assert answer(client, "a", "1") != answer(client, "a", "2")
        unload_model(explicit.grpc, "a", "2")
        assert answer(client, "a") == answer(client, "a", "1")
        assert not client.is_model_ready("a", "2")


def test_a_config_in_the_call_takes_the_place_of_the_models(
    explicit: RunningServer,
) -> None:
    with triton.InferenceServerClient(explicit.grpc) as client:
        client.load_model("b", config='{"name": "b", "max_batch_size": 3}')
        config = client.get_model_config("b").config
        assert config.max_batch_size == 3
        with pytest.raises(InferenceServerException, match="INVALID_ARGUMENT"):
            client.load_model("b", config='{"nickname": "b"}')
        upload = {"file:1/model.onnx": b"..."}
        with pytest.raises(InferenceServerException, match="files cannot be uploaded"):
            client.load_model("b", config='{"name": "b"}', files=upload)


@pytest.mark.parametrize("deed", ["load_model", "unload_model"])
def test_what_is_not_there_cannot_be_changed(explicit: RunningServer, deed: str) -> None:
    with (
        triton.InferenceServerClient(explicit.grpc) as client,
        pytest.raises(InferenceServerException, match="nobody"),
    ):
        getattr(client, deed)("nobody")


def test_memory_processes_and_descriptors_come_back_with_every_unload(
    explicit: RunningServer,
) -> None:
    counts = []
    with triton.InferenceServerClient(explicit.grpc) as client:
        for _ in range(6):
            client.load_model("b")
            answer(client, "b")
            client.unload_model("b")
            wait_until(lambda: len(explicit.worker_pids()) == 1, "b's worker has ended")
            wait_until(lambda: mappings(explicit) == 1, "b's memory is unmapped")
            counts.append(explicit.open_descriptors())
    assert counts[1:] == counts[:1] * 5


def mappings(server: RunningServer) -> int:
    """Return how many input regions the front process maps."""
    lines = Path(f"/proc/{server.pid}/maps").read_text().splitlines()
    return sum("memfd:leeboard-inputs" in line for line in lines)


@pytest.mark.parametrize("mode", ["none", "poll"])
def test_only_explicit_control_takes_calls(folder: Path, mode: str) -> None:
    with (
        RunningServer(folder, "--model-control-mode", mode) as server,
        triton.InferenceServerClient(server.grpc) as client,
        pytest.raises(InferenceServerException, match="load / unload is not allowed"),
    ):
        client.unload_model("a")


def test_polling_follows_the_folder(folder: Path) -> None:
    options = ("--model-control-mode", "poll", "--repository-poll-secs", "0.1")
    with (
        RunningServer(folder, *options) as server,
        triton.InferenceServerClient(server.grpc) as client,
    ):
        first = answer(client, "a")
        publish(folder, "a", "2", seed=3)
        publish(folder, "c", "1")
        wait_until(lambda: client.is_model_ready("c"), "c is loaded")
        wait_until(lambda: client.is_model_ready("a", "2"), "version 2 is loaded")
        assert answer(client, "a") != first
        os.rename(folder / "b", folder / ".b")
        wait_until(lambda: not client.is_model_ready("b"), "b is unloaded")
        assert states(server)["b", "1"] == ("UNAVAILABLE", "unloaded")


def test_a_server_may_wait_for_its_first_model(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    with (
        RunningServer(folder, *EXPLICIT) as server,
        triton.InferenceServerClient(server.grpc) as client,
    ):
        assert client.is_server_ready()
        publish(folder, "a", "1")
        client.load_model("a")
        assert answer(client, "a")
        (shown,) = show_model(server.grpc, "a")
        assert shown.report is not None
        assert [step["name"] for step in shown.report["steps"]][:3] == [
            "file", "open", "signature"
        ]  # fmt: skip
        assert np.isfinite(shown.report["run_us"])


def test_workers_of_an_unloaded_model_are_gone(explicit: RunningServer) -> None:
    with triton.InferenceServerClient(explicit.grpc) as client:
        client.unload_model("a")
        wait_until(lambda: explicit.worker_pids() == [], "its worker has ended")
        assert len(children_of(explicit.pid)) == 1  # The zygote waits for the next one.
