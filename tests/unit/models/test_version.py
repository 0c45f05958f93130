"""One version through its life, with real workers and a data plane that only listens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runtime.backends.base import TensorSpec
from runtime.config import Batching
from runtime.messages import ModelMetadataResponse
from runtime.models.lifecycle import State
from runtime.workers.recorded import Request, Seen, Shape
from runtime.workers.recorded_file import write
from tests.unit.models.version_bench import EIGHT, Bench
from tests.unit.workers.odd_backend import install


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    install(tmp_path / "plugins", monkeypatch)
    return tmp_path / "model.odd"


def test_a_loaded_version_is_ready_described_and_handed_over(path: Path) -> None:
    bench = Bench(path)
    version, plane = bench.version, bench.plane
    bench.run(
        "well",
        bench.check(
            lambda: (version.state, version.reason) == (State.READY, ""),
            lambda: plane.served == [version.served],
            lambda: len(plane.links) == 1,
            lambda: (version.max_batch_size, version.close_rows) == (8, 8),
        ),
    )
    assert bench.changes == [State.READY, State.GONE]
    assert version.description is not None
    metadata = ModelMetadataResponse.FromString(version.description.metadata)
    assert (metadata.name, list(metadata.versions)) == ("odd", ["1"])
    assert (version.counts()["rows"], version.counts()["worker_restarts"]) == (0, 0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("fail weights", "open: KeyError: 'weights'"),
        ("exit 3", "odd/1#0: the worker ended while loading the model (step open)"),
    ],
)
def test_a_version_that_cannot_be_loaded_is_unavailable_with_its_reason(
    path: Path, text: str, reason: str
) -> None:
    bench = Bench(path)
    bench.run(text, bench.check(lambda: bench.version.reason == reason))
    assert bench.changes == [State.UNAVAILABLE, State.GONE]
    assert (bench.plane.served, bench.plane.links) == ([], [])
    assert bench.version.counts() == {}


@pytest.mark.parametrize(
    ("batching", "text", "size"),
    [(Batching(None), "well", 64), (Batching(0), "well", 0), (EIGHT, "mix", 0)],
)
def test_only_a_proven_and_wanted_batch_size_is_served(
    path: Path, batching: Batching, text: str, size: int
) -> None:
    bench = Bench(path, batching)
    bench.run(text, bench.check(lambda: bench.version.state is State.READY))
    assert bench.version.max_batch_size == size


def test_a_worker_that_dies_is_replaced_and_nobody_is_told(path: Path) -> None:
    bench = Bench(path)
    bench.run("well", bench.kill, bench.serve(2), bench.kill, bench.serve(3))
    assert bench.changes == [State.READY, State.GONE]
    assert len(bench.plane.served) == 1
    assert bench.version.restarts == 2


def test_what_was_recorded_before_it_is_for_its_first_worker_only(path: Path) -> None:
    seen = (Seen("y", (4,), True),)
    request = Request({"x": np.ones((2, 4), np.float32)}, 2, seen)
    shape = Shape((TensorSpec("x", "FP32", (4,)),), True, [request])
    bench = Bench(path, instances=2)
    bench.run("well", bench.serve(2), bench.kill, bench.serve(3), recorded=write([shape]))
    assert bench.version.loaded is not None
    names = [step.name for step in bench.version.loaded.report.steps]
    assert "recorded" in names
    assert bench.changes == [State.READY, State.GONE]


def test_a_version_that_was_asked_nothing_has_nothing_to_pass_on(path: Path) -> None:
    bench = Bench(path)
    heard: list[int | None] = []

    async def ask() -> None:
        heard.append(await bench.version.recorded())

    bench.run("well", ask)
    assert heard == [None]


def test_a_file_that_becomes_another_model_is_unavailable_until_it_is_itself_again(
    path: Path,
) -> None:
    bench = Bench(path)
    reasons: list[str] = []

    async def note() -> None:
        reasons.append(bench.version.reason)

    bench.run(
        "well",
        bench.tell("width 5"),
        bench.kill,
        bench.becomes(State.UNAVAILABLE),
        note,
        bench.tell("well"),
        bench.becomes(State.READY),
    )
    assert "inputs or outputs are not those that were first loaded" in reasons[0]
    assert "publish it as a new version" in reasons[0]
    assert bench.plane.failed[0] == f"odd version 1 is unavailable: {reasons[0]}"
    assert bench.changes == [State.READY, State.UNAVAILABLE, State.READY, State.GONE]


def test_workers_that_die_while_they_load_are_tried_again(path: Path) -> None:
    bench = Bench(path)
    (instance,) = bench.version.instances
    bench.run(
        "well",
        bench.tell("exit 3"),
        bench.kill,
        bench.until("third try", lambda: instance.failures >= 3),
        bench.tell("well"),
        bench.serve(2),
    )
    # READY is told again when a crash loop is seen.
    assert set(bench.changes[:-1]) == {State.READY}
    assert bench.plane.failed == []


def test_a_second_worker_that_cannot_start_is_tried_again_while_the_first_serves(
    path: Path,
) -> None:
    bench = Bench(path, instances=2)
    taken = path.with_name("taken")

    async def free() -> None:
        taken.unlink()

    bench.run(
        f"take {taken}",
        bench.check(lambda: [i.serving for i in bench.version.instances] == [True, False]),
        free,
        bench.until("both serve", lambda: all(i.serving for i in bench.version.instances)),
    )
    assert bench.changes == [State.READY, State.GONE]


def test_closing_ends_all_workers_and_nothing_is_started_again(path: Path) -> None:
    bench = Bench(path, instances=2)
    pids: list[int] = []

    async def close() -> None:
        pids.extend(bench.process(i).pid for i in range(2))
        await bench.version.close(30)
        await bench.version.close(30)

    bench.run("well", close)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert bench.changes == [State.READY, State.GONE]
    assert len(bench.plane.links) == 2


def test_closing_ends_a_worker_that_is_being_started_again(path: Path) -> None:
    bench = Bench(path)
    first: list[int] = []

    async def note() -> None:
        first.append(bench.process().pid)

    def another_hangs() -> bool:
        process = bench.version.instances[0].process
        return process is not None and process.pid != first[0]

    last: list[int] = []

    async def note_last() -> None:
        last.append(bench.process().pid)

    bench.run(
        "well", note, bench.tell("hang"), bench.kill,
        bench.until("a worker that hangs", another_hangs), note_last,
    )  # fmt: skip
    assert not Path(f"/proc/{last[0]}").exists()
    assert bench.changes == [State.READY, State.GONE]
