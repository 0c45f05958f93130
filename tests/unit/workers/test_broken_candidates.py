"""Candidates that end or hang while they are loaded, in processes of their own."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest

from runtime.backends.base import FREE, Signature, TensorSpec
from runtime.backends.plan import LoadPlan
from runtime.errors import LeeboardError, ModelError, WorkerError
from runtime.testing.waiting import wait_until
from runtime.workers.launch import start_cold
from runtime.workers.limits import Limits
from runtime.workers.process import LoadRequest, WorkerProcess
from tests.unit.workers.exits import Exits

X = TensorSpec("x", "FP32", (FREE, 4))
OLD = Signature("fault", (X,), (TensorSpec("y", "FP32", (FREE, 4)),), batchable=True)
PATIENCE_S = 60.0
MIB = 1 << 20


def refused(
    folder: Path, deed: str, timeout_s: float = PATIENCE_S, memory_bytes: int = 0
) -> tuple[LeeboardError, list[int]]:
    """Return why a candidate could not be loaded, and how its worker ended."""
    path = folder / "model.fault"
    path.write_text(json.dumps({"load": deed}))
    plan = LoadPlan(path, max_batch_size=8, successor_of=OLD)
    exits, errors = Exits(), []

    async def story() -> None:
        worker = WorkerProcess("m/2#0", start_cold("m/2#0"), exits)
        with pytest.raises(LeeboardError) as caught:
            await worker.load(LoadRequest("m", plan, timeout_s, Limits(memory_bytes)))
        errors.append(caught.value)
        await asyncio.to_thread(wait_until, lambda: bool(exits.heard), "it ends")
        await worker.close(PATIENCE_S)

    asyncio.run(story())
    return errors[0], exits.heard


@pytest.mark.parametrize(
    ("deed", "status"),
    [("crash", -signal.SIGSEGV), ("abort", -signal.SIGABRT), ("exit", 3)],
)
def test_one_that_ends_in_load_is_refused(tmp_path: Path, deed: str, status: int) -> None:
    error, heard = refused(tmp_path, deed)
    assert str(error) == "m/2#0: the worker ended while loading the model (step open)"
    assert (type(error), heard) == (WorkerError, [status])


def test_one_that_hangs_in_load_is_ended(tmp_path: Path) -> None:
    error, heard = refused(tmp_path, "hang", timeout_s=5.0)
    assert str(error) == (
        "m/2#0: the worker was ended: loading the model (step open) took over 5 s"
    )
    assert (type(error), heard) == (WorkerError, [-signal.SIGKILL])


def test_one_that_takes_all_memory_in_load_is_refused(tmp_path: Path) -> None:
    error, heard = refused(tmp_path, "fill_memory", memory_bytes=256 * MIB)
    assert str(error).startswith("open: MemoryError")
    assert (type(error), heard) == (ModelError, [1])
