"""Ordinary clients whose deadlines are too short: not punished, and not computed for.

Sixteen threads ask with deadlines of 20 ms, on connections of their own or on a shared one.
No connection is lost, whatever the model. One of 50 ms can answer nobody in time: of all
rows that were asked for, one a request and those refused at once included, less than 5 %
are computed for a client that has given up. One of 15 ms answers those that hardly wait. A
request counts as hopeless only when its time is shorter than seven eighths of a batch's, so
some that are run are late all the same: 6 % on two busy cores, and 25 % is allowed.

The server knows a model's time from its last batches, so sixteen unhurried requests come
first. One hopeless request a second runs all the same, and is counted.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.testing.running import RunningServer
from tests.integration.calls import rows, tensors

THREADS = 16
WARM = 16
"""Batches from which the server knows how long the model takes."""

DEADLINE_S = 0.02
EXPECTED = {"OK", "StatusCode.DEADLINE_EXCEEDED"}
MOST_DEAD = {0.05: 0.05, 0.015: 0.25}
"""Of the rows asked for, by how long the model takes."""


def ask_until(client: triton.InferenceServerClient, end_by: float) -> Counter[str]:
    """Ask with short deadlines; returns how often each status came."""
    seen: Counter[str] = Counter()
    while time.monotonic() < end_by:
        try:
            client.infer("slow", tensors(x=rows(1)), client_timeout=DEADLINE_S)
            seen["OK"] += 1
        except InferenceServerException as error:
            seen[str(error.status())] += 1
    return seen


def hurry(clients: list[triton.InferenceServerClient], seconds: float) -> Counter[str]:
    """Ask from all threads at once; returns how often each status came."""
    seen: list[Counter[str]] = []
    end_by = time.monotonic() + seconds
    threads = [
        threading.Thread(target=lambda c=client: seen.append(ask_until(c, end_by)))
        for client in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == len(clients)
    return sum(seen, Counter[str]())


def check(folder: Path, delay_s: float, shared: bool, seconds: float) -> None:
    """Ask in a hurry and look at what was answered and what it cost."""
    path = folder / "slow" / "1" / "model.fault"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"delay_s": delay_s}))
    with RunningServer(folder) as server, ExitStack() as opened:
        connections = 1 if shared else THREADS
        # An argument of its own keeps grpcio from sharing one connection among channels.
        clients = [
            opened.enter_context(
                triton.InferenceServerClient(server.grpc, channel_args=[("leeboard", i)])
            )
            for i in range(connections)
        ]
        for _ in range(WARM):
            clients[0].infer("slow", tensors(x=rows(1)))
        for client in clients:
            assert client.is_server_live()
        assert server.total("leeboard_server_connections") == connections
        answers = hurry(clients * (THREADS // connections), seconds)
        assert server.total("leeboard_server_connections") == connections
        assert set(answers) <= EXPECTED, answers
        assert server.total("leeboard_server_connections_abused_total") == 0
        asked = sum(answers.values()) + WARM
        dead = server.total("leeboard_dead_rows_computed_total")
        assert dead < MOST_DEAD[delay_s] * asked, (dead, asked, answers)


CASES = pytest.mark.parametrize(
    ("delay_s", "shared"), [(0.05, True), (0.05, False), (0.015, True), (0.015, False)]
)


@CASES
def test_short_deadlines_cost_no_connection_and_little_compute(
    tmp_path: Path, delay_s: float, shared: bool
) -> None:
    check(tmp_path, delay_s, shared, 2.0)


@pytest.mark.soak
@CASES
def test_short_deadlines_cost_no_connection_and_little_compute_in_a_minute(
    tmp_path: Path, delay_s: float, shared: bool, soak_seconds: float
) -> None:
    check(tmp_path, delay_s, shared, soak_seconds)
