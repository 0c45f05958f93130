"""Files that a reader sees whole: as they are now, or as they were before.

What is written goes into a file of another name in the same folder, is on the disk before
it takes its place, and so is the folder after that: a crash leaves the old file or the
whole new one. Names of temporary files are random, so that one left over by a crash is in
nobody's way.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
CANNOT_SYNC = (errno.EACCES, errno.EBADF, errno.EINVAL)
"""Of folders that we may not read, and on file systems that know no fsync of folders."""


@contextmanager
def replacing(
    path: Path, *, mode: int = 0o666, exclusive: bool = False
) -> Iterator[BinaryIO]:
    """Write a new content for a file, which takes its place when the block ends.

    The file that is given must be left open. An error in the block leaves the file as it
    was and nothing beside it; so does an OSError afterwards, but for a folder that the disk
    does not take: then the new file is in place, and a crash may undo that.

    `mode` is narrowed by the process's umask; 0o600 is for secrets. With `exclusive` no
    file is ever replaced: FileExistsError is raised where one is there by the end. That
    needs a file system with hard links.
    """
    scratch = path.with_name(f".{path.name}.{os.urandom(8).hex()}.tmp")
    descriptor = os.open(scratch, FLAGS, mode)
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if exclusive:
            os.link(scratch, path)
        else:
            scratch.replace(path)
    finally:
        with suppress(OSError):
            scratch.unlink()
    sync_folder(path.parent)


def write_bytes(
    path: Path, content: bytes, *, mode: int = 0o666, exclusive: bool = False
) -> None:
    """Write a whole file; see `replacing`."""
    with replacing(path, mode=mode, exclusive=exclusive) as file:
        file.write(content)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where that can be had."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in CANNOT_SYNC:
            raise
