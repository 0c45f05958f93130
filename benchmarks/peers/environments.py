"""An environment for each peer: made once, from exactly pinned packages, and measured.

`requirements/NAME.txt` lists every package with its version, dependencies included, so
pip resolves nothing: two machines get the same files, and a wheel's bounds that are
narrower than what works do not matter. An environment is made again when its list or the
interpreter changed. One that cannot be made raises BenchmarkError with pip's reason.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.machine import ROOT
from benchmarks.peers.place import SITE_PACKAGES
from benchmarks.processes import BenchmarkError
from benchmarks.results import write_json

FOLDER = ROOT / "build" / "benchmarks" / "peers"
REQUIREMENTS = Path(__file__).resolve().parent / "requirements"
INSTALL_S = 600.0
MIB = 1024 * 1024
MOST_TOLD = 600


def pinned_packages(name: str) -> list[str]:
    """Return the lines of an environment's list, comments left out."""
    lines = (REQUIREMENTS / f"{name}.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def version_of(name: str, package: str) -> str:
    """Return the version of a package in an environment's list."""
    versions = dict(line.split("==") for line in pinned_packages(name))
    return versions[package]


def reason(output: str) -> str:
    """Return why pip failed: its last error, without addresses and paths.

    Examples
    --------
    >>> reason("ERROR: No matching distribution found for kserve==0.21.0")
    'No matching distribution found for kserve==0.21.0'
    """
    lines = [line for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")] or lines or ["no output"]
    return without_paths(errors[-1].removeprefix("ERROR:").strip())


def without_paths(text: str) -> str:
    """Return a reason as it may stand in a result: short, without addresses and paths.

    Examples
    --------
    >>> without_paths("No such file: /usr/lib/tritonserver")
    'No such file: ...'
    """
    return re.sub(r"\S*/\S+", "...", text)[-MOST_TOLD:]


def run(command: list[str], log: Path) -> None:
    """Run a step of an installation; BenchmarkError when it fails or takes too long."""
    with log.open("a") as file:
        try:
            subprocess.run(
                command, check=True, stdout=file, stderr=file, timeout=INSTALL_S, cwd=ROOT
            )
        except subprocess.CalledProcessError as error:
            raise BenchmarkError(reason(log.read_text())) from error
        except subprocess.TimeoutExpired as error:
            raise BenchmarkError(f"pip took more than {INSTALL_S:.0f} s") from error


def prepare(name: str) -> Path:
    """Return the environment's venv, made if it is not there or out of date."""
    folder = FOLDER / name
    venv, stamp, log = folder / "venv", folder / "venv.json", folder / "pip.log"
    wanted = {"python": platform.python_version(), "packages": pinned_packages(name)}
    if stamp.exists() and json.loads(stamp.read_text()) == wanted:
        return venv
    print(f"installing {name} into {venv.relative_to(ROOT)}", file=sys.stderr)
    stamp.unlink(missing_ok=True)
    shutil.rmtree(venv, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    run([sys.executable, "-m", "venv", "--without-pip", str(venv)], log)
    pip = [sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python")]
    options = ["--no-deps", "--disable-pip-version-check", "--only-binary", ":all:"]
    packages = str(REQUIREMENTS / f"{name}.txt")
    run([*pip, "install", *options, "-r", packages], log)
    write_json(stamp, wanted)
    return venv


def size_bytes(folder: Path) -> int:
    """Return the size of all files of a folder, links not followed."""
    return sum(
        path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    )


def install_mib(name: str) -> float:
    """Return the size of an environment's packages; the venv itself holds none.

    For our own server the package is in the repository and is added.
    """
    total = size_bytes(FOLDER / name / "venv" / SITE_PACKAGES)
    if name == "leeboard":
        total += size_bytes(ROOT / "runtime")
    return round(total / MIB, 1)
