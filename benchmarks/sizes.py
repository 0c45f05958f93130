"""How much an installation takes, by extra: a fresh environment for each, and its size.

    python -m benchmarks.sizes

Builds the wheel of this working tree, makes a virtual environment without pip in
build/benchmarks/sizes for each set of extras, installs the wheel with them and adds up the
files of its site-packages; the interpreter is nobody's. Written to results/sizes.json.

PyTorch comes in builds. pip takes the newest that its index offers, and on PyPI that is
one for CUDA, with NVIDIA's libraries; so sets with torch are measured with that, and with a
build for the CPU alone. What pip's index does not have is told with the reason.

Differs from real use: versions are those of the day. Byte code is not compiled.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks import machine
from benchmarks.peers.environments import MIB, run, size_bytes
from benchmarks.peers.place import SITE_PACKAGES
from benchmarks.peers.table import columns
from benchmarks.processes import BenchmarkError
from benchmarks.results import FOLDER, write_json

SCRATCH = machine.ROOT / "build" / "benchmarks" / "sizes"
FILE = "sizes.json"
FOR_THE_CPU = "torch==2.13.0+cpu"
SETS = (
    ("", ""),
    ("cpu", ""),
    ("torch", FOR_THE_CPU),
    ("cpu,torch", FOR_THE_CPU),
    ("torch", ""),
    ("cpu,torch", ""),
)
"""Extras, and what is asked for beside them."""

LARGEST = 3
METADATA = ".dist-info"


@dataclass(frozen=True, slots=True)
class Size:
    """What one set of extras takes, and the largest of what it brings, in MiB.

    `torch` is its version. With a `reason` nothing was measured.
    """

    extras: str
    beside: str
    mib: float = 0.0
    packages: int = 0
    largest: dict[str, float] = field(default_factory=dict)
    torch: str = ""
    reason: str = ""

    @property
    def command(self) -> str:
        """What a person types after `pip install`."""
        name = f"leeboard[{self.extras}]" if self.extras else "leeboard"
        return f"{name} {self.beside}".rstrip()


def parts(site_packages: Path) -> dict[str, int]:
    """Return the size of each top-level folder or file; ``x.libs`` belongs to ``x``."""
    sizes: dict[str, int] = {}
    for entry in site_packages.iterdir():
        if entry.is_symlink() or entry.name.endswith(METADATA):
            continue
        name = entry.name.removesuffix(".libs")
        size = size_bytes(entry) if entry.is_dir() else entry.stat().st_size
        sizes[name] = sizes.get(name, 0) + size
    return sizes


def measured(extras: str, beside: str, site_packages: Path) -> Size:
    """Return what an environment's packages take."""
    sizes = parts(site_packages)
    largest = sorted(sizes, key=lambda name: -sizes[name])[:LARGEST]
    metadata = [path.name for path in site_packages.glob(f"*{METADATA}")]
    versions = dict(name.removesuffix(METADATA).split("-", 1) for name in metadata)
    return Size(
        extras,
        beside,
        round(size_bytes(site_packages) / MIB, 1),
        len(metadata),
        {name: round(sizes[name] / MIB, 1) for name in largest},
        versions.get("torch", ""),
    )


def build_wheel() -> Path:
    """Build this working tree's wheel and return its file."""
    folder, log = SCRATCH / "wheel", SCRATCH / "pip.log"
    log.write_text("")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # Modules of an earlier build, deleted since, would be packed again.
    for old in (machine.ROOT / "build").glob("lib.*"):
        shutil.rmtree(old)
    run(
        [sys.executable, "-m", "pip", "wheel", "-qq", "--disable-pip-version-check",
         "--no-deps", "--no-build-isolation", "-w", str(folder), str(machine.ROOT)],
        log,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    return wheel


def measure(wheel: Path, extras: str, beside: str) -> Size:
    """Install the wheel with its extras into an environment of its own and measure it."""
    venv, log = SCRATCH / "venv", SCRATCH / "pip.log"
    shutil.rmtree(venv, ignore_errors=True)
    log.write_text("")
    try:
        run([sys.executable, "-m", "venv", "--without-pip", str(venv)], log)
        run(
            [sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python"),
             "install", "-qq", "--disable-pip-version-check", "--no-compile",
             "--only-binary", ":all:", f"{wheel}[{extras}]" if extras else str(wheel),
             *([beside] if beside else [])],
            log,
        )  # fmt: skip
        return measured(extras, beside, venv / SITE_PACKAGES)
    except BenchmarkError as error:
        return Size(extras, beside, reason=str(error))
    finally:
        shutil.rmtree(venv, ignore_errors=True)


def table(sizes: Sequence[Size]) -> str:
    """Return the sizes as a person reads them."""
    rows = [("pip install", "MiB", "packages", "the largest")]
    for size in sizes:
        told = ", ".join(f"{part} {mib:g}" for part, mib in size.largest.items())
        told += f" (torch {size.torch})" if size.torch else ""
        figures = ("-", "-") if size.reason else (f"{size.mib:g}", str(size.packages))
        rows.append((size.command, *figures, size.reason or told))
    return columns(rows)


def main(arguments: Sequence[str]) -> int:
    """Run from the command line and return the exit status."""
    argparse.ArgumentParser(description=str(__doc__).splitlines()[0]).parse_args(arguments)
    SCRATCH.mkdir(parents=True, exist_ok=True)
    try:
        wheel = build_wheel()
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    sizes = []
    for extras, beside in SETS:
        print(f"installing leeboard[{extras}] {beside}", file=sys.stderr)
        sizes.append(measure(wheel, extras, beside))
    print(table(sizes))
    record = machine.record("benchmarks.sizes")
    result = {"machine": record, "sizes": [asdict(size) for size in sizes]}
    write_json(FOLDER / FILE, result)
    return 1 if any(size.reason for size in sizes) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
