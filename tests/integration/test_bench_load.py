"""``leeboard bench load`` against a real server: what it measures and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.testing import models
from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until

SHORT = ("--duration", "0.25", "--warmup", "0.05")
LONG = ("--duration", "30", "--warmup", "0")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "runtime.cli", "bench", "load", *arguments]


def load(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run to the end; what goes wrong is said in words, never as a traceback."""
    done = subprocess.run(
        command(*arguments), check=False, capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in done.stderr
    return done


def report(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_a_closed_loop_is_measured_with_what_the_server_used(
    server: RunningServer, tmp_path: Path
) -> None:
    file = tmp_path / "report.json"
    done = load(server.grpc, "-m", "mlp", "--concurrency", "4", "--json", str(file), *SHORT)
    assert done.returncode == 0, done.stderr
    assert (
        "closed loop, 4 requests in flight, 4 connections, profile ordinary" in done.stdout
    )
    found = report(file)
    assert {
        "format", "scenario", "requests", "ok", "wrong", "unsent", "errors", "duration_s",
        "throughput_rps", "latency_us", "server_cpu_us_per_request", "client_saturated",
        "partial", "notes", "series", "server",
    } <= found.keys()  # fmt: skip
    assert (found["errors"], found["partial"]) == ({}, False)
    assert found["requests"] == found["ok"] > 0
    assert {"p50", "p90", "p99", "p999", "max"} <= found["latency_us"].keys()
    assert found["server_cpu_us_per_request"] > 0
    assert found["server"]["pss_bytes"] > 1 << 20
    assert found["server"]["rows_per_batch"] >= 1
    assert found["server"]["metrics_url"] == f"http://{server.http}/metrics"


def test_an_open_loop_sends_at_its_rate_whatever_the_profile(
    server: RunningServer, tmp_path: Path
) -> None:
    file = tmp_path / "report.json"
    done = load(
        server.grpc, "-m", "text", "--rate", "400", "--arrivals", "constant", "--batch",
        "3", "--profile", "packed", "--json", str(file), *SHORT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "open loop, 400 requests/s, constant arrivals" in done.stdout
    found = report(file)
    assert found["requests"] in (99, 100, 101)
    assert found["scenario"]["profile"] == "packed"


def test_a_number_of_answers_may_be_asked_for(
    server: RunningServer, tmp_path: Path
) -> None:
    file = tmp_path / "report.json"
    done = load(
        server.grpc, "-m", "scalars", "--concurrency", "2", "--requests", "50",
        "--warmup", "0.1", "--json", str(file),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert report(file)["ended"] == "count"
    assert report(file)["answered"] >= 50


def goldens(folder: Path, shift: float) -> tuple[str, ...]:
    """Write inputs of an identity model, and outputs that many away from them."""
    rows = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.save(folder / "data.npy", rows)
    np.savez(folder / "golden.npz", y=rows + np.float32(shift))
    return ("--data", str(folder / "data.npy"), "--golden", str(folder / "golden.npz"))


def test_right_answers_are_ok(server: RunningServer, tmp_path: Path) -> None:
    files = goldens(tmp_path, 0)
    done = load(server.grpc, "-m", "half", "--concurrency", "2", *files, *SHORT)
    assert done.returncode == 0, done.stderr


def test_wrong_answers_are_failures(server: RunningServer, tmp_path: Path) -> None:
    files = goldens(tmp_path, 1)
    done = load(server.grpc, "-m", "half", "--concurrency", "2", *files, *SHORT)
    assert done.returncode == 1
    assert "answers are not what --golden says" in done.stdout


def test_a_server_that_answers_only_errors_is_counted_by_code(
    server: RunningServer, tmp_path: Path
) -> None:
    data, file = tmp_path / "data.npy", tmp_path / "report.json"
    np.save(data, np.array([1_000]))
    asked = (server.grpc, "-m", "embedding", "--data", str(data), "--concurrency", "2")
    done = load(*asked, "--json", str(file), *SHORT)
    assert done.returncode == 1
    assert "no request was answered well; INTERNAL: " in done.stdout
    found = report(file)
    assert found["ok"] == 0
    assert found["errors"] == {"INTERNAL": found["requests"]}
    assert "indices element out of data bounds" in found["error_messages"]["INTERNAL"]
    assert load(*asked, "--max-errors", "1", *SHORT).returncode == 0


def test_a_rate_that_the_client_cannot_send_is_no_measurement(
    server: RunningServer, tmp_path: Path
) -> None:
    file = tmp_path / "report.json"
    done = load(
        server.grpc, "-m", "mlp", "--rate", "2e6", "--max-in-flight", "1000000",
        "--duration", "0.2", "--warmup", "0", "--timeout", "1", "--json", str(file),
    )  # fmt: skip
    assert done.returncode == 1
    assert "the client could not send the rate" in done.stderr
    assert "this is not a measurement of the server" in done.stdout
    assert report(file)["client_saturated"] is True


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-m", "nobody"], "has no model 'nobody'; it has "),
        (["-m", "width"], "'x' of width has the shape [-1, -1]; give its free sizes as"),
        (["-m", "scalars", "--batch", "2"], "--batch is 2, but scalars does not batch"),
        (["-m", "mlp", "--data", "DATA"], "--data x has shape [2, 5], the model expects"),
        (["-m", "mlp", "--metrics", "127.0.0.1:1"], "127.0.0.1:1 cannot be read: "),
    ],
)
def test_what_is_wrong_is_one_sentence(
    server: RunningServer, tmp_path: Path, arguments: list[str], words: str
) -> None:
    data = tmp_path / "data.npy"
    np.save(data, np.zeros((2, 5)))
    given = [str(data) if argument == "DATA" else argument for argument in arguments]
    done = load(server.grpc, *given, "--concurrency", "1")
    assert done.returncode == 1
    assert words in done.stderr


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("127.0.0.1:1", "127.0.0.1:1 cannot be reached: Connection refused"),
        ("nowhere", "'nowhere' is no address of a gRPC server"),
    ],
)
def test_a_server_that_is_not_there_is_named(target: str, words: str) -> None:
    done = load(target, "-m", "mlp", "--concurrency", "1")
    assert done.returncode == 1
    assert words in done.stderr


