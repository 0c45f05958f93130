"""What clients really sent is kept by the worker that served it; its successor runs it."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton

from runtime.app import App
from runtime.backends.declared import Declared
from runtime.backends.plan import LoadPlan
from runtime.config import Config, Listen, Workers
from runtime.errors import ModelError
from runtime.models.version import Version
from runtime.testing import models
from runtime.testing.waiting import wait_until
from runtime.workers.launch import start_cold
from runtime.workers.process import Loaded, LoadRequest, WorkerProcess
from runtime.workers.recorded import Shape
from runtime.workers.recorded_file import read
from tests.integration.calls import Array, rows, tensors
from tests.integration.counting import NAME, Stream, ask, number_of, save_counting

MIB = 1 << 20
PATIENCE_S = 60.0
MOST_TRIES = 5000
OFF = {"cache": "off"}


class Asking:
    """A server on this thread's loop, and a client on others."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.url = f"127.0.0.1:{app.plane.port}"
        self._client = triton.InferenceServerClient(self.url)

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def version(self, model: str) -> Version:
        (found,) = (v for v in self._app.manager.versions if v.source.name == model)
        return found

    def ask(self, model: str, x: Array) -> Array:
        """Return the answer y; called on any thread but the loop's."""
        answer: Array = self._client.infer(model, tensors(x=x)).as_numpy("y")
        return answer

    async def recorded(self, model: str) -> list[Shape]:
        """Return what the model's worker has kept."""
        fd = await self.version(model).recorded()
        if fd is None:
            return []
        try:
            return read(fd, 16 * MIB)
        finally:
            os.close(fd)

    async def ask_until(
        self, model: str, enough: Callable[[list[Shape]], bool], *questions: Array
    ) -> list[Shape]:
        """Ask again and again until enough of it was kept: not every batch is."""
        shapes: list[Shape] = []
        for _ in range(MOST_TRIES):
            for x in questions:
                answer = await asyncio.to_thread(self.ask, model, x)
                assert answer.tolist() == x.tolist()
            shapes = await self.recorded(model)
            if enough(shapes):
                return shapes
        raise AssertionError(f"not enough was kept: {shapes}")


Story = Callable[[Asking], Awaitable[None]]


WORKERS = Workers(input_bytes=64 * MIB, output_bytes=64 * MIB)


def serve(folder: Path, story: Story, workers: Workers = WORKERS) -> None:
    """Lead a server on the models of a folder through a story."""

    async def life() -> None:
        ready: asyncio.Future[App] = asyncio.get_running_loop().create_future()
        listen = Listen(grpc_port=0, http_port=0)
        config = Config(folder, listen, workers=workers, cache_dir=folder.parent)
        serving = asyncio.create_task(App(config, ready.set_result).run())
        app = await asyncio.wait_for(ready, PATIENCE_S)
        try:
            with Asking(app) as asking:
                await story(asking)
        finally:
            app.stop()
            assert await serving == 0

    asyncio.run(life())


def put(folder: Path, model: str) -> Path:
    """Return where a model's file belongs."""
    path = folder / model / "1" / "model.onnx"
    path.parent.mkdir(parents=True)
    return path


async def load(plan: LoadPlan, recorded: int | None) -> Loaded:
    """Load a candidate in a worker of its own; the descriptor is closed."""
    worker = WorkerProcess("m/2#0", start_cold("m/2#0"), lambda *_: None)
    try:
        return await worker.load(LoadRequest("m", plan, PATIENCE_S, recorded=recorded))
    finally:
        if recorded is not None:
            os.close(recorded)
        await worker.close(PATIENCE_S)


def found(loaded: Loaded) -> dict[str, str]:
    return {step.name: step.found for step in loaded.report.steps}


