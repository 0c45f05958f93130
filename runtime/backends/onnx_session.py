"""Opens ONNX Runtime sessions: its options, its errors, and the prepared copy of a file.

The optimised graph is kept with every optimisation in it, also those for this processor: a
text recogniser takes 6.2 ms with them and 10.2 ms without. The cache's key therefore names
the processor's instruction sets.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from runtime.backends.base import LoadOptions
from runtime.backends.onnx_cache import (
    Entry,
    default_folder,
    discard,
    find_entry,
    instruction_sets,
    is_self_contained,
)
from runtime.errors import ModelError

if TYPE_CHECKING:
    import onnxruntime

logger = logging.getLogger(__name__)

PROVIDER = "CPUExecutionProvider"
SILENT = 4
"""Log level of a session: what goes wrong arrives as an exception, once."""

CACHE_OPTION = "cache"
"""Key in `LoadOptions.extra`; ``off`` neither reads nor writes prepared copies."""


def import_onnxruntime() -> ModuleType:
    """Import ONNX Runtime with its telemetry off, or say how to install it."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError(
            f"ONNX models need onnxruntime, which cannot be imported ({error}): "
            "pip install 'leeboard[cpu]'"
        ) from error
    return onnxruntime


def errors_of(ort: ModuleType) -> tuple[type[Exception], ...]:
    """Return every exception class that ONNX Runtime raises; they share no base."""
    state = ort.capi.onnxruntime_pybind11_state
    own = [kind for kind in vars(state).values() if isinstance(kind, type)]
    return (RuntimeError, ValueError, *(k for k in own if issubclass(k, Exception)))


def first_line(error: Exception) -> str:
    """Return what an error of ONNX Runtime says, without its decoration."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].removeprefix("[ONNXRuntimeError] : ")


@dataclass(frozen=True, slots=True)
class SessionMaker:
    """Makes sessions of one model file under one set of options."""

    ort: ModuleType
    errors: tuple[type[Exception], ...]
    path: Path
    options: LoadOptions

    def open(self) -> onnxruntime.InferenceSession:
        """Open the prepared copy, or the file, which then makes the copy."""
        entry = self._entry()
        session = self._from_prepared(entry) if entry else None
        if entry and not session:
            session = self._from_file_preparing(entry)
        return session or self._from_file()

    def _entry(self) -> Entry | None:
        if self.options.extra.get(CACHE_OPTION) == "off":
            return None
        made_by = f"{self.ort.__version__}\0{PROVIDER}\0{instruction_sets()}"
        return find_entry(self.path, self.options.cache_dir or default_folder(), made_by)

    def _from_prepared(self, entry: Entry) -> onnxruntime.InferenceSession | None:
        if not entry.is_intact():
            return None
        try:
            return self._new(entry.model, is_prepared=True)
        except self.errors as error:
            logger.warning("%s is prepared anew: %s", self.path, first_line(error))
            return None

    def _from_file_preparing(self, entry: Entry) -> onnxruntime.InferenceSession | None:
        written = entry.new_file() if is_self_contained(self.path) else None
        if written is None:
            return None
        try:
            session = self._new(self.path, save_to=written)
        except self.errors:  # The file's fault or the disk's: opening without tells.
            discard(written)
            return None
        entry.adopt(written)
        return session

    def _from_file(self) -> onnxruntime.InferenceSession:
        try:
            return self._new(self.path)
        except self.errors as error:
            raise ModelError(
                f"{self.path} cannot be opened: {first_line(error)}; it is not a whole "
                f"ONNX file, or needs another ONNX Runtime than {self.ort.__version__}"
            ) from error

    def _new(
        self, path: Path, *, is_prepared: bool = False, save_to: Path | None = None
    ) -> onnxruntime.InferenceSession:
        levels = self.ort.GraphOptimizationLevel
        settings = self.ort.SessionOptions()
        settings.intra_op_num_threads = self.options.threads
        settings.inter_op_num_threads = 1
        settings.execution_mode = self.ort.ExecutionMode.ORT_SEQUENTIAL
        settings.log_severity_level = SILENT
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        settings.graph_optimization_level = (
            levels.ORT_DISABLE_ALL if is_prepared else levels.ORT_ENABLE_ALL
        )
        if save_to:
            settings.optimized_model_filepath = str(save_to)
        session: onnxruntime.InferenceSession = self.ort.InferenceSession(
            str(path), settings, providers=[PROVIDER]
        )
        return session
