"""The log of a whole server: its changes of state, slow requests, and hostile names."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runtime.testing import models

SCRIPT = """\
import sys
from pathlib import Path

import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.app import App, serve
from runtime.config import Config, Listen, Logs, Repository
from tests.integration.calls import rows, tensors

EVIL = "mlp\\n2026-11-23 15:43:16,123 ERROR forged \\x1b[2J\\u202e"


def ask(app: App) -> None:
    client = triton.InferenceServerClient(f"127.0.0.1:{app.plane.port}")
    client.infer("mlp", tensors(x=rows(2)), request_id=EVIL)
    try:
        client.infer(EVIL, tensors(x=rows(2)))
    except InferenceServerException:
        pass
    client.close()
    app.stop()


style, slow_ms, level = sys.argv[2], float(sys.argv[3]), sys.argv[4]
sys.exit(serve(Config(
    Path(sys.argv[1]), Listen(grpc_port=0, http_port=0), logs=Logs(style, level, slow_ms),
), ask))
"""
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
PLAIN = re.compile(rf"({TIME} (INFO|WARNING|ERROR) |  \| )")


def log_of(model: Path, style: str, slow_ms: float = 0.0, level: str = "info") -> list[str]:
    """Run a server that is asked twice, and return what it said."""
    command = [sys.executable, "-c", SCRIPT, str(model), style, str(slow_ms), level]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return done.stderr.splitlines()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return models.save_mlp(tmp_path / "mlp.onnx", (4, 8, 2))


def parsed(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def test_each_change_of_state_is_one_json_line_and_requests_are_none(model: Path) -> None:
    lines = parsed(log_of(model, "json"))
    told = [line["event"] for line in lines if "event" in line]
    assert told == [
        "worker_started", "loaded", "ready", "draining", "drained", "retired",
    ]  # fmt: skip
    loaded = next(line for line in lines if line.get("event") == "loaded")
    assert (loaded["model"], loaded["version"]) == ("mlp", "1")
    assert not any("forged" in line["message"] for line in lines)


@pytest.mark.parametrize("style", ["plain", "json"])
def test_slow_requests_have_a_line_that_no_client_can_break(
    model: Path, style: str
) -> None:
    lines = log_of(model, style, slow_ms=1e-6)
    assert all(line.isprintable() for line in lines)
    slow = [line for line in lines if "slow request" in line]
    assert len(slow) == 1  # The other was refused at once.
    if style == "json":
        (answered,) = parsed(slow)
        assert (answered["model"], answered["code"], answered["rows"]) == ("mlp", 0, 2)
        assert answered["request_id"].endswith("forged \x1b[2J\u202e")
        assert answered["compute_ms"] > 0
    else:
        assert all(PLAIN.match(line) for line in lines)


def test_a_level_hides_what_is_below_it(model: Path) -> None:
    assert log_of(model, "plain", level="error") == []
