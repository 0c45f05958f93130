"""What is known of quality, harm and gaps, on disk: one file, so all of one moment.

NumPy's .npz of plain arrays. The books say which pair of the journal they saw last; what
was made of the pairs before stands beside them, so after a restart no pair counts twice and
none is missed.
"""

from __future__ import annotations

import io
import logging
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.atomic import write_bytes
from runtime.events import about
from runtime.monitor.snapshots import UNUSABLE
from runtime.monitor.version_state import packed, part, unpacked

logger = logging.getLogger(__name__)

FORMAT = 1

Arrays = Mapping[str, npt.NDArray[Any]]
Who = tuple[str, str, int]
"""What it is ("harm", "gaps"), and of which model and version."""


@dataclass(frozen=True, slots=True)
class Content:
    """The state of the books as JSON values, and arrays of what judges their pairs."""

    books: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[Who, Arrays] = field(default_factory=dict)


class LabelledFile:
    """Writes and reads a file; one that cannot be used is set aside and told."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_failing = False

    def write(self, content: Content) -> None:
        """Write the whole file; a failure is said once, no more."""
        about_it = {"format": FORMAT, "books": content.books, "parts": list(content.parts)}
        arrays: dict[str, npt.NDArray[Any]] = {"about": packed(about_it)}
        for place, those in enumerate(content.parts.values()):
            arrays |= {f"{place}.{name}": array for name, array in those.items()}
        stream = io.BytesIO()
        np.savez(stream, allow_pickle=False, **arrays)
        try:
            write_bytes(self._path, stream.getvalue(), mode=0o640)
        except OSError as error:
            if not self._is_failing:
                logger.error(
                    "quality cannot be written to %s: %s; a restart would judge anew",
                    self._path, error.strerror, extra=about("quality_unsaved"),
                )  # fmt: skip
            self._is_failing = True
            return
        self._is_failing = False

    def read(self) -> Content:
        """Return what was written; nothing where there is no file, or none that serves."""
        try:
            return self._decoded(io.BytesIO(self._path.read_bytes()))
        except FileNotFoundError:
            return Content()
        except (TypeError, *UNUSABLE) as error:
            self.set_aside(error)
            return Content()

    def _decoded(self, stream: io.BytesIO) -> Content:
        with zipfile.ZipFile(stream):
            stream.seek(0)  # It is an archive; NumPy reads other things as well.
        with np.load(stream, allow_pickle=False) as found:
            arrays = dict(found)
        told = unpacked(arrays["about"])
        if told["format"] != FORMAT:
            raise ValueError(f"it has format {told['format']}, this program reads {FORMAT}")
        parts = {
            (str(kind), str(model), int(version)): part(arrays, f"{place}.")
            for place, (kind, model, version) in enumerate(told["parts"])
        }
        return Content(told["books"], parts)

    def set_aside(self, error: Exception) -> None:
        """Give the file another name, and say why."""
        aside = self._path.with_name(f"{self._path.name}.unusable")
        try:
            os.replace(self._path, aside)
        except OSError:
            aside = self._path
        logger.error(
            "%s cannot be used (%s): it is kept as %s, and quality is judged anew",
            self._path.name, error, aside.name, extra=about("monitor_state_unusable"),
        )  # fmt: skip
