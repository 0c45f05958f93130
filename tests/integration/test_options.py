"""A server that is started from a file and the environment, and told to read it again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from runtime.cli import app
from runtime.options.effective import read_effective
from runtime.testing import models
from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until


@pytest.fixture
def file(tmp_path: Path) -> Path:
    models.save_identity(tmp_path / "same.onnx")
    path = tmp_path / "server.yaml"
    path.write_text("path: same.onnx\nlogs: {log_level: warning}\nexit_timeout: 20")
    return path


def server_of(file: Path) -> RunningServer:
    """A server whose path is the file's to say."""
    return RunningServer(None, "--config", str(file))


def test_a_file_and_the_environment_are_read_and_the_file_again_at_sighup(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEEBOARD_MAX_QUEUE_SIZE", "77")
    with server_of(file) as server:

        def said(words: str) -> bool:
            return any(words in line for line in server.log)

        options = read_effective([server.pid])
        assert options is not None
        assert options["batching.max_queue_size"]["from"] == "LEEBOARD_MAX_QUEUE_SIZE"
        assert options["exit_timeout"] == {"value": 20.0, "from": f"{file}: exit_timeout"}
        assert options["listen.grpc_port"]["from"] == "--grpc-port"
        arguments = ["config", "show", "--json", "--url", server.grpc]
        assert json.loads(CliRunner().invoke(app, arguments).output) == options
        workers = server.worker_pids()
        assert not said("ready after")  # That is INFO.
        file.write_text("path: same.onnx\nlogs: {log_level: info}\nworkers: {threads: 2}")
        server.signal(signal.SIGHUP)
        wait_until(lambda: said("log level: warning -> info"), lambda: "".join(server.log))
        assert said("changed, but needs a restart: workers.threads")
        assert (read_effective([server.pid]) or {})["exit_timeout"]["value"] == 30.0
        file.write_text("pfad: same.onnx")
        server.signal(signal.SIGHUP)
        wait_until(lambda: said("unknown key pfad"), lambda: "".join(server.log))
        assert server.get("/ready") == "ready\n"
        assert server.worker_pids() == workers


ON_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.mark.parametrize("outlives", [False, True])
def test_a_server_whose_terminal_goes_stops_unless_it_was_told_to_outlive_it(
    file: Path, tmp_path: Path, outlives: bool
) -> None:
    ready = tmp_path / "ready.json"
    ours, theirs = os.openpty()
    handler = signal.signal(signal.SIGHUP, signal.SIG_IGN if outlives else signal.SIG_DFL)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", ON_TERMINAL, "-m", "runtime.cli", "serve", "--config",
             str(file), "--ready-file", str(ready), "--grpc-port", "0", "--http-port", "0",
             "--control-port", "0",
             "--log-level", "info"],
            stdin=theirs, stdout=log, stderr=log,
        )  # fmt: skip
    signal.signal(signal.SIGHUP, handler)
    try:
        os.close(theirs)
        wait_until(ready.exists, "the server is ready")
        os.close(ours)
        if outlives:
            reloaded = "loading again what can change"
            wait_until(lambda: reloaded in (tmp_path / "log").read_text(), reloaded)
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    assert ("the terminal is gone" in (tmp_path / "log").read_text()) is not outlives


def test_a_file_that_is_wrong_is_one_line_and_status_one(file: Path) -> None:
    file.write_text("path: same.onnx\nworkers: {threads: 0}")
    server = server_of(file)
    server.start()
    assert server.wait() == 1
    (line,) = server.log
    assert line.startswith("error: --threads is 0; it must be 1 to 1024 (")
