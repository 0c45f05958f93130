"""The machine that a figure comes from, and how much of it others used meanwhile.

`prepare` moves this process, in which our generator runs, to the client's processor; what
it starts says where it runs. Priority is raised where that is permitted (nice and, with
autogroups, the session's own nice value), because a neighbour's time slice is longer than
most of what is measured.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import platform
import re
import shlex
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRIORITY = -15
PACE_ROUNDS = 20_000
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PACKAGES = ("grpcio", "numpy", "onnxruntime", "protobuf", "tritonclient")
LIBRARIES = ("grpc++", "libnghttp2")


@dataclass(frozen=True, slots=True)
class Cores:
    """Which processors the server and the client have to themselves."""

    server: int
    client: int


def choose_cores() -> Cores:
    """Take the first and the last processor that this process may use."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores(usable[0], usable[-1])


CORES = choose_cores()


def scratch() -> Path:
    """The folder, made if need be, for what benchmarks build and do not keep."""
    folder = ROOT / "build" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def prepare() -> None:
    """Move this process, and so its clients, off the server's processor, and favour it.

    The session that it shares with a shell gets its own priority back at the end.
    """
    os.sched_setaffinity(0, {CORES.client})
    before = session_priority()
    if raise_priority(os.getpid()) and before is not None:
        atexit.register(set_session_priority, os.getpid(), before)


def raise_priority(pid: int) -> bool:
    """Favour a process, and its session; False where that is forbidden.

    Threads that the process has already are left alone.
    """
    try:
        os.setpriority(os.PRIO_PROCESS, pid, PRIORITY)
        set_session_priority(pid, PRIORITY)
    except OSError:
        return False
    return True


def set_session_priority(pid: int, priority: int) -> None:
    """Set the nice value of a process's session, where the kernel has that."""
    autogroup = Path(f"/proc/{pid}/autogroup")
    if autogroup.exists():
        autogroup.write_text(str(priority))


def session_priority() -> int | None:
    """Return the nice value of our session, or None where the kernel has none."""
    with suppress(OSError):
        found = re.search(r"nice (-?\d+)", Path("/proc/self/autogroup").read_text())
        return int(found[1]) if found else None
    return None


def output_of(*command: str) -> str:
    """Return what a command prints, or "" where it cannot run."""
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=30, cwd=ROOT
        )
        return done.stdout.strip()
    return ""


def processor_model() -> str:
    """Return the processor's name as the kernel gives it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def package_versions() -> dict[str, str]:
    """Return the versions of what takes part, missing packages left out."""
    found: dict[str, str] = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    for library in LIBRARIES:
        found[library] = output_of("pkg-config", "--modversion", library)
    return found


def record(module: str = "benchmarks") -> dict[str, object]:
    """Describe machine, versions, commit and command for a result's file."""
    changed = output_of("git", "status", "--porcelain", "--", "csrc", "runtime", "setup.py")
    return {
        "processor": processor_model(),
        "cores": os.cpu_count(),
        "server_core": CORES.server,
        "client_core": CORES.client,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "versions": package_versions(),
        "commit": output_of("git", "rev-parse", "HEAD"),
        "has_local_changes": bool(changed),
        "command": shlex.join(["python", "-m", module, *sys.argv[1:]]),
        "priority": PRIORITY if os.geteuid() == 0 else 0,
    }


def pace_ms(core: int) -> float:
    """Return how long a fixed piece of computing takes on a processor just now.

    Some four milliseconds; more when the host is slow in a way that the kernel cannot see.
    """
    os.sched_setaffinity(0, {core})
    try:
        began = time.perf_counter()
        hashlib.pbkdf2_hmac("sha256", b"leeboard", b"pace", PACE_ROUNDS)
        return (time.perf_counter() - began) * 1e3
    finally:
        os.sched_setaffinity(0, {CORES.client})


def busy_s() -> dict[int, float]:
    """Return how long each processor has been busy; steps of a kernel tick (10 ms)."""
    busy: dict[int, float] = {}
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name.startswith("cpu") and name != "cpu":
            user, nice, system, _idle, _wait, irq, softirq, steal = map(int, fields[:8])
            ticks = user + nice + system + irq + softirq + steal
            busy[int(name[3:])] = ticks / TICKS_PER_S
    return busy


class ForeignMeter:
    """Tells how much processor time strangers took while something was measured."""

    def __init__(self) -> None:
        self._busy = busy_s()
        self._began = time.perf_counter()

    def stop(self, server_s: float, client_s: float) -> dict[str, float]:
        """Return the strangers' share of the server's and the client's processor.

        `server_s` and `client_s` are what our own processes used there meanwhile.
        """
        wall = time.perf_counter() - self._began
        now = busy_s()
        ours = {CORES.server: server_s}
        ours[CORES.client] = ours.get(CORES.client, 0.0) + client_s
        shares = {
            core: max(0.0, now[core] - self._busy[core] - used) / wall
            for core, used in ours.items()
        }
        return {"server": shares[CORES.server], "client": shares[CORES.client]}
