"""What the data plane tells the control plane, and who is to hear it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from runtime.events import about
from runtime.models.manager import ModelManager
from runtime.native.server import Server as Plane
from runtime.printable import escaped

logger = logging.getLogger(__name__)

Take = Callable[[int, str, bytes, str], None]
"""Begins to answer a call: its number, method, message, and who calls."""


class Notices:
    """Reads notices and calls whenever `plane.notices_fd` is readable."""

    def __init__(
        self,
        plane: Plane,
        manager: ModelManager,
        take: Take,
        on_drained: Callable[[], None],
    ) -> None:
        self._plane = plane
        self._manager = manager
        self._take = take
        self._on_drained = on_drained

    def hear(self) -> None:
        """Pass on what there is."""
        for kind, number, text in self._plane.take_notices():
            if kind == "drained":
                self._on_drained()
            elif kind == "guilty":
                self._manager.forgive(number, text)
            elif kind == "retired":
                self._manager.note_retired(number)
            elif kind == "refused":
                more = f" (and {number} more)" if number else ""
                logger.warning("refused %s%s", escaped(text), more, extra=about("refused"))
            elif kind == "worker broken":
                logger.error(
                    "worker %d was ended: %s",
                    number,
                    text,
                    extra=about("worker_broken", worker=str(number)),
                )
        for call in self._plane.take_calls():
            self._take(*call)
