"""A worker binds itself before it opens a model; looked at in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from runtime.testing.fault_model import touched_memory
from runtime.workers.limits import (
    OOM_SCORE,
    Limits,
    MemoryGrowth,
    limits_from,
    resident_bytes,
)

MIB = 1 << 20

PROGRAM = """
import json, os, resource, sys
from pathlib import Path
from runtime.workers.limits import limits_from, keep_to

hard = int(sys.argv[2])
if hard:
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
keep_to(limits_from(json.loads(sys.argv[1])))
try:
    bytearray(int(sys.argv[3]) << 20)
    outcome = "allocated"
except MemoryError:
    outcome = "refused"
print(json.dumps({
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "data": resource.getrlimit(resource.RLIMIT_DATA),
    "score": int(Path("/proc/self/oom_score_adj").read_text()),
    "cpus": sorted(os.sched_getaffinity(0)),
    "outcome": outcome,
}))
"""


def bound(limits: Limits, hard: int = 0, mib: int = 1) -> dict[str, Any]:
    """Return what a process looks like that keeps to limits and asks for memory."""
    message = json.dumps(limits.as_message())
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, message, str(hard), str(mib)],
        check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


@pytest.mark.parametrize("limits", [Limits(), Limits(5 * MIB), Limits(0, (1, 3))])
def test_limits_survive_the_channel(limits: Limits) -> None:
    assert limits_from(json.loads(json.dumps(limits.as_message()))) == limits


def test_without_limits_a_worker_leaves_no_core_and_is_the_kernels_first_choice() -> None:
    seen = bound(Limits())
    assert seen["core"] == [0, 0]
    assert seen["score"] >= OOM_SCORE
    assert seen["data"][0] == -1
    assert seen["cpus"] == sorted(os.sched_getaffinity(0))


def test_memory_beyond_the_limit_is_refused_and_below_it_granted() -> None:
    assert bound(Limits(400 * MIB), mib=500)["outcome"] == "refused"
    assert bound(Limits(400 * MIB), mib=100)["outcome"] == "allocated"


def test_a_harder_limit_that_stands_already_is_kept() -> None:
    seen = bound(Limits(800 * MIB), hard=400 * MIB, mib=500)
    assert seen["data"] == [400 * MIB, 400 * MIB]
    assert seen["outcome"] == "refused"


def test_a_worker_runs_on_its_processors_alone() -> None:
    cpu = min(os.sched_getaffinity(0))
    assert bound(Limits(cpus=(cpu,)))["cpus"] == [cpu]


def test_processors_that_nobody_has_leave_a_worker_unbound() -> None:
    assert bound(Limits(cpus=(9999,)))["cpus"] == sorted(os.sched_getaffinity(0))


def test_memory_of_ones_own_is_counted() -> None:
    before = resident_bytes(os.getpid())
    held = touched_memory(64 * MIB)
    assert resident_bytes(os.getpid()) - before > 32 * MIB
    held.close()


def test_what_was_needed_for_a_while_is_told_as_well() -> None:
    growth = MemoryGrowth()
    passing, stays = touched_memory(96 * MIB), touched_memory(32 * MIB)
    passing.close()
    now, most = growth.measure()
    stays.close()
    assert 24 * MIB < now < 64 * MIB
    assert 112 * MIB < most < 160 * MIB
    again, least = MemoryGrowth().measure()
    assert again <= least < 16 * MIB  # What was needed before does not count.


def test_a_process_that_has_gone_holds_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(60)
    assert resident_bytes(process.pid) == 0
