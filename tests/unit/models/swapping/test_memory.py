"""Whether a version fits: every way, and where the free bytes are read from."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.models.swapping.memory import (
    MARGIN,
    NO_LIMIT,
    Room,
    Way,
    free_bytes,
    mib,
    plan_memory,
)

MIB = 1 << 20
COST = 100 * MIB
JUST = COST + MARGIN


@pytest.mark.parametrize(
    ("cost", "room", "may_replace", "way"),
    [
        (0, Room(0), False, Way.OVERLAP),
        (COST, Room(JUST), False, Way.OVERLAP),
        (COST, Room(JUST, COST, COST), True, Way.OVERLAP),
        (COST, Room(JUST - 1), False, Way.REFUSE),
        (COST, Room(JUST - 1, warm=1), False, Way.DROP_WARM),
        (COST, Room(JUST - 2, warm=1), False, Way.REFUSE),
        (COST, Room(JUST - 2, 1, 1), True, Way.REPLACE),
        (COST, Room(0, 0, COST), True, Way.REPLACE),
        (COST, Room(0, 0, COST), False, Way.REFUSE),
        (COST, Room(0), True, Way.REFUSE),
    ],
)
def test_the_gentlest_way_that_fits_is_taken(
    cost: int, room: Room, may_replace: bool, way: Way
) -> None:
    assert plan_memory(cost, room, may_replace).way is way


def test_a_plan_says_its_numbers_and_what_to_do() -> None:
    refused = plan_memory(COST, Room(10 * MIB, 5 * MIB, COST), False).words
    assert "needs 100 MiB, 10 MiB are free" in refused
    assert "--swap replace" in refused
    assert "not known yet" in plan_memory(0, Room(0), False).words
    dropped = plan_memory(COST, Room(COST, MARGIN), False).words
    assert dropped.endswith("warm versions hold 64 MiB")
    assert "nobody serves" in plan_memory(COST, Room(0, 0, COST), True).words
    assert mib(5000 * MIB) == "5,000 MiB"


class Machine:
    """The files of a machine's memory, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cgroups = folder / "cgroup"
        self.put("meminfo", "MemTotal: 8192 kB\nMemAvailable:    4096 kB\n")

    def put(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def group(self, path: str, limit: str, used: int, stat: str = "") -> None:
        names = ("memory.max", "memory.current")
        if path.startswith("memory"):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        place = f"cgroup/{path}".rstrip("/")
        self.put(f"{place}/{names[0]}", f"{limit}\n")
        self.put(f"{place}/{names[1]}", f"{used}\n")
        self.put(f"{place}/memory.stat", stat or "anon 1\n")

    def free(self) -> int:
        files = self.folder / "meminfo", self.cgroups, self.folder / "member"
        return free_bytes(*files)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


AVAILABLE = 4096 << 10


def test_without_limits_it_is_what_the_machine_has(machine: Machine) -> None:
    assert machine.free() == AVAILABLE


def test_nothing_is_known_where_there_are_no_files(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    assert free_bytes(absent, absent, absent) == NO_LIMIT
    (tmp_path / "meminfo").write_text("MemTotal: 1 kB\n")
    assert free_bytes(tmp_path / "meminfo", absent, absent) == NO_LIMIT


def test_a_cgroup_of_version_two_limits_it(machine: Machine) -> None:
    machine.put("member", "0::/app\n")
    machine.group("app", "1000", 700, "inactive_file 50\nactive_file 9\n")
    assert machine.free() == 1000 - 700 + 50


def test_what_the_groups_above_are_limited_to_holds_as_well(machine: Machine) -> None:
    machine.put("member", "0::/slice/app\n")
    machine.group("slice/app", "max", 700)
    machine.group("slice", "1000", 900)
    assert machine.free() == 100
    machine.group("", "500", 450)
    assert machine.free() == 50


def test_a_container_that_sees_its_own_group_as_the_root_is_limited(
    machine: Machine,
) -> None:
    machine.put("member", "0::/../../elsewhere\n")
    machine.group("", "1000", 990)
    assert machine.free() == 10


def test_a_group_that_has_more_than_it_may_has_nothing_left(machine: Machine) -> None:
    machine.put("member", "0::/app\n")
    machine.group("app", "1000", 2000)
    assert machine.free() == 0


def test_a_group_without_a_limit_is_none(machine: Machine) -> None:
    machine.put("member", "0::/app\n")
    machine.group("app", "max", 2000)
    assert machine.free() == AVAILABLE


def test_a_cgroup_of_version_one_limits_it(machine: Machine) -> None:
    machine.put("member", "3:cpu,cpuacct:/app\n2:memory:/app\n0::/\n")
    stat = "inactive_file 1\ntotal_inactive_file 30\n"
    machine.group("memory/app", "1000", 700, stat)
    assert machine.free() == 330
    machine.group("memory", str(1 << 62), 0)
    assert machine.free() == 330


def test_files_that_make_no_sense_are_no_limit(machine: Machine) -> None:
    machine.put("member", "0::/app\n")
    machine.group("app", "plenty", 1)
    assert machine.free() == AVAILABLE


def test_this_machine_has_something_free() -> None:
    assert 0 < free_bytes() <= NO_LIMIT
