"""Rules of the source that no other tool checks: sizes, docstrings, forbidden words."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINE_LIMITS = {".py": 350, ".pyi": 350, ".pyx": 150, ".pxd": 150, ".cc": 400, ".h": 200}
HEAVY = {"torch", "pyarrow", "sqlalchemy", "alembic", "grpc", "sklearn", "onnxruntime",
         "onnx", "matplotlib"}  # fmt: skip
GENERATED = re.compile(r"_pb2(_grpc)?\.pyi?$")
SLEEP = re.compile(r"(?<!\w)u?sleep_?(for|until)?[(]")
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(work|root|home|Users)/\w")


def tracked() -> list[Path]:
    """Every text file that git knows or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    paths = [ROOT / name for name in names.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


FILES = tracked()
SOURCES = [
    path for path in FILES if path.suffix in LINE_LIMITS and not GENERATED.search(path.name)
]
MODULES = [
    path
    for path in SOURCES
    if path.suffix == ".py" and path.parts[len(ROOT.parts)] != "stubs"
]


def name_of(path: Path) -> str:
    """The path as a person writes it."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_file_keeps_its_size_limit(path: Path) -> None:
    lines = path.read_text().count("\n")
    assert lines <= LINE_LIMITS[path.suffix], f"{name_of(path)} has {lines} lines; split it"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    tree = ast.parse(path.read_text())
    is_empty = not tree.body
    assert is_empty or ast.get_docstring(tree), f"{name_of(path)} has no docstring"


def lines_with(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    """Return `file:line: text` for each match."""
    found = []
    for path in paths:
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        found += [
            f"{name_of(path)}:{number}: {line.strip()}"
            for number, line in enumerate(lines, 1)
            if pattern.search(line)
        ]
    return found


def test_no_test_sleeps() -> None:
    tests = [path for path in SOURCES if path.is_relative_to(ROOT / "tests")]
    assert lines_with(SLEEP, tests) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert lines_with(MACHINE_PATH, FILES) == []


def test_every_compiled_module_has_types() -> None:
    native = ROOT / "runtime" / "native"
    without = [p.name for p in native.glob("*.pyx") if not p.with_suffix(".pyi").exists()]
    assert without == []


def test_starting_the_command_imports_nothing_heavy() -> None:
    module = "runtime.cli" if find_spec("runtime.cli") else "runtime"
    command = [sys.executable, "-X", "importtime", "-c", f"import {module}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {name for name in imported if name.partition(".")[0] in HEAVY} == set()
