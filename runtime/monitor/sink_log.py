"""Alarms as lines of the server's log."""

from __future__ import annotations

import logging

from runtime.events import about
from runtime.monitor.alarm_book import Change
from runtime.monitor.lifecycle import State
from runtime.monitor.sinks import Batch, SinkError, SinkOptions
from runtime.printable import escaped

logger = logging.getLogger(__name__)

LEVELS = {
    State.FIRING: logging.WARNING,
    State.COOLING: logging.INFO,
    State.RESOLVED: logging.INFO,
}


class LogSink:
    """One line for each change: a warning when an alarm fires, else information."""

    name = "log"

    def __init__(self) -> None:
        self._is_closed = False

    def send(self, batch: Batch) -> None:
        """Write the lines."""
        if self._is_closed:
            raise SinkError("the log is closed", again=False)
        for change in batch.changes:
            alarm = change.alarm
            subject = alarm.subject
            logger.log(
                LEVELS.get(alarm.state, logging.INFO),
                "alarm %s %s: %s",
                alarm.id,
                words_of(change),
                escaped(alarm.sentence),
                extra=about(
                    f"alarm_{alarm.state.value}", subject.model, str(subject.version)
                ),
            )

    def close(self) -> None:
        """Write no more."""
        self._is_closed = True


def words_of(change: Change) -> str:
    """Return what happened to an alarm."""
    alarm = change.alarm
    match alarm.state:
        case State.FIRING if change.before is State.COOLING:
            return f"fires again ({alarm.refires} times while it was cooling)"
        case State.FIRING:
            return "fires"
        case State.RESOLVED:
            return f"is over ({alarm.reason})"
    return f"is {alarm.state.value}"


def log_sink(options: SinkOptions) -> LogSink:
    """Return the sink; it needs no options."""
    return LogSink()
