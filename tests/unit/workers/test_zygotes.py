"""Zygotes fork workers that live on without them; without one, workers start cold."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from runtime.backends.plan import LoadPlan
from runtime.testing.running import children_of, command_of
from runtime.testing.waiting import wait_until
from runtime.workers.launch import UNKNOWN_STATUS, Started
from runtime.workers.process import LoadRequest, WorkerProcess
from runtime.workers.zygotes import MOST_STARTS, Zygotes
from tests.unit.workers.exits import Exits

PATIENCE_S = 30.0


@pytest.fixture
def well(tmp_path: Path) -> LoadRequest:
    path = tmp_path / "well.fault"
    path.write_text(json.dumps({}))
    return LoadRequest("well", LoadPlan(path, max_batch_size=8))


def run(story: Callable[[Zygotes], Coroutine[None, None, None]]) -> None:
    """Run a story, after which no process and no descriptor may be left."""

    async def checked() -> None:
        await asyncio.to_thread(int)
        before = set(os.listdir("/proc/self/fd"))
        zygotes = Zygotes()
        await story(zygotes)
        await zygotes.close()
        gc.collect()
        assert set(os.listdir("/proc/self/fd")) == before

    children = children_of(os.getpid())
    asyncio.run(checked())
    assert children_of(os.getpid()) == children


def zygote_of(started: Started) -> int:
    """Return the parent of a started worker."""
    stat = Path(f"/proc/{started.child.pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


def test_a_forked_worker_loads_and_its_end_is_heard_with_its_status(
    well: LoadRequest,
) -> None:
    exits = Exits()

    async def story(zygotes: Zygotes) -> None:
        started = await zygotes.start("well/1#0", "fault")
        assert "runtime.workers.zygote" in command_of(zygote_of(started))
        worker = WorkerProcess("well/1#0", started, exits)
        loaded = await worker.load(well)
        assert loaded.report.batchable
        worker.kill()
        await exits.wait()
        await worker.close(PATIENCE_S)

    run(story)
    assert exits.heard == [-signal.SIGKILL]


def test_one_zygote_serves_all_workers_of_a_framework(well: LoadRequest) -> None:
    async def story(zygotes: Zygotes) -> None:
        workers = []
        parents = set()
        for number in range(3):
            started = await zygotes.start(f"well/1#{number}", "fault")
            parents.add(zygote_of(started))
            workers.append(WorkerProcess("well", started, Exits()))
        assert len(parents) == 1
        for worker in workers:
            await worker.close(PATIENCE_S)

    run(story)


def test_a_worker_lives_on_when_its_zygote_is_killed_and_the_next_has_a_new_one(
    well: LoadRequest,
) -> None:
    exits = Exits()

    async def story(zygotes: Zygotes) -> None:
        first = await zygotes.start("well/1#0", "fault")
        worker = WorkerProcess("well/1#0", first, exits)
        zygote = zygote_of(first)
        os.kill(zygote, signal.SIGKILL)
        await asyncio.to_thread(
            wait_until, lambda: zygote_of(first) != zygote, "the zygote is gone"
        )
        assert (await worker.load(well)).report.batchable
        second = await zygotes.start("well/1#1", "fault")
        assert zygote_of(second) not in (zygote, os.getpid())
        other = WorkerProcess("well/1#1", second, Exits())
        worker.kill()
        await exits.wait()
        await other.close(PATIENCE_S)

    run(story)
    assert exits.heard == [UNKNOWN_STATUS]


def test_a_framework_without_a_zygote_starts_cold() -> None:
    async def story(zygotes: Zygotes) -> None:
        started = await zygotes.start("odd/1#0", "")
        assert zygote_of(started) == os.getpid()
        await WorkerProcess("odd/1#0", started, Exits()).close(PATIENCE_S)

    run(story)


def test_a_zygote_with_threads_is_unfit_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # A module that starts a thread when it is imported, under the name of a framework's.
    (tmp_path / "onnxruntime.py").write_text(
        "import threading\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    caplog.set_level(logging.WARNING)

    async def story(zygotes: Zygotes) -> None:
        for _ in range(2):
            started = await zygotes.start("m/1#0", "onnx")
            assert zygote_of(started) == os.getpid()
            await WorkerProcess("m/1#0", started, Exits()).close(PATIENCE_S)

    run(story)
    said = [m for m in caplog.messages if "start cold" in m]
    assert said == ["onnx workers start cold: no zygote: importing onnx started 1 threads"]


def test_zygotes_that_die_before_they_fork_are_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "onnxruntime.py").write_text("import os\nos._exit(1)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    caplog.set_level(logging.WARNING)

    async def story(zygotes: Zygotes) -> None:
        for _ in range(MOST_STARTS + 2):
            started = await zygotes.start("m/1#0", "onnx")
            assert zygote_of(started) == os.getpid()
            await WorkerProcess("m/1#0", started, Exits()).close(PATIENCE_S)

    run(story)
    said = [m for m in caplog.messages if "no zygote: it has ended" in m]
    assert len(said) == MOST_STARTS


def test_zygotes_that_forked_before_they_died_are_replaced_again_and_again() -> None:
    async def story(zygotes: Zygotes) -> None:
        for _ in range(MOST_STARTS + 2):
            started = await zygotes.start("m/1#0", "fault")
            zygote = zygote_of(started)
            assert zygote != os.getpid()
            os.kill(zygote, signal.SIGKILL)
            await WorkerProcess("m/1#0", started, Exits()).close(PATIENCE_S)

    run(story)


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
@pytest.mark.parametrize("running", [False, True])
def test_a_start_that_is_given_up_is_not_taken_for_the_next_one(
    well: LoadRequest, steps: int, running: bool
) -> None:
    async def start(zygotes: Zygotes) -> None:
        started = await zygotes.start("well/1#0", "fault")
        worker = WorkerProcess("well/1#0", started, Exits())
        assert (await worker.load(well)).report.batchable
        await worker.close(PATIENCE_S)

    async def story(zygotes: Zygotes) -> None:
        for _ in range(int(running)):
            await start(zygotes)
        starting = asyncio.create_task(zygotes.start("well/1#1", "fault"))
        for _ in range(steps):
            await asyncio.to_thread(int)
        starting.cancel()
        (outcome,) = await asyncio.gather(starting, return_exceptions=True)
        if isinstance(outcome, Started):  # It was quicker.
            await WorkerProcess("well/1#1", outcome, Exits()).close(PATIENCE_S)
        await start(zygotes)

    run(story)
