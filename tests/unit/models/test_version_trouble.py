"""Workers that keep ending: what people are told, what is forgiven, who is given up."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.models import policy
from runtime.models.lifecycle import State
from tests.unit.models.version_bench import Bench
from tests.unit.workers.odd_backend import install


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    install(tmp_path / "plugins", monkeypatch)
    return tmp_path / "model.odd"


def test_workers_that_keep_ending_are_called_a_crash_loop_until_one_serves(
    path: Path,
) -> None:
    bench = Bench(path)
    (instance,) = bench.version.instances
    counts: list[int] = []

    async def count() -> None:
        counts.append(bench.version.counts()["crash_looping"])

    bench.run(
        "well",
        bench.note_trouble,
        bench.tell("exit 3"),
        bench.kill,
        bench.until("three ends", lambda: instance.failures >= policy.CRASH_LOOP),
        bench.note_trouble,
        count,
        bench.tell("well"),
        bench.serve(2),
        bench.until("it stays", lambda: instance.failures == 0),
        bench.note_trouble,
        count,
    )
    before, during, after = bench.troubles
    assert after == ""
    assert before == ""
    assert during.startswith("crash loop: odd/1#0 ended ")
    assert during.endswith("the worker ended while loading the model (step open)")
    assert counts == [1, 0]
    assert bench.version.restarts == 1


def test_a_version_whose_workers_all_keep_ending_is_unavailable(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "FIRST_PAUSE_S", 0.001)
    bench = Bench(path)
    reasons: list[str] = []

    async def note() -> None:
        reasons.append(bench.version.reason)

    bench.run(
        "well",
        bench.tell("exit 3"),
        bench.kill,
        bench.becomes(State.UNAVAILABLE),
        note,
        bench.tell("well"),
        bench.becomes(State.READY),
    )
    assert "the worker ended while loading the model" in reasons[0]


def test_a_worker_that_one_request_ended_is_forgiven_and_its_siblings_with_it(
    path: Path,
) -> None:
    bench = Bench(path, instances=2)
    first, second = bench.version.instances
    heard: list[bool] = []

    async def forgive() -> None:
        first.failures, second.failures = 2, policy.CRASH_LOOP
        heard.append(bench.version.forgive(77, "somebody else's"))
        assert second.failures == policy.CRASH_LOOP
        heard.append(bench.version.forgive(first.worker, "a request did it"))

    bench.run("well", forgive, bench.note_trouble)
    assert heard == [False, True]
    assert (first.failures, second.failures) == (0, 0)
    assert bench.troubles == [""]


@pytest.mark.parametrize(("memory_bytes", "ended"), [(0, []), (1, [1]), (1 << 40, [])])
def test_only_a_worker_that_holds_more_than_it_may_is_ended(
    path: Path, memory_bytes: int, ended: list[int]
) -> None:
    bench = Bench(path, memory_bytes=memory_bytes)

    async def look() -> None:
        bench.version.end_the_greedy()

    bench.run("well", look)
    bench.version.end_the_greedy()  # Nobody serves any more.
    assert bench.plane.greedy == ended


def test_a_worker_that_never_started_is_in_the_trouble_with_its_reason(
    path: Path,
) -> None:
    bench = Bench(path, instances=2)
    taken = path.with_name("taken")
    second = bench.version.instances[1]
    bench.run(
        f"take {taken}",
        bench.until("three tries", lambda: second.failures >= policy.CRASH_LOOP),
        bench.note_trouble,
    )
    assert bench.troubles[0].startswith("crash loop: odd/1#1 ended ")
    assert bench.troubles[0].endswith(f"{taken} is taken")
    assert bench.changes[-1] is State.GONE
    assert State.UNAVAILABLE not in bench.changes


def test_a_version_that_was_given_up_is_ready_only_when_a_worker_stays(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "FIRST_PAUSE_S", 0.001)
    bench = Bench(path)
    version, (instance,) = bench.version, bench.version.instances
    killed: list[int] = []

    def kill_every_worker() -> bool:
        process = instance.process
        if instance.serving and process is not None and process.pid not in killed:
            killed.append(process.pid)
            process.kill()
        return (
            version.state is State.UNAVAILABLE and instance.worker > policy.MOST_TRIES + 1
        )

    bench.run(
        "well",
        bench.until("all have died", kill_every_worker),
        bench.check(lambda: bench.changes[-1] is State.UNAVAILABLE),
        bench.becomes(State.READY),
        bench.until("it is well", lambda: instance.failures == 0),
    )
    afterwards = bench.changes[bench.changes.index(State.UNAVAILABLE) :]
    assert afterwards[-3:] == [State.READY, State.READY, State.GONE]
    assert set(afterwards[:-3]) == {State.UNAVAILABLE}
