"""Workers in another virtual environment: a model may bring packages of its own.

The other interpreter sees our package and nothing else of ours, through a folder that holds
one link. It needs numpy, and to be the same Python: our package is compiled for one.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import runtime
from runtime.errors import ConfigError
from runtime.workers.launch import worker_environment

PROBE_S = 60.0
PROBE = "import sys; print(sys.implementation.cache_tag); import numpy"
OURS = ("PYTHONHOME", "VIRTUAL_ENV", "PYTHONPATH")
"""What leads an interpreter to another environment than its own."""


ONE_AT_A_TIME = threading.Lock()


@cache
def _only_our_package() -> TemporaryDirectory[str]:
    """Return a folder with nothing but our package in it, removed when we end."""
    folder = TemporaryDirectory(prefix="leeboard-")
    package = Path(runtime.__file__).resolve().parent
    Path(folder.name, "runtime").symlink_to(package, target_is_directory=True)
    return folder


@cache
def foreign_environment(interpreter: Path) -> Mapping[str, str]:
    """Return the environment for workers of another interpreter.

    Raises ConfigError, naming the interpreter and the remedy, where none could run. Starts
    it and takes as long as that; one that was fit is not asked again.
    """
    common = {k: v for k, v in worker_environment().items() if k not in OURS}
    try:
        probe = subprocess.run(
            [interpreter, "-c", PROBE],
            check=False,
            capture_output=True,
            text=True,
            timeout=PROBE_S,
            env=common,
        )
    except OSError as error:
        raise ConfigError(
            f"interpreter {interpreter} cannot be started: {error.strerror}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ConfigError(
            f"interpreter {interpreter} did not answer within {PROBE_S:g} s"
        ) from error
    tag, ours = probe.stdout.strip(), sys.implementation.cache_tag
    if tag != ours:
        raise ConfigError(
            f"interpreter {interpreter} is {tag or 'no Python'}; it must be {ours} as the "
            "server's, for which our package is compiled"
        )
    if probe.returncode != 0:
        words = probe.stderr.strip().splitlines() or ["no reason given"]
        raise ConfigError(
            f"interpreter {interpreter} has no numpy ({words[-1]}); install it there"
        )
    try:
        with ONE_AT_A_TIME:
            folder = _only_our_package().name
    except OSError as error:
        raise ConfigError(f"no folder for interpreter {interpreter}: {error}") from error
    return common | {"PYTHONPATH": folder}
