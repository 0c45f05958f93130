"""Blobs: files known by the SHA-256 of their bytes, written once and never changed.

``blobs/sha256/ab/abcd...`` appears whole or not at all: tmp -> fsync -> rename -> fsync
of the folder.

What is put and what is removed are kept apart by a lock: whoever puts blobs and then
writes what needs them holds `keeping` for both; whoever looks for blobs that nothing needs
and removes them holds `removing` for both.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from runtime.atomic import sync_folder
from runtime.store.errors import BlobDamaged, BlobMissing, StoreError, locked, told_of_files
from runtime.store.files import (
    Pieces,
    Readable,
    Scratch,
    drain,
    ignore,
    make_folder,
    readable,
    try_lock,
)
from runtime.store.points import reached

DIGEST = re.compile("[0-9a-f]{64}")
BLOB_MODE = 0o444
LOOK_EVERY_S = 0.01


class Blobs:
    """The blobs of one store. Safe on any thread and in any number of processes."""

    def __init__(self, folder: Path, timeout_s: float = 5.0) -> None:
        self._store = folder
        self._timeout_s = timeout_s
        self._blobs = folder / "blobs" / "sha256"
        self._scratch = Scratch(folder / "blobs" / "tmp")

    def path(self, digest: str) -> Path:
        """Return where a blob lies, if it is there; only to look at, never to link to.

        Raises BlobMissing for what is no digest.
        """
        if not DIGEST.fullmatch(digest):
            raise BlobMissing(f"{digest!r} is no SHA-256 in hex digits")
        return self._blobs / digest[:2] / digest

    def put_file(self, path: Path) -> tuple[str, int]:
        """Put the bytes of a file; returns their digest and number.

        The file is read once, and once more unless the blob is there already. Raises
        StoreError for a file that cannot be read, or is another one the second time.
        """
        with readable(path) as file:
            digest, size = drain(file, ignore)
            if self._is_settled(digest, size):
                return digest, size
            file.seek(0)
            found = self.put_stream(file)
        if found != (digest, size):
            raise StoreError(
                f"{path} was changed while it was read; put it when it is whole"
            )
        return found

    def put_bytes(self, content: bytes) -> tuple[str, int]:
        """Put bytes; returns their digest and number."""
        digest = hashlib.sha256(content).hexdigest()
        if self._is_settled(digest, len(content)):
            return digest, len(content)
        return self.put_stream(Pieces(content))

    def put_stream(self, source: Readable) -> tuple[str, int]:
        """Put what can be read once only; returns its digest and number of bytes."""
        with told_of_files(self._store):
            return self._put(source)

    def has(self, digest: str, size: int = -1) -> bool:
        """Say whether a blob is there, of that size if one is given; reads no byte."""
        try:
            found = self.path(digest).stat().st_size
        except FileNotFoundError:
            return False
        return size in (-1, found)

    def size(self, digest: str) -> int:
        """Return a blob's bytes; raises BlobMissing."""
        with self.opened(digest) as blob:
            return os.fstat(blob.fileno()).st_size

    def read(self, digest: str) -> bytes:
        """Return a small blob's bytes; raises BlobMissing or BlobDamaged."""
        pieces: list[bytes] = []
        with told_of_files(self._store), self.opened(digest) as blob:
            self._held_to(digest, *drain(blob, pieces.append))
        return b"".join(pieces)

    def copy(self, digest: str, to: Path) -> int:
        """Write a blob's bytes to a new file, held to its digest; returns their number.

        The file is durable, its name is not until its folder is synced. Raises
        BlobMissing and BlobDamaged, and leaves no file then.
        """
        with (
            self.opened(digest) as blob,
            told_of_files(to.parent),
            open(to, "xb") as copied,
        ):
            try:
                found, size = drain(blob, copied.write)
                self._held_to(digest, found, size)
                copied.flush()
                os.fsync(copied.fileno())
            except BaseException:
                to.unlink(missing_ok=True)
                raise
        return size

    @contextmanager
    def opened(self, digest: str) -> Iterator[BinaryIO]:
        """Open a blob for whoever holds it to its digest; raises BlobMissing."""
        with told_of_files(self._store):
            try:
                blob = os.open(self.path(digest), os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError as error:
                raise BlobMissing(
                    f"the store {self._store} has no blob {digest}; push the file again, "
                    "or restore a backup"
                ) from error
        with os.fdopen(blob, "rb") as source:
            yield source

    def send(self, digest: str, take: Callable[[bytes], object]) -> int:
        """Give a blob's bytes to `take` in pieces; raises as `copy` does, at the end."""
        with told_of_files(self._store), self.opened(digest) as blob:
            found, size = drain(blob, take)
        self._held_to(digest, found, size)
        return size

    def verify(self, digest: str) -> int:
        """Read a blob whole; returns its bytes. Raises BlobMissing or BlobDamaged."""
        return self.send(digest, ignore)

    def digests(self) -> Iterator[str]:
        """Yield the digest of each blob, in order."""
        with told_of_files(self._store):
            if not self._blobs.is_dir():
                return
            for shelf in sorted(filter(Path.is_dir, self._blobs.iterdir())):
                names = sorted(entry.name for entry in shelf.iterdir())
                yield from filter(DIGEST.fullmatch, names)

    def remove(self, digest: str) -> None:
        """Remove a blob, if it is there; to be called within `removing`.

        The name is gone durably some time later: a loss of power may bring it back.
        """
        with told_of_files(self._store):
            self.path(digest).unlink(missing_ok=True)
            reached("blob.removed")

    def sweep(self) -> int:
        """Remove temporary files of writers that are dead; returns how many there were."""
        with told_of_files(self._store):
            return self._scratch.sweep()

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Let nobody remove blobs meanwhile; any number may hold it.

        Raises StoreLocked when somebody removes blobs for longer than the timeout.
        """
        with self._locked(fcntl.LOCK_SH, "blobs are being removed"):
            yield

    @contextmanager
    def removing(self) -> Iterator[None]:
        """Let nobody put or back up blobs meanwhile, who says so by `keeping`.

        Raises StoreLocked when others hold it for longer than the timeout.
        """
        with self._locked(fcntl.LOCK_EX, "blobs are being put or backed up"):
            yield

    @contextmanager
    def _locked(self, how: int, by: str) -> Iterator[None]:
        """Hold the lock of all blobs; a file would need a disk that can be written."""
        with told_of_files(self._store):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
            lock = os.open(self._blobs.parent, flags)
        try:
            ends = time.monotonic() + self._timeout_s
            while not try_lock(lock, how):
                if time.monotonic() >= ends:
                    raise locked(self._store, by)
                time.sleep(LOOK_EVERY_S)
            yield
        finally:
            os.close(lock)

    def _held_to(self, digest: str, found: str, size: int) -> None:
        """Raise BlobDamaged when bytes are not what they should be."""
        if found != digest:
            raise BlobDamaged(
                f"the blob {digest} of the store {self._store} is damaged: its {size} "
                f"bytes have the digest {found}; remove {self.path(digest)} and push the "
                "file again, or restore a backup"
            )

    def _put(self, source: Readable) -> tuple[str, int]:
        """Write what can be read to a temporary file and give it its name."""
        scratch, file = self._scratch.new()
        reached("blob.begun")
        with os.fdopen(file, "wb") as written:
            try:
                digest, size = drain(source, written.write)
                written.flush()
                os.fsync(file)
                reached("blob.written")
                self._name(scratch, digest, size)
            except BaseException:
                scratch.unlink(missing_ok=True)
                raise
        return digest, size

    def _name(self, scratch: Path, digest: str, size: int) -> None:
        """Make a temporary file the blob, durably; one that is there already stays."""
        place = self.path(digest)
        make_folder(place.parent)
        if self.has(digest, size):
            scratch.unlink()
        else:
            os.chmod(scratch, BLOB_MODE)
            scratch.rename(place)
            reached("blob.renamed")
        sync_folder(place.parent)
        reached("blob.settled")

    def _is_settled(self, digest: str, size: int) -> bool:
        """Say whether a blob is there, and make its name durable if so.

        Who wrote it may have died before it did that.
        """
        with told_of_files(self._store):
            if not self.has(digest, size):
                return False
            shelf = self.path(digest).parent
            sync_folder(shelf)
            sync_folder(shelf.parent)
        return True
