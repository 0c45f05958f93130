"""A disk that is full or read-only: one clear error, nothing lost, reading goes on.

The real thing is a small tmpfs, where this user may mount one; a limit on the size of
files and a folder of somebody else's can be had without.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.store import audit
from runtime.store.backup import backup, restore
from runtime.store.engine import DATABASE
from runtime.store.errors import StoreError, StoreFull, StoreReadOnly, of_files
from runtime.store.store import Store

WAIT_S = 60.0
PIECE = 50_000
PUBLIC = "/var/tmp"


def mount(*arguments: str) -> bool:
    done = subprocess.run(["mount", *arguments], check=False, capture_output=True)
    return done.returncode == 0


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of one mebibyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() or not mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)):
        pytest.skip("this user may not mount a tmpfs")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that everybody may look into, which those of pytest are not.

    Nor need TMPDIR be one.
    """
    with tempfile.TemporaryDirectory(dir=PUBLIC) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def note(store: Store, details: str = "") -> None:
    with store.writing("ann") as writing:
        writing.record("did", "fraud", details=details)


def fill_up(disk: Path) -> None:
    with open(disk / "filler", "wb", buffering=0) as filler:
        while True:
            filler.write(bytes(1000))


def fill_with_rows(store: Store) -> int:
    """Write until it cannot; returns how many rows are there then."""
    rows = 0
    while rows < 10_000:
        note(store, "x" * 4000)
        rows += 1
    return rows


def fill_with_blobs(store: Store) -> None:
    for number in range(100):
        store.blobs.put_bytes(bytes([number]) * PIECE)


def is_whole(store: Store) -> bool:
    with store.reading() as connection:
        answer = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
        faults = audit.verify(connection).faults
    for digest in store.blobs.digests():
        store.blobs.verify(digest)
    return answer == "ok" and not faults


def test_a_full_disk_is_said_and_nothing_is_half_there(small: Path) -> None:
    store = Store.create(small / "registry")
    filler = small / "filler"
    filler.write_bytes(bytes(200_000))
    with pytest.raises(StoreFull, match=r"the disk of .*registry is full.* make room"):
        fill_with_blobs(store)
    blobs = list(store.blobs.digests())
    with pytest.raises(StoreFull, match="make room there and try again"):
        fill_with_rows(store)
    rows = store.audit_head().seq
    assert is_whole(store)
    assert list((small / "registry" / "blobs" / "tmp").iterdir()) == []
    filler.unlink()
    note(store)
    store.blobs.put_bytes(b"one more")
    assert (store.audit_head().seq, len(list(store.blobs.digests()))) == (
        rows + 1, len(blobs) + 1,
    )  # fmt: skip
    store.close()


def test_a_store_on_a_full_disk_can_be_opened_and_read(small: Path) -> None:
    store = Store.create(small / "registry")
    note(store)
    store.close()
    with pytest.raises(OSError, match="No space"):
        fill_up(small)
    store = Store.open(small / "registry")
    assert store.audit_head().seq == 1
    store.close()


def test_a_backup_and_a_restore_on_a_full_disk_leave_nothing(
    small: Path, tmp_path: Path
) -> None:
    store = Store.create(tmp_path / "registry")
    store.blobs.put_bytes(bytes(1 << 20))
    with pytest.raises(StoreFull, match=r"the disk of .*disk is full"):
        backup(store, small / "b.tar")
    backup(store, tmp_path / "b.tar")
    with pytest.raises(StoreFull):
        restore(tmp_path / "b.tar", small / "again")
    assert list(small.iterdir()) == []
    store.close()


DIES_WRITING = """
import os, sys
from pathlib import Path
from runtime.store.store import Store
store = Store.open(Path(sys.argv[1]))
for _ in range(3):
    with store.writing("ann") as writing:
        writing.record("did", "fraud")
os._exit(0)
"""


