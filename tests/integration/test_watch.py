"""A server watches by itself: what moves is told, kept over a restart, and can be off."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
from typer.testing import CliRunner

from runtime.cli import app as cli
from runtime.testing.models import save_mlp
from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until
from tests.integration.calls import tensors

MONITOR = "models: {mlp: {reference_rows: 1000}}\n"
ROWS = 50


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "monitor.yaml").write_text(MONITOR)
    save_mlp(tmp_path / "mlp" / "1" / "model.onnx")
    return tmp_path


@pytest.fixture
def serve(models: Path) -> Callable[..., RunningServer]:
    def serve(*more: str) -> RunningServer:
        file, state = str(models / "monitor.yaml"), str(models / "state")
        options = ("--monitor-file", file, "--state-dir", state)
        return RunningServer(models / "mlp", *options, "--monitor-interval", "0.05", *more)

    return serve


class Sender:
    """Sends rows that are the same in every run, with one feature moved by `shift`."""

    def __init__(self, server: RunningServer) -> None:
        self._client = triton.InferenceServerClient(server.grpc)
        self._rng = np.random.default_rng(8)

    def send(self, requests: int, shift: float = 0.0) -> None:
        for _ in range(requests):
            rows = self._rng.normal(size=(ROWS, 32)).astype(np.float32)
            rows[:, 5] += shift
            self._client.infer("mlp", tensors(x=rows))


def told(server: RunningServer, *words: str) -> dict[str, Any]:
    where = ["--server", str(server.about["control"]), "--json"]
    done = CliRunner().invoke(cli, [*words, *where])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def status(server: RunningServer) -> dict[str, Any]:
    versions = told(server, "drift", "status")["versions"]
    return dict(versions[0]) if versions else {}


def names(server: RunningServer) -> set[str]:
    alarms = told(server, "alarms", "list")["alarms"]
    return {alarm["name"] for alarm in alarms if alarm["kind"] == "input"}


def learn(server: RunningServer, sender: Sender) -> None:
    def has_reference() -> bool:
        sender.send(4)
        return "reference" in status(server)

    wait_until(has_reference, "its first rows are its reference")


def test_what_moves_is_told_everywhere_and_known_after_a_restart(
    serve: Callable[..., RunningServer],
) -> None:
    with serve() as server:
        sender = Sender(server)
        learn(server, sender)
        before = status(server)["reference"]
        assert before["origin"] == "first rows"
        sender.send(20)
        assert names(server) == set()

        def is_told() -> bool:
            sender.send(4, shift=1.0)
            return bool(names(server))

        wait_until(is_told, "drift is an alarm")
        assert names(server) == {"x[5]"}
        [alarm] = [
            a for a in told(server, "alarms", "list")["alarms"] if a["name"] == "x[5]"
        ]
        assert alarm["sentence"].startswith("x[5] of mlp version 1 has moved away")
        wait_until(
            lambda: any(alarm["id"] in line and "fires" in line for line in server.log),
            "the log says so",
        )
        firing = {"model": "mlp", "aspect": "drift", "state": "firing"}
        wait_until(
            lambda: server.total("leeboard_monitor_alarms", **firing) >= 1, "metrics do"
        )
        evidence = {
            dict(labels).get("name"): value
            for (name, labels), value in server.samples().items()
            if name == "leeboard_monitor_evidence_ratio"
        }
        assert max(evidence, key=lambda each: evidence[each]) == "x[5]"
        rows = int(status(server)["rows"])
    with serve() as server:
        wait_until(lambda: bool(status(server)), "it is watched")
        after = status(server)
        assert after["reference"] == before
        assert int(after["rows"]) >= rows
        again = told(server, "alarms", "list")["alarms"]
        assert alarm["id"] in {each["id"] for each in again}
        assert names(server) == {"x[5]"}


def test_a_server_that_does_not_watch_leaves_no_trace(
    serve: Callable[..., RunningServer], models: Path
) -> None:
    with serve("--no-monitor") as server:
        Sender(server).send(30)
        assert "leeboard_monitor" not in server.get("/metrics")
        where = ["--server", str(server.about["control"])]
        done = CliRunner().invoke(cli, ["drift", "status", *where])
        assert done.exit_code != 0
    assert not (models / "state" / "monitor").exists()
