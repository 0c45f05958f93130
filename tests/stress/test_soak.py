"""Minutes of mixed traffic with workers killed in between: `make soak`.

Small and large rows, several shapes, clients that come and go, requests given up half-way.
Nothing may be wrong, nothing may fail, and what the front end holds must not grow.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.testing import models
from runtime.testing.running import RunningServer
from tests.integration.calls import tensors

ALLOWED_GROWTH_KIB = 16 << 10
SHAPES = [(1, 3), (2, 3), (7, 40), (1, 20_000), (3, 150_000)]


def resident_kib(pid: int) -> int:
    """Return a process's private memory: shared memory that a burst touched stays."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in text.splitlines() if "RssAnon" in line).split()[1])


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


@pytest.mark.soak
def test_long_mixed_traffic_with_kills_loses_nothing_and_holds_nothing(
    tmp_path: Path, soak_seconds: float
) -> None:
    path = models.save_identity(tmp_path / "width.onnx", "FP32", ["N", "W"])
    np.savez(tmp_path / "inputs.npz", x=np.ones((1, 5), np.float32))
    arguments = ("--warmup", str(tmp_path / "inputs.npz"), "--instances", "2")
    with RunningServer(path, *arguments) as server:
        until = time.monotonic() + soak_seconds
        clients = [Traffic(server.grpc, seed, until) for seed in range(4)]
        for client in clients:
            client.start()
        pause, chance = threading.Event(), random.Random(0)
        settled_kib = kills = 0
        while time.monotonic() < until:
            pause.wait(1.0)
            if pids := server.worker_pids():
                os.kill(chance.choice(pids), signal.SIGKILL)
                kills += 1
            if not settled_kib and time.monotonic() > until - soak_seconds * 2 / 3:
                settled_kib = resident_kib(server.pid)
        for client in clients:
            client.join(120)
        assert [failure for client in clients for failure in client.failures] == []
        assert kills > 0
        assert min(client.answers for client in clients) > 0
        server.assert_idle()
        grown = resident_kib(server.pid) - settled_kib
        assert grown < ALLOWED_GROWTH_KIB, f"private memory grew by {grown} KiB"
