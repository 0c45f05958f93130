"""Runs pages of docs/: writes their files, runs their commands, compares what they print.

Blocks of the kind ``sh`` are one shell session; a ``text`` block after one is all that it
must print, where ``…`` stands for anything within a line. A block after a line with a
path and a colon is that file. Other kinds are only shown.
"""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 120
PORTS = ("8001", "8002", "8003")
ANY = "…"
BLOCK = re.compile(
    r"(?:^`(?P<path>[\w./]+)`:\n\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
MARK = "@@@ end of a block"


@dataclass(frozen=True)
class Block:
    """A fenced block, and the file that it is, if any."""

    path: str
    kind: str
    text: str


@dataclass(frozen=True)
class Said:
    """A block of commands, what the page says they print (None: nothing), what they did."""

    commands: str
    expected: str | None
    printed: str


@dataclass
class Page:
    """A page of docs/."""

    name: str
    text: str = field(init=False)
    blocks: list[Block] = field(init=False)

    def __post_init__(self) -> None:
        self.text = (ROOT / "docs" / self.name).read_text("utf-8")
        self.blocks = [
            Block(match["path"] or "", match["kind"], match["text"])
            for match in BLOCK.finditer(self.text)
        ]

    def of(self, kind: str) -> list[str]:
        """Return the texts of blocks of a kind that are no files."""
        return [
            block.text for block in self.blocks if (block.kind, block.path) == (kind, "")
        ]

    def run(self, folder: Path) -> list[Said]:
        """Write the files, then run all commands in one shell, with free ports."""
        ports = free_ports(len(PORTS))

        def moved(text: str) -> str:
            for port, free in zip(PORTS, ports, strict=True):
                text = re.sub(rf"\b{port}\b", free, text)
            return text

        for block in self.blocks:
            if block.path:
                path = folder / block.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(moved(block.text))
        steps = [
            (block.text, after.text if after.kind == "text" else None)
            for block, after in zip(
                self.blocks, [*self.blocks[1:], Block("", "", "")], strict=True
            )
            if block.kind == "sh"
        ]
        script = "\n".join(f"{moved(text)}\necho {shlex.quote(MARK)}" for text, _ in steps)
        printed = run_shell(folder, script).split(f"{MARK}\n")
        assert len(printed) == len(steps) + 1, printed[-1]
        return [
            Said(text, None if expected is None else moved(expected), out)
            for (text, expected), out in zip(steps, printed[:-1], strict=True)
        ]


def free_ports(count: int) -> list[str]:
    """Return ports that nobody listens on, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [str(each.getsockname()[1]) for each in sockets]


def run_shell(folder: Path, script: str) -> str:
    """Run a script with our leeboard and python first in the PATH; returns its output."""
    tools = folder / ".tools"
    tools.mkdir()
    for name, module in (("leeboard", "-m runtime.cli"), ("python", "")):
        (tools / name).write_text(
            f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P {module} "$@"\n'
        )
        (tools / name).chmod(0o755)
    begin = (
        f'set -e\nexport PATH={shlex.quote(str(tools))}:"$PATH" COLUMNS=200 TERM=dumb\n'
        f'export PYTHONPATH={shlex.quote(str(ROOT))}:"$PYTHONPATH"\n'
        "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n"
    )
    done = subprocess.run(
        ["bash", "-c", begin + script], cwd=folder, check=False, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=LIMIT_S,
    )  # fmt: skip
    log = folder / "server.log"
    assert done.returncode == 0, done.stdout + (log.read_text() if log.exists() else "")
    return done.stdout


def is_as_said(said: Said) -> bool:
    """Tell whether commands printed what the page says."""
    if said.expected is None:
        return True
    pattern = "[^\n]*".join(map(re.escape, said.expected.split(ANY)))
    return re.fullmatch(pattern, said.printed) is not None
