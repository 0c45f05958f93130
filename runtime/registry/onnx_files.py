"""Which files an ONNX file keeps weights in, found without the package `onnx`.

An entry of a tensor's ``external_data`` is two strings, the key ``location`` and a path,
and Protobuf writes them one after the other. Whole files are searched for that key:
a few seconds for a file of gigabytes, nothing for those that have their weights elsewhere.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from runtime.backends.onnx_cache import EXTERNAL_DATA_MARK
from runtime.errors import ConfigError

LONGEST_PATH = 1_024
MOST_DIGITS = 3
"""Bytes of a path's length: seven bits each, the lowest first."""


def beside_onnx(path: Path) -> dict[str, Path]:
    """Return the files that hold weights of an ONNX file, by their path beside it.

    Raises ConfigError where one is not there or lies outside of the file's folder.
    """
    root = path.parent.resolve()
    found = {}
    for name in locations(path):
        place = path.parent / name
        try:
            real = place.resolve(strict=True)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{path} keeps weights in {name!r}, which is not beside it"
            ) from error
        if Path(name).is_absolute() or not real.is_relative_to(root):
            raise ConfigError(f"{path} keeps weights in {name!r}, out of its folder")
        found[Path(name).as_posix()] = real
    return found


def locations(path: Path) -> set[str]:
    """Return the paths that a file's ``external_data`` entries name."""
    if path.stat().st_size == 0:
        return set()
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as content,
    ):
        return set(_values(content))


def _values(content: mmap.mmap) -> Iterator[str]:
    at = content.find(EXTERNAL_DATA_MARK)
    while at >= 0:
        at += len(EXTERNAL_DATA_MARK)
        used, length = _length(content[at : at + MOST_DIGITS])
        text = content[at + used : at + used + min(length, LONGEST_PATH)]
        if 0 < len(text) == length:
            name = text.decode(errors="replace")
            if name.isprintable():
                yield name
        at = content.find(EXTERNAL_DATA_MARK, at)


def _length(head: bytes) -> tuple[int, int]:
    """Return how many bytes a length takes, and the length; 0 for none."""
    length = 0
    for at, byte in enumerate(head):
        length |= (byte & 0x7F) << 7 * at
        if byte < 0x80:
            return at + 1, length
    return 0, 0
