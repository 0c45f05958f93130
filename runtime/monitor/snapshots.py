"""What a version's watch knows, on disk: a restart goes on exactly where it was.

One file for each version, NumPy's .npz of plain arrays. One that cannot be used is set
aside under another name, which is said, and the version begins anew.
"""

from __future__ import annotations

import io
import logging
import os
import struct
import zipfile
import zlib
from pathlib import Path
from urllib.parse import quote

import numpy as np

from runtime.atomic import write_bytes
from runtime.events import about
from runtime.monitor import version_state
from runtime.monitor.version_watch import VersionWatch

logger = logging.getLogger(__name__)

SUFFIX = ".watch.npz"
UNUSABLE = (
    OSError, ValueError, KeyError, EOFError, RuntimeError, struct.error, zlib.error,
    zipfile.BadZipFile,
)  # fmt: skip
"""What a file raises that is damaged or of something else."""

KEPT = 64
"""Files of versions at most; the oldest go first."""


class Snapshots:
    """Writes and reads the files of a folder; without one nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._failed = False

    def path_of(self, watch: VersionWatch) -> Path | None:
        """Return the file of a version."""
        if self._folder is None:
            return None
        model, version = watch.key
        return self._folder / f"{quote(model, safe='')}-{version}{SUFFIX}"

    def write(self, watch: VersionWatch) -> None:
        """Write what a version's watch knows; a failure is said once, no more."""
        path = self.path_of(watch)
        if path is None:
            return
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **version_state.to_arrays(watch))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, content.getvalue(), mode=0o640)
            prune(path.parent)
        except OSError as error:
            if not self._failed:
                logger.error(
                    "the monitor cannot write to %s: %s; a restart begins anew",
                    path.parent, error.strerror, extra=about("monitor_unsaved"),
                )  # fmt: skip
            self._failed = True
            return
        self._failed = False

    def read(self, watch: VersionWatch) -> bool:
        """Have a version's watch go on where it was written; False: it begins anew."""
        path = self.path_of(watch)
        if path is None:
            return False
        try:
            content = io.BytesIO(path.read_bytes())
            with zipfile.ZipFile(content):
                content.seek(0)  # It is an archive; NumPy reads other things as well.
            with np.load(content, allow_pickle=False) as arrays:
                version_state.restore(watch, dict(arrays))
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


def prune(folder: Path) -> None:
    """Remove all but the `KEPT` youngest files of versions."""
    files = sorted(folder.glob(f"*{SUFFIX}"), key=lambda file: file.stat().st_mtime)
    for file in files[:-KEPT]:
        file.unlink(missing_ok=True)
