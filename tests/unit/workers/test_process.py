"""Real worker processes: what they say, how they end, and that nothing is left of them."""

from __future__ import annotations

import asyncio
import gc
import logging
import mmap
import os
import resource
import signal
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path

import pytest

import runtime
from runtime.backends.base import FREE, Signature, TensorSpec
from runtime.backends.plan import LoadPlan
from runtime.errors import LeeboardError, ModelError, WorkerError
from runtime.models.queueing import QueueOptions
from runtime.native.served import Served, WorkerLink
from runtime.testing import models
from runtime.testing.running import children_of
from runtime.testing.waiting import wait_until
from runtime.workers.launch import start_cold, worker_environment
from runtime.workers.process import LoadRequest, WorkerProcess
from tests.unit.workers.exits import Exits
from tests.unit.workers.odd_backend import install

MIB = 1 << 20
PATIENCE_S = 30.0


def descriptors() -> set[str]:
    """This process's open files other than those of the event loop."""
    return set(os.listdir("/proc/self/fd"))


def run(story: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run a story on a loop, after which no descriptor and no process may be left."""

    async def checked() -> None:
        await asyncio.to_thread(int)  # The loop's own thread and descriptors first.
        before = descriptors()
        await story()
        gc.collect()  # Tracebacks hold what their frames held.
        assert descriptors() == before

    children = children_of(os.getpid())  # Other tests' servers; a zombie counts as well.
    asyncio.run(checked())
    assert children_of(os.getpid()) == children


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], LoadRequest]:
    """Makes requests for a model that misbehaves as its text says."""
    install(tmp_path / "plugins", monkeypatch)

    def request(text: str, timeout_s: float = PATIENCE_S) -> LoadRequest:
        path = tmp_path / "model.odd"
        path.write_text(text)
        return LoadRequest("odd", LoadPlan(path, max_batch_size=8), timeout_s)

    return request


def served_for(signature: Signature) -> Served:
    inputs, outputs = (
        [(spec.name, spec.datatype, spec.shape[1:]) for spec in specs]
        for specs in (signature.inputs, signature.outputs)
    )
    return Served(QueueOptions("m", "1", 8, 8, 0, 64, 0.0, 8 * MIB, inputs, outputs))


def test_a_worker_loads_attaches_and_ends_when_told(tmp_path: Path) -> None:
    path = models.save_mlp(tmp_path / "mlp.onnx", (4, 8, 2))
    exits, pids = Exits(), []

    async def story() -> None:
        worker = WorkerProcess("mlp/1#0", start_cold("mlp/1#0"), exits)
        loaded = await worker.load(
            LoadRequest("mlp", LoadPlan(path, cache_dir=tmp_path, max_batch_size=8))
        )
        assert loaded.signature.inputs == (TensorSpec("x", "FP32", (FREE, 4)),)
        assert loaded.signature.outputs == (TensorSpec("y", "FP32", (FREE, 2)),)
        assert (loaded.report.batchable, loaded.report.notes) == (True, ())
        assert loaded.load_s > 0
        served, link = served_for(loaded.signature), WorkerLink(8 * MIB)
        await worker.attach(served, link, batched=True)
        await worker.close(PATIENCE_S)
        pids.append(worker.pid)
        del served, link

    run(story)
    assert exits.heard == []
    assert not Path(f"/proc/{pids[0]}").exists()


Refusal = tuple[type[LeeboardError], str, list[int]]


def refused(request: LoadRequest) -> Refusal:
    """Return why a worker could not load, in class and words, and how it ended."""
    exits, errors = Exits(), []

    async def story() -> None:
        worker = WorkerProcess("odd/1#0", start_cold("odd/1#0"), exits)
        with pytest.raises(LeeboardError) as caught:
            await worker.load(request)
        errors.append(caught.value)
        await asyncio.to_thread(wait_until, lambda: bool(exits.heard), "it ends")
        await worker.close(PATIENCE_S)

    run(story)
    return type(errors[0]), str(errors[0]), exits.heard


def test_a_broken_file_is_refused_with_the_backends_reason(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    kind, reason, heard = refused(LoadRequest("broken", LoadPlan(path, max_batch_size=8)))
    assert f"{path} cannot be opened" in reason
    assert (kind, heard) == (ModelError, [1])


def test_a_file_that_no_backend_opens_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.pickle").write_text("something")
    _, reason, _ = refused(LoadRequest("m", LoadPlan(tmp_path / "m.pickle")))
    assert "no backend opens .pickle; known: .fault, .onnx" in reason


MakeRequest = Callable[..., LoadRequest]


def test_an_error_that_no_backend_should_raise_is_the_reason_too(odd: MakeRequest) -> None:
    assert refused(odd("fail weights")) == (ModelError, "open: KeyError: 'weights'", [1])


def test_a_worker_that_ends_while_it_loads_says_so(odd: MakeRequest) -> None:
    words = "odd/1#0: the worker ended while loading the model (step open)"
    assert refused(odd("exit 3")) == (WorkerError, words, [3])


def test_a_worker_that_takes_too_long_is_ended(odd: MakeRequest) -> None:
    kind, reason, heard = refused(odd("hang", timeout_s=0.1))
    assert (kind, heard) == (WorkerError, [-signal.SIGKILL])
    # It may have come as far as the file, or not to Python's first line.
    assert reason.startswith("odd/1#0: the worker was ended: loading the model")
    assert reason.endswith(" took over 0.1 s")


def test_descriptors_that_a_worker_sends_are_closed(odd: MakeRequest) -> None:
    async def story() -> None:
        worker = WorkerProcess("odd/1#0", start_cold("odd/1#0"), Exits())
        with pytest.raises(ModelError, match="three gifts"):
            await worker.load(odd("send"))
        await worker.close(0.0)

    run(story)


def test_a_killed_worker_is_heard_of_once(odd: MakeRequest) -> None:
    exits = Exits()

    async def story() -> None:
        worker = WorkerProcess("odd/1#0", start_cold("odd/1#0"), exits)
        await worker.load(odd("well"))
        worker.kill()
        await exits.wait_for(-signal.SIGKILL)
        worker.kill()
        await worker.close(PATIENCE_S)

    run(story)
    assert exits.heard == [-signal.SIGKILL]


@pytest.mark.parametrize("text", ["hang", "well"])
def test_closing_without_patience_ends_a_worker_whatever_it_does(
    odd: MakeRequest, text: str
) -> None:
    async def story() -> None:
        worker = WorkerProcess("odd/1#0", start_cold("odd/1#0"), Exits())
        loading = asyncio.create_task(worker.load(odd(text)))
        await asyncio.to_thread(int)
        await worker.close(0.0)
        with pytest.raises(WorkerError, match="ended while loading"):
            await loading

    run(story)


async def attached(request: LoadRequest) -> tuple[WorkerProcess, object]:
    """Return a serving worker, and what its shared memory lives by."""
    worker = WorkerProcess("odd/1#0", start_cold("odd/1#0"), Exits())
    loaded = await worker.load(request)
    served, link = served_for(loaded.signature), WorkerLink(8 * MIB)
    await worker.attach(served, link, batched=True)
    return worker, (served, link)


def test_a_worker_that_was_asked_nothing_has_nothing_to_pass_on(odd: MakeRequest) -> None:
    async def story() -> None:
        worker, held = await attached(odd("well"))
        for _ in range(3):
            assert await worker.recorded(PATIENCE_S) is None
        await worker.close(PATIENCE_S)
        assert await worker.recorded(PATIENCE_S) is None
        del held

    run(story)


def test_a_worker_that_hangs_is_not_waited_for(odd: MakeRequest) -> None:
    async def story() -> None:
        worker, held = await attached(odd("well"))
        os.kill(worker.pid, signal.SIGSTOP)
        asking = asyncio.create_task(worker.recorded(0.05))
        await asyncio.to_thread(int)
        assert await worker.recorded(PATIENCE_S) is None  # One at a time.
        assert await asking is None
        os.kill(worker.pid, signal.SIGCONT)
        assert await worker.recorded(PATIENCE_S) is None
        await worker.close(PATIENCE_S)
        del held

    run(story)


def test_a_worker_that_dies_of_the_question_answers_at_once(odd: MakeRequest) -> None:
    async def story() -> None:
        worker, held = await attached(odd("well"))
        os.kill(worker.pid, signal.SIGSTOP)
        asking = asyncio.create_task(worker.recorded(PATIENCE_S))
        await asyncio.to_thread(int)
        worker.kill()
        assert await asking is None
        await worker.close(PATIENCE_S)
        del held

    run(story)


def test_a_workers_words_are_logged_with_its_name(
    odd: MakeRequest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def story() -> None:
        worker = WorkerProcess("odd/1#0", start_cold("odd/1#0"), Exits())
        await worker.load(odd("say hello"))
        await worker.close(PATIENCE_S)

    run(story)
    assert "[odd/1#0] hello" in caplog.messages


def test_a_worker_that_dies_as_it_answers_is_not_taken_for_a_living_one(
    odd: MakeRequest,
) -> None:
    heard: list[str] = []

    async def story() -> None:
        worker = WorkerProcess("odd/1#0", start_cold("odd/1#0"), Exits())
        loaded = await worker.load(odd("well"))
        served, link = served_for(loaded.signature), WorkerLink(8 * MIB)
        control = link.fds["control"]
        attaching = asyncio.create_task(worker.attach(served, link, batched=True))

        def stand_still() -> None:
            """Hold the loop until answer and end have both happened."""
            with mmap.mmap(control, 0, prot=mmap.PROT_READ) as page:
                wait_until(lambda: any(page[64:192]), "the worker waits for batches")
            worker.kill()
            wait_until(lambda: is_dead(worker.pid), "the worker is dead")

        # Right behind the task's first step, in the same round of the loop.
        asyncio.get_running_loop().call_soon(stand_still)
        await asyncio.wait([attaching])
        heard.append(repr(attaching.exception()))
        await worker.close(PATIENCE_S)
        del attaching, served, link

    run(story)
    assert heard == ["WorkerError('odd/1#0: the worker ended while attaching')"]


def is_dead(pid: int) -> bool:
    """Whether a child has ended and waits to be reaped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.fixture
def few_descriptors() -> Iterator[Callable[[int], None]]:
    """Lets this process open so many more descriptors, until the test ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    def allow(more: int) -> None:
        free = [fd for fd in range(1024) if not Path(f"/proc/self/fd/{fd}").exists()]
        resource.setrlimit(resource.RLIMIT_NOFILE, (free[more], hard))

    yield allow
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("more", range(8))
def test_without_descriptors_no_worker_starts_and_none_is_lost(
    few_descriptors: Callable[[int], None], more: int
) -> None:
    async def story() -> None:
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)
        few_descriptors(more)
        with pytest.raises(WorkerError, match="odd/1#0: the worker cannot be started"):
            WorkerProcess("odd/1#0", start_cold("odd/1#0"), Exits())
        resource.setrlimit(resource.RLIMIT_NOFILE, soft)

    run(story)


def test_the_environment_is_quiet_and_finds_this_package_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    environment = worker_environment()
    root = Path(runtime.__file__).resolve().parent.parent
    assert environment["PYTHONPATH"] == f"{root}{os.pathsep}elsewhere"
    assert environment["ORT_DISABLE_TELEMETRY"] == "1"
    assert environment["OMP_NUM_THREADS"] == "3"
    assert environment["OPENBLAS_NUM_THREADS"] == "1"
