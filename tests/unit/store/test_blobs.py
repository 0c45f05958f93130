"""Blobs: whole or not there, known by their bytes, written once."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from pathlib import Path

import pytest

from runtime.store.blobs import Blobs
from runtime.store.errors import BlobDamaged, BlobMissing, StoreError, StoreLocked
from runtime.store.points import on_point

ABC = hashlib.sha256(b"abc").hexdigest()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    (tmp_path / "blobs" / "sha256").mkdir(parents=True)
    return Blobs(tmp_path, timeout_s=0.01)


def scratch_of(blobs: Blobs) -> Path:
    return blobs.path(ABC).parents[2] / "tmp"


def test_bytes_files_and_streams_are_one_blob(blobs: Blobs, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert blobs.put_bytes(b"abc") == (ABC, 3)
    assert blobs.put_file(tmp_path / "file") == (ABC, 3)
    assert blobs.put_stream(io.BytesIO(b"abc")) == (ABC, 3)
    assert list(blobs.digests()) == [ABC]
    assert blobs.read(ABC) == b"abc"
    assert list(scratch_of(blobs).iterdir()) == []


def test_a_blob_lies_below_the_first_digits_and_cannot_be_written(blobs: Blobs) -> None:
    blobs.put_bytes(b"abc")
    path = blobs.path(ABC)
    assert path.parts[-3:] == ("sha256", ABC[:2], ABC)
    assert path.stat().st_mode & 0o777 == 0o444


def test_large_and_empty_blobs_come_back(blobs: Blobs, tmp_path: Path) -> None:
    content = os.urandom(3_000_001)
    digest, size = blobs.put_bytes(content)
    empty, nothing = blobs.put_bytes(b"")
    assert (size, nothing) == (3_000_001, 0)
    assert blobs.copy(digest, tmp_path / "copy") == size
    assert (tmp_path / "copy").read_bytes() == content
    assert blobs.read(empty) == b""
    assert list(blobs.digests()) == sorted([digest, empty])


def test_putting_what_is_there_writes_nothing(blobs: Blobs, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    blobs.put_bytes(b"abc")
    before = blobs.path(ABC).stat()
    passed: list[str] = []
    on_point(passed.append)
    blobs.put_bytes(b"abc")
    blobs.put_file(tmp_path / "file")
    on_point(None)
    assert passed == []
    assert blobs.path(ABC).stat() == before


def test_a_blob_of_another_size_is_put_right(blobs: Blobs) -> None:
    blobs.put_bytes(b"abc")
    blobs.path(ABC).chmod(0o644)
    blobs.path(ABC).write_bytes(b"ab")
    assert not blobs.has(ABC, 3)
    blobs.put_bytes(b"abc")
    assert blobs.read(ABC) == b"abc"


def test_a_damaged_blob_is_noticed_and_leaves_no_copy(blobs: Blobs, tmp_path: Path) -> None:
    blobs.put_bytes(b"abc")
    blobs.path(ABC).chmod(0o644)
    blobs.path(ABC).write_bytes(b"abd")
    with pytest.raises(BlobDamaged, match=rf"blob {ABC} .* is damaged"):
        blobs.copy(ABC, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    with pytest.raises(BlobDamaged):
        blobs.verify(ABC)
    with pytest.raises(BlobDamaged):
        blobs.read(ABC)


def test_a_copy_never_replaces_a_file(blobs: Blobs, tmp_path: Path) -> None:
    blobs.put_bytes(b"abc")
    (tmp_path / "copy").write_bytes(b"mine")
    with pytest.raises(StoreError, match="File exists"):
        blobs.copy(ABC, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"mine"


def test_a_copy_is_a_file_of_its_own(blobs: Blobs, tmp_path: Path) -> None:
    blobs.put_bytes(b"abc")
    blobs.copy(ABC, tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_ino != blobs.path(ABC).stat().st_ino


@pytest.mark.parametrize("digest", ["0" * 64, "", "../../etc/passwd", "A" * 64])
def test_what_is_not_there_is_missing(blobs: Blobs, tmp_path: Path, digest: str) -> None:
    with pytest.raises(BlobMissing):
        blobs.read(digest)
    with pytest.raises(BlobMissing):
        blobs.copy(digest, tmp_path / "copy")


@pytest.mark.parametrize("name", ["nowhere", "folder", "pipe"])
def test_a_file_that_cannot_be_read_is_named(
    blobs: Blobs, tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StoreError, match=rf"{name} cannot be read: "):
        blobs.put_file(tmp_path / name)


class Breaks:
    """A source that ends with an error."""

    def read(self, size: int, /) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_source_that_breaks_leaves_nothing(blobs: Blobs) -> None:
    with pytest.raises(StoreError, match="Input/output error"):
        blobs.put_stream(Breaks())
    assert list(blobs.digests()) == []
    assert list(scratch_of(blobs).iterdir()) == []


class Sweeps:
    """A source during which another sweeps."""

    def __init__(self, blobs: Blobs) -> None:
        self.swept = -1
        self._blobs = blobs
        self._source = io.BytesIO(b"abc")

    def read(self, size: int, /) -> bytes:
        self.swept = self._blobs.sweep()
        return self._source.read(size)


def test_files_of_the_dead_are_swept_and_those_of_the_living_are_not(blobs: Blobs) -> None:
    blobs.put_bytes(b"first")
    (scratch_of(blobs) / "dead").write_bytes(b"half a bl")
    assert blobs.sweep() == 1
    source = Sweeps(blobs)
    assert blobs.put_stream(source) == (ABC, 3)
    assert source.swept == 0
    assert blobs.read(ABC) == b"abc"


def test_sweeping_where_nothing_was_ever_put_is_nothing(blobs: Blobs) -> None:
    assert blobs.sweep() == 0


def test_a_removed_blob_is_gone_and_removing_it_again_is_nothing(blobs: Blobs) -> None:
    blobs.put_bytes(b"abc")
    with blobs.removing():
        blobs.remove(ABC)
        blobs.remove(ABC)
    assert list(blobs.digests()) == []


def test_who_keeps_blobs_and_who_removes_them_exclude_each_other(blobs: Blobs) -> None:
    put = "blobs are being put or backed up"
    with (
        blobs.keeping(),
        blobs.keeping(),
        pytest.raises(StoreLocked, match=put),
        blobs.removing(),
    ):
        pass
    removed = "blobs are being removed"
    with blobs.removing(), pytest.raises(StoreLocked, match=removed), blobs.keeping():
        pass
    with blobs.removing():
        pass


def test_a_file_that_changes_while_it_is_put_is_refused(
    blobs: Blobs, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"abc")

    def change(point: str) -> None:
        if point == "blob.begun":
            file.write_bytes(b"abd")

    on_point(change)
    try:
        with pytest.raises(StoreError, match="was changed while it was read"):
            blobs.put_file(file)
    finally:
        on_point(None)
    assert not blobs.has(ABC)
