"""Keeps optimised copies of model files, so that the next start need not optimise again.

An entry is two files named after what made it (the model's bytes, ONNX Runtime's version,
the execution provider, the processor's instruction sets): the model and its SHA-256, by
which a damaged or foreign file is told apart and written anew. Nothing here ever fails a
load: without a usable folder there is simply no entry.
"""

from __future__ import annotations

import hashlib
import logging
import mmap
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

MOST_BYTES = 1_500_000_000
"""A larger file is not cached: its copy would not fit in one protobuf message."""

MOST_ENTRIES = 64
MOST_TOTAL_BYTES = 8_000_000_000

EXTERNAL_DATA_MARK = b"\x0a\x08location\x12"
"""How protobuf writes the key of a reference to weights in another file."""


def default_folder() -> Path:
    """Return this user's cache folder for all backends."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "leeboard"


def instruction_sets(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return what the processor can do, as the kernel lists it; empty where it does not."""
    try:
        text = cpuinfo.read_text()
    except OSError:
        return ""
    found = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", text, re.MULTILINE)
    return found[1] if found else ""


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_self_contained(path: Path) -> bool:
    """Tell whether a model's weights are all in this file; a doubt is a no."""
    if path.stat().st_size == 0:
        return False
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as content,
    ):
        return content.find(EXTERNAL_DATA_MARK) < 0


def is_private(folder: Path) -> bool:
    """Tell whether a folder is ours and closed to everybody else."""
    state = folder.lstat()
    return folder.is_dir() and state.st_uid == os.geteuid() and not state.st_mode & 0o077


def sync(path: Path) -> None:
    """Wait until a file's bytes are on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


@dataclass(frozen=True, slots=True)
class Entry:
    """The place of one optimised model in the cache."""

    model: Path
    digest: Path

    def is_intact(self) -> bool:
        """Tell whether the model is there and is what was written."""
        try:
            intact = self.digest.read_text() == file_digest(self.model)
            if intact:
                os.utime(self.model)
        except (OSError, UnicodeDecodeError):
            return False
        return intact

    def new_file(self) -> Path | None:
        """Return an empty file beside the entry to write the model into, or None."""
        try:
            descriptor, name = tempfile.mkstemp(
                prefix="new-", suffix=".onnx", dir=self.model.parent
            )
        except OSError as error:
            logger.warning("the model cache cannot be written: %s", error)
            return None
        os.close(descriptor)
        return Path(name)

    def adopt(self, written: Path) -> None:
        """Make a written file the entry's model; on failure there is no entry."""
        try:
            sync(written)
            digest = written.with_suffix(".sha256")
            digest.write_text(file_digest(written))
            sync(digest)
            written.replace(self.model)
            digest.replace(self.digest)
            prune(self.model.parent)
        except OSError as error:
            logger.warning("%s could not be cached: %s", self.model.name, error)
            discard(written)


def discard(written: Path) -> None:
    """Remove a file of the cache and its digest; that they are gone already is well."""
    for path in (written, written.with_suffix(".sha256")):
        path.unlink(missing_ok=True)


def prune(folder: Path) -> None:
    """Remove the entries longest unused beyond the number and bytes that are kept."""
    used = sorted(
        folder.glob("*.onnx"), key=lambda path: path.stat().st_mtime, reverse=True
    )
    total = 0
    for count, path in enumerate(used, 1):
        total += path.stat().st_size
        if count > MOST_ENTRIES or total > MOST_TOTAL_BYTES:
            discard(path)


def find_entry(model: Path, folder: Path, made_by: str) -> Entry | None:
    """Return the place for a model's optimised copy, or None when it cannot have one.

    `made_by` names everything but the model that shapes the copy.
    """
    try:
        if model.stat().st_size > MOST_BYTES:
            return None
        key = hashlib.sha256(f"{file_digest(model)}\0{made_by}".encode()).hexdigest()[:32]
        shelf = folder / "onnx"
        shelf.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not is_private(shelf):
            logger.warning("%s is open to others and not used as a cache", shelf)
            return None
    except OSError as error:
        logger.warning("no cache for %s: %s", model, error)
        return None
    return Entry(shelf / f"{key}.onnx", shelf / f"{key}.sha256")