def test_a_successor_is_tried_with_what_clients_sent(tmp_path: Path) -> None:
    free: list[int | str | None] = ["N", "W"]
    models.save_identity(put(tmp_path / "m", "free"), "FP32", free)
    same = models.save_identity(tmp_path / "same.onnx", "FP32", free)
    warmup = tmp_path / "m" / "free" / "1" / "warmup.npz"
    np.savez(warmup, x=rows(2))  # Without one its rows would not be joined.
    narrow = models.save_mlp(tmp_path / "narrow.onnx", (4, 4))

    async def story(asking: Asking) -> None:
        questions = [rows(1), rows(3, first=5), rows(2, width=7), rows(9, width=7)]

        def enough(shapes: list[Shape]) -> bool:
            return len(shapes) == 2 and all(len(s.requests) > 4 for s in shapes)

        shapes = await asking.ask_until("free", enough, *questions)
        assert {s.inputs[0].shape for s in shapes} == {(4,), (7,)}
        for shape in shapes:
            for request in shape.requests:
                x = request.inputs["x"]
                assert any(x.tolist() == q[: len(x)].tolist() for q in questions)
                (seen,) = request.outputs
                assert (seen.name, seen.dims, seen.finite) == ("y", x.shape[1:], True)
        version = asking.version("free")
        assert version.loaded is not None
        old = version.loaded.signature
        plan = LoadPlan(same, max_batch_size=64, options=OFF, successor_of=old)
        loaded = await load(plan, await version.recorded())
        steps = found(loaded)
        assert steps["successor"] == "takes all requests"
        assert steps["inputs"] == "of recorded requests"  # Nobody can guess the width.
        assert "requests of 2 shapes, batches of " in steps["recorded"]
        assert (loaded.report.batchable, loaded.report.notes) == (True, ())
        assert loaded.report.peak_bytes >= loaded.report.memory_bytes > 0
        with pytest.raises(ModelError, match=r"^successor: .*input 'x' is FP32 \[-1, 4\]"):
            await load(replace(plan, path=narrow), await version.recorded())
        # What was asked for is still kept, and the worker still serves.
        assert enough(await asking.ask_until("free", enough, *questions))

    serve(tmp_path / "m", story)


def test_every_kind_of_values_is_kept(tmp_path: Path) -> None:
    text: Array = np.array([[b"a", b""], [b"b\0c", b"long " * 99]], object)
    whole = np.array([1, 2, 3], np.float32)
    models.save_identity(put(tmp_path / "m", "text"), "BYTES", ["N", 2])
    models.save_identity(put(tmp_path / "m", "whole"), "FP32", [3])
    models.save_identity(put(tmp_path / "m", "half"), "FP16", ["N", 3])

    async def story(asking: Asking) -> None:
        def some(shapes: list[Shape]) -> bool:
            return bool(shapes)

        for model, x in (("text", text), ("whole", whole), ("half", rows(2, width=3))):
            x = x.astype(np.float16) if model == "half" else x
            (shape,) = await asking.ask_until(model, some, x)
            assert shape.requests[0].inputs["x"].tolist() == x.tolist()
            assert shape.batched == (model != "whole")
            assert shape.requests[0].outputs[0].dims == x.shape[shape.batched :]
            version = asking.version(model)
            assert version.loaded is not None
            size = 8 if shape.batched else 0
            plan = LoadPlan(version.source.path, max_batch_size=size, options=OFF)
            loaded = await load(
                replace(plan, successor_of=version.loaded.signature),
                await version.recorded(),
            )
            assert "requests of 1 shape" in found(loaded)["recorded"]
            assert loaded.report.notes == ()

    serve(tmp_path / "m", story)


@pytest.mark.parametrize("instances", [1, 2])
def test_many_clients_at_once_are_answered_while_it_is_asked(
    tmp_path: Path, instances: int
) -> None:
    models.save_identity(put(tmp_path / "m", "m"))
    stop: list[bool] = []

    async def story(asking: Asking) -> None:
        def keep_asking(first: int) -> int:
            asked = 0
            while not stop:
                x = rows(1 + asked % 3, first=first * 100 + asked % 50)
                assert asking.ask("m", x).tolist() == x.tolist()
                asked += 1
            return asked

        with ThreadPoolExecutor(8) as pool:
            clients = [pool.submit(keep_asking, n) for n in range(8)]
            try:
                sizes = [
                    sum(len(s.requests) for s in await asking.recorded("m"))
                    for _ in range(50)
                ]
            finally:
                stop.append(True)
            assert all(client.result(PATIENCE_S) > 0 for client in clients)
        assert 0 < max(sizes) <= 64

    serve(tmp_path / "m", story, replace(WORKERS, instances=instances))


