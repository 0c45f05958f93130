"""The slot of one worker of a version."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from runtime.events import about
from runtime.workers.process import WorkerProcess

logger = logging.getLogger(__name__)

INFO, WARNING, ERROR = logging.INFO, logging.WARNING, logging.ERROR


@dataclass
class Instance:
    """One worker's slot: the process that fills it now, and how often that went wrong."""

    name: str
    model: str
    version: str
    process: WorkerProcess | None = None
    worker: int = 0  # The data plane's number of it.
    serving: bool = False
    failures: int = 0
    served_since: float = 0.0
    batches_before: int = 0  # Of the version, when it began to serve.
    last_end: str = ""

    def say(self, level: int, event: str, words: str, *values: object) -> None:
        """Log a change of this worker's state; the words follow its name."""
        extra = about(event, self.model, self.version, self.name)
        logger.log(level, f"%s {words}", self.name, *values, extra=extra)
