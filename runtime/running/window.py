"""A text that a process shows to whoever may look into it, and to nobody else.

It lies in memory behind a descriptor of the process (a memfd). The kernel lets only the
process's own user, and root, open another process's descriptors: no port and no file tells
the text, it can be read while the process's Python is busy, and it goes with the process.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

MOST_BYTES = 16 << 20


class Window:
    """Shows one text under a name, from the first `write` until `close`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._fd = -1

    def write(self, text: str) -> None:
        """Show a text in the place of the one before; readers see either, and whole."""
        fd = os.memfd_create(self._name)
        with os.fdopen(os.dup(fd), "wb") as file:
            file.write(text.encode(errors="backslashreplace"))
        self.close()
        self._fd = fd

    def close(self) -> None:
        """Show nothing any more."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def read_window(name: str, pids: Iterable[int]) -> str | None:
    """Return what the first of these processes shows under a name.

    None when there is none, or it is another user's.
    """
    link = f"/memfd:{name} (deleted)"
    for pid in pids:
        with suppress(OSError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                # Descriptors come and go while they are looked at.
                with suppress(OSError):
                    if os.readlink(descriptor) == link:
                        with descriptor.open("rb") as file:
                            return file.read(MOST_BYTES).decode(errors="replace")
    return None
