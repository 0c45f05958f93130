"""Clients that mean harm: each is told why, others do not notice, and nothing is left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton

from runtime.messages import ModelInferRequest
from runtime.testing import models
from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until
from tests.hostile.attacks import ATTACKS
from tests.hostile.target import Target
from tests.integration.calls import rows, tensors

WIDTH = 16_000
ENOUGH = 10
"""Answers that the patient client must get while an attack stands, and after it."""

MAY_GROW_BYTES = 64 << 20
"""How much larger an attack may leave the front process, answers' memory included."""

GAUGES = ("leeboard_queued", "leeboard_open_batches", "leeboard_output_grants")

CALM = {"GOAWAY ENHANCE_YOUR_CALM": 1, "closed": 1}
PROTOCOL = {"GOAWAY PROTOCOL_ERROR": 1, "closed": 1}
SIZE = {"GOAWAY FRAME_SIZE_ERROR": 1, "closed": 1}
FLOW = {"GOAWAY FLOW_CONTROL_ERROR": 1, "closed": 1}

TOLD: dict[str, dict[str, int]] = {
    "rapid_reset": CALM,
    "rapid_reset_without_error": CALM,
    "whole_calls_cancelled": {"grpc-status 0": 1},
    "stream_flood": {"RST_STREAM REFUSED_STREAM": 3000 - 1024},
    "acknowledged_stream_flood": PROTOCOL,
    "continuation_flood": CALM,
    "empty_continuations": CALM,
    "header_bomb": {"RST_STREAM INTERNAL_ERROR": 20},
    "large_headers": {"grpc-status 8": 1},
    "ping_flood": CALM,
    "settings_flood": CALM,
    "priority_flood": {"grpc-status 0": 1},
    "empty_data": {"grpc-status 0": 1},
    "ping_before_settings": PROTOCOL,
    "garbage": {"closed": 1},
    "garbage_in_the_preface": {"closed": 1},
    "http_1_1": {"closed": 1},
    "tls": {"closed": 1},
    "oversized_frame": SIZE,
    "oversized_ping": SIZE,
    "settings_of_five_bytes": SIZE,
    "empty_headers": {"RST_STREAM PROTOCOL_ERROR": 1},
    "broken_headers": {"GOAWAY COMPRESSION_ERROR": 1, "closed": 1},
    "data_for_nobody": PROTOCOL,
    "window_overflow": FLOW,
    "window_of_nothing": PROTOCOL,
    "stream_window_overflow": {"RST_STREAM FLOW_CONTROL_ERROR": 1},
    "initial_window_overflow": FLOW,
    "wrong_content_type": {"HTTP 415": 1},
    "wrong_method": {"HTTP 405": 1},
    "wrong_path": {"grpc-status 12": 1},
    "prefix_of_4_gib": {"grpc-status 8": 1, "RST_STREAM NO_ERROR": 1},
    "prefix_of_more": {"grpc-status 13": 1},
    "prefix_of_less": {"grpc-status 3": 1},
    "prefix_cut_off": {"grpc-status 13": 1},
    "prefix_of_compression": {"grpc-status 13": 1},
    "unknown_compression": {"grpc-status 12": 1},
    "gzip_bombs": {"grpc-status 8": 4, "RST_STREAM NO_ERROR": 4},
    "prefix_with_a_wrong_flag": {"grpc-status 13": 1},
    "message_of_garbage": {"grpc-status 3": 1},
    "half_open": {},
    "half_closed": {"closed": 200},
    "slow_senders": {"grpc-status 0": 100, "RST_STREAM NO_ERROR": 100},
    "slow_readers": {"grpc-status 0": 200},
    "readers_that_never_read": {},
    "windows_that_flap": {"grpc-status 0": 1},
}


class Patient:
    """A client on a thread and a connection of its own that checks every answer."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self.answers = 0
        self.failures: list[str] = []
        self._thread = threading.Thread(target=self._run, name="patient")
        self._thread.start()

    def _run(self) -> None:
        with triton.InferenceServerClient(self._url) as client:
            while not self._stop.is_set():
                x = rows(1, first=self.answers % 1000, width=WIDTH)
                try:
                    answer = client.infer("wide", tensors(x=x)).as_numpy("y")
                    if not np.array_equal(answer, x):
                        self.failures.append("a wrong answer")
                except Exception as error:
                    self.failures.append(str(error))
                self.answers += 1

    def more(self) -> None:
        """Wait until enough more answers have come, all of them right."""
        wanted = self.answers + ENOUGH
        wait_until(lambda: self.answers >= wanted, lambda: f"answers: {self.failures}")
        assert self.failures == []

    def close(self) -> None:
        self._stop.set()
        self._thread.join(60)


def request_bytes(count: int) -> bytes:
    request = ModelInferRequest(model_name="wide" if count == WIDTH else "small")
    request.inputs.add(name="x", datatype="FP32", shape=(1, count))
    request.raw_input_contents.append(np.ones(count, np.float32).tobytes())
    return bytes(request.SerializeToString())


def resident_bytes(server: RunningServer) -> int:
    for line in Path(f"/proc/{server.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    raise AssertionError("the kernel does not say how large the front process is")


def at_most_one(server: RunningServer, gauge: str) -> bool:
    return server.total(gauge) <= 1


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("victim")
    for name, width in (("wide", WIDTH), ("small", 4)):
        models.save_identity(folder / name / "1" / "model.onnx", "FP32", ["N", width])
    with RunningServer(folder) as server:
        yield server


@pytest.fixture(scope="module")
def patient(victim: RunningServer) -> Iterator[Patient]:
    patient = Patient(victim.grpc)
    patient.more()
    yield patient
    patient.close()
    victim.assert_idle()


@pytest.mark.parametrize("name", TOLD)
def test_an_attacker_is_told_why_and_nobody_else_notices(
    name: str, victim: RunningServer, patient: Patient
) -> None:
    descriptors, resident = victim.open_descriptors(), resident_bytes(victim)
    target = Target(victim.grpc, request_bytes(WIDTH), request_bytes(4), patient.more)
    told = dict(ATTACKS[name](target))
    if "RST_STREAM NO_ERROR" not in TOLD[name]:
        # Follows an answer that overtakes the end of its request: TCP cuts as it likes.
        told.pop("RST_STREAM NO_ERROR", None)
    assert told == TOLD[name]
    patient.more()
    wait_until(lambda: victim.total("leeboard_server_connections") == 1, "one is left")
    wait_until(lambda: victim.total("leeboard_server_live_calls") <= 1, "its calls alone")
    wait_until(lambda: victim.open_descriptors() <= descriptors, "descriptors are closed")
    for gauge in GAUGES:
        wait_until(
            partial(at_most_one, victim, gauge),
            f"{gauge} counts the patient client alone",
        )
    assert resident_bytes(victim) - resident < MAY_GROW_BYTES
