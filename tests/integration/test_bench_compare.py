"""``leeboard bench compare`` and ``sweep`` against a real server.

On a machine that is busy with other tests the client may be the bottleneck; no test
depends on it.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from runtime.cli import app
from runtime.testing.running import RunningServer

WIDE = {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}


def bench(*arguments: str) -> Any:
    return CliRunner(env=WIDE).invoke(app, ["bench", *arguments])


def load(server: RunningServer, *arguments: str) -> str:
    """Return a command that measures for a moment."""
    command = [sys.executable, "-m", "runtime.cli", "bench", "load", server.grpc]
    usual = ["-m", "mlp", "--duration", "0.2", "--warmup", "0.1", "--json", "{json}"]
    return shlex.join([*command, *usual, *arguments])


def test_two_loads_are_compared(server: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "compared.json"
    sides = [load(server, "--concurrency", "1"), load(server, "--concurrency", "4")]
    done = bench(
        "compare", *sides, "--metric", "latency_us.p50", "--pairs", "2",
        "--at-most", "1000", "--allow", "saturated", "--json", str(path),
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "verdict:      met\n" in done.stdout
    in_flight = [
        [report["scenario"]["concurrency"] for report in pair]
        for pair in json.loads(path.read_text())["reports"]
    ]
    assert in_flight == [[1, 4], [1, 4]]


def test_a_load_without_a_server_ends_the_comparison() -> None:
    command = f"{sys.executable} -m runtime.cli bench load 127.0.0.1:1 -m x --concurrency 1"
    done = bench("compare", command, command)
    assert "ended with 1:\nerror: 127.0.0.1:1" in str(done.exception)


def test_a_sweep_is_kept_and_drawn(server: RunningServer, tmp_path: Path) -> None:
    path, plot = tmp_path / "sweep.json", tmp_path / "sweep.svg"
    done = bench(
        "sweep", server.grpc, "-m", "mlp", "--concurrency", "1:2", "--duration", "0.3",
        "--warmup", "0.1", "--json", str(path), "--plot", str(plot),
    )  # fmt: skip
    content = json.loads(path.read_text())
    assert (done.exit_code == 0) == (content["ended"] in ("knee", "highest"))
    assert content["steps"][0]["value"] == 1
    assert all(step["report"]["ok"] > 0 for step in content["steps"])
    assert "<svg" in plot.read_text()
