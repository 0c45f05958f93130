"""How busy the machine is, from files that look like /proc's."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.metrics.machine import Machine, read_memory, read_processors


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def write(proc: Path, busy: int, idle: int) -> None:
    (proc / "stat").write_text(f"cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\ncpu0 1 2 3\n")
    (proc / "meminfo").write_text("MemTotal:  1000 kB\nMemAvailable:  400 kB\n")


def test_the_share_is_that_between_two_looks(tmp_path: Path) -> None:
    clock = Clock()
    write(tmp_path, 100, 900)
    machine = Machine(tmp_path, clock)
    write(tmp_path, 130, 970)
    clock.now += 10
    assert machine.use() == {
        "nv_cpu_utilization": 0.3,
        "nv_cpu_memory_total_bytes": 1000 * 1024,
        "nv_cpu_memory_used_bytes": 600 * 1024,
    }


def test_what_is_asked_again_at_once_is_the_last_share(tmp_path: Path) -> None:
    clock = Clock()
    write(tmp_path, 0, 0)
    machine = Machine(tmp_path, clock)
    write(tmp_path, 50, 50)
    clock.now += 1
    assert machine.use()["nv_cpu_utilization"] == 0.5
    write(tmp_path, 60, 50)
    clock.now += 0.1
    assert machine.use()["nv_cpu_utilization"] == 0.5


def test_counters_that_stand_still_or_go_back_are_no_use(tmp_path: Path) -> None:
    clock = Clock()
    write(tmp_path, 100, 100)
    machine = Machine(tmp_path, clock)
    for busy, idle in ((100, 100), (50, 60)):
        write(tmp_path, busy, idle)
        clock.now += 1
        assert machine.use()["nv_cpu_utilization"] == 0.0


def test_without_proc_there_are_no_numbers(tmp_path: Path) -> None:
    assert Machine(tmp_path).use() == {}


def test_guests_are_counted_once_and_waiting_is_no_work() -> None:
    assert read_processors("cpu 10 1 2 50 7 1 1 1 9 9\n") == (16, 73)


@pytest.mark.parametrize("text", ["", "cpu0 1 2 3 4 5", "cpu 1 2"])
def test_other_lines_are_no_processors(text: str) -> None:
    assert read_processors(text) is None


def test_memory_needs_both_lines() -> None:
    assert read_memory("MemTotal: 5 kB\nMemFree: 1 kB\n") is None


def test_the_machine_that_runs_this_has_numbers() -> None:
    use = Machine().use()
    assert 0 <= use["nv_cpu_utilization"] <= 1
    assert 0 < use["nv_cpu_memory_used_bytes"] < use["nv_cpu_memory_total_bytes"]
