"""The zygotes of frameworks have one thread, and their workers serve a model."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import torch

from runtime.backends import framework_of
from runtime.backends.plan import LoadPlan
from runtime.testing import torch_models
from runtime.testing.running import command_of
from runtime.workers.process import LoadRequest, WorkerProcess
from runtime.workers.zygotes import Zygotes

PATIENCE_S = 60.0


def parent_of(pid: int) -> int:
    """Return a process's parent."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


def threads_of(pid: int) -> int:
    """Return how many threads a process has."""
    return len(os.listdir(f"/proc/{pid}/task"))


def test_a_worker_of_pytorchs_zygote_loads_and_runs_a_program(tmp_path: Path) -> None:
    path = torch_models.save_export(
        tmp_path / "model.pt2", torch_models.make_mlp(), [torch.zeros(2, 32)], most=16
    )

    async def story() -> None:
        zygotes = Zygotes()
        started = await zygotes.start("mlp/1#0", framework_of(path))
        zygote = parent_of(started.child.pid)
        command = command_of(zygote)
        assert "runtime.workers.zygote" in command
        assert "torch" in command
        assert threads_of(zygote) == 1
        worker = WorkerProcess("mlp/1#0", started, lambda _process, _status: None)
        loaded = await worker.load(LoadRequest("mlp", LoadPlan(path, max_batch_size=8)))
        assert loaded.report.batchable
        assert loaded.signature.platform == "pytorch_export"
        assert threads_of(zygote) == 1
        await worker.close(PATIENCE_S)
        await zygotes.close()

    asyncio.run(story())


def test_the_zygote_of_python_models_has_one_thread() -> None:
    async def story() -> None:
        zygotes = Zygotes()
        started = await zygotes.start("py/1#0", framework_of(Path("model.py")))
        zygote = parent_of(started.child.pid)
        assert "runtime.workers.zygote" in command_of(zygote)
        assert threads_of(zygote) == 1
        worker = WorkerProcess("py/1#0", started, lambda _process, _status: None)
        await worker.close(PATIENCE_S)
        await zygotes.close()

    asyncio.run(story())
