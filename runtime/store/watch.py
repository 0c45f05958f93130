"""Wakes a process when another one has committed something to a store.

Each commit writes the file `changed` of the store's folder, and the kernel says so
(inotify). Where it cannot, on network file systems or when its watches are used up, there
is no descriptor, or it stays silent: whoever watches looks again by itself now and then.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from pathlib import Path

from runtime.store.engine import DATABASE
from runtime.store.store import CHANGED, touch

IN_CLOSE_WRITE, IN_MOVE_SELF, IN_DELETE_SELF = 0x8, 0x800, 0x400
LOOKED_FOR = IN_CLOSE_WRITE | IN_MOVE_SELF | IN_DELETE_SELF
EVENT = struct.Struct("iIII")
"""Of inotify: watch, mask, cookie, length of the name that follows."""

SOME = 65_536


class ChangeWatch:
    """A descriptor that is readable after a commit. Not safe on several threads."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / CHANGED
        self._kernel = ctypes.CDLL(None, use_errno=True)
        self._descriptor: int = self._kernel.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        self._watch = -1
        # Where no store is, nothing is left that a restore would find in its way.
        if not self._file.exists() and (folder / DATABASE).exists():
            touch(folder)
        self._look()
        if self._watch < 0:
            self.close()

    def fileno(self) -> int:
        """Return the descriptor, or -1 where there is none; it belongs to the watch."""
        return self._descriptor

    def drain(self) -> bool:
        """Read the descriptor empty; returns whether anything was committed.

        A folder that was put in the place of this one counts as a commit; when nothing
        makes the descriptor readable then, the next call sees it all the same.
        """
        if self._descriptor < 0:
            return False
        has_moved = self._look()
        seen = 0
        while read := self._read():
            seen |= read
        return bool(seen & IN_CLOSE_WRITE) or has_moved

    def close(self) -> None:
        """Close the descriptor; again is nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def _look(self) -> bool:
        """Watch the file that has the name; returns whether it is another than before."""
        if self._descriptor < 0:
            return False
        name = ctypes.c_char_p(os.fsencode(self._file))
        before = self._watch
        # The same file has the same number, and is then watched as before.
        self._watch = self._kernel.inotify_add_watch(self._descriptor, name, LOOKED_FOR)
        if self._watch != before and before >= 0:
            self._kernel.inotify_rm_watch(self._descriptor, before)
        return self._watch not in (before, -1)

    def _read(self) -> int:
        """Return what some waiting events say, all in one; 0 when none waits."""
        try:
            events = os.read(self._descriptor, SOME)
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return 0
            raise
        seen, at = 0, 0
        while at < len(events):
            _, mask, _, length = EVENT.unpack_from(events, at)
            seen |= mask
            at += EVENT.size + length
        return seen
