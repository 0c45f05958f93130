"""Runs every static check and says at the end which failed; `make check`.

    python -m tools.check [NAME]...

Checks are independent: all run, each prints its time, and only those that fail show output.
clang-tidy is the slow one: a file found clean is not looked at again until it, a header, or
the settings change.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CLEAN = ROOT / "build" / "tidy"
JOBS = 2
COMPILE_FLAGS = ("-std=c++20", "-Icsrc", "-DLEEBOARD_HAVE_NGHTTP2_RESET_RATE_LIMIT=1")

AVX2_FLAGS = ("-mavx2", "-mfma")
SIMD_FLAGS = {
    "csrc/stats/kernels_avx2.cc": AVX2_FLAGS,
    "csrc/stats/kernels_avx512.cc": (*AVX2_FLAGS, "-mavx512f", "-mavx512bw", "-mavx512dq",
                                     "-mavx512vl"),
}  # fmt: skip
"""Sources that need instructions of their own, as in setup.py."""


@dataclass(frozen=True)
class Outcome:
    """Whether a check passed, and what it said."""

    passed: bool
    output: str


def run(*command: str) -> Outcome:
    """Run one tool of .venv at the repository's root."""
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=False, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return Outcome(done.returncode == 0, done.stdout)


def all_of(commands: Sequence[Sequence[str]]) -> Outcome:
    """Run several commands as one check, two at a time."""
    with ThreadPoolExecutor(JOBS) as pool:
        outcomes = list(pool.map(lambda command: run(*command), commands))
    failed = [outcome.output for outcome in outcomes if not outcome.passed]
    return Outcome(not failed, "\n".join(failed))


def files(*patterns: str) -> list[str]:
    """Return the files that patterns name, relative to the root, in order."""
    found = {path for pattern in patterns for path in ROOT.glob(pattern)}
    return sorted(str(path.relative_to(ROOT)) for path in found)


def native_files() -> list[str]:
    """Return every C++ file that we write."""
    return files("csrc/*/*.cc", "csrc/*/*.h", "tests/native/**/*.cc", "tests/native/**/*.h",
                 "tests/fuzz/*.cc", "tests/fuzz/*.h",
                 "benchmarks/**/*.cc", "benchmarks/**/*.h")  # fmt: skip


def clang_format() -> Outcome:
    """Check the layout of C++."""
    return run("clang-format", "-n", "-Werror", *native_files())


def tidy_one(source: str, shared: bytes) -> Outcome:
    """Run clang-tidy on one .cc, or remember that it was clean."""
    content = (ROOT / source).read_bytes()
    mark = CLEAN / hashlib.sha256(source.encode() + shared + content).hexdigest()
    if mark.exists():
        return Outcome(True, "")
    flags = (*COMPILE_FLAGS, *SIMD_FLAGS.get(source, ()))
    outcome = run(
        "clang-tidy", "--quiet", "--extra-arg=-Wthread-safety", source, "--", *flags
    )
    if outcome.passed:
        mark.touch()
    return outcome


def clang_tidy() -> Outcome:
    """Check csrc for bugs and lock discipline, two files at a time."""
    CLEAN.mkdir(parents=True, exist_ok=True)
    around = [".clang-tidy", "tools/check.py", *files("csrc/*/*.h")]
    shared = hashlib.sha256(
        b"".join((ROOT / name).read_bytes() for name in around)
    ).digest()
    with ThreadPoolExecutor(JOBS) as pool:
        sources = files("csrc/*/*.cc")
        outcomes = list(pool.map(partial(tidy_one, shared=shared), sources))
    failed = [outcome.output for outcome in outcomes if not outcome.passed]
    return Outcome(not failed, "\n".join(failed))


def cython_lint() -> Outcome:
    """Check the compiled boundary's source."""
    sources = files("runtime/native/*.pyx", "runtime/native/*.pxd")
    return run("cython-lint", *sources) if sources else Outcome(True, "")


def stubtest() -> Outcome:
    """Compare each compiled module with its .pyi."""
    modules = [
        f"runtime.native.{Path(stub).stem}" for stub in files("runtime/native/*.pyi")
    ]
    allowed = "tests/stubtest_allowlist.txt"
    command = ("stubtest", "--ignore-missing-stub", "--ignore-unused-allowlist",
               "--allowlist", allowed, *modules)  # fmt: skip
    return run(*command) if modules else Outcome(True, "")


def protos() -> Outcome:
    """Compare the committed descriptor set with the one that protos/ makes."""
    return run(sys.executable, "protos/generate.py", "--check")


CHECKS: dict[str, Callable[[], Outcome]] = {
    "ruff": partial(run, "ruff", "check"),
    "ruff-format": partial(run, "ruff", "format", "--check"),
    "mypy": partial(run, "mypy"),
    "stubtest": stubtest,
    "cython-lint": cython_lint,
    "clang-format": clang_format,
    "lint-imports": partial(run, "lint-imports", "--no-cache"),
    "codespell": partial(run, "codespell"),
    "protos": protos,
    "clang-tidy": clang_tidy,
}


def main(names: list[str]) -> int:
    """Run the named checks, or all, and return how many failed."""
    failed = []
    for name in names or CHECKS:
        started = time.monotonic()
        outcome = CHECKS[name]()
        took_s = time.monotonic() - started
        print(
            f"{'ok    ' if outcome.passed else 'FAILED'} {name:13} {took_s:6.1f} s",
            flush=True,
        )
        if not outcome.passed:
            failed.append(name)
            print(outcome.output, flush=True)
    print(f"{len(names or CHECKS) - len(failed)} passed, {len(failed)} failed")
    return len(failed)


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
