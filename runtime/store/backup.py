"""A whole store in one file, taken while others use it, and made a store again.

The file is a tar archive of a manifest, with sizes and digests of all that follows, the
database as it was at one moment, and the blobs. It appears whole or not at all, and so
does the folder that it is restored into.
"""

from __future__ import annotations

import hashlib
import io
import json
import secrets
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from runtime.atomic import replacing, sync_folder
from runtime.store import audit
from runtime.store.blobs import DIGEST, Blobs
from runtime.store.engine import DATABASE, copy_from, open_engine, raw_of
from runtime.store.errors import (
    BackupDamaged,
    BlobDamaged,
    StoreError,
    StoreOlder,
    told,
    told_of_files,
)
from runtime.store.files import (
    Readable,
    digest_of,
    drain,
    make_folder,
    readable,
    sync_file,
)
from runtime.store.points import reached
from runtime.store.revisions import check_revision, revision_of
from runtime.store.store import TIMEOUT_S, Store, touch

FORMAT = 1
MANIFEST = "manifest.json"
MANIFEST_LIMIT = 256 << 20
MODE = 0o600


@dataclass(frozen=True, slots=True)
class Saved:
    """What a backup holds: bytes of the database and of each blob by its digest.

    `head` is that of the audit log: keep it, and `leeboard audit verify --head` holds the
    log to it for ever.
    """

    head: audit.Head
    database: str
    database_size: int
    blobs: dict[str, int]

    @property
    def size(self) -> int:
        """Return the bytes of everything."""
        return self.database_size + sum(self.blobs.values())

    def text(self) -> bytes:
        """Return the manifest: what `parsed` reads."""
        return json.dumps(
            {
                "format": FORMAT,
                "head": str(self.head),
                "database": {"sha256": self.database, "size": self.database_size},
                "blobs": self.blobs,
            },
            indent=1,
        ).encode()


def parsed(text: bytes) -> Saved:
    """Return what a manifest says; raises ValueError and its like for what is none."""
    values = json.loads(text)
    if values["format"] != FORMAT:
        raise ValueError(f"its format is {values['format']}, this program reads {FORMAT}")
    blobs = {str(digest): int(size) for digest, size in values["blobs"].items()}
    if not all(map(DIGEST.fullmatch, blobs)):
        raise ValueError("a blob has no digest")
    database = values["database"]
    head = audit.parse_head(values["head"])
    return Saved(head, str(database["sha256"]), int(database["size"]), blobs)


class Summed:
    """A source of bytes that knows the digest of what was read."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._summed = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes."""
        piece = self._source.read(size)
        self._summed.update(piece)
        return piece

    @property
    def digest(self) -> str:
        """Return the SHA-256 of all that was read."""
        return self._summed.hexdigest()


def backup(store: Store, to: Path) -> Saved:
    """Write a store to a file, in the place of one that is there; returns what is in it.

    Others may write meanwhile; what they commit after the start is not in it. Blobs cannot
    be removed before the end. Raises BlobDamaged for a blob that is not what it should be,
    StoreError for a file within the store itself, and what reading raises.
    """
    if to.resolve().is_relative_to(store.folder.resolve()):
        raise StoreError(f"{to} lies within the store {store.folder}; write it elsewhere")
    with (
        store.blobs.keeping(),
        told_of_files(to.parent),
        tempfile.TemporaryDirectory(prefix=f".{to.name}.", dir=to.parent) as scratch,
    ):
        database = Path(scratch) / DATABASE
        with store.reading() as connection:
            head = audit.head(connection)
            copy_from(raw_of(connection), database)
        blobs = {digest: store.blobs.size(digest) for digest in store.blobs.digests()}
        saved = Saved(head, *digest_of(database), blobs)
        with (
            replacing(to, mode=MODE) as file,
            tarfile.open(fileobj=file, mode="w|") as archive,
        ):
            pack(archive, MANIFEST, len(saved.text()), io.BytesIO(saved.text()))
            with open(database, "rb") as opened:
                pack(archive, DATABASE, saved.database_size, opened)
            for digest, size in blobs.items():
                pack_blob(archive, store.blobs, digest, size)
            reached("backup.written")
    return saved


