"""The monitor of a server: looks at what the data plane has seen, and raises alarms.

Called on the control plane's loop. A look takes what was filled since the last one, gives
empty watches out, and tells what was found; it never waits for the data plane.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from runtime.backends.base import Signature
from runtime.errors import ProfileError
from runtime.events import about
from runtime.monitor import alarm_blind, patience
from runtime.monitor.alarm_book import Book, Change, Looked
from runtime.monitor.alarms import Said
from runtime.monitor.answers import NOTHING, AnswerPlan, answer_plan, predictions_of
from runtime.monitor.given import read as read_given
from runtime.monitor.plan import plan_of
from runtime.monitor.predictions import Prediction
from runtime.monitor.settings import Control, ModelWatch
from runtime.monitor.signals import Kind, Verdict, VersionPromoted
from runtime.monitor.snapshots import Snapshots
from runtime.monitor.standing import status_of
from runtime.monitor.state import VersionStatus
from runtime.monitor.version_watch import VersionWatch
from runtime.native.watch import Watch

logger = logging.getLogger(__name__)

SAVE_S = 60.0
DRIFTING = frozenset({Kind.INPUT, Kind.OUTPUT})

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Served:
    """A version that answers.

    `number` is the data plane's, `batches` tells whether the first dimension is the batch,
    `is_preferred` whether those who name no version get it. `reference` and `contract` are
    files that lie beside it. `answered` and `refused` count requests since it was loaded:
    those with an answer, and those whose tensors are not its.
    """

    model: str
    version: int
    number: int
    signature: Signature
    batches: bool
    is_preferred: bool
    reference: Path | None = None
    contract: Path | None = None
    answered: int = 0
    refused: int = 0


class Watching(Protocol):
    """The data plane, as a monitor needs it."""

    def served(self) -> Sequence[Served]:
        """Return the versions that answer."""

    def exchange(self, number: int, watch: Watch) -> None:
        """Have a version fill this watch from here on."""

    def take(self) -> Iterable[tuple[int, Watch]]:
        """Return what was filled and exchanged, with the numbers of versions."""


@dataclass(slots=True)
class _Entry:
    """A version that is watched; `looked_s` is its last look, with rows or without."""

    number: int
    watch: VersionWatch
    answers: AnswerPlan
    looked_s: float


class Later(Protocol):
    """Who keeps answers until more is known of them; nothing here waits."""

    def offer(self, given: Sequence[Prediction]) -> None:
        """Take answers that were given."""

    def pass_over(self, unnamed: int, unsampled: int, dropped: int) -> None:
        """Count answers without an id, left out by their id, and without room."""

    def promoted(self, event: VersionPromoted) -> None:
        """Hear that another version of a model serves."""


class Monitor:
    """Watches all versions that answer.

    `settings_of` gives a model's settings, `on_look` hears after each look of alarms
    that came into another state. `later` is given answers of models with a task.
    `interval_s` is the time between looks.
    """

    def __init__(
        self,
        plane: Watching,
        book: Book,
        snapshots: Snapshots,
        settings_of: Callable[[str], ModelWatch],
        on_look: Callable[[Sequence[Change], float], None],
        interval_s: float,
        later: Later | None = None,
    ) -> None:
        self._later = later
        self._plane, self._book, self._snapshots = plane, book, snapshots
        self._settings_of, self._on_look = settings_of, on_look
        self._interval_s = interval_s
        self._entries: dict[Key, _Entry] = {}
        self._refused: dict[Key, tuple[int, str]] = {}  # Their number, and why.
        self._preferred: dict[str, int] = {}
        self._saved_s = self._looked_s = 0.0

    @property
    def book(self) -> Book:
        """The alarms."""
        return self._book

    def versions(self, model: str = "", most: int | None = None) -> list[VersionStatus]:
        """Return how watched versions stand, of one model where one is named.

        Of each only the `most` subjects with the most evidence, where that is given. One
        that was unloaded is not among them, even before the next look.
        """
        served = {(each.model, each.version) for each in self._plane.served()}
        there = {key for key in served if model in ("", key[0])}
        known = [
            _status(entry, most) for key, entry in self._entries.items() if key in there
        ]
        return known + [
            VersionStatus(*key, note=why)
            for key, (_, why) in self._refused.items()
            if key in there
        ]

    def is_missing(self) -> bool:
        """Tell whether a version serves that is not watched yet."""
        return any(
            self._number_of((each.model, each.version)) != each.number
            for each in self._plane.served()
        )

    def announce(self, time_s: float) -> None:
        """Have versions watched that come, before they answer their first request."""
        known = {key: entry.number for key, entry in self._entries.items()}
        changes = self._come(self._plane.served(), time_s)
        for key, entry in self._entries.items():
            if known.get(key) != entry.number:
                self._exchange(entry)
        if changes:
            self._on_look(changes, time_s)

    def look(self, time_s: float) -> None:
        """Take what came in, judge it, and have more watched; `time_s` since 1970."""
        served = self._plane.served()
        changes = self._follow(served, time_s)
        looked, found = self._judge(served, time_s)
        said: list[Said] = []
        for key, verdicts in found.items():
            watched = self._entries[key].watch
            said += patience.told(verdicts, watched.settings, watched.tests)
        said += self._blindness(time_s)
        self._looked_s = time_s
        for entry in self._entries.values():
            self._exchange(entry)
        changes += self._book.take(said, looked)
        self._book.prune(time_s)
        self._on_look(changes, time_s)
        if not 0 <= time_s - self._saved_s < SAVE_S:  # The clock may be set back.
            self.save()
            self._saved_s = time_s

    def _judge(
        self, served: Sequence[Served], time_s: float
    ) -> tuple[list[Looked], dict[Key, list[Verdict]]]:
        """Return which versions were looked at, and what was found of each."""
        looked: list[Looked] = []
        found: dict[Key, list[Verdict]] = {key: [] for key in self._entries}
        by_number = {entry.number: entry for entry in self._entries.values()}
        for number, watch in self._plane.take():
            entry = by_number.get(number)
            if entry is not None:
                found[entry.watch.key] += self._take(entry, watch, time_s)
                if entry.watch.drifting and entry.watch.last_look_s == time_s:
                    looked.append(Looked(*entry.watch.key, DRIFTING, time_s))
                self._keep(entry, watch)
        for each in served:
            if (entry := self._entries.get((each.model, each.version))) is not None:
                refusals = entry.watch.schema.look(each.answered, each.refused, time_s)
                found[entry.watch.key] += refusals
        return looked, found

    def _exchange(self, entry: _Entry) -> None:
        self._plane.exchange(entry.number, entry.watch.watch(entry.answers.journal()))

    def _take(self, entry: _Entry, filled: Watch, time_s: float) -> list[Verdict]:
        watch = entry.watch
        try:
            found = watch.take(filled, time_s)
        except Exception:
            # What is wrong with one version must not end the watch over others.
            logger.exception(
                "a look at %s version %d failed; its rows are not judged", *watch.key,
                extra=about("look_failed", model=watch.key[0], version=str(watch.key[1])),
            )  # fmt: skip
            return []
        entry.looked_s = time_s
        return found

    def _blindness(self, time_s: float) -> list[Said]:
        """Say of each version that answers whether it is seen."""
        said: list[Said] = []
        for key, entry in self._entries.items():
            seen = VersionStatus(*key, coverage=entry.watch.coverage())
            said.append(alarm_blind.coverage(seen, time_s))
            trouble = entry.watch.given.trouble
            said.append(alarm_blind.reference(key, trouble, time_s))
            late = alarm_blind.stalled(key, self._looked_s or time_s, time_s)
            said += late or [alarm_blind.looks(key, entry.looked_s, time_s)]
        for key, (_, why) in self._refused.items():
            if self._settings_of(key[0]).is_on:
                said.append(alarm_blind.refused(key, why, time_s))
        return said

    def _keep(self, entry: _Entry, watch: Watch) -> None:
        if self._later is None:
            return
        left_out = watch.without_id, watch.unsampled, watch.dropped
        if any(left_out):
            self._later.pass_over(*left_out)
        if watch.journal:
            self._later.offer(self._answers(entry, watch.journal))

    def _answers(self, entry: _Entry, journal: bytes) -> list[Prediction]:
        """Return the answers that were kept; those behind an unreadable one are lost."""
        found: list[Prediction] = []
        try:
            found.extend(predictions_of(journal, entry.answers, *entry.watch.key))
        except Exception:
            # Nor must one record of one version.
            logger.exception(
                "answers of %s version %d cannot be journalled behind the first %d",
                *entry.watch.key, len(found),
                extra=about("look_failed", entry.watch.key[0], str(entry.watch.key[1])),
            )  # fmt: skip
        return found

    def tell(self, said: Sequence[Said], time_s: float) -> None:
        """Take what others have found."""
        self._on_look(self._book.take(said), time_s)

    def save(self) -> None:
        """Write down what is known of each version, for a restart."""
        self._snapshots.save(entry.watch for entry in self._entries.values())

    def _follow(self, served: Sequence[Served], time_s: float) -> list[Change]:
        """Begin to watch versions that came and forget those that went."""
        there = {(each.model, each.version) for each in served}
        changes: list[Change] = []
        for key in [key for key in self._entries if key not in there]:
            self._snapshots.write(self._entries.pop(key).watch)
            changes += self._book.forget(*key, time_s)
        self._refused = {k: why for k, why in self._refused.items() if k in there}
        return changes + self._come(served, time_s)

    def _come(self, served: Sequence[Served], time_s: float) -> list[Change]:
        """Begin to watch versions that are new, and hear which of them are preferred."""
        for each in served:
            key = each.model, each.version
            if self._number_of(key) != each.number:
                self._begin(key, each, time_s)
        changes: list[Change] = []
        for each in served:
            if each.is_preferred and self._preferred.get(each.model) != each.version:
                changes += self._promote(each, time_s)
        return changes

    def _number_of(self, key: Key) -> int | None:
        """Return the data plane's number of a version as it is known here."""
        entry, refused = self._entries.get(key), self._refused.get(key)
        return refused[0] if refused else entry.number if entry else None

    def _promote(self, each: Served, time_s: float) -> list[Change]:
        self._preferred[each.model] = each.version
        event = VersionPromoted(each.model, each.version, time_s)
        if self._later is not None:
            self._later.promoted(event)
        promoted = self._book.pages.promoted.get(each.model)
        if promoted is not None and promoted.version == each.version:
            return []  # It served before a restart, too.
        return self._book.promote(event)

    def _begin(self, key: Key, each: Served, time_s: float) -> None:
        settings = self._settings_of(each.model)
        self._refused.pop(key, None)
        before = self._entries.pop(key, None)
        if before is not None:  # It was loaded anew between two looks.
            self._snapshots.write(before.watch)
        if not settings.is_on:
            self._refused[key] = each.number, "it is not watched, as its settings say"
            return
        try:
            plan = plan_of(each.signature, each.batches, settings)
            plan, given = read_given(plan, settings, each.reference, each.contract)
            answers = NOTHING
            if self._later is not None:
                answers = answer_plan(each.signature, plan, settings)
            watch = VersionWatch(key, plan, settings, self._interval_s, given)
        except (ProfileError, ValueError) as error:
            self._refused[key] = each.number, f"it cannot be watched: {error}"
            logger.warning(
                "%s version %d cannot be watched: %s", *key, error,
                extra=about("not_watched", model=each.model, version=str(each.version)),
            )  # fmt: skip
            return
        self._snapshots.read(watch)
        self._entries[key] = _Entry(each.number, watch, answers, time_s)


def _status(entry: _Entry, most: int | None) -> VersionStatus:
    """Return how a version stands, with the limits that its `control` gives."""
    if entry.watch.settings.control is Control.RUN_LENGTH:
        return replace(status_of(entry.watch, most), last_look_s=entry.looked_s)
    # What is picked depends on all of them.
    found = replace(status_of(entry.watch), last_look_s=entry.looked_s)
    evidence = patience.limited([one.evidence for one in found.subjects], entry.watch.tests)
    limited = zip(found.subjects, evidence, strict=True)
    return replace(
        found, subjects=tuple(replace(one, evidence=each) for one, each in limited)
    )
