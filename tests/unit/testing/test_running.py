"""A server process in a test: started once, and nothing is left of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError

import pytest

from runtime.errors import ServerError
from runtime.testing import models
from runtime.testing.running import RunningServer, children_of


@pytest.fixture
def mlp(tmp_path: Path) -> Path:
    return models.save_mlp(tmp_path / "mlp.onnx")


def test_a_running_server_is_asked_and_stopped(mlp: Path) -> None:
    with RunningServer(mlp, "--max-batch-size", "4") as server:
        assert server.about["pid"] == server.pid
        assert server.grpc == f"127.0.0.1:{server.about['grpc_port']}"
        assert server.get("/ready") == "ready\n"
        with pytest.raises(HTTPError, match="404"):
            server.get("/nothing")
        assert server.samples()["leeboard_ready", (("model", "mlp"), ("version", "1"))] == 1
        assert server.total("leeboard_workers") == 1
        assert server.total("leeboard_workers", model="mlp") == 1
        assert server.total("leeboard_workers", model="other") == 0
        assert len(server.worker_pids()) == 1
        assert server.open_descriptors() > 3
        server.assert_idle()
        with pytest.raises(ServerError, match=f"started already, as process {server.pid}"):
            server.start()
        assert children_of(os.getpid()).count(server.pid) == 1
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert any("ready after" in line for line in server.log)
    assert server.stop() == 0
    assert not Path(f"/proc/{server.pid}").exists()


def test_a_server_that_ends_too_early_shows_its_log(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "nowhere")
    with pytest.raises(ServerError, match=r"ended before it was ready:\n.*does not exist"):
        server.__enter__()
    with pytest.raises(ServerError, match="started already"):
        server.start()


def test_a_command_that_cannot_be_started_is_named(mlp: Path) -> None:
    with pytest.raises(ServerError, match=r"cannot start no-such-program: .*No such file"):
        RunningServer(mlp, prefix=("no-such-program",)).__enter__()


def test_children_are_those_of_every_thread_and_only_while_they_run() -> None:
    command = [sys.executable, "-c", "input()"]
    before = children_of(os.getpid())
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        assert set(children_of(os.getpid())) == {*before, child.pid}
        assert child.stdin is not None
        child.stdin.write(b"\n")
        child.stdin.close()
        child.wait(30)
    assert children_of(os.getpid()) == before