def pack(archive: tarfile.TarFile, name: str, size: int, source: IO[bytes]) -> str:
    """Add a file to an archive; returns the digest of what was read."""
    about = tarfile.TarInfo(name)
    about.size, about.mode, about.mtime = size, 0o440, int(time.time())
    summed = Summed(source)
    archive.addfile(about, summed)
    return summed.digest


def pack_blob(archive: tarfile.TarFile, blobs: Blobs, digest: str, size: int) -> None:
    """Add a blob to an archive, held to its digest."""
    with blobs.opened(digest) as source:
        found = pack(archive, f"blobs/{digest}", size, source)
    if found != digest:
        raise BlobDamaged(
            f"the blob {digest} at {blobs.path(digest)} is damaged: its bytes have the "
            f"digest {found}; no backup was written"
        )


def restore(file: Path, folder: Path) -> Saved:
    """Make the store that a backup was taken of, in a folder that is new or empty.

    Every digest, the database and its log are held to what the backup says before the
    folder appears. One of an older program is restored as it is: upgrade it then. Raises
    StoreError for a folder that is not empty, BackupDamaged and StoreNewer.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(f"{folder} is not empty; restore into a new folder")
    aside = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}.restoring")
    with told_of_files(folder.parent):
        try:
            make_folder(aside / "blobs" / "sha256")
            with readable(file) as source, damaged(file):
                saved = unpack(source, aside)
            check(file, aside, saved)
            touch(aside)
            sync_folder(aside)
            reached("backup.checked")
            aside.rename(folder)
            sync_folder(folder.parent)
        finally:
            with suppress(FileNotFoundError):
                shutil.rmtree(aside)
    return saved


@contextmanager
def damaged(file: Path) -> Iterator[None]:
    """Raise BackupDamaged for all that reading a broken archive can raise."""
    try:
        yield
    except (tarfile.TarError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise damage(file, str(error) or type(error).__name__) from error
    except RecursionError as error:
        raise damage(file, "its manifest is too deep") from error


def damage(file: Path, what: str) -> BackupDamaged:
    """Return the error of a file that cannot be restored."""
    return BackupDamaged(
        f"{file} is no whole backup ({what}); nothing was restored; take another one"
    )


def unpack(source: IO[bytes], folder: Path) -> Saved:
    """Write what an archive holds below a folder; raises ValueError and its like."""
    blobs = Blobs(folder)
    with tarfile.open(fileobj=source, mode="r|") as archive:
        saved = parsed(member(archive, MANIFEST, -1).read(MANIFEST_LIMIT))
        place = folder / DATABASE
        with open(place, "xb") as database:
            packed = member(archive, DATABASE, saved.database_size)
            digest, _ = drain(packed, database.write)
        if digest != saved.database:
            raise ValueError("the database is another one")
        for wanted, size in saved.blobs.items():
            digest, _ = blobs.put_stream(member(archive, f"blobs/{wanted}", size))
            if digest != wanted:
                raise ValueError(f"the blob {wanted} is another one")
    sync_file(place)
    return saved


def member(archive: tarfile.TarFile, name: str, size: int) -> IO[bytes]:
    """Return the next file of an archive, which must be this one; -1 is any size."""
    found = archive.next()
    if found is None:
        raise ValueError(f"it ends before {name}")
    content = archive.extractfile(found) if found.isreg() else None
    if content is None or found.name != name or size not in (-1, found.size):
        raise ValueError(f"it holds {found.name!r} in the place of {name}")
    return content


def check(file: Path, folder: Path, saved: Saved) -> None:
    """Hold a database to SQLite's own check, and its log to the backup's head."""
    engine = open_engine(folder, TIMEOUT_S)
    try:
        with told(folder), engine.connect() as connection, connection.begin():
            with suppress(StoreOlder):
                check_revision(file, revision_of(connection))
            answer = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
            if answer != "ok":
                raise damage(file, f"its database: {answer}")
            checked = audit.verify(connection, saved.head)
    finally:
        engine.dispose()
    if checked.faults or checked.head != saved.head:
        what = checked.faults[0] if checked.faults else "it goes on behind its head"
        raise damage(file, f"its audit log: {what}")
