"""Every native module may be the first that a program imports."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

from runtime import native

NAMES = sorted(found.name for found in pkgutil.iter_modules(native.__path__))


def test_all_modules_are_found() -> None:
    assert {"port", "profile_options", "stats", "watch"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_module_can_be_imported_first(name: str) -> None:
    program = [sys.executable, "-c", f"import runtime.native.{name}"]
    run = subprocess.run(program, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
