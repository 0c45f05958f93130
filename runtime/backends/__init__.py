"""Model formats: which backend opens a path, and what every backend is.

Backends are found through the entry-point group ``runtime.backends``. An entry's name is
the suffix of the files that it opens (``onnx``), and the word a person uses for it.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

from runtime.backends.base import Backend
from runtime.errors import ConfigError, ModelError

GROUP = "runtime.backends"

OURS = {
    "onnx": "runtime.backends.onnx:OnnxBackend",
    "fault": "runtime.testing.fault_model:FaultModel",
}
"""What pyproject.toml registers, for a source tree that is not installed."""


def registered() -> dict[str, str]:
    """Return each backend's name and where it is; of two with one name, ours stays."""
    found = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    return {**found, **OURS}


def backend_for(path: Path) -> Backend:
    """Return a new backend for a model file, not yet loaded.

    Raises ModelError when no backend opens such files, and ConfigError when the backend
    itself cannot be imported.
    """
    name = path.suffix.removeprefix(".").lower()
    # Entry points cost ten milliseconds, and of two with one name ours stays.
    known = OURS if name in OURS else registered()
    if name not in known:
        suffixes = ", ".join(f".{known_name}" for known_name in sorted(known))
        raise ModelError(
            f"{path}: no backend opens {path.suffix or 'this'}; known: {suffixes}"
        )
    module, _, attribute = known[name].partition(":")
    try:
        backend: Backend = getattr(import_module(module), attribute)()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"backend {name!r} cannot be imported: {error}") from error
    return backend


def framework_of(path: Path) -> str:
    """Return the name of the backend that opens a file, or "" where that is not ours.

    Only our own backends are known to be safe to import before a fork.
    """
    name = path.suffix.removeprefix(".").lower()
    return name if name in OURS else ""
