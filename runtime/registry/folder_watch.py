"""Hears of names that come, go or change in folders, through the kernel's inotify.

Where the kernel gives no inotify, or no more watches, there is nothing to hear: whoever
listens looks by itself from time to time as well.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

IN_CLOSE_WRITE = 0x8
IN_MOVED_FROM = 0x40
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_DELETE = 0x200
IN_DELETE_SELF = 0x400
IN_MOVE_SELF = 0x800
IN_ONLYDIR = 0x0100_0000
CHANGES = (
    IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE
    | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR
)  # fmt: skip


class FolderWatch:
    """A descriptor that is readable once something changed in folders that were added.

    `descriptor` is -1 where the kernel gives none. Reading it empty makes it quiet again.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)

    def add(self, folder: Path) -> None:
        """Listen to a folder too; added once more, it stays as it is.

        A folder that is not there is passed over: its parent tells when it comes.
        """
        if self.descriptor >= 0:
            path = os.fsencode(folder)
            self._libc.inotify_add_watch(self.descriptor, path, ctypes.c_uint32(CHANGES))

    def close(self) -> None:
        """Give the descriptor back."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.descriptor = -1
