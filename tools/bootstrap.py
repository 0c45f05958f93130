"""Makes .venv with this package built in it; run by make before everything else.

    python3 tools/bootstrap.py [--system NEED]... EXTRA...

Uses the standard library only and the interpreter that runs it. What the machine lacks is
named with the exact apt or dnf line: as root or with CI set the line is run, on a terminal
it is asked for, otherwise it is printed and nothing is done. When nothing changed since the
last time (a hash of every source of the build) it returns at once.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "leeboard.json"
DISTRO_PYTHON = sys.base_prefix == "/usr"
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
IS_DEFAULT = Path("/usr/bin/python3").resolve() == Path(sys.executable).resolve()
DNF_PYTHON = "python3" if IS_DEFAULT else PYTHON


@dataclass(frozen=True)
class Need:
    """Something outside .venv: how to see it, and its package with apt and with dnf."""

    what: str
    is_here: Callable[[], bool]
    apt: str
    dnf: str


def has_program(name: str) -> Callable[[], bool]:
    """Return a test for a program on PATH."""
    return lambda: shutil.which(name) is not None


def has_library(name: str) -> Callable[[], bool]:
    """Return a test for a library's development files, by pkg-config."""

    def is_here() -> bool:
        if shutil.which("pkg-config") is None:
            return False
        command = ["pkg-config", "--exists", name]
        return subprocess.run(command, check=False).returncode == 0

    return is_here


def has_libfuzzer() -> bool:
    """Tell whether clang++ is here with libFuzzer and its sanitizers' libraries."""
    if shutil.which("clang++") is None:
        return False
    command = ["clang++", "-print-runtime-dir"]
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    return any(Path(found.stdout.strip()).glob("libclang_rt.fuzzer*"))


def has_python_header() -> bool:
    """Tell whether this interpreter's Python.h is installed."""
    return Path(sysconfig.get_path("include"), "Python.h").exists()


def can_make_venv() -> bool:
    """Tell whether `venv` and the pip it installs are there; Debian ships them apart."""
    return find_spec("venv") is not None and find_spec("ensurepip") is not None


BUILD_NEEDS = (
    Need("a C++ compiler", has_program("g++"), "g++", "gcc-c++"),
    Need("pkg-config", has_program("pkg-config"), "pkg-config", "pkgconf-pkg-config"),
    Need("nghttp2", has_library("libnghttp2"), "libnghttp2-dev", "libnghttp2-devel"),
    Need("OpenSSL", has_library("openssl"), "libssl-dev", "openssl-devel"),
    Need("zlib", has_library("zlib"), "zlib1g-dev", "zlib-devel"),
)
PYTHON_NEEDS = (
    Need("Python.h", has_python_header, f"{PYTHON}-dev", f"{DNF_PYTHON}-devel"),
    Need("venv and ensurepip", can_make_venv, f"{PYTHON}-venv", f"{DNF_PYTHON}-libs"),
)
OTHER_NEEDS = {
    "demo-models": (Need("espeak-ng", has_program("espeak-ng"), "espeak-ng", "espeak-ng"),),
    "native": (
        Need("CMake", has_program("cmake"), "cmake", "cmake"),
        Need("GoogleTest", has_library("gtest"), "libgtest-dev", "gtest-devel"),
        Need(
            "protobuf for C++", has_library("protobuf"), "libprotobuf-dev", "protobuf-devel"
        ),
    ),
    # Of others, for tests that run them; CI has them all.
    "clients": (
        Need(
            "Alertmanager",
            has_program("prometheus-alertmanager"),
            "prometheus-alertmanager",
            "golang-github-prometheus-alertmanager",
        ),
        Need("Chromium", has_program("chromium"), "chromium", "chromium-headless"),
        Need("HAProxy", has_program("haproxy"), "haproxy", "haproxy"),
        Need("promtool", has_program("promtool"), "prometheus", "golang-github-prometheus"),
        Need("npm", has_program("npm"), "npm", "nodejs-npm"),
        Need("the openssl command", has_program("openssl"), "openssl", "openssl"),
        Need("gRPC for C++", has_library("grpc++"), "libgrpc++-dev", "grpc-devel"),
    ),
    "fuzz": (
        Need(
            "clang with libFuzzer",
            has_libfuzzer,
            "clang libclang-rt-dev",
            "clang compiler-rt",
        ),
    ),
    "bench": (
        Need("gRPC for C++", has_library("grpc++"), "libgrpc++-dev", "grpc-devel"),
        Need("protoc", has_program("protoc"), "protobuf-compiler", "protobuf-compiler"),
        Need(
            "protoc's gRPC plug-in",
            has_program("grpc_cpp_plugin"),
            "protobuf-compiler-grpc",
            "grpc-plugins",
        ),
    ),
}


def refuse(reason: str) -> None:
    """End with one clear line."""
    sys.exit(f"leeboard: {reason}")


def check_interpreter() -> None:
    """End unless this interpreter and machine are ones that we build on."""
    if sys.version_info < (3, 11):  # noqa: UP036 - said before pip can say it worse
        refuse(
            f"Python 3.11 or newer is needed, {sys.executable} is {sys.version[:7]}; "
            "choose another with PYTHON=python3.12 make ..."
        )
    if sys.platform != "linux" or os.uname().machine not in {"x86_64", "aarch64"}:
        here = f"{sys.platform} {os.uname().machine}"
        refuse(f"Linux on x86-64 or arm64 is needed; this is {here}")


