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
    "pt2": "runtime.backends.torch_export:export_backend",
    "pt": "runtime.backends.torch_script:script_backend",
    "ts": "runtime.backends.torch_script:script_backend",
    "pth": "runtime.backends.torch_script:script_backend",
    "safetensors": "runtime.backends.torch_module:module_backend",
    "py": "runtime.backends.python_model:PythonBackend",
    "fault": "runtime.testing.fault_model:FaultModel",
}
"""What pyproject.toml registers, for a source tree that is not installed."""

FRAMEWORKS = {
    "onnx": "onnx",
    "pt2": "torch",
    "pt": "torch",
    "ts": "torch",
    "pth": "torch",
    "safetensors": "torch",
    "py": "python",
    "fault": "fault",
}
"""What workers of our own backends import, by suffix; also the names that people use."""


def registered() -> dict[str, str]:
    """Return each backend's name and where it is; of two with one name, ours stays."""
    found = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    return {**found, **OURS}


def suffix_of(path: Path) -> str:
    """Return a path's suffix as backends are named, ``onnx`` for ``Model.ONNX``."""
    return path.suffix.removeprefix(".").lower()


def backend_for(path: Path, name: str = "") -> Backend:
    """Return a new backend for a model file, not yet loaded.

    `name` is a framework (``torch``) or a suffix (``pt2``) that a person asked for; the
    file's suffix must be one of it. Raises ModelError when no backend opens such files, or
    another one does, and ConfigError when the backend itself cannot be imported.
    """
    suffix = suffix_of(path)
    # Entry points cost ten milliseconds, and of two with one name ours stays.
    known = OURS if suffix in OURS else registered()
    if suffix not in known:
        suffixes = ", ".join(f".{known_name}" for known_name in sorted(known))
        raise ModelError(
            f"{path}: no backend opens {path.suffix or 'this'}; known: {suffixes}"
        )
    framework = FRAMEWORKS.get(suffix, suffix)
    if name and name not in (suffix, framework):
        raise ModelError(
            f"{path}: the backend {name!r} does not open .{suffix} files, {framework!r} "
            "does; correct the backend or the file"
        )
    module, _, attribute = known[suffix].partition(":")
    try:
        backend: Backend = getattr(import_module(module), attribute)()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"backend {suffix!r} cannot be imported: {error}") from error
    return backend


def framework_of(path: Path) -> str:
    """Return the framework that a file's workers import, or "" where that is not ours.

    Only our own backends are known to be safe to import before a fork.
    """
    return FRAMEWORKS.get(suffix_of(path), "")
