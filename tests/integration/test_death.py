"""Workers that die, and one that scribbles over what it shares with the front end."""

from __future__ import annotations

import contextlib
import mmap
import os
import random
import select
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton

from runtime.testing import models
from runtime.testing.fake_backend import FakeBackend
from runtime.testing.running import RunningServer, children_of
from runtime.testing.waiting import wait_until
from tests.integration.calls import rows, tensors
from tests.integration.conftest import MakeInline

SHAPES = [(1, 3), (2, 3), (1, 5), (4, 2)]


class Load:
    """Threads that ask an identity model until told to stop, and check every answer."""

    def __init__(self, url: str, threads: int = 4) -> None:
        self._url = url
        self._stop = threading.Event()
        self.answers = 0
        self.failures: list[str] = []
        self._threads = [
            threading.Thread(target=self._run, args=(i,)) for i in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, number: int) -> None:
        random_rows = np.random.default_rng(number)
        with triton.InferenceServerClient(self._url) as client:
            while not self._stop.is_set():
                shape = SHAPES[random_rows.integers(len(SHAPES))]
                x = random_rows.random(shape, dtype=np.float32)
                try:
                    answer = client.infer("width", tensors(x=x)).as_numpy("y")
                    if not (answer == x).all():
                        self.failures.append(f"wrong answer for {shape}")
                except Exception as error:
                    self.failures.append(str(error))
                self.answers += 1

    def more(self, answers: int) -> None:
        """Wait until that many more answers have come."""
        wanted = self.answers + answers
        wait_until(
            lambda: self.answers >= wanted, lambda: f"{wanted} answers: {self.failures}"
        )

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)


@pytest.fixture
def width(tmp_path: Path) -> tuple[str, ...]:
    """The arguments that serve an identity of any width, with batching proven."""
    path = models.save_identity(tmp_path / "width.onnx", "FP32", ["N", "W"])
    np.savez(tmp_path / "inputs.npz", x=np.ones((1, 5), np.float32))
    return (str(path), "--warmup", str(tmp_path / "inputs.npz"))


def kill_one(server: RunningServer, victim: int) -> None:
    """End a worker and wait until another stands in its place."""
    pids = server.worker_pids()
    target = pids[victim % len(pids)]
    deaths = "leeboard_worker_deaths_total"
    before = server.total(deaths, model="width")
    os.kill(target, signal.SIGKILL)
    wait_until(lambda: target not in server.worker_pids(), "the worker is gone")
    wait_until(
        lambda: server.total(deaths, model="width") == before + 1, "its death is noticed"
    )
    wait_until(
        lambda: server.total("leeboard_workers", model="width") == len(pids),
        "another worker serves",
    )


@pytest.mark.parametrize("instances", [1, 2])
def test_nothing_is_lost_and_nothing_is_wrong_when_workers_are_killed_in_turn(
    width: tuple[str, ...], instances: int
) -> None:
    with RunningServer(*width, "--instances", str(instances)) as server:
        load = Load(server.grpc)
        for victim in range(6):
            load.more(50)
            kill_one(server, victim)
        load.more(50)
        load.stop()
        assert load.failures == []
        assert server.total("leeboard_worker_deaths_total") == 6
        assert server.total("leeboard_worker_restarts_total") == 6
        assert server.total("leeboard_workers") == instances


def test_no_worker_outlives_a_killed_front_end(width: tuple[str, ...]) -> None:
    server = RunningServer(*width, "--instances", "2")
    server.__enter__()
    pids = server.worker_pids()
    assert len(pids) == 2
    server.signal(signal.SIGKILL)
    server.wait()
    wait_until(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "no orphan is left"
    )


def mappers_of_shared_memory(pids: list[int]) -> list[int]:
    """Return which of these processes map memory that a server shares."""
    found = []
    for pid in pids:
        with contextlib.suppress(OSError):
            if "memfd:leeboard" in Path(f"/proc/{pid}/maps").read_text():
                found.append(pid)
    return found


def family_of(pid: int) -> list[int]:
    """Return a process with all that it started, and what those started."""
    return [pid, *(each for child in children_of(pid) for each in family_of(child))]


