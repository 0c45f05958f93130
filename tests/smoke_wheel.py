"""Uses an installed Leeboard from outside the source tree; run by tools/test_wheel.

Imports what the wheel must hold (extension modules, descriptor sets, type information) and
asks the command for its version.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import entry_points, version
from importlib.resources import files
from pathlib import Path

COMMAND = Path(sys.executable).parent / "leeboard"


def check_contents() -> None:
    """Everything that is data or compiled is in the wheel."""
    package = files("runtime")
    assert (package / "py.typed").is_file()
    assert any(entry.name.endswith(".binpb") for entry in (package / "protos").iterdir())
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


if __name__ == "__main__":
    check_contents()
    check_command()
    sys.stdout.write("the wheel works\n")
