"""A zip archive as a model file, read without trusting it.

PyTorch's files are zips. A file is read into memory once, under a size limit; what is
checked is what is loaded, whatever happens to the file meanwhile. The archive is then built
anew from the checked members, so no reader can see in the old bytes what this one did not.
"""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from runtime.errors import ModelError

MOST_BYTES = 32 << 30
MOST_MEMBERS = 100_000
MOST_GROWTH = 200
"""How much larger than the file its members together may be, as a factor; deflate reaches a
thousand on zeros, program text about ten."""

ENCRYPTED = 0x1
STORED_OR_DEFLATED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_once(path: Path, most: int = MOST_BYTES) -> bytes:
    """Return a file's bytes; raises ModelError when there is no file, none, or too many."""
    if not path.is_file():
        raise ModelError(f"{path} is not a file; name a model file")
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            data = stream.read(size) if size <= most else b""
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if size == 0:
        raise ModelError(f"{path} is empty; copy the model again")
    if size > most:
        raise ModelError(f"{path} has {size} bytes; at most {most} are opened")
    return data


@dataclass(frozen=True)
class Archive:
    """Members by their names beneath the archive's one folder (``root``)."""

    path: Path
    root: str
    members: Mapping[str, zipfile.ZipInfo]
    file: zipfile.ZipFile

    def read(self, name: str) -> bytes:
        """Return one member whole; raises ModelError when it is not what it declares."""
        info = self.members[name]
        try:
            with self.file.open(info) as stream:
                content = stream.read(info.file_size + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise ModelError(
                f"{self.path}: member {name!r} is damaged ({error}); copy the model again"
            ) from error
        if len(content) != info.file_size:
            raise ModelError(
                f"{self.path}: member {name!r} has {len(content)} bytes, declared "
                f"{info.file_size}; copy the model again"
            )
        return content


def open_archive(path: Path, data: bytes) -> Archive:
    """Check a zip's directory and return its members; raises ModelError for what is odd."""
    try:
        file = zipfile.ZipFile(io.BytesIO(data))
        infos = [info for info in file.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise ModelError(
            f"{path} is not a whole zip archive ({error}), as PyTorch's model files are; "
            "it was cut short or is of another format: copy or export it again"
        ) from error
    if len(infos) > MOST_MEMBERS:
        raise ModelError(
            f"{path} has {len(infos)} members; at most {MOST_MEMBERS} are read"
        )
    for info in infos:
        refuse_odd(path, info)
    refuse_bomb(path, infos, len(data))
    names = [info.filename for info in infos]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ModelError(f"{path}: member {twice!r} is there twice; export the model again")
    root = common_root(names)
    below = {info.filename.removeprefix(f"{root}/"): info for info in infos}
    return Archive(path, root, below, file)


def refuse_odd(path: Path, info: zipfile.ZipInfo) -> None:
    """Raise ModelError for a member that no export tool writes."""
    parts = PurePosixPath(info.filename).parts
    reason = ""
    if not parts or parts[0] == "/" or ".." in parts or "\\" in info.filename:
        reason = "has a path that leads out of the archive"
    elif info.flag_bits & ENCRYPTED:
        reason = "is encrypted"
    elif info.compress_type not in STORED_OR_DEFLATED:
        reason = f"is compressed by method {info.compress_type}"
    elif info.compress_type == zipfile.ZIP_STORED and info.file_size != info.compress_size:
        reason = f"declares {info.file_size} bytes and holds {info.compress_size}"
    if reason:
        raise ModelError(
            f"{path}: member {info.filename!r} {reason}; export the model again"
        )


def refuse_bomb(path: Path, infos: list[zipfile.ZipInfo], size: int) -> None:
    """Raise ModelError when members claim more bytes than a file of this size can hold."""
    packed = sum(info.compress_size for info in infos)
    unpacked = sum(info.file_size for info in infos)
    if packed > size:
        raise ModelError(f"{path}: its members overlap; export the model again")
    if unpacked > MOST_BYTES or unpacked > MOST_GROWTH * size:
        raise ModelError(
            f"{path} would grow from {size} to {unpacked} bytes when unpacked, as no model "
            "does; export the model again"
        )


def common_root(names: list[str]) -> str:
    """Return the folder that all members lie in, or "" where there is none."""
    roots = {name.partition("/")[0] if "/" in name else "" for name in names}
    return roots.pop() if len(roots) == 1 else ""


def build_archive(root: str, members: Iterable[tuple[str, bytes]]) -> io.BytesIO:
    """Return a zip of stored members beneath one folder, rewound.

    Takes one member at a time, so that weights need not lie in memory once more.
    """
    built = io.BytesIO()
    with zipfile.ZipFile(built, "w", zipfile.ZIP_STORED) as file:
        for name, content in members:
            file.writestr(f"{root or 'model'}/{name}", content)
    built.seek(0)
    return built