@pytest.mark.parametrize("busy", [False, True])
def test_a_killed_front_end_leaves_no_process_that_maps_its_memory(
    width: tuple[str, ...], busy: bool
) -> None:
    server = RunningServer(*width, "--instances", "2")
    server.__enter__()
    loads = [Load(server.grpc) for _ in range(int(busy))]
    for load in loads:
        load.more(20)
    family = family_of(server.pid)
    workers = server.worker_pids()
    assert set(mappers_of_shared_memory(family)) == {server.pid, *workers}
    server.signal(signal.SIGKILL)
    server.wait()
    for load in loads:
        load.stop()
    wait_until(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in family), "nobody is left"
    )
    assert mappers_of_shared_memory(family) == []


def test_a_worker_that_cannot_look_ends_with_its_front_end(
    width: tuple[str, ...],
) -> None:
    server = RunningServer(*width)
    server.__enter__()
    pids = [*server.worker_pids(), *server.zygote_pids()]
    assert len(pids) == 2
    os.kill(pids[0], signal.SIGSTOP)
    server.signal(signal.SIGKILL)
    server.wait()
    wait_until(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "no orphan is left"
    )


def test_killing_the_zygote_disturbs_nobody(width: tuple[str, ...]) -> None:
    with RunningServer(*width) as server:
        load = Load(server.grpc)
        load.more(20)
        (zygote,) = server.zygote_pids()
        workers = server.worker_pids()
        os.kill(zygote, signal.SIGKILL)
        load.more(20)
        assert workers != []
        kill_orphan(server)
        load.more(50)
        load.stop()
        assert load.failures == []
        assert server.total("leeboard_worker_deaths_total") == 1


def kill_orphan(server: RunningServer) -> None:
    """End the worker whose zygote is gone, by the number that the log gave it."""
    (line,) = [line for line in server.log if "is ready after" in line and "worker" in line]
    os.kill(int(line.rpartition("worker ")[2].rstrip(")\n")), signal.SIGKILL)
    wait_until(
        lambda: server.total("leeboard_worker_restarts_total") == 1, "another one serves"
    )


def test_a_workers_words_reach_the_log_with_its_models_name(width: tuple[str, ...]) -> None:
    with RunningServer(*width) as server:
        os.kill(server.worker_pids()[0], signal.SIGKILL)
        wait_until(lambda: any("ended (SIGKILL)" in line for line in server.log), "logged")
        assert any("width/1#0" in line for line in server.log)


AREAS = {
    "the words of its batches": (0, 64),
    "the flags that say who sleeps": (64, 192),
    "the count of its completions": (192, 256),
    "the records of its completions": (256, 4096),
    "all of it": (0, 4096),
}


@pytest.mark.parametrize("area", AREAS)
def test_a_worker_that_scribbles_over_its_control_page_harms_nobody(
    make_inline: MakeInline, area: str
) -> None:
    wild, tame = FakeBackend(), FakeBackend()
    server = make_inline(wild, tame)
    begin, end = AREAS[area]
    page = mmap.mmap(server.workers[0].control_fd, 0)
    noise = random.Random(7)
    over = threading.Event()

    def scribble(arrays: dict[str, np.ndarray]) -> bool:
        page[begin:end] = noise.randbytes(end - begin)
        return False

    def reap() -> None:
        """End the worker as the kernel would, once the front end has condemned it."""
        while not over.is_set():
            select.select([server.plane.notices_fd], [], [], 0.1)
            for _, worker, _ in server.plane.take_notices():
                assert worker == server.workers[0].number
                server.lose(server.workers[0])

    wild.fail_on = scribble
    reaper = threading.Thread(target=reap)
    reaper.start()
    with triton.InferenceServerClient(server.grpc) as client:
        for i in range(20):
            x = rows(1 + i % 3, first=i)
            answer = client.infer("fake", tensors(x=x), client_timeout=30).as_numpy("y")
            assert (answer == x * 2).all()
    over.set()
    reaper.join(30)
    page.close()
    server.lose(server.workers[0])
