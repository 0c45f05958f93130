"""The README's example runs as it stands, and its table lists the options there are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from runtime.backends.base import LoadOptions
from runtime.backends.load_check import run_once
from runtime.backends.onnx import OnnxBackend
from runtime.cli import app
from runtime.testing import models
from runtime.testing.running import RunningServer

README = Path(__file__).resolve().parents[2].joinpath("README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
ADDRESS = "127.0.0.1:8001"
NUMBER = re.compile(r"-?\d+\.\d*(?:e[+-]\d+)?")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
TABLE = re.search(r"^\| `leeboard serve` \|.*?(?=^$)", README, re.DOTALL | re.MULTILINE)


def test_the_example_prints_what_the_model_answers(tmp_path: Path) -> None:
    (example,) = BLOCKS
    assert example.count(ADDRESS) == 1
    path = models.save_mlp(tmp_path / "mlp.onnx")
    with RunningServer(path) as server:
        done = subprocess.run(
            [sys.executable, "-c", example.replace(ADDRESS, server.grpc)],
            check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    backend = OnnxBackend()
    backend.load(path, LoadOptions(extra={"cache": "off"}))
    expected = run_once(backend, {"x": np.ones((3, 32), np.float32)}, 3)["y"]
    printed = np.array([float(text) for text in NUMBER.findall(done.stdout)])
    np.testing.assert_allclose(printed.reshape(3, 8), expected, rtol=1e-4, atol=1e-6)


def test_the_table_lists_options_of_serve_and_no_others() -> None:
    env = {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}
    shown = CliRunner(env=env).invoke(app, ["serve", "--help"]).output
    options = {o for o in OPTION.findall(shown) if not o.startswith("--no-")} - {"--help"}
    assert TABLE is not None
    listed = set(OPTION.findall(TABLE[0]))
    assert {"--config", "--host", "--instances"} <= listed <= options