def test_a_stream_of_responses_is_not_cut_by_the_question(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    save_counting(tmp_path / "m")
    count = 3000

    async def story(asking: Asking) -> None:
        with Stream(asking.url) as stream:
            stream.ask(ask(count, 1000))
            # The worker waits for a reader: it has not ended when it is asked.
            first = await asyncio.to_thread(stream.read)
            question = asyncio.create_task(asking.recorded(NAME))
            rest = await asyncio.to_thread(lambda: list(islice(stream.call, count - 1)))
            assert [number_of(reply) for reply in (first, *rest)] == list(range(count))
            (shape,) = await question or await asking.recorded(NAME)
        (request,) = shape.requests
        assert request.inputs["ask"].tolist() == [[count, 1000, 0]]
        assert request.outputs == ()
        loaded = asking.version(NAME).loaded
        assert loaded is not None
        plan = LoadPlan(
            asking.version(NAME).source.path,
            inputs=(Declared("ask", "INT64", (3,)),),
            outputs=(Declared("number", "INT64", (1,)), Declared("data", "UINT8", (-1,))),
            max_batch_size=1,
            decoupled=True,
            successor_of=loaded.signature,
        )
        again = await load(plan, await asking.version(NAME).recorded())
        assert found(again)["recorded"] == "1 of 1 requests of 1 shape"

    serve(tmp_path / "m", story)


def test_nothing_is_kept_where_nobody_wants_it(tmp_path: Path) -> None:
    models.save_identity(put(tmp_path / "m", "m"))

    async def story(asking: Asking) -> None:
        for _ in range(20):
            await asyncio.to_thread(asking.ask, "m", rows(2))
        assert await asking.version("m").recorded() is None

    serve(tmp_path / "m", story, replace(WORKERS, recorded_bytes=0))


def test_a_worker_that_hangs_is_not_waited_for_and_leaves_no_descriptor(
    tmp_path: Path,
) -> None:
    models.save_identity(put(tmp_path / "m", "m"))

    async def story(asking: Asking) -> None:
        await asking.ask_until("m", bool, rows(2))
        (instance,) = asking.version("m").instances
        process = instance.process
        assert process is not None
        gc.collect()
        before = set(os.listdir("/proc/self/fd"))
        os.kill(process.pid, signal.SIGSTOP)
        try:
            assert await process.recorded(0.05) is None
        finally:
            os.kill(process.pid, signal.SIGCONT)
        # The late answer to the first question is one to the second.
        assert await asking.recorded("m") != []
        await asking.ask_until("m", bool, rows(2))
        await asyncio.to_thread(
            wait_until, lambda: set(os.listdir("/proc/self/fd")) <= before, "all closed"
        )

    serve(tmp_path / "m", story)


def test_a_worker_that_is_killed_is_tried_by_nobody_and_restarted(tmp_path: Path) -> None:
    path = put(tmp_path / "m", "m").with_suffix(".fault")
    path.write_text(json.dumps({"deeds": {"13": "not_a_number"}}))

    async def story(asking: Asking) -> None:
        shapes = await asking.ask_until("m", bool, rows(2))
        assert shapes[0].requests[0].outputs[0].finite
        version = asking.version("m")
        (instance,) = version.instances
        assert instance.process is not None
        os.kill(instance.process.pid, signal.SIGKILL)
        await asyncio.to_thread(asking.ask, "m", rows(1, first=3))  # By the next one.
        (shape,) = await asking.ask_until("m", bool, rows(1, first=3))
        # What the one before had kept went with it.
        firsts = {float(r.inputs["x"][0, 0]) for r in shape.requests}
        assert firsts == {3}

    serve(tmp_path / "m", story)
