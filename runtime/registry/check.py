"""Proves that a version loads and runs before it is registered, in a process of its own.

It is the gate that a server would hold it to. A file that crashes or hangs its loader
harms a worker, never the process that pushes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runtime.backends.plan import LoadPlan
from runtime.backends.report import LoadReport
from runtime.errors import ConfigError, ModelError, WorkerError
from runtime.registry.compatible import as_kept
from runtime.registry.layout import SAMPLES, SETTINGS, Laid, is_model, place_of
from runtime.registry.manifest import Signature
from runtime.workers.interpreter import foreign_environment
from runtime.workers.launch import start_cold
from runtime.workers.process import Loaded, LoadRequest, WorkerProcess

NUMBER = 1
"""The version that is proven, in a folder of its own."""

ROWS = 64
CLOSE_S = 5.0
TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Trial:
    """What a worker is to load, and the interpreter it needs where not this one."""

    request: LoadRequest
    interpreter: Path | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What the gate found: the signature as a manifest keeps it, and its report."""

    signature: Signature
    report: LoadReport

    @property
    def findings(self) -> tuple[str, ...]:
        """What a person should know: a version without batches, say."""
        return self.report.notes


Trying = Callable[[Path, float], Trial]
"""Makes a trial of a model's folder with one version; the number is the time limit."""


def prove(laid: Laid, timeout_s: float = TIMEOUT_S, trying: Trying | None = None) -> Proof:
    """Load what is to be pushed and run it; returns what it takes, and what was found.

    Without `trying` nothing may lie beside the version that says how it is served:
    `runtime.models.proving` reads that. Raises ModelError with the gate's sentence, also
    for one whose worker ended or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="leeboard-check-") as scratch:
        folder = Path(scratch) / "model"
        for name, path in laid.files.items():
            place(path, folder / place_of(name, NUMBER))
        trial = (trying or plain_trial)(folder, timeout_s)
        try:
            loaded = asyncio.run(load(trial))
        except (ModelError, WorkerError) as error:
            raise ModelError(in_words_of(laid, folder, str(error))) from error
    return Proof(as_kept(loaded.signature), loaded.report)


def plain_trial(folder: Path, timeout_s: float) -> Trial:
    """Return the trial of a model that nothing but its file describes."""
    if any((folder / name).exists() for name in SETTINGS):
        raise ConfigError(f"{folder} has settings; runtime.models.proving reads them")
    version = folder / str(NUMBER)
    models = sorted(path for path in version.iterdir() if is_model(path.name))
    if len(models) != 1:
        names = ", ".join(path.name for path in models) or "none"
        raise ConfigError(f"one model file is wanted, and here are: {names}")
    warmup, golden = (_if_there(version / name) for name in SAMPLES)
    plan = LoadPlan(models[0], max_batch_size=ROWS, warmup=warmup, golden=golden)
    return Trial(LoadRequest("the candidate", plan, timeout_s))


async def load(trial: Trial) -> Loaded:
    """Have a worker load a model, and end it."""
    name, environment = trial.request.name, None
    if trial.interpreter is not None:
        environment = await asyncio.to_thread(foreign_environment, trial.interpreter)
    started = start_cold(name, trial.interpreter, environment)
    process = WorkerProcess(name, started, lambda _process, _status: None)
    try:
        return await process.load(trial.request)
    finally:
        await process.close(CLOSE_S)


def place(path: Path, to: Path) -> None:
    """Let a file be found at another place: by a link where that can be, else a copy."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        os.link(path, to)
        return
    try:
        shutil.copyfile(path, to)
    except OSError as error:
        raise ConfigError(f"{path} cannot be looked at: {error}") from error


def in_words_of(laid: Laid, folder: Path, text: str) -> str:
    """Return a sentence with the paths that a person gave, not those of the trial."""
    for name, path in laid.files.items():
        text = text.replace(str(folder / place_of(name, NUMBER)), str(path))
    return text


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None
