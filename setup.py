"""Compiles csrc and runtime/native; everything else about the package is in pyproject.toml.

csrc is compiled once into an archive (build/csrc) that every extension links, so that a
changed .cc costs one compilation whatever the number of extensions. Libraries are found by
pkg-config, features by compiling a few lines, never by a version number.

Environment: CXX, CI (warnings are errors), RUNTIME_SANITIZE (``address,undefined`` or
``thread``), LEEBOARD_BUILD_JOBS (2).
"""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

LIBRARIES = {
    "libnghttp2": ("libnghttp2-dev", "libnghttp2-devel"),
    "openssl": ("libssl-dev", "openssl-devel"),
    "zlib": ("zlib1g-dev", "zlib-devel"),
}
"""What csrc stands on: pkg-config name -> package name with apt and with dnf."""

FEATURES = {
    "LEEBOARD_HAVE_NGHTTP2_RESET_RATE_LIMIT": """
        #include <nghttp2/nghttp2.h>
        int main() { nghttp2_option_set_stream_reset_rate_limit(nullptr, 1, 1); }
    """,
}
"""Macro -> program that compiles and links only where the feature exists."""

WARNINGS = ["-Wall", "-Wextra", *(["-Werror"] if os.environ.get("CI") else [])]
SANITIZE = os.environ.get("RUNTIME_SANITIZE", "")
SANITIZE_FLAGS = [f"-fsanitize={SANITIZE}", "-g"] if SANITIZE else ["-DNDEBUG"]
FLAGS = ["-std=c++20", "-O2", "-fPIC", "-fno-omit-frame-pointer", "-fvisibility=hidden",
         "-pthread", *SANITIZE_FLAGS]  # fmt: skip
KERNEL_FLAGS = ["-O3", "-ffp-contract=off"]
AVX2_FLAGS = ["-mavx2", "-mfma"]
SIMD_FLAGS = {
    "kernels_portable": KERNEL_FLAGS,
    "kernels_avx2": [*KERNEL_FLAGS, *AVX2_FLAGS],
    "kernels_avx512": [*KERNEL_FLAGS, *AVX2_FLAGS, "-mavx512f", "-mavx512bw", "-mavx512dq",
                       "-mavx512vl"],
}  # fmt: skip
"""csrc/stats/NAME.cc -> flags of its own. Which of them runs is decided on the machine that
runs it; without contraction all of them put a value into the same bin."""
CXX = shlex.split(os.environ.get("CXX", "g++"))
JOBS = int(os.environ.get("LEEBOARD_BUILD_JOBS", "2"))
FLAVOUR = SANITIZE.replace(",", "-") or "release"
DIRECTIVES = {"language_level": 3, "boundscheck": False, "wraparound": False}


def refuse_other_platforms() -> None:
    """End with one sentence anywhere but on Linux x86-64 and arm64."""
    here = (sys.platform, platform.machine())
    if here not in {("linux", "x86_64"), ("linux", "aarch64")}:
        sys.exit(
            f"leeboard builds on Linux x86-64 and arm64 only; this is {' '.join(here)}"
        )


def pkg_config(*arguments: str) -> list[str]:
    """Return pkg-config's answer about our libraries, or end saying what to install."""
    try:
        missing = [
            name
            for name in LIBRARIES
            if subprocess.run(["pkg-config", "--exists", name], check=False).returncode
        ]
    except FileNotFoundError:
        sys.exit("leeboard needs pkg-config to find its libraries: install pkg-config")
    if missing:
        apt, dnf = (" ".join(LIBRARIES[name][i] for name in missing) for i in (0, 1))
        sys.exit(
            f"leeboard cannot find {', '.join(missing)}: install the development files "
            f"(apt-get install {apt}, or dnf install {dnf})"
        )
    answer = subprocess.run(
        ["pkg-config", *arguments, *LIBRARIES], check=True, capture_output=True, text=True
    )
    return shlex.split(answer.stdout)


def has_feature(program: str, compile_flags: list[str], link_flags: list[str]) -> bool:
    """Tell whether a program compiles and links here."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "feature.cc")
        source.write_text(program)
        command = [
            *CXX,
            *compile_flags,
            str(source),
            "-o",
            f"{folder}/feature",
            *link_flags,
        ]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0


def simd_flags(source: Path) -> list[str]:
    """Return a kernel's own flags: instructions of x86 only where this is one."""
    flags = SIMD_FLAGS.get(source.stem, []) if source.parent.name == "stats" else []
    if platform.machine() == "x86_64":
        return flags
    return [flag for flag in flags if not flag.startswith("-m")]


