"""Every answer against ONNX Runtime, under mixed shapes, rows, instances and giving up."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.testing import models
from runtime.testing.running import RunningServer
from tests.integration.calls import tensors

THREADS = 8
REQUESTS = 250


class Asker(threading.Thread):
    """Asks with random rows; gives some requests no time, so that they are cancelled."""

    def __init__(self, url: str, model: Path, seed: int) -> None:
        super().__init__()
        self._url = url
        self._session = onnxruntime.InferenceSession(str(model))
        self._chance = random.Random(seed)
        self._values = np.random.default_rng(seed)
        self.right = self.given_up = 0
        self.wrong: list[str] = []

    def run(self) -> None:
        with triton.InferenceServerClient(self._url) as client:
            for _ in range(REQUESTS):
                self._ask(client)

    def _ask(self, client: triton.InferenceServerClient) -> None:
        rows = self._chance.choice([1, 1, 1, 2, 5, 17, 64])
        x = self._values.random((rows, 32), dtype=np.float32)
        hurried = self._chance.random() < 0.2
        limit = self._chance.choice([0.0005, 0.001, 0.003]) if hurried else 60.0
        try:
            answer = client.infer("mlp", tensors(x=x), client_timeout=limit).as_numpy("y")
        except InferenceServerException as error:
            if not hurried or error.status() != "StatusCode.DEADLINE_EXCEEDED":
                self.wrong.append(str(error))
            self.given_up += 1
            return
        expected = self._session.run(None, {"x": x})[0]
        if np.allclose(answer, expected, rtol=1e-5, atol=1e-6):
            self.right += 1
        else:
            self.wrong.append(f"{rows} rows differ")


@pytest.mark.parametrize("instances", [1, 3])
def test_every_answer_belongs_to_its_request(tmp_path: Path, instances: int) -> None:
    model = models.save_mlp(tmp_path / "mlp.onnx")
    with RunningServer(model, "--instances", str(instances)) as server:
        askers = [Asker(server.grpc, model, seed) for seed in range(THREADS)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join(120)
        assert [asker.wrong for asker in askers] == [[]] * THREADS
        assert sum(a.right + a.given_up for a in askers) == THREADS * REQUESTS
        server.assert_idle()
        ended = server.total("leeboard_requests_total")
        assert ended == server.total("leeboard_server_requests_total")
