"""Everything that late labels are for: the journal, quality by version, harm and gaps.

`offer`, `pass_over` and `promoted` are called on the control plane's loop and never wait
for the disk; `look`, `save` and `close` may, on threads that are allowed to.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.monitor import labels_blindness, patience
from runtime.monitor.alarms import Said
from runtime.monitor.gap_watch import GapWatch, questions
from runtime.monitor.harm_watch import HarmWatch
from runtime.monitor.journal import Journal
from runtime.monitor.labelled_file import Content, LabelledFile
from runtime.monitor.maturity import look as maturity_of
from runtime.monitor.predictions import Prediction
from runtime.monitor.quality import QualityBook, Taken
from runtime.monitor.quality_books import QualityBooks
from runtime.monitor.settings import DAY_S, LabelsWatch, ModelWatch
from runtime.monitor.signals import Verdict, VersionPromoted
from runtime.monitor.snapshots import UNUSABLE
from runtime.store.errors import StoreError

logger = logging.getLogger(__name__)

JOURNAL, STATE = "journal", "labels.npz"
HARM, GAPS = "harm", "gaps"
COVERAGE_S = 60.0
SAVE_S = 60.0
WAIT_S = 60.0

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Judges:
    """What judges the pairs of one version."""

    harm: HarmWatch
    gaps: GapWatch


class Labelled:
    """The journal of a folder with what is made of it.

    `interval_s` is the time between looks: the half of a model's promise that is for what
    labels show is shared out in them. `clock` gives Unix time to the journal.
    """

    def __init__(
        self,
        folder: Path,
        watches: Callable[[], Mapping[str, ModelWatch]],
        interval_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._watches, self._interval_s = watches, interval_s
        self.journal = Journal(folder / JOURNAL, self._labels, clock=clock)
        self.books = QualityBooks(self.journal, watches, clock)
        self._judges: dict[Key, _Judges] = {}
        self._told_s = self._saved_s = 0.0
        self._is_down = False
        self._lock = threading.RLock()
        """Held by a look and by `save`: what is saved is of one moment."""
        self._file = LabelledFile(folder / STATE)
        self._restore(self._file.read())

    def _labels(self) -> dict[str, LabelsWatch]:
        return {model: watch.labels for model, watch in self._watches().items()}

    def offer(self, given: Sequence[Prediction]) -> None:
        """Hand predictions over to the journal; never waits."""
        self.journal.offer(given)

    def pass_over(self, unnamed: int, unsampled: int, dropped: int) -> None:
        """Count answers that the data plane did not keep, and why; never waits."""
        self.journal.pass_over(unnamed, unsampled, dropped)

    def promoted(self, event: VersionPromoted) -> None:
        """Begin to judge a version that serves."""
        self.books.promoted(event)

    def look(self, time_s: float) -> list[Said]:
        """Take the labels that came, and say what they show and what cannot be seen."""
        with self._lock:
            return self._look(time_s)

    def _look(self, time_s: float) -> list[Said]:
        said: list[Said] = []
        try:
            for book, taken in self.books.look():
                said += self._judge(book, taken, time_s)
            if not 0 <= time_s - self._told_s < COVERAGE_S:  # The clock may be set back.
                said += self._coverage(time_s)
                self._told_s = time_s
        except (StoreError, TimeoutError) as error:
            if not self._is_down:
                logger.error("labels cannot be looked at: %s", error)
            self._is_down = True
        else:
            self._is_down = False
        standing = self.journal.standing
        for book in self._serving():
            who = (book.model, book.version)
            said.append(labels_blindness.journal(*who, standing, self._is_down, time_s))
        if not 0 <= time_s - self._saved_s < SAVE_S:
            self.save()
            self._saved_s = time_s
        return said

    def _judge(self, book: QualityBook, taken: Taken, time_s: float) -> list[Verdict]:
        judges = self._judges_of(book.model, book.version, book.watch)
        if taken.baseline is not None:
            judges.harm.begin(taken.baseline.losses)
        said = judges.harm.look(taken.losses, taken.times, time_s)
        said += judges.gaps.look(taken.pairs, time_s)
        return patience.told(said, book.watch, detectors_of(book.watch))

    def _judges_of(self, model: str, version: int, watch: ModelWatch) -> _Judges:
        key = model, version
        if key not in self._judges:
            # Half of the promise is for drift, half for what labels show.
            looks = 2.0 * watch.false_alarm_days * DAY_S / self._interval_s
            each = looks * detectors_of(watch)
            made = _Judges(HarmWatch(key, watch, each), GapWatch(key, watch, each))
            self._judges[key] = made
        return self._judges[key]

    def _serving(self) -> list[QualityBook]:
        """Return the books of the versions that serve: of each model, the youngest."""
        youngest: dict[str, QualityBook] = {}
        for book in self.books.books:
            other = youngest.get(book.model)
            if other is None or book.promoted_s >= other.promoted_s:
                youngest[book.model] = book
        return list(youngest.values())

    def _coverage(self, time_s: float) -> list[Said]:
        found: list[Said] = []
        for book in self._serving():
            who = (book.model, book.version)
            ask = maturity_of(*who, book.watch, time_s)
            maturity = self.journal.ask(ask).result(WAIT_S)
            found += labels_blindness.blindness(*who, book.watch, maturity, time_s)
        return found

    def save(self) -> None:
        """Write down quality, harm and gaps, for a restart; a failure is said."""
        with self._lock:
            parts = {}
            for key, judges in self._judges.items():
                if self.books.book(*key) is not None:
                    parts[HARM, *key] = judges.harm.to_arrays()
                    parts[GAPS, *key] = judges.gaps.to_arrays()
            self._file.write(Content(self.books.state(), parts))

    def _restore(self, content: Content) -> None:
        if not content.books:
            return
        try:
            self.books.restore(content.books)
            for (kind, model, version), arrays in content.parts.items():
                book = self.books.book(model, version)
                if book is not None:
                    judges = self._judges_of(model, version, book.watch)
                    (judges.harm if kind == HARM else judges.gaps).restore(arrays)
        except (TypeError, *UNUSABLE) as error:
            self._file.set_aside(error)
            self.books.forget()
            self._judges = {}

    def close(self) -> None:
        """Write down what is known, and end the journal's thread."""
        self.save()
        self.journal.close()


def detectors_of(watch: ModelWatch) -> int:
    """Return how many detectors have a part in what labels are promised."""
    return 1 + len(questions(watch))