def run(script: str, *arguments: object) -> str:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(
        command, check=True, timeout=WAIT_S, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


@pytest.mark.parametrize("left", ["nothing", "a log"])
def test_a_read_only_disk_is_read_and_says_what_it_is(
    small: Path, tmp_path: Path, left: str
) -> None:
    store = Store.create(small / "registry")
    digest, _ = store.blobs.put_bytes(b"abc")
    store.close()
    if left == "a log":
        run(DIES_WRITING, store.folder)
        assert (store.folder / f"{DATABASE}-wal").stat().st_size
    assert mount("-o", "remount,ro", str(small))
    store = Store.create(store.folder)  # Which opens the one that is there.
    assert store.audit_head().seq == (3 if left == "a log" else 0)
    assert store.blobs.read(digest) == b"abc"
    with pytest.raises(StoreReadOnly, match=r"registry is read-only here: .*mount it"):
        note(store)
    with pytest.raises(StoreReadOnly):
        store.blobs.put_bytes(b"abcd")
    with pytest.raises(StoreReadOnly):
        store.blobs.remove(digest)
    backup(store, tmp_path / "b.tar")
    assert is_whole(store)
    store.close()
    assert mount("-o", "remount,rw", str(small))
    store = Store.open(store.folder)
    note(store)
    store.close()


LIMITED = """
import resource, sys
from pathlib import Path
from runtime.store.errors import StoreFull
from runtime.store.store import Store
store = Store.open(Path(sys.argv[1]))
size = (store.folder / "store.db").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 40_000, size + 40_000))
for act in (
    lambda: store.blobs.put_bytes(bytes(1 << 20)),
    lambda: [note() for _ in range(1000)],
):
    def note():
        with store.writing("ann") as writing:
            writing.record("did", "fraud", details="x" * 4000)
            writing.record("did", "fraud", details="y" * 4000)
    try:
        act()
    except StoreFull as error:
        print(error)
print(store.audit_head().seq)
"""


def test_a_file_that_may_not_grow_is_a_full_disk(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "registry")
    blob, row, seq = run(LIMITED, store.folder).splitlines()
    assert "is full, or its quota" in blob
    assert "is full, or its quota" in row
    assert int(seq) > 0
    assert int(seq) % 2 == 0  # Both rows of a transaction or none.
    assert store.audit_head().seq == int(seq)
    assert is_whole(store)
    note(store)
    assert list(store.blobs.digests()) == []
    store.close()


STRANGER = """
import os, sys
from pathlib import Path
from runtime.store.errors import StoreReadOnly, StoreLocked
from runtime.store.store import Store
folder = Path(sys.argv[1])
mine = Store.open(folder) if sys.argv[2] == "open" else None
if mine:
    mine.audit_head()
if os.fork() == 0:
    os.setegid(65534)
    os.seteuid(65534)
    theirs = Store.open(folder)
    with theirs.reading() as connection:
        print(connection.exec_driver_sql("SELECT count(*) FROM audit").scalar(), flush=True)
    try:
        with theirs.writing("eve") as writing:
            writing.record("did", "fraud")
    except StoreReadOnly as error:
        print("read-only", flush=True)
    os._exit(0)
os.wait()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("owner", ["open", "away"])
def test_a_store_of_somebody_else_is_read(public: Path, owner: str) -> None:
    store = Store.create(public / "registry")
    note(store)
    store.close()
    store.folder.chmod(0o755)
    assert run(STRANGER, store.folder, owner).splitlines() == ["1", "read-only"]


SHUT_OUT = """
import os, sys
from pathlib import Path
from runtime.store.errors import StoreError
from runtime.store.store import Store
os.setegid(65534)
os.seteuid(65534)
try:
    Store.open(Path(sys.argv[1]))
except StoreError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_store_that_may_not_be_entered(public: Path) -> None:
    store = Store.create(public / "registry")
    store.close()
    public.chmod(0o700)
    said = run(SHUT_OUT, store.folder)
    assert said.startswith(f"StoreError the store {store.folder} may not be looked into")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_errors_of_files_that_mean_full(tmp_path: Path, number: int) -> None:
    assert type(of_files(tmp_path, OSError(number, "x"))) is StoreFull


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_errors_of_files_that_mean_read_only(tmp_path: Path, number: int) -> None:
    assert type(of_files(tmp_path, OSError(number, "x"))) is StoreReadOnly


def test_other_errors_of_files_keep_their_words(tmp_path: Path) -> None:
    error = of_files(tmp_path, OSError(errno.EIO, "it broke", "f"))
    assert (type(error), str(error)) == (
        StoreError, f"{tmp_path} cannot be used: f: it broke",
    )  # fmt: skip


CHANGED_MEANWHILE = """
import os, sys
from pathlib import Path
from runtime.store.errors import StoreLocked
from runtime.store.store import Store
folder = Path(sys.argv[1])
if os.fork() == 0:
    os.setegid(65534)
    os.seteuid(65534)
    theirs = Store.open(folder)
    try:
        with theirs.reading() as connection:
            os.seteuid(0)
            mine = Store.open(folder)
            with mine.writing("ann") as writing:
                writing.record("did", "fraud")
            mine.close()
            os.seteuid(65534)
    except StoreLocked as error:
        print(error, flush=True)
    print(theirs.audit_head().seq, flush=True)
    os._exit(0)
os.wait()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_what_was_read_without_locks_while_it_changed_is_not_taken(public: Path) -> None:
    store = Store.create(public / "registry")
    store.close()
    store.folder.chmod(0o755)
    said, seq = run(CHANGED_MEANWHILE, store.folder).splitlines()
    assert "is locked: it was changed while it was read; try again" in said
    assert seq == "1"
