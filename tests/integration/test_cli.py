"""The command line as a person uses it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from runtime import __version__
from runtime.testing.running import RunningServer


def leeboard(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "runtime.cli", *arguments],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_version() -> None:
    done = leeboard("--version")
    assert (done.returncode, done.stdout) == (0, f"leeboard {__version__}\n")


def test_infer_with_a_file_and_with_json(server: RunningServer, tmp_path: Path) -> None:
    x = np.array([[1.5, -2.0, 3.25]], np.float32)
    np.save(tmp_path / "x.npy", x)
    saved = tmp_path / "y.npy"
    done = leeboard(
        "infer", "half", "--url", server.grpc, "--input", f"x=@{tmp_path}/x.npy",
        "--output", f"y=@{saved}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "half version 1" in done.stdout
    assert np.load(saved).tolist() == x.tolist()
    done = leeboard("infer", "embedding", "--url", server.grpc, "-i", "x=[0, 3]")
    assert done.returncode == 0, done.stderr
    assert "y float32 [2, 4]" in done.stdout


def test_infer_adds_the_batch_dimension_that_a_person_leaves_out(
    server: RunningServer,
) -> None:
    done = leeboard("infer", "text", "--url", server.grpc, "-i", 'x=["one", "two"]')
    assert done.returncode == 0, done.stderr
    assert "b'one' b'two'" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nobody", "-i", "x=[1]"], "NOT_FOUND"),
        (["mlp", "-i", "z=[1]"], "mlp has no input 'z'; its inputs are 'x'"),
        (["mlp", "-i", "x=[1, 2]"], "has shape [1, 2], the model expects [-1, 32]"),
        (["mlp", "-i", "x=@nowhere.npy"], "nowhere.npy"),
        (["mlp", "-i", "nothing"], "has no '='"),
    ],
)
def test_what_is_wrong_is_one_line(
    server: RunningServer, arguments: list[str], words: str
) -> None:
    done = leeboard("infer", *arguments, "--url", server.grpc)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
