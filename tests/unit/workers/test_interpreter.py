"""Interpreters of other virtual environments, real ones and odd ones."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.backends.plan import LoadPlan
from runtime.errors import ConfigError
from runtime.testing import models
from runtime.workers.interpreter import foreign_environment
from runtime.workers.process import LoadRequest, WorkerProcess
from runtime.workers.zygotes import Zygotes


def script(path: Path, text: str) -> Path:
    """Return a program that does not do what an interpreter does."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_another_interpreter_sees_our_package_and_nothing_else_of_ours() -> None:
    environment = foreign_environment(Path(sys.executable))
    folder = Path(environment["PYTHONPATH"])
    assert [path.name for path in folder.iterdir()] == ["runtime"]
    found = subprocess.run(
        [sys.executable, "-P", "-c", "import runtime; print(runtime.__file__)"],
        env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert found.stdout.startswith(str(folder))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo cpython-27", "is cpython-27; it must be "),
        ("exit 1", "is no Python; it must be "),
        (
            f"echo {sys.implementation.cache_tag}; echo No module named numpy >&2; exit 1",
            "has no numpy (No module named numpy); install it there",
        ),
    ],
)
def test_an_interpreter_that_cannot_serve_is_refused_with_the_reason(
    tmp_path: Path, text: str, words: str
) -> None:
    path = script(tmp_path / "python", text)
    with pytest.raises(ConfigError) as caught:
        foreign_environment(path)
    assert f"interpreter {path} " in str(caught.value)
    assert words in str(caught.value)


def test_an_interpreter_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be started: No such file"):
        foreign_environment(tmp_path / "nowhere")


def test_a_worker_serves_in_its_own_interpreter(tmp_path: Path) -> None:
    path = models.save_identity(tmp_path / "m.onnx")

    async def story() -> str:
        started = await Zygotes().start("m/1#0", "onnx", Path(sys.executable))
        worker = WorkerProcess("m/1#0", started, lambda _worker, _status: None)
        try:
            loaded = await worker.load(LoadRequest("m", LoadPlan(path, max_batch_size=8)))
        finally:
            await worker.close(30)
        return loaded.signature.platform

    assert asyncio.run(story()) == "onnxruntime_onnx"
