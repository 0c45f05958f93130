"""A version's reference profile among its files: servers know by it what rows look like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from runtime.errors import ConfigError
from runtime.profiles import Reference
from runtime.registry.layout import REFERENCE, Laid
from runtime.registry.manifest import MODEL_FOLDER

LARGEST = 64 << 20


def with_reference(laid: Laid, given: Reference | str | Path, folder: Path) -> Laid:
    """Return files with a reference among them, written to a folder in its canonical form.

    One that lies beside the model already gives way. Raises ConfigError for a file that
    cannot be read, and ProfileError for one that is no reference.
    """
    reference = given if isinstance(given, Reference) else read_reference(Path(given))
    path = folder / REFERENCE
    path.write_bytes(reference.to_bytes())
    return replace(laid, files={**laid.files, f"{MODEL_FOLDER}/{REFERENCE}": path})


def read_reference(path: Path) -> Reference:
    """Return what `leeboard monitor reference` wrote."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > LARGEST:
        raise ConfigError(f"{path} has more than {LARGEST >> 20} MiB")
    return Reference.from_bytes(content)
