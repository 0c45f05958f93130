"""One request that ends its worker: it alone suffers, once, whatever way it does it."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.models.policy import CRASH_LOOP
from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until
from tests.integration.calls import tensors

DEEDS = {
    13.0: "crash",
    14.0: "abort",
    15.0: "kill",
    16.0: "exit",
    17.0: "scribble",
    18.0: "write_input",
    19.0: "hang",
    20.0: "out_of_memory",
    21.0: "wrong_shape",
    22.0: "raise",
    23.0: "fill_memory",
}
VALUES = {deed: value for value, deed in DEEDS.items()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    path = tmp_path_factory.mktemp("poison") / "bad.fault"
    path.write_text(json.dumps({"delay_s": 0.01, "deeds": DEEDS}))
    arguments = ("--batch-timeout", "1", "--worker-memory", "700", "--instances", "2")
    with RunningServer(path, *arguments) as running:
        yield running


def ask(url: str, value: float, model: str = "bad") -> float | str:
    """Return what a row of this value is answered, or the status that it gets."""
    x = np.full((1, 4), value, np.float32)
    with triton.InferenceServerClient(url) as client:
        try:
            answer = client.infer(model, tensors(x=x), client_timeout=60).as_numpy("y")
            return float(answer[0, 0])
        except InferenceServerException as error:
            return f"{error.status()}: {error.message()}"


def ask_among_others(url: str, value: float) -> tuple[float | str, list[float | str]]:
    """Ask together with eleven innocent rows; returns both kinds of answers."""
    values = [100.0 + i for i in range(11)] + [value]
    answers: list[float | str] = [""] * len(values)

    def put(place: int) -> None:
        answers[place] = ask(url, values[place])

    threads = [threading.Thread(target=put, args=(i,)) for i in range(len(values))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers[-1], answers[:-1]


INNOCENT = [100.0 + i for i in range(11)]


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        ("crash", "StatusCode.INTERNAL: .*crashed .SIGSEGV."),
        ("abort", "StatusCode.INTERNAL: .*crashed .SIGABRT."),
        ("kill", "StatusCode.INTERNAL: .*every worker that ran it was killed"),
        ("exit", "StatusCode.INTERNAL: .*every worker that ran it was killed"),
        ("scribble", "StatusCode.INTERNAL: .*wrote where it must not"),
        ("write_input", "StatusCode.INTERNAL: .*crashed .SIGSEGV."),
        ("hang", "StatusCode.INTERNAL: .*did not end within 1000 ms"),
        ("out_of_memory", "StatusCode.RESOURCE_EXHAUSTED: .*out of memory"),
        ("fill_memory", "StatusCode.RESOURCE_EXHAUSTED: .*memory"),
        ("wrong_shape", "StatusCode.INTERNAL: .*has shape"),
        ("raise", "StatusCode.INTERNAL: .*told to fail"),
    ],
)
def test_only_the_guilty_request_hears_of_it(
    server: RunningServer, deed: str, words: str
) -> None:
    guilty, others = ask_among_others(server.grpc, VALUES[deed])
    assert others == INNOCENT
    assert isinstance(guilty, str)
    assert re.match(words, guilty), guilty


def test_a_guilty_request_that_is_sent_again_ends_no_more_workers(
    server: RunningServer,
) -> None:
    value = VALUES["crash"]
    ask(server.grpc, value)
    deaths = server.total("leeboard_worker_deaths_total")
    again = ask(server.grpc, value)
    assert isinstance(again, str)
    assert "the same request was refused a moment ago" in again
    assert server.total("leeboard_worker_deaths_total") == deaths


def test_afterwards_all_workers_serve_and_nothing_is_held(server: RunningServer) -> None:
    wait_until(lambda: server.total("leeboard_workers") == 2, "both workers serve")
    assert ask(server.grpc, 5.0) == 5.0
    server.assert_idle()


POINTS = ("after_claim", "mid_output", "before_publish", "before_bell")
DEATHS = [
    *product(POINTS, ["kill", "crash", "exit", "stop"]),
    ("after_claim", "abort"),
    ("mid_output", "hang"),
]


@pytest.mark.parametrize(("point", "action"), DEATHS)
def test_a_worker_that_dies_at_any_point_costs_nobody_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, action: str
) -> None:
    path = tmp_path / "well.fault"
    path.write_text(json.dumps({}))
    token = tmp_path / "token"
    token.touch()
    monkeypatch.setenv("LEEBOARD_FAULTS", f"{point}:{action}@3?{token}")
    with RunningServer(path, "--batch-timeout", "1") as running:
        with triton.InferenceServerClient(running.grpc) as client:
            for i in range(6):
                x = np.full((1, 4), i, np.float32)
                answer = client.infer("well", tensors(x=x), client_timeout=60)
                assert (answer.as_numpy("y") == x).all()
        assert not token.exists()
        assert running.total("leeboard_worker_deaths_total") == 1
        running.assert_idle()


@pytest.mark.parametrize("point", ["load", "warm_up"])
def test_a_worker_that_dies_while_it_starts_again_is_started_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    path = tmp_path / "well.fault"
    path.write_text(json.dumps({"deeds": {"13": "kill"}}))
    token = tmp_path / "token"
    monkeypatch.setenv("LEEBOARD_FAULTS", f"{point}:kill?{token}")
    with RunningServer(path) as running:
        token.touch()  # From now on the next worker dies there.
        (pid,) = running.worker_pids()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not token.exists(), "it died again")
        wait_until(lambda: running.total("leeboard_workers") == 1, "it serves again")
        with triton.InferenceServerClient(running.grpc) as client:
            x = np.ones((1, 4), np.float32)
            assert (client.infer("well", tensors(x=x)).as_numpy("y") == x).all()


def test_workers_that_finish_a_batch_before_they_die_are_not_called_ill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "well.fault"
    path.write_text("{}")
    monkeypatch.setenv("LEEBOARD_FAULTS", "before_bell:kill")
    deaths = 2 * CRASH_LOOP
    with RunningServer(path) as running:
        for i in range(deaths):
            assert ask(running.grpc, float(i), model="well") == float(i)
        wait_until(
            lambda: running.total("leeboard_worker_restarts_total") == deaths,
            "every worker was replaced",
        )
        assert running.total("leeboard_worker_deaths_total") == deaths
        assert running.total("leeboard_crash_looping") == 0
        assert not any("crash loop" in line for line in running.log)
