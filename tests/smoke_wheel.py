"""Uses an installed Leeboard from outside the source tree; run by tools/test_wheel.

Imports what the wheel must hold (extension modules, descriptor sets, type information) and
asks the command for its version, then serves a model and asks it.
"""

from __future__ import annotations

import importlib
import json
import signal
import subprocess
import sys
import tempfile
import threading
from importlib.metadata import entry_points, version
from importlib.resources import files
from pathlib import Path

IDENTITY = (
    b'\x08\t:E\n\x10\n\x01x\x12\x01y"\x08Identity\x12\x05graphZ\x14\n\x01x\x12\x0f\n\r\x08\x01\x12'
    b"\t\n\x03\x12\x01N\n\x02\x08\x04b\x14\n\x01y\x12\x0f\n\r\x08\x01\x12\t\n\x03\x12\x01N\n\x02"
    b"\x08\x04B\x04\n\x00\x10\x11"
)
"""An ONNX file, y = x for FP32 [N, 4]; the installed wheel has no package to make one."""

COMMAND = Path(sys.executable).parent / "leeboard"


def check_contents() -> None:
    """Everything that is data or compiled is in the wheel."""
    package = files("runtime")
    assert (package / "py.typed").is_file()
    assert any(entry.name.endswith(".binpb") for entry in (package / "protos").iterdir())
    migrations = package / "store" / "migrations" / "versions"
    assert any(entry.name.startswith("r0001") for entry in migrations.iterdir())
    native = [entry.name for entry in (package / "native").iterdir()]
    compiled = [name.partition(".")[0] for name in native if name.endswith(".so")]
    assert compiled, "the wheel holds no extension module"
    for name in compiled:
        importlib.import_module(f"runtime.native.{name}")
        assert f"{name}.pyi" in native, f"{name} has no type information"
    found = entry_points(group="runtime.backends", name="onnx")
    assert [entry.load().__name__ for entry in found] == ["OnnxBackend"]


def check_command() -> None:
    """The console script starts and knows its version."""
    answer = subprocess.run(
        [COMMAND, "--version"], check=True, capture_output=True, text=True, timeout=60
    )
    assert version("leeboard") in answer.stdout, answer.stdout


def ask(port: int) -> None:
    """Ask the served model through an ordinary client."""
    import numpy as np
    from tritonclient.grpc import InferenceServerClient, InferInput

    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    given = InferInput("x", [2, 4], "FP32")
    given.set_data_from_numpy(x)
    with InferenceServerClient(f"127.0.0.1:{port}") as client:
        answer = client.infer("identity", [given]).as_numpy("y")
    assert np.array_equal(answer, x), answer


def load(port: int, folder: Path) -> None:
    """Measure the server for a moment."""
    report = folder / "report.json"
    options = ["--concurrency", "4", "--requests", "200", "--json", str(report)]
    target = f"127.0.0.1:{port}"
    command = [str(COMMAND), "bench", "load", target, "-m", "identity", *options]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    found = json.loads(report.read_text())
    assert (found["ok"], found["errors"]) == (found["requests"], {}), found


def check_serving() -> None:
    """A model is served from files of the wheel alone, and the command ends well."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "identity.onnx").write_bytes(IDENTITY)
        ready = folder / "ready.json"
        command = [COMMAND, "serve", folder / "identity.onnx", "--ready-file", ready]
        ports = ["--grpc-port", "0", "--http-port", "0", "--control-port", "0"]
        server = subprocess.Popen([*map(str, command), *ports])
        try:
            is_up, patience = threading.Event(), 300
            while not ready.exists() and server.poll() is None and patience:
                is_up.wait(0.1)
                patience -= 1
            port = json.loads(ready.read_text())["grpc_port"]
            ask(port)
            load(port, folder)
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(timeout=60) == 0


if __name__ == "__main__":
    check_contents()
    check_command()
    check_serving()
    sys.stdout.write("the wheel works\n")
