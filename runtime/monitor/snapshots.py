"""What a version's watch knows, on disk: a restart goes on exactly where it was.

One file for each version, NumPy's .npz of plain arrays. One that cannot be used is set
aside under another name, which is said, and the version begins anew.
"""

from __future__ import annotations

import io
import logging
import os
import struct
import threading
import zipfile
import zlib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from runtime.atomic import write_bytes
from runtime.events import about
from runtime.monitor import version_state
from runtime.monitor.last_writer import LastWriter
from runtime.monitor.version_watch import VersionWatch

logger = logging.getLogger(__name__)

SUFFIX = ".watch.npz"
UNUSABLE = (
    OSError, ValueError, KeyError, EOFError, RuntimeError, struct.error, zlib.error,
    zipfile.BadZipFile,
)  # fmt: skip
"""What a file raises that is damaged or of something else."""

KEPT = 64
"""Files of versions that serve no longer; the oldest go first."""

Arrays = dict[str, npt.NDArray[Any]]


class Snapshots:
    """Writes and reads the files of a folder; without one nothing is kept.

    What is to be written is taken at once and written by a thread that may wait for the
    disk. To be called from one thread.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._failed = False
        self._serving: frozenset[Path] = frozenset()
        self._pending: dict[Path, Arrays] = {}  # Also while they are written.
        self._lock = threading.Lock()
        self._writer: LastWriter[None] = LastWriter("monitor-snapshots", self._write_all)

    def path_of(self, watch: VersionWatch) -> Path | None:
        """Return the file of a version."""
        if self._folder is None:
            return None
        model, version = watch.key
        return self._folder / f"{quote(model, safe='')}-{version}{SUFFIX}"

    def save(self, watches: Iterable[VersionWatch]) -> None:
        """Have all versions that serve written, soon."""
        found = {path: watch for watch in watches if (path := self.path_of(watch))}
        self._serving = frozenset(found)
        for watch in found.values():
            self.write(watch)

    def write(self, watch: VersionWatch) -> None:
        """Have what a version's watch knows by now written, soon."""
        path = self.path_of(watch)
        if path is None:
            return
        arrays = version_state.to_arrays(watch)
        with self._lock:
            self._pending[path] = arrays
        self._writer.put(None)

    def settle(self) -> bool:
        """Wait until all was tried; tell whether it is written."""
        return self._writer.settle()

    def close(self) -> bool:
        """Write what waits, and end; tell whether all is written."""
        return self._writer.close()

    def _write_all(self, _: None) -> bool:
        """Write what is pending; a failure is said once, no more."""
        with self._lock:
            pending = list(self._pending.items())
        try:
            for path, arrays in pending:
                self._write(path, arrays)
        except OSError as error:
            if not self._failed:
                logger.error(
                    "the monitor cannot write to %s: %s; a restart begins anew",
                    path.parent, error.strerror, extra=about("monitor_unsaved"),
                )  # fmt: skip
            self._failed = True
            return False
        self._failed = False
        return True

    def _write(self, path: Path, arrays: Arrays) -> None:
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **arrays)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content.getvalue(), mode=0o640)
        prune(path.parent, self._serving)
        with self._lock:
            if self._pending.get(path) is arrays:
                del self._pending[path]

    def read(self, watch: VersionWatch) -> bool:
        """Have a version's watch go on where it was written; False: it begins anew."""
        path = self.path_of(watch)
        if path is None:
            return False
        with self._lock:
            pending = self._pending.get(path)
        try:
            version_state.restore(watch, pending or _read(path))
        except FileNotFoundError:
            return False
        except UNUSABLE as error:
            self._set_aside(path, error)
            return False
        return True

    def _set_aside(self, path: Path, error: Exception) -> None:
        aside = path.with_name(f"{path.name}.unusable")
        try:
            os.replace(path, aside)
        except OSError:
            aside = path
        logger.error(
            "%s cannot be used (%s): it is kept as %s, and watching begins anew",
            path.name, error, aside.name, extra=about("monitor_state_unusable"),
        )  # fmt: skip


def _read(path: Path) -> Arrays:
    """Return a file's arrays; raises what `UNUSABLE` lists."""
    content = io.BytesIO(path.read_bytes())
    with zipfile.ZipFile(content):
        content.seek(0)  # It is an archive; NumPy reads other things as well.
    with np.load(content, allow_pickle=False) as arrays:
        return dict(arrays)


def prune(folder: Path, serving: Collection[Path] = ()) -> None:
    """Remove all but the `KEPT` youngest files of versions that do not serve."""
    files = [file for file in folder.glob(f"*{SUFFIX}") if file not in serving]
    for file in sorted(files, key=lambda file: file.stat().st_mtime)[:-KEPT]:
        file.unlink(missing_ok=True)
