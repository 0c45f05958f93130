"""A worker's connections come in pairs, and what is not taken is closed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.testing.waiting import wait_until
from runtime.workers.launch import (
    UNKNOWN_STATUS,
    ColdChild,
    Connections,
    Started,
    describe_status,
    open_pidfd,
    start_cold,
)


class NoChild:
    """Stands for a process that somebody else started."""

    pid = 0
    pidfd = -1

    def poll(self) -> int | None:
        return None

    def kill(self) -> None:
        pass

    def close(self) -> None:
        pass


def descriptors() -> set[str]:
    """This process's open files, the listing's own left out."""
    return {
        fd for fd in os.listdir("/proc/self/fd") if Path(f"/proc/self/fd/{fd}").exists()
    }


def close(started: Started) -> None:
    started.talk.close()
    os.close(started.words)
    os.close(started.life)
    started.child.close()


def test_connections_that_nobody_takes_are_closed_at_both_ends() -> None:
    before = descriptors()
    with Connections():
        assert len(descriptors()) == len(before) + 6
    assert descriptors() == before


def test_once_a_worker_has_started_only_the_fronts_ends_are_open() -> None:
    before = descriptors()
    with Connections() as connections:
        started = connections.started(NoChild())
    mine = {str(fd) for fd in (started.talk.fileno(), started.words, started.life)}
    assert descriptors() - before == mine
    close(started)
    assert descriptors() == before


def test_the_ends_belong_to_each_other() -> None:
    with Connections() as connections:
        ends = connections.ends
        kept = [os.dup(fd) for fd in (ends.talk, ends.words, ends.life)]
        started = connections.started(NoChild())
    os.write(kept[1], b"words")
    assert os.read(started.words, 10) == b"words"
    os.write(kept[0], b"message")
    assert started.talk.recv(10) == b"message"
    os.write(started.life, b"life")
    assert os.read(kept[2], 10) == b"life"
    for fd in kept:
        os.close(fd)
    close(started)


def test_no_descriptor_outlives_an_exec_unless_it_is_passed() -> None:
    with Connections() as connections:
        ends = connections.ends
        assert [os.get_inheritable(fd) for fd in (ends.talk, ends.words, ends.life)] == [
            False
        ] * 3


def test_a_worker_ends_when_the_front_lets_go_of_its_life_line() -> None:
    started = start_cold("m/1#0")
    os.close(started.life)
    wait_until(lambda: started.child.poll() is not None, "it has ended")
    # By SIGKILL, or by itself when it saw the end before it was watched.
    assert started.child.poll() in (-signal.SIGKILL, 1)
    started.talk.close()
    os.close(started.words)
    started.child.close()


def test_a_cold_child_is_killed_once_and_tells_how_it_ended() -> None:
    program = "import sys; sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE
    ) as process:
        child = ColdChild(process)
        assert (child.pid, child.poll()) == (process.pid, None)
        child.kill()
        wait_until(lambda: child.poll() == -signal.SIGKILL, "it was killed")
        child.kill()
        child.close()
        child.close()
        assert child.pidfd == -1


def test_a_pidfd_of_nobody_is_none() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(60)
    assert open_pidfd(process.pid) == -1


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "exit status 0"), (3, "exit status 3"), (-9, "SIGKILL"), (-11, "SIGSEGV"),
        (-100, "signal 100"), (UNKNOWN_STATUS, "for a reason that nobody could tell"),
    ],
)  # fmt: skip
def test_a_status_is_told_in_words(status: int, words: str) -> None:
    assert describe_status(status) == words
