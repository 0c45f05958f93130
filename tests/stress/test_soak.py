"""Minutes of mixed traffic with workers killed and models loaded in between: `make soak`.

Small and large rows, several shapes, clients that come and go, requests given up half-way,
another model that is loaded and unloaded, the served one loaded again. Nothing may be
wrong, nothing may fail, and what the front end holds must not grow.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.errors import LeeboardError
from runtime.listing import load_model, unload_model
from runtime.testing import models
from runtime.testing.flatness import Flatness
from runtime.testing.running import RunningServer
from tests.integration.calls import tensors

SHAPES = [(1, 3), (2, 3), (7, 40), (1, 20_000), (3, 150_000)]


class Traffic(threading.Thread):
    """One client after another, each with a few dozen requests."""

    def __init__(self, url: str, seed: int, until: float) -> None:
        super().__init__()
        self._url, self._until = url, until
        self._chance = random.Random(seed)
        self._values = np.random.default_rng(seed)
        self.answers = 0
        self.failures: list[str] = []

    def run(self) -> None:
        while time.monotonic() < self._until:
            with triton.InferenceServerClient(self._url) as client:
                for _ in range(self._chance.randrange(1, 60)):
                    self._ask(client)

    def _ask(self, client: triton.InferenceServerClient) -> None:
        shape = self._chance.choice(SHAPES)
        x = self._values.random(shape, dtype=np.float32)
        hurried = self._chance.random() < 0.1
        try:
            limit = 0.002 if hurried else 60.0
            answer = client.infer("width", tensors(x=x), client_timeout=limit).as_numpy("y")
            if not (answer == x).all():
                self.failures.append(f"wrong answer for {shape}")
        except InferenceServerException as error:
            if not hurried or error.status() != "StatusCode.DEADLINE_EXCEEDED":
                self.failures.append(str(error))
        self.answers += 1


def ask_once(url: str) -> float:
    """Return how many microseconds one small request takes, the connection left out."""
    x = np.ones((1, 3), np.float32)
    with triton.InferenceServerClient(url) as client:
        client.is_server_live()
        began = time.perf_counter()
        client.infer("width", tensors(x=x))
        return (time.perf_counter() - began) * 1e6


def identity_arguments(folder: Path) -> tuple[str, ...]:
    """Return what serves an identity of any width with two workers, and a guest."""
    models.save_identity(folder / "width" / "1" / "model.onnx", "FP32", ["N", "W"])
    np.savez(folder / "width" / "1" / "warmup.npz", x=np.ones((1, 5), np.float32))
    models.save_mlp(folder / "guest" / "1" / "model.onnx")
    explicit = ("--model-control-mode", "explicit", "--load-model", "width")
    return (str(folder), *explicit, "--instances", "2")


class Control(threading.Thread):
    """Loads and unloads the guest, and loads the served model again under new files."""

    def __init__(self, url: str, file: Path, until: float) -> None:
        super().__init__()
        self._url, self._file, self._until = url, file, until
        self.rounds = 0
        self.failures: list[str] = []

    def run(self) -> None:
        pause = threading.Event()
        while time.monotonic() < self._until:
            try:
                load_model(self._url, "guest")
                unload_model(self._url, "guest")
                os.utime(self._file)
                load_model(self._url, "width")
            except LeeboardError as error:
                # A worker that is killed while it loads is a load that failed.
                if "ended while" not in str(error):
                    self.failures.append(str(error))
            self.rounds += 1
            pause.wait(2.0)


@pytest.mark.soak
def test_long_mixed_traffic_with_kills_loses_nothing_and_holds_nothing(
    tmp_path: Path, soak_seconds: float
) -> None:
    with RunningServer(*identity_arguments(tmp_path)) as server:
        began = time.monotonic()
        until = began + soak_seconds
        clients = [Traffic(server.grpc, seed, until) for seed in range(4)]
        file = tmp_path / "width" / "1" / "model.onnx"
        control = Control(server.grpc, file, until)
        for thread in (*clients, control):
            thread.start()
        pause, chance, flatness = threading.Event(), random.Random(0), Flatness()
        kills = 0
        while time.monotonic() < until:
            pause.wait(1.0)
            if pids := server.worker_pids():
                # A worker of a model that is being unloaded may have gone by itself.
                with suppress(ProcessLookupError):
                    os.kill(chance.choice([*pids, *server.zygote_pids()]), signal.SIGKILL)
                    kills += 1
            flatness.look(server, time.monotonic() - began, ask_once(server.grpc))
        for thread in (*clients, control):
            thread.join(120)
        assert control.failures == []
        assert control.rounds > 0
        assert [failure for client in clients for failure in client.failures] == []
        assert kills > 0
        assert min(client.answers for client in clients) > 0
        server.assert_idle()
    assert flatness.growing() == []


@pytest.mark.soak
def test_a_deliberate_leak_is_found_by_the_same_look(tmp_path: Path) -> None:
    path = tmp_path / "bad.fault"
    path.write_text(json.dumps({"deeds": {"1": "leak"}}))
    flatness, pause = Flatness(), threading.Event()
    with (
        RunningServer(path) as server,
        triton.InferenceServerClient(server.grpc) as client,
    ):
        for step in range(20):
            pause.wait(0.1)
            client.infer("bad", tensors(x=np.ones((1, 4), np.float32)))
            flatness.look(server, float(step), 100.0)
    assert [line.split()[0] for line in flatness.growing()] == ["worker_kib"]
