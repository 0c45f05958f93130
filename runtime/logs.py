r"""How log lines look: plain words or JSON, and never a character that is not printable.

Whatever a client puts into a name or an id, and a model into its words, a line stays one
line and a terminal shows it as it is: the formatters escape, whoever logs.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TextIO

from runtime.printable import escaped

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("plain", "json")
OURS = "runtime"
logger = logging.getLogger(__name__)

TRACE_MARK = "  | "
"""Stands before each line of a traceback, so that none looks like a line of the log."""

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; the rest of one came through `extra`."""


def traceback_of(record: logging.LogRecord) -> str:
    """Return a record's exception as Python words it, or nothing."""
    if record.exc_info and not record.exc_text:
        record.exc_text = logging.Formatter().formatException(record.exc_info)
    return record.exc_text or ""


def fields_of(record: logging.LogRecord) -> Mapping[str, object]:
    """Return what came through `extra`."""
    return {k: v for k, v in vars(record).items() if k not in STANDARD}


class PlainFormatter(logging.Formatter):
    """``2026-11-23 15:43:16,123 INFO words``; a traceback follows, marked."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the marked lines of a traceback."""
        line = (
            f"{self.formatTime(record)} {record.levelname} {escaped(record.getMessage())}"
        )
        trace = traceback_of(record)
        marked = [f"\n{TRACE_MARK}{escaped(part)}" for part in trace.splitlines()]
        return line + "".join(marked)


class JsonFormatter(logging.Formatter):
    """One object a line: ts, level, logger, message, what `extra` gave, exception.

    Text is ASCII; everything else, DEL included, is escaped as JSON does.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "ts": at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in fields_of(record).items():
            line.setdefault(name, value)
        if trace := traceback_of(record):
            line["exception"] = trace
        return json.dumps(line, default=str).replace("\x7f", "\\u007f")


class LogHandler(logging.StreamHandler[TextIO]):
    """Our handler, so that it can be found again; without a stream, onto standard error."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__(stream or sys.stderr)
        self._follows = stream is None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; standard error is what it is at that moment."""
        if self._follows:
            self.stream = sys.stderr
        super().emit(record)


def configure(
    style: str = "plain", level: str = "info", stream: TextIO | None = None
) -> None:
    """Make all logging of this process go to a stream (standard error) in a style.

    Handlers that write to the terminal are replaced; others stay. Python's warnings, and
    exceptions that end a thread, become log lines.
    """
    root = logging.getLogger()
    for handler in list(root.handlers):
        to_terminal = type(handler) is logging.StreamHandler and handler.stream in (
            sys.stderr,
            sys.stdout,
        )
        if to_terminal or isinstance(handler, LogHandler):
            root.removeHandler(handler)
    handler = LogHandler(stream)
    handler.setFormatter(JsonFormatter() if style == "json" else PlainFormatter())
    root.addHandler(handler)
    logging.captureWarnings(True)
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = log_thread_end
    set_level(level)


def shown_level() -> int:
    """Return the level from which lines are shown; 0 where nothing was configured."""
    handlers = (h for h in logging.getLogger().handlers if isinstance(h, LogHandler))
    return max((handler.level for handler in handlers), default=logging.NOTSET)


@contextmanager
def configured(style: str = "plain", level: str = "info") -> Iterator[None]:
    """Log as `configure` makes it within a block, and as before after it."""
    root, ours = logging.getLogger(), logging.getLogger(OURS)
    handlers, levels = list(root.handlers), (root.level, ours.level)
    show, hook = warnings.showwarning, threading.excepthook
    configure(style, level)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(levels[0])
        ours.setLevel(levels[1])
        if warnings.showwarning is not show:
            logging.captureWarnings(False)
        threading.excepthook = hook


def log_thread_end(end: threading.ExceptHookArgs) -> None:
    """Log the exception that ended a thread, which would else be printed as it is."""
    if end.exc_value is None or issubclass(end.exc_type, SystemExit):
        return
    name = end.thread.name if end.thread is not None else "unknown"
    trace = (end.exc_type, end.exc_value, end.exc_traceback)
    logger.critical("thread %s ended by an exception", name, exc_info=trace)


def set_level(level: str) -> None:
    """Show lines from a level on; ours below info only, others' never below info.

    May be called at any time. Events are kept whatever is shown.
    """
    number = getattr(logging, level.upper())
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogHandler):
            handler.setLevel(number)
    logging.getLogger().setLevel(logging.INFO)
    logging.getLogger(OURS).setLevel(min(number, logging.INFO))