def install_line(missing: list[Need]) -> str:
    """Return the command that installs what is missing, or end where we know none."""
    sudo = "" if os.geteuid() == 0 else "sudo "
    if shutil.which("apt-get"):
        packages = " ".join(need.apt for need in missing)
        return f"{sudo}apt-get install -y --no-install-recommends {packages}"
    if shutil.which("dnf"):
        return f"{sudo}dnf install -y {' '.join(need.dnf for need in missing)}"
    refuse("neither apt-get nor dnf is here; install by other means what is named above")
    raise AssertionError


def may_install(line: str) -> bool:
    """Tell whether to run the line: root and CI say yes, a person is asked."""
    if os.geteuid() == 0 or os.environ.get("CI"):
        return True
    if not sys.stdin.isatty():
        return False
    return input(f"Run `{line}` now? [y/N] ").strip().lower() in {"y", "yes"}


def install_system_packages(needs: Iterable[Need]) -> None:
    """Install what the machine lacks, or end with the line that would."""
    missing = [need for need in needs if not need.is_here()]
    if not missing:
        return
    print("leeboard: this machine lacks", ", ".join(need.what for need in missing))
    if not DISTRO_PYTHON and any(need in PYTHON_NEEDS for need in missing):
        refuse(
            f"{sys.executable} is not the distribution's own and lacks its header or venv; "
            "install those with it, or choose another with PYTHON=/usr/bin/python3"
        )
    line = install_line(missing)
    print(f"    {line}", flush=True)
    if not may_install(line):
        refuse("run the line above, then make again")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = shlex.split(line)
    if "apt-get" in command:
        update = [*command[: command.index("install")], "update", "-q"]
        subprocess.run(update, check=True, env=environment)
    subprocess.run(command, check=True, env=environment)
    still = [need.what for need in missing if not need.is_here()]
    if still:
        refuse(f"{', '.join(still)} cannot be found even now")


def digest(paths: Iterable[Path]) -> str:
    """Hash names and contents of files."""
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(f"{path.relative_to(ROOT)}\0".encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def build_sources() -> list[Path]:
    """Return the files whose change asks for a new build."""
    folders = [ROOT / "csrc", ROOT / "runtime" / "native"]
    kinds = {".cc", ".h", ".pyx", ".pxd"}
    files = [p for folder in folders for p in folder.rglob("*") if p.suffix in kinds]
    return [ROOT / "setup.py", *files]


def modules_are_built() -> bool:
    """Tell whether every extension module lies beside its source."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    return all(
        source.with_name(source.stem + suffix).exists()
        for source in (ROOT / "runtime" / "native").glob("*.pyx")
    )


def read_stamp() -> dict[str, str]:
    """Return what the last run left, or nothing when it did not finish."""
    try:
        stamp: dict[str, str] = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp


def make_venv() -> None:
    """Create .venv with this interpreter, away with one that is broken or another's."""
    if VENV.exists():
        shutil.rmtree(VENV)
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)


def pip(*arguments: str) -> None:
    """Run .venv's pip, silent but for errors."""
    command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "-qq",
               "--disable-pip-version-check", *arguments]  # fmt: skip
    subprocess.run(command, check=True)


def install(extras: list[str]) -> None:
    """Install the package in place with its extras; this builds it too."""
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    print("leeboard: installing", ", ".join(extras) or "no extras", flush=True)
    pip(*settings["build-system"]["requires"])
    target = f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)
    pip("--no-build-isolation", "-e", target)


def rebuild() -> None:
    """Compile what changed, in place."""
    print("leeboard: building the native part", flush=True)
    python = str(VENV / "bin" / "python")
    command = [python, "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(command, check=True, cwd=ROOT)


def bring_up_to_date(extras: list[str]) -> None:
    """Do what changed since the stamp asks for: nothing, a build, an installation."""
    stamp = read_stamp()
    interpreter = f"{sys.base_prefix} {sysconfig.get_config_var('SOABI')}"
    if stamp.get("interpreter") != interpreter:
        make_venv()
        stamp = {}
    has = set(stamp.get("extras", "").split())
    wanted = {
        "interpreter": interpreter,
        "settings": digest([ROOT / "pyproject.toml"]),
        "extras": " ".join(sorted(has | set(extras))),
        "sources": digest(build_sources()) + os.environ.get("RUNTIME_SANITIZE", ""),
    }
    if wanted == stamp and modules_are_built():
        return
    STAMP.unlink(missing_ok=True)
    same = ("settings", "extras")
    if any(wanted[key] != stamp.get(key) for key in same):
        install(wanted["extras"].split())
    else:
        rebuild()
    STAMP.write_text(json.dumps(wanted))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--system", action="append", default=[], choices=OTHER_NEEDS)
    parser.add_argument("extras", nargs="*")
    chosen = parser.parse_args()
    check_interpreter()
    others = [need for name in chosen.system for need in OTHER_NEEDS[name]]
    try:
        install_system_packages([*BUILD_NEEDS, *PYTHON_NEEDS, *others])
        bring_up_to_date(chosen.extras)
    except subprocess.CalledProcessError as error:
        refuse(
            f"`{shlex.join(map(str, error.cmd))}` failed (exit status {error.returncode})"
        )


if __name__ == "__main__":
    main()
