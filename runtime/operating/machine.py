"""What a fault may depend on beside the server: the machine, its limits, and packages.

Only named facts are read. Environments and command lines are not, for people put secrets
there.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

CGROUP = Path("/sys/fs/cgroup")
CGROUP_FILES = ("memory.max", "memory.current", "memory.events", "cpu.max", "cpu.stat",
                "pids.max", "pids.current")  # fmt: skip
MEMORY = ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree", "Shmem", "HugePages_Total")
STATUS = ("Name", "State", "Threads", "VmPeak", "VmRSS", "RssShmem", "VmSwap", "Seccomp",
          "CapEff", "Cpus_allowed_list", "voluntary_ctxt_switches",
          "nonvoluntary_ctxt_switches")  # fmt: skip
MODEL_NAMES = ("model name", "CPU part")


def text_of(path: Path) -> str:
    """Return a small file's text; nothing where it cannot be read."""
    with suppress(OSError):
        return path.read_text(errors="replace").strip()
    return ""


def fields_of(text: str, wanted: Iterable[str]) -> dict[str, str]:
    r"""Return the named values of lines like ``NAME: VALUE``, each once.

    Examples
    --------
    >>> fields_of("MemTotal: 16 kB\nMemFree: 3 kB", ["MemTotal"])
    {'MemTotal': '16 kB'}
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in wanted:
            found.setdefault(name.strip(), value.strip())
    return found


def describe_machine() -> dict[str, Any]:
    """Return kernel, processor, memory and the limits of this control group."""
    uname = platform.uname()
    system = text_of(Path("/etc/os-release")).replace("=", ":").replace('"', "")
    return {
        "kernel": f"{uname.system} {uname.release} {uname.version}",
        "machine": uname.machine,
        "system": fields_of(system, ["PRETTY_NAME"]),
        "processor": fields_of(text_of(Path("/proc/cpuinfo")), MODEL_NAMES),
        "processors": os.cpu_count(),
        "processors_allowed": sorted(os.sched_getaffinity(0)),
        "load": text_of(Path("/proc/loadavg")),
        "memory": fields_of(text_of(Path("/proc/meminfo")), MEMORY),
        "control_group": {name: text_of(CGROUP / name) for name in CGROUP_FILES},
        "memory_overcommit": text_of(Path("/proc/sys/vm/overcommit_memory")),
    }


def describe_process(pid: int) -> dict[str, Any]:
    """Return a process's state, memory and limits."""
    proc = Path("/proc", str(pid))
    return {
        "pid": pid,
        "status": fields_of(text_of(proc / "status"), STATUS),
        "limits": text_of(proc / "limits").splitlines(),
        "oom_score": text_of(proc / "oom_score"),
    }


def describe_packages() -> dict[str, Any]:
    """Return this Python and the packages that it finds, with their versions."""
    found = {each.name: each.version for each in distributions() if each.name}
    return {
        "python": sys.version,
        "implementation": sys.implementation.name,
        "packages": dict(sorted(found.items())),
    }
