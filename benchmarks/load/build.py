"""Compiles the grpc-core client when its source is newer than the program."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from benchmarks.machine import ROOT
from benchmarks.processes import BenchmarkError

SOURCE = Path(__file__).with_name("grpc_client.cc")
FLAGS = ("-std=c++20", "-O2", "-Wall", "-Wextra")
PACKAGE = "grpc++"
COMPILE_S = 300.0


def run(*command: str) -> str:
    """Run a tool of the build; what it complains about is the error's message."""
    try:
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=COMPILE_S
        )
    except FileNotFoundError as error:
        raise BenchmarkError(f"{command[0]} is needed to build the client") from error
    except subprocess.CalledProcessError as error:
        raise BenchmarkError(f"{shlex.join(command)}:\n{error.stderr}") from error
    return done.stdout


def grpc_client() -> Path:
    """Return the built client; needs g++, pkg-config and libgrpc++-dev."""
    program = ROOT / "build" / "benchmarks" / "grpc_client"
    if program.exists() and program.stat().st_mtime > SOURCE.stat().st_mtime:
        return program
    program.parent.mkdir(parents=True, exist_ok=True)
    compile_flags = shlex.split(run("pkg-config", "--cflags", PACKAGE))
    link_flags = shlex.split(run("pkg-config", "--libs", PACKAGE))
    scratch = program.with_suffix(".new")
    run("g++", *FLAGS, *compile_flags, str(SOURCE), "-o", str(scratch), *link_flags)
    scratch.replace(program)
    return program
