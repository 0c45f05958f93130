"""A file is replaced as a whole, once it is on the disk, or not at all."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runtime.atomic import replacing, write_bytes

OLD, NEW = b"what was", b"what is"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    return path


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def failing(
    monkeypatch: pytest.MonkeyPatch, code: int, is_failing: Callable[[int], bool]
) -> None:
    """Let fsync fail for some descriptors, told by their st_mode."""
    sync = os.fsync

    def fail(descriptor: int) -> None:
        if is_failing(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fail)


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(path: Path) -> None:
    with replacing(path) as file:
        file.writelines([NEW] * 100_000)
        assert path.read_bytes() == OLD
    assert path.read_bytes() == NEW * 100_000
    assert os.listdir(path.parent) == ["file"]


def test_who_has_the_old_file_open_keeps_it(path: Path) -> None:
    with path.open("rb") as reader:
        write_bytes(path, NEW)
        assert reader.read() == OLD


@pytest.mark.parametrize("error", [OSError("disk"), ValueError("no"), KeyboardInterrupt()])
def test_an_error_amid_writing_leaves_the_old_file_and_nothing_else(
    path: Path, error: BaseException
) -> None:
    def fail() -> None:
        with replacing(path) as file:
            file.write(NEW)
            file.flush()
            assert len(os.listdir(path.parent)) == 2
            raise error

    with pytest.raises(type(error)) as caught:
        fail()
    assert caught.value is error
    assert path.read_bytes() == OLD
    assert os.listdir(path.parent) == ["file"]


def test_a_disk_that_fails_leaves_the_old_file_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, errno.ENOSPC, stat.S_ISREG)
    with pytest.raises(OSError, match="No space left"):
        write_bytes(path, NEW)
    assert path.read_bytes() == OLD
    assert os.listdir(path.parent) == ["file"]


def test_a_place_that_is_none_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_bytes(tmp_path / "none" / "file", NEW)
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_bytes(tmp_path / "folder", NEW)
    assert os.listdir(tmp_path) == ["folder"]


def test_the_file_is_on_the_disk_before_it_is_in_place_and_the_folder_after(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, bytes]] = []
    sync = os.fsync

    def record(descriptor: int) -> None:
        sync(descriptor)
        synced.append((os.fstat(descriptor).st_ino, path.read_bytes()))

    monkeypatch.setattr(os, "fsync", record)
    write_bytes(path, NEW)
    assert synced == [(path.stat().st_ino, OLD), (path.parent.stat().st_ino, NEW)]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EBADF, errno.EACCES])
def test_folders_that_cannot_be_synced_are_no_error(
    path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    failing(monkeypatch, code, stat.S_ISDIR)
    write_bytes(path, NEW)
    assert path.read_bytes() == NEW


def test_a_folder_that_is_not_on_the_disk_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, errno.EIO, stat.S_ISDIR)
    with pytest.raises(OSError, match="Input/output error"):
        write_bytes(path, NEW)
    assert path.read_bytes() == NEW
    assert os.listdir(path.parent) == ["file"]


@pytest.mark.parametrize(
    ("mask", "mode", "expected"),
    [(0, 0o600, 0o600), (0o022, 0o666, 0o644), (0o077, 0o666, 0o600), (0, 0o444, 0o444)],
)
def test_the_mode_is_the_callers_less_the_umask(
    path: Path, mask: int, mode: int, expected: int
) -> None:
    with umask(mask), replacing(path, mode=mode) as file:
        (scratch,) = (each for each in path.parent.iterdir() if each != path)
        assert stat.S_IMODE(scratch.stat().st_mode) == expected
        file.write(NEW)
    assert stat.S_IMODE(path.stat().st_mode) == expected


def test_without_a_mode_a_file_is_as_open_makes_it(path: Path) -> None:
    other = path.with_name("other")
    with umask(0o027):
        write_bytes(path, NEW)
        other.touch()
    assert path.stat().st_mode == other.stat().st_mode


def test_a_link_is_replaced_and_not_followed(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    write_bytes(link, NEW)
    assert not link.is_symlink()
    assert (path.read_bytes(), link.read_bytes()) == (OLD, NEW)


def test_what_is_exclusive_replaces_nothing(path: Path) -> None:
    with pytest.raises(FileExistsError):
        write_bytes(path, NEW, exclusive=True)
    assert path.read_bytes() == OLD
    assert os.listdir(path.parent) == ["file"]


def test_what_is_exclusive_is_written_where_nothing_is(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_bytes(path, NEW, mode=0o600, exclusive=True)
    assert path.read_bytes() == NEW
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_nlink == 1
    assert os.listdir(tmp_path) == ["file"]


def test_of_two_exclusive_writers_the_first_to_end_wins(tmp_path: Path) -> None:
    path = tmp_path / "file"

    def lose() -> None:
        with replacing(path, exclusive=True) as file:
            file.write(OLD)
            write_bytes(path, NEW, exclusive=True)

    with pytest.raises(FileExistsError):
        lose()
    assert path.read_bytes() == NEW
    assert os.listdir(tmp_path) == ["file"]
