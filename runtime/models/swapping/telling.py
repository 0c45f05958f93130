"""What clients, people and the log are told of a followed model."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from runtime.events import about
from runtime.models.describe import FOLLOWS
from runtime.models.swapping.local_state import Frozen
from runtime.models.swapping.records import Kept
from runtime.registry.source import Happened, Pointer

logger = logging.getLogger(__name__)

TROUBLES = ("version_refused", "not_followed")


@dataclass(frozen=True, slots=True)
class Follows:
    """How a version stands to its alias; what ``leeboard why`` reads.

    `wanted` is where the alias points, `serving` the version that answers those who name
    none, `back` the one that a rollback would serve; 0 for none. `frozen` says on which
    version, by whom and why, if the model is.
    """

    alias: str
    stage: str
    wanted: int
    back: int
    frozen: str = ""
    serving: int = 0


def told_of(
    pointer: Pointer | None, frozen: Frozen | None, serving: int, back: int, kept: Kept
) -> Mapping[str, str]:
    """Return the parameters of a version's configuration that say how it stands."""
    alias = f"{kept.pointer.model}@{pointer.alias}" if pointer else kept.pointer.model
    follows = Follows(
        alias,
        kept.stage.value,
        pointer.number if pointer else 0,
        back,
        frozen_words(frozen) if frozen else "",
        serving,
    )
    return {FOLLOWS: json.dumps(asdict(follows))}


def frozen_words(frozen: Frozen) -> str:
    """Return a freeze in words."""
    reason = f": {frozen.reason}" if frozen.reason else ""
    return f"on version {frozen.number} by {frozen.by} since {moment(frozen.at)}{reason}"


def chosen_words(pointer: Pointer, why: str) -> str:
    """Return what made a server load a version: the alias, or another reason."""
    alias = f"{pointer.model}@{pointer.alias}"
    if why:
        return f"{alias}: {why}"
    by = f", moved by {pointer.moved_by} at {moment(pointer.moved_at)}"
    reason = f": {pointer.reason}" if pointer.reason else ""
    return f"the alias {alias}{by if pointer.moved_by else ''}{reason}"


def moment(at: float) -> str:
    """Return a Unix time as RFC 3339.

    Examples
    --------
    >>> moment(0.0)
    '1970-01-01T00:00:00Z'
    """
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
    return text.replace("+00:00", "Z")


class Diary:
    """Says what becomes of a model's versions: in the log, and to the registry."""

    def __init__(self, model: str, tell: Callable[[Happened], None]) -> None:
        self._model = model
        self._tell = tell

    def say(self, event: str, number: int, words: str) -> None:
        """Write a line of the log, which is an event."""
        level = logging.ERROR if event in TROUBLES else logging.INFO
        what = event.removeprefix("version_").replace("_", " ")
        text = f"{self._model} version {number}: {what}{f' ({words})' if words else ''}"
        logger.log(level, "%s", text, extra=about(event, self._model, str(number)))

    def tell(self, action: str, number: int, words: str, by: str = "") -> None:
        """Have the registry's log keep what happened."""
        self._tell(Happened(action, self._model, number, by, words))

    def note(self, action: str, number: int, by: str, words: str) -> None:
        """Write down what somebody asked for, here and in the registry."""
        self.say(action, number, f"by {by}" + (f": {words}" if words else ""))
        self.tell(action, number, words, by)
