"""The quality books of all watched models: fed from the journal, saved, told to others.

A *look* asks the journal for the pairs that are new and gives each book its own; what comes
back are the losses that the harm detector takes. Saved after a look and restored, it goes
on with the pair after the last one that was seen: none is counted twice and none missed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from runtime.monitor.journal import Journal
from runtime.monitor.journal_store import JournalStore
from runtime.monitor.maturity import look as look_at
from runtime.monitor.quality import QualityBook, Taken
from runtime.monitor.quality_status import QualityStatus, scores_of, status_of
from runtime.monitor.settings import ModelWatch, Task
from runtime.monitor.signals import VersionPromoted

FORMAT = 1
AT_ONCE = 5_000
KEPT_VERSIONS = 3
WAIT_S = 60.0

Watches = Callable[[], Mapping[str, ModelWatch]]


class QualityBooks:
    """Books by model and version. Any thread that may wait; one is served at a time."""

    def __init__(
        self, journal: Journal, watches: Watches, clock: Callable[[], float] = time.time
    ) -> None:
        self._journal = journal
        self._watches = watches
        self._clock = clock
        self._books: dict[tuple[str, int], QualityBook] = {}
        self._lock = threading.RLock()

    def book(self, model: str, version: int) -> QualityBook | None:
        """Return a version's book; None where it is not judged."""
        return self._books.get((model, version))

    @property
    def books(self) -> tuple[QualityBook, ...]:
        """All books, by model and version."""
        with self._lock:
            return tuple(book for _, book in sorted(self._books.items()))

    def promoted(self, event: VersionPromoted) -> None:
        """Begin a book for a version that serves; one that is there already goes on.

        Older versions' labels still come: the last three books of a model stay.
        """
        watch = self._watches().get(event.model)
        key = (event.model, event.version)
        if watch is None or watch.task is Task.NONE or key in self._books:
            return
        with self._lock:
            self._books[key] = QualityBook(*key, watch, event.time_s)
            mine = [b for b in self.books if b.model == event.model]
            for old in sorted(mine, key=lambda b: b.promoted_s)[:-KEPT_VERSIONS]:
                del self._books[old.model, old.version]

    def look(self) -> list[tuple[QualityBook, Taken]]:
        """Feed all new pairs to their books; raises StoreError where the journal cannot.

        Returns what was taken by book, at most 5,000 pairs of a model at once.
        """
        found = []
        last = self._journal.ask(JournalStore.last_pair).result(WAIT_S)
        for book in self.books:
            if last < book.cursor:
                # Somebody took the journal away: another one counts from the start.
                book.cursor = 0
            ask = partial(
                JournalStore.pairs, model=book.model, after=book.cursor, limit=AT_ONCE
            )
            # Without the lock: a promotion must not wait for the disk.
            pairs = self._journal.ask(ask).result(WAIT_S)
            if pairs:
                with self._lock:
                    found.append((book, book.take(pairs)))
        return found

    def status(self, model: str = "") -> list[QualityStatus]:
        """Return how each version of a model stands, or of all for an empty name."""
        now = self._clock()
        found = []
        for book in self.books:
            if model and book.model != model:
                continue
            who = (book.model, book.version)
            maturity = self._journal.ask(look_at(*who, book.watch, now)).result(WAIT_S)
            scores = self._journal.ask(scores_of(*who, book.watch, now)).result(WAIT_S)
            with self._lock:
                found.append(status_of(book, maturity, scores))
        return found

    def state(self) -> dict[str, Any]:
        """Return all books as JSON values."""
        with self._lock:
            return {"format": FORMAT, "books": [book.state() for book in self.books]}

    def forget(self) -> None:
        """Close all books: versions that are promoted from here on begin new ones."""
        with self._lock:
            self._books = {}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on with what `state` returned; raises ValueError for another format.

        A book of a model that is not watched any more, or whose task has changed, is left
        out.
        """
        if saved.get("format") != FORMAT:
            raise ValueError(f"format {saved.get('format')!r} is not {FORMAT}")
        watches = self._watches()
        for each in saved["books"]:
            watch = watches.get(each["model"])
            if watch is not None and watch.task.value == each["task"]:
                book = QualityBook.restored(each, watch)
                self._books[book.model, book.version] = book
