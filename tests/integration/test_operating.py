"""What an operator asks of a running server, also of one whose Python does not answer."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton
from typer.testing import CliRunner

from runtime.cli import app
from runtime.operating.looking import Looker, Metrics
from runtime.testing import models
from runtime.testing.running import RunningServer

CHOSEN = "it was chosen by the start of the server."
BUSY = """
import re, sys
from pathlib import Path
from runtime.app import serve
from runtime.config import Config, Listen

def burn(app):
    print(app.plane.port, flush=True)
    re.match("(a+)+$", "a" * 64 + "b")  # Holds the GIL for centuries.

serve(Config(Path(sys.argv[1]), Listen(grpc_port=0, http_port=0)), burn)
"""


def leeboard(*arguments: str) -> str:
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return str(done.stdout)


def ask(url: str, model: str, times: int) -> None:
    x = np.ones((1, 3), np.float32)
    wanted = triton.InferInput("x", list(x.shape), "FP32")
    wanted.set_data_from_numpy(x)
    with triton.InferenceServerClient(url) as client:
        for _ in range(times):
            client.infer(model, [wanted])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return models.save_identity(tmp_path / "same.onnx", "FP32", ["N", 3])


@pytest.fixture
def busy_server(model: Path) -> Iterator[str]:
    """The address of a server whose Python does nothing but burn the GIL."""
    command = [sys.executable, "-c", BUSY, str(model)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield f"127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def test_why_is_answered_while_the_servers_python_is_busy(busy_server: str) -> None:
    ask(busy_server, "same", 3)
    lines = leeboard("why", "same", "--url", busy_server).splitlines()
    assert lines[0].startswith(f"same is served at {busy_server} (leeboard ")
    assert lines[1].endswith(CHOSEN)
    assert any("has answered 3 requests" in line for line in lines)
    assert lines[-1].startswith("The server's control plane gave no numbers")
    last = lines[lines.index("What happened to it last:") + 1 : -1]
    assert last
    assert all("same" in line for line in last)


def test_a_support_bundle_has_the_events_of_a_server_whose_python_is_busy(
    busy_server: str, tmp_path: Path
) -> None:
    path = tmp_path / "bundle.tar.gz"
    leeboard("support-bundle", "-o", str(path), "--url", busy_server)
    with tarfile.open(path) as archive:
        file = archive.extractfile("leeboard-support/events.json")
        assert file is not None
        assert json.load(file)[-1]["event"] == "ready"


def test_why_tells_what_chose_a_version_and_what_does_not_serve(tmp_path: Path) -> None:
    for version in ("1", "2"):
        path = tmp_path / "same" / version / "model.onnx"
        path.parent.mkdir(parents=True)
        models.save_identity(path, "FP32", ["N", 3])
    explicit = ("--model-control-mode", "explicit", "--load-model", "same")
    with RunningServer(tmp_path, *explicit) as server:
        ask(server.grpc, "same", 2)
        text = leeboard("why", "same", "--url", server.grpc)
        assert CHOSEN in text
        assert "has answered 2 requests" in text
        assert "99 of 100 within" in text
        (tmp_path / "same" / "3").mkdir()
        models.save_identity(tmp_path / "same" / "3" / "model.onnx", "FP32", ["N", 3])
        leeboard("models", "load", "same", "--url", server.grpc)
        text = leeboard("why", "same", "--url", server.grpc)
        assert "by version 3." in text
        assert "it was chosen by a load call over gRPC." in text
        assert "Version 2 does not serve, it is unavailable: unloaded." in text


def test_top_counts_what_happens_between_two_looks(model: Path) -> None:
    ticks = iter((0.0, 2.0, 4.0, 6.0))
    with RunningServer(model) as server:
        looker = Looker(server.grpc, Metrics(server.grpc), clock=lambda: next(ticks))
        looker.look()
        ask(server.grpc, "same", 10)
        (row,) = looker.look().rows
        assert (row.rates.requests_per_s, row.rates.failures_per_s) == (5.0, 0.0)
        assert (row.rates.rows_per_s, row.workers, row.queued) == (5.0, 1, 0)
        assert row.rates.p50_s is not None
        assert row.rates.p99_s is not None
        assert 0 < row.rates.p50_s <= row.rates.p99_s < 60
        (port, http) = (server.about["grpc_port"], server.about["http_port"])
    assert "gone: " in looker.look().trouble
    again = ("--grpc-port", str(port), "--http-port", str(http), "--control-port", "0")
    with RunningServer(model, *again):
        view = looker.look()
        assert (view.is_there, view.trouble) == (True, "")
        assert view.rows[0].rates.requests_per_s is None
        ask(view.url, "same", 4)
        assert looker.look().rows[0].rates.requests_per_s == 2.0


def test_top_once_is_json_for_scripts(model: Path) -> None:
    with RunningServer(model) as server:
        text = leeboard(
            "top", "--once", "--json", "--interval", "0.1", "--url", server.grpc
        )
    (version,) = json.loads(text)["versions"]
    assert (version["state"], version["requests_per_s"], version["workers"]) == (
        "READY", 0.0, 1
    )  # fmt: skip


def test_a_support_bundle_has_everything_but_secrets(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, key = "lb_S3cretS3cretS3cret", "-----BEGIN PRIVATE KEY----- S3cretKey"
    for name, text in (("tokens.yaml", token), ("server.key", key), ("token", token)):
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("LEEBOARD_TOKEN", token)
    monkeypatch.setenv("LEEBOARD_TOKEN_FILE", str(tmp_path / "token"))
    file = tmp_path / "server.yaml"
    file.write_text(f"# {token}\nexit_timeout: 20")
    path = tmp_path / "bundle.tar.gz"
    with RunningServer(model, "--config", str(file)) as server:
        leeboard("support-bundle", "-o", str(path), "--url", server.grpc)
    with tarfile.open(path) as archive:
        files = {m.name.rpartition("/")[2]: archive.extractfile(m) for m in archive}
        contents = {name: f.read().decode() for name, f in files.items() if f is not None}
    assert json.loads(contents["manifest.json"])["missing"] == {}
    options = json.loads(contents["options.json"])
    assert options["exit_timeout"] == {"value": 20.0, "from": f"{file}: exit_timeout"}
    assert json.loads(contents["models.json"])["same"]["versions"][0]["state"] == "READY"
    assert "leeboard_ready" in contents["metrics.txt"]
    pids = [each["pid"] for each in json.loads(contents["processes.json"])]
    assert server.pid in pids
    everything = "".join(contents.values())
    assert [s for s in ("S3cret", "BEGIN PRIVATE") if s in everything] == []
