"""Server and tritonclient in one process, whichever is imported first."""

from __future__ import annotations

import subprocess
import sys

import pytest

SERVER = "from runtime.testing.inline import InlineServer\n"
CLIENT = "import tritonclient.grpc as triton\n"
ASK = """
import numpy as np
from runtime.testing.fake_backend import FakeBackend

with InlineServer(FakeBackend()) as server:
    with triton.InferenceServerClient(server.grpc) as client:
        tensor = triton.InferInput("x", [2, 4], "FP32")
        tensor.set_data_from_numpy(np.ones((2, 4), np.float32))
        assert client.get_model_metadata("fake").name == "fake"
        answer = client.infer("fake", [tensor]).as_numpy("y")
        assert answer.tolist() == [[2.0] * 4] * 2
print("asked")
"""


@pytest.mark.parametrize("imports", [SERVER + CLIENT, CLIENT + SERVER])
def test_server_and_tritonclient_live_in_one_process(imports: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", imports + ASK],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "asked\n"
