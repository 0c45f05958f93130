"""C++ clients on grpc-core, built here; skipped where its headers are not installed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from benchmarks.load.build import FLAGS, PACKAGE, grpc_client, run
from runtime.testing.running import RunningServer
from tests.integration.test_streams import STREAM, raw_request

HAS_GRPC = subprocess.run(["pkg-config", "--exists", PACKAGE], check=False).returncode == 0
pytestmark = [
    pytest.mark.skipif(not HAS_GRPC, reason="libgrpc++-dev is not installed"),
]


SHAPE = ("--channels", "4", "--in-flight", "64", "--count", "3000")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client with streams."""
    built = tmp_path_factory.mktemp("grpc") / "grpc_core_stream"
    source = Path(__file__).with_name("grpc_core_stream.cc")
    flags = run("pkg-config", "--cflags", "--libs", PACKAGE).split()
    run("g++", *FLAGS, str(source), "-o", str(built), *flags)
    return built


def test_a_stream_of_grpc_core(
    server: RunningServer, program: Path, tmp_path: Path
) -> None:
    message = tmp_path / "message"
    message.write_bytes(raw_request("mlp", "7"))
    # All is written before the first answer is read.
    done = subprocess.run(
        [program, server.grpc, STREAM, message, "2000"],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    answers, _, status = map(int, done.stdout.split())
    assert (answers, status) == (2000, 0)


def test_unary_calls_of_grpc_core(server: RunningServer, tmp_path: Path) -> None:
    message = tmp_path / "message"
    message.write_bytes(raw_request("mlp", "7"))
    done = subprocess.run(
        [grpc_client(), "--address", server.grpc, "--message", message, *SHAPE],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = json.loads(done.stdout)
    assert (found["ok"], found["wrong"], found["failed"]) == (3000, 0, 0)