def is_stale(target: Path, depfile: Path, command: str) -> bool:
    """Tell whether an object must be compiled again: a source or the command changed."""
    record = target.with_suffix(".cmd")
    if not (target.exists() and depfile.exists() and record.exists()):
        return True
    if record.read_text() != command:
        return True
    sources = depfile.read_text().replace("\\\n", " ").split(":", 1)[1].split()
    built = target.stat().st_mtime_ns
    return any(not Path(s).exists() or Path(s).stat().st_mtime_ns > built for s in sources)


def compile_one(source: Path, folder: Path, flags: list[str]) -> Path:
    """Compile one .cc into `folder` unless its object is fresh."""
    target = folder / source.relative_to("csrc").with_suffix(".o")
    depfile = target.with_suffix(".d")
    command = [*CXX, *FLAGS, *WARNINGS, *flags, *simd_flags(source), "-MMD", "-MF",
               str(depfile), "-c", str(source), "-o", str(target)]  # fmt: skip
    if is_stale(target, depfile, shlex.join(command)):
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(command, check=True)
        target.with_suffix(".cmd").write_text(shlex.join(command))
    return target


def build_archive(flags: list[str]) -> Path | None:
    """Compile csrc into one archive and return it, or None while there is no source."""
    sources = sorted(Path("csrc").glob("*/*.cc"))
    folder = Path("build", "csrc", FLAVOUR)
    with ThreadPoolExecutor(JOBS) as pool:
        objects = list(pool.map(lambda source: compile_one(source, folder, flags), sources))
    if not objects:
        return None
    archive, contents = folder / "libleeboard.a", folder / "libleeboard.txt"
    names = "\n".join(map(str, objects))
    fresh = archive.exists() and contents.exists() and contents.read_text() == names
    if not fresh or any(o.stat().st_mtime_ns > archive.stat().st_mtime_ns for o in objects):
        archive.unlink(missing_ok=True)
        subprocess.run(["ar", "rcs", archive, *objects], check=True)
        contents.write_text(names)
    return archive


class BuildNative(build_ext):
    """Builds csrc, then links it into each extension; objects are kept between builds."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.build_temp = str(Path("build", "extensions", FLAVOUR))
        self.parallel = JOBS
        if self.inplace:
            self.build_lib = str(Path("build", "inplace", FLAVOUR))

    def build_extensions(self) -> None:
        refuse_other_platforms()
        cflags, libs = pkg_config("--cflags"), pkg_config("--libs")
        macros = [f"-D{name}=1" for name, program in FEATURES.items()
                  if has_feature(program, cflags, libs)]  # fmt: skip
        flags = ["-Icsrc", *cflags, *macros]
        try:
            archive = build_archive(flags)
        except subprocess.CalledProcessError as error:
            sys.exit(
                f"leeboard: the compiler refused csrc (exit status {error.returncode})"
            )
        headers = sorted(map(str, Path("csrc").glob("*/*.h")))
        for extension in self.extensions:
            extension.extra_compile_args = [*FLAGS, "-Wall", *flags]
            extension.extra_link_args = [
                *([str(archive)] if archive else []),
                "-Wl,--as-needed",
                *libs,
                *([f"-fsanitize={SANITIZE}"] if SANITIZE else []),
            ]
            extension.depends = [
                *extension.depends,
                *headers,
                *([str(archive)] if archive else []),
            ]
        super().build_extensions()

    def copy_extensions_to_source(self) -> None:
        self.force = True  # The one in place may be newer and of another flavour.
        super().copy_extensions_to_source()


def extensions() -> list[Extension]:
    """Return one extension for each runtime/native/*.pyx, as C++ in build/cython."""
    sources = sorted(Path("runtime", "native").glob("*.pyx"))
    if not sources:
        return []
    from Cython.Build import cythonize

    modules = [
        Extension(f"runtime.native.{source.stem}", [str(source)], language="c++")
        for source in sources
    ]
    built: list[Extension] = cythonize(
        modules, build_dir="build/cython", compiler_directives=DIRECTIVES, quiet=True
    )
    return built


os.chdir(Path(__file__).resolve().parent)
setup(ext_modules=extensions(), cmdclass={"build_ext": BuildNative})
