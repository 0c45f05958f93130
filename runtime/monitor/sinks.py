"""Where alarms are told: the contract of a sink, and how one is opened by its words.

``log``, ``webhook:URL`` and ``alertmanager:URL`` are ours. Others come as entry points of
the group ``runtime.alarm_sinks``: the name before the colon, and a function that makes a
`Sink` of a `SinkOptions`. `runtime.testing.sink_conformance` checks the contract.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

from runtime.errors import ConfigError, LeeboardError
from runtime.monitor.alarm_book import Book, Change
from runtime.monitor.alarms import Alarm
from runtime.monitor.lifecycle import OPEN

GROUP = "runtime.alarm_sinks"
OURS = {
    "log": "runtime.monitor.sink_log:log_sink",
    "webhook": "runtime.monitor.sink_webhook:webhook_sink",
    "alertmanager": "runtime.monitor.sink_alertmanager:alertmanager_sink",
}
LONGEST_SECRET = 4096


class SinkError(LeeboardError):
    """A batch was not taken; `again` says whether the same batch may be sent again."""

    def __init__(self, words: str, again: bool = True) -> None:
        super().__init__(words)
        self.again = again


@dataclass(frozen=True, slots=True)
class Batch:
    """What is told at once.

    `changes` happened since the batch before and are told once. `active` are all alarms
    that are open and not silenced, as they are now; a batch without changes only says
    these again. Alarms are told when they fire, fire again, cool and are resolved; and
    what is open is told as a change when a silence ends, and after a restart.
    """

    time_s: float
    changes: tuple[Change, ...] = ()
    active: tuple[Alarm, ...] = ()


class Sink(Protocol):
    """Tells somebody of alarms.

    `send` and `close` are called by one thread of the sink's own, one after the other.
    """

    @property
    def name(self) -> str:
        """What it is called in logs and metrics; one line."""

    def send(self, batch: Batch) -> None:
        """Tell a batch; may block for some seconds. Raises SinkError and nothing else."""

    def close(self) -> None:
        """Let go of what it holds; twice does no harm."""


@dataclass(frozen=True, slots=True)
class SinkOptions:
    """What a sink is made with: what stands behind the colon, and more.

    `secret` signs what is sent, where the sink signs; `server` is how this server is
    called, and `link` the address at which people see more.
    """

    place: str = ""
    secret: bytes = b""
    server: str = ""
    link: str = ""
    timeout_s: float = 5.0


MakeSink = Callable[[SinkOptions], Sink]


def open_sink(text: str, options: SinkOptions) -> Sink:
    """Return the sink that some text names; ConfigError for a name that nobody knows."""
    kind, _, place = text.partition(":")
    known = {**registered(), **OURS}
    if kind not in known:
        raise ConfigError(
            f"{text}: no alarm sink is called {kind!r}; known: {', '.join(sorted(known))}"
        )
    module, _, attribute = known[kind].partition(":")
    try:
        make: MakeSink = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"alarm sink {kind!r} cannot be imported: {error}") from error
    return make(
        SinkOptions(place, options.secret, options.server, options.link, options.timeout_s)
    )


def registered() -> dict[str, str]:
    """Return the name of each sink that is installed, and where it is made."""
    return {entry.name: entry.value for entry in entry_points(group=GROUP)}


def read_secret(path: Path) -> bytes:
    """Return the secret in a file, without white space around it; ConfigError for none."""
    try:
        with path.open("rb") as file:
            secret = file.read(LONGEST_SECRET + 1).strip()
    except OSError as error:
        raise ConfigError(f"the secret {path} cannot be read: {error}") from error
    if not 16 <= len(secret) <= LONGEST_SECRET:
        raise ConfigError(f"the secret {path} has {len(secret)} bytes; 16 to 4096 are due")
    return secret


def batch_of(
    book: Book, changes: Iterable[Change], time_s: float, told: Collection[str] = ()
) -> Batch:
    """Return what is to be told now: without what is silenced, and without suspicions.

    `told` are the ids of alarms that are open for those who are told: their end is told
    though they are silenced.
    """

    def is_heard(change: Change) -> bool:
        alarm = change.alarm
        # One that was pending and is calm again was never told.
        is_over = not alarm.is_open and change.before in OPEN
        if is_over and alarm.id in told:
            return True
        return (alarm.is_open or is_over) and not is_silenced(alarm)

    def is_silenced(alarm: Alarm) -> bool:
        return book.silence_of(alarm.subject, time_s) is not None

    active = tuple(a for a in book.alarms() if a.is_open and not is_silenced(a))
    return Batch(time_s, tuple(c for c in changes if is_heard(c)), active)