def test_a_server_that_speaks_something_else_is_named(server: RunningServer) -> None:
    done = load(server.http, "-m", "mlp", "--concurrency", "1")
    assert done.returncode == 1
    assert f"{server.http} cannot be reached: " in done.stderr


def answered(server: RunningServer) -> bool:
    return server.total("leeboard_requests_total", outcome="ok") > 100


def test_a_server_that_dies_leaves_a_partial_report(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    model = models.save_mlp(tmp_path / "mlp.onnx")
    with RunningServer(model) as server:
        asked = (server.grpc, "-m", "mlp", "--concurrency", "2", "--json", str(file))
        running = subprocess.Popen(
            command(*asked, *LONG),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_until(lambda: answered(server), "requests are answered")
        server.signal(signal.SIGKILL)
        told, error = running.communicate(timeout=30)
        server.wait()
    assert running.returncode == 1
    assert f"{server.grpc} went away after about " in told
    assert "the run is partial" in error
    found = report(file)
    assert (found["partial"], found["ended"]) == (True, "lost")
    assert found["ok"] > 0
    assert "UNAVAILABLE" in found["errors"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_keep_what_was_measured(
    server: RunningServer, tmp_path: Path, number: int
) -> None:
    file = tmp_path / "report.json"
    before = server.total("leeboard_requests_total", model="mlp", outcome="ok")
    asked = (server.grpc, "-m", "mlp", "--rate", "1000", "--json", str(file))
    running = subprocess.Popen(
        command(*asked, *LONG), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_until(
        lambda: (
            server.total("leeboard_requests_total", model="mlp", outcome="ok")
            > before + 300
        ),
        "requests are answered",
    )
    os.kill(running.pid, number)
    told, error = running.communicate(timeout=30)
    assert running.returncode == 1
    assert "Traceback" not in error
    assert "s of 30 s; the run is partial" in told
    found = report(file)
    assert (found["partial"], found["ended"]) == (True, "stopped")
    assert found["ok"] >= 300
    assert found["server_cpu_us_per_request"] > 0
