"""What is given last is written, in order, and tried again when it failed."""

from __future__ import annotations

import threading

import pytest

from runtime.monitor.last_writer import LastWriter

WAIT_S = 60.0


class Disk:
    """Writes into a list; waits when it is held, and refuses when it is full."""

    def __init__(self) -> None:
        self.written: list[int] = []
        self.is_full = False
        self.tried = 0
        self.begun, self.go = threading.Event(), threading.Event()
        self.go.set()

    def write(self, content: int) -> bool:
        self.tried += 1
        self.begun.set()
        assert self.go.wait(WAIT_S)
        if self.is_full:
            return False
        self.written.append(content)
        return True


def test_what_comes_meanwhile_is_replaced_by_the_last() -> None:
    disk = Disk()
    disk.go.clear()
    writer = LastWriter("test", disk.write)
    writer.put(0)
    assert disk.begun.wait(WAIT_S)
    for number in range(1, 100):
        writer.put(number)
    disk.go.set()
    assert writer.close(WAIT_S)
    assert disk.written == [0, 99]


def test_the_end_writes_what_waits_and_takes_nothing_more() -> None:
    disk = Disk()
    writer = LastWriter("test", disk.write)
    writer.put(1)
    assert writer.close(WAIT_S)
    writer.put(2)
    assert disk.written == [1]
    assert LastWriter("test", disk.write).close()


def test_what_failed_is_tried_again_by_itself() -> None:
    disk = Disk()
    disk.is_full = True
    writer = LastWriter("test", disk.write, again_s=0.001)
    writer.put(1)
    assert not writer.settle(WAIT_S)
    disk.is_full = False
    assert writer.close(WAIT_S)
    assert disk.written == [1]
    assert disk.tried > 1


def test_what_failed_gives_way_to_what_is_newer() -> None:
    disk = Disk()
    disk.is_full = True
    writer = LastWriter("test", disk.write, again_s=WAIT_S)
    writer.put(1)
    assert not writer.settle(WAIT_S)
    disk.is_full = False
    writer.put(2)
    assert writer.settle(WAIT_S)
    assert disk.written == [2]
    assert writer.close(WAIT_S)


def test_a_disk_that_stays_full_is_told_at_the_end() -> None:
    disk = Disk()
    disk.is_full = True
    writer = LastWriter("test", disk.write, again_s=WAIT_S)
    writer.put(1)
    assert not writer.close(WAIT_S)


def test_an_error_ends_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    written = []

    def write(content: int) -> bool:
        if content == 1:
            raise RuntimeError("no such thing")
        written.append(content)
        return True

    writer = LastWriter("test", write, again_s=WAIT_S)
    writer.put(1)
    assert not writer.settle(WAIT_S)
    writer.put(2)
    assert writer.close(WAIT_S)
    assert written == [2]
    assert "no such thing" in caplog.text
