"""Files held to their digests: what one is, and a copy that is what it should be."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from runtime.atomic import sync_folder
from runtime.registry.layout import place_of
from runtime.registry.manifest import File, Manifest
from runtime.registry.source import DigestMismatch

CHUNK = 1 << 20


def described(path: Path, name: str) -> File:
    """Return what a file is, read whole, under its name in a manifest; raises OSError.

    Examples
    --------
    >>> described(Path(os.devnull), "model/model.onnx").size
    0
    """
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return File(name, size, digest.hexdigest())


def copy_checked(source: Path, target: Path, wanted: File) -> None:
    """Copy a file to a place where there is none, and hold it to its digest meanwhile.

    What is written is on disk when this returns. Nothing is left of a copy that is not
    what it should be: raises DigestMismatch then, also when the source is not there, and
    OSError when the copy cannot be written.
    """
    try:
        file = source.open("rb")
    except FileNotFoundError as error:
        raise DigestMismatch(f"{wanted.path} is not there any more: {source}") from error
    digest, size = hashlib.sha256(), 0
    with file, target.open("xb") as copy:
        try:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
            demand_same(File(wanted.path, size, digest.hexdigest()), wanted)
        except BaseException:
            target.unlink(missing_ok=True)
            raise


def demand_same(found: File, wanted: File) -> None:
    """Raise DigestMismatch unless a file is what its manifest says."""
    if (found.size, found.sha256) != (wanted.size, wanted.sha256):
        raise DigestMismatch(
            f"{wanted.path} has {found.size} bytes with SHA-256 {found.sha256}, and should "
            f"have {wanted.size} with {wanted.sha256}"
        )


def copy_all(
    manifest: Manifest, files: Mapping[str, Path], number: int, into: Path
) -> None:
    """Copy a version's files below an empty folder, each held to its digest.

    `files` says where each name of the manifest lies. All is on disk when this returns.
    Raises DigestMismatch and OSError.
    """
    folders = {into}
    for wanted in manifest.files:
        target = into / place_of(wanted.path, number)
        target.parent.mkdir(parents=True, exist_ok=True)
        folders |= {place for place in target.parents if place.is_relative_to(into)}
        copy_checked(files[wanted.path], target, wanted)
    for folder in folders:
        sync_folder(folder)
