"""The prediction journal of a server: what was answered, kept until its labels have come.

Predictions are handed over without waiting, from any thread; a thread of the journal's own
writes them down in batches and answers questions in between. Serving never waits for it:
a disk that is full is a state of the journal, in which predictions wait as long as their
queue has room and are counted when they are lost; it goes on by itself when there is room.
A damaged file is set aside and told. Which requests come here is decided by
`runtime.monitor.sampling` before.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import astuple, dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from runtime.errors import ServerError
from runtime.events import about
from runtime.monitor.journal_file import Bounds, JournalFile
from runtime.monitor.journal_store import Added, JournalStore
from runtime.monitor.labels import Label, Outcome, Summary
from runtime.monitor.predictions import Prediction
from runtime.monitor.settings import LabelsWatch
from runtime.store.errors import StoreCorrupt, StoreError

logger = logging.getLogger(__name__)

T = TypeVar("T")
Watches = Callable[[], Mapping[str, LabelsWatch]]
"""Returns how the labels of each watched model are judged."""

MOST_QUEUED = 100_000
MOST_ERRANDS = 64
AT_ONCE = 2_000
TURN_S = 0.5
TRIM_S = 10.0
CLOSE_S = 30.0


class State(StrEnum):
    """How the journal stands."""

    OPENING = "opening"
    OPEN = "open"
    FULL = "full"
    """The disk is full, or refuses: nothing is written until it takes it again."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a journal stands, why, and what it has counted since the start.

    `lost` were dropped because the disk took nothing for too long; `unnamed` came without
    a request id, so no label could name them; `trimmed` were let go by age or bounds,
    `unlabelled` of those without a label; `unclaimed` are early labels whose prediction
    never came. Of answers that never came here, `unsampled` were left out by their id and
    `dropped` found no room in the data plane. `oldest_s` is when the prediction that has
    been here the longest was made, 0 for none. `set_aside` is the name of a damaged
    journal, empty for none.
    """

    state: State = State.OPENING
    why: str = ""
    set_aside: str = ""
    written: int = 0
    repeated: int = 0
    unnamed: int = 0
    unsampled: int = 0
    dropped: int = 0
    lost: int = 0
    trimmed: int = 0
    unlabelled: int = 0
    unclaimed: int = 0
    paired: int = 0
    rows: int = 0
    nbytes: int = 0
    oldest_s: float = 0.0
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)


class Journal:
    """Keeps predictions and joins labels to them; see the module."""

    def __init__(
        self,
        folder: Path,
        watches: Watches,
        bounds: Bounds | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin to open the journal of a folder, on a thread of its own."""
        self._folder = folder
        self._watches = watches
        self._bounds = bounds or Bounds()
        self._clock = clock
        self._latest_s = 0.0
        self._store: JournalStore | None = None
        self._standing = Standing()
        self._changed = threading.Condition()
        self._queued: deque[Prediction] = deque()
        self._errands: deque[Callable[[], None]] = deque()
        self._closing = False
        self._trouble: StoreError | None = None
        self._trimmed_s = 0.0
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def standing(self) -> Standing:
        """How it stands; a look costs nothing."""
        return self._standing

    def now(self) -> float:
        """Return the time, which never goes back while the server runs."""
        self._latest_s = max(self._latest_s, self._clock())
        return self._latest_s

    def offer(self, given: Sequence[Prediction]) -> None:
        """Hand predictions over; never waits. Any thread."""
        named = [each for each in given if each.request_id]
        with self._changed:
            room = max(MOST_QUEUED - len(self._queued), 0)
            if self._closing:
                room = 0
            self._queued.extend(named[:room])
            lost = len(named) - len(named[:room])
            self._count(unnamed=len(given) - len(named), lost=lost)
            if len(self._queued) >= AT_ONCE:
                self._changed.notify()

    def pass_over(self, unnamed: int, unsampled: int, dropped: int) -> None:
        """Count answers that the data plane did not hand over; never waits. Any thread."""
        self._count(unnamed=unnamed, unsampled=unsampled, dropped=dropped)

    def put(self, labels: Sequence[Label]) -> Future[Summary]:
        """Take labels in; the future raises StoreError where the disk takes nothing.

        Predictions that were offered before are written down first.
        """

        def take(store: JournalStore) -> Summary:
            summary = store.put(labels, self._watches(), self.now())
            before = self._standing.outcomes
            counts = {o: before.get(o, 0) + summary.count(o) for o in Outcome}
            with self._changed:
                self._change(outcomes=counts)
                self._count(paired=summary.count(Outcome.ACCEPTED))
            return summary

        return self.ask(take)

    def ask(self, errand: Callable[[JournalStore], T]) -> Future[T]:
        """Have something done with the store on the journal's thread.

        Raises ServerError when too much waits already, or after `close`.
        """
        result: Future[T] = Future()

        def go() -> None:
            if not result.set_running_or_notify_cancel():
                return
            try:
                result.set_result(self._on_store(errand))
            except Exception as error:
                result.set_exception(error)

        with self._changed:
            if self._closing:
                raise ServerError("the prediction journal is closed; start a server again")
            if len(self._errands) >= MOST_ERRANDS:
                raise ServerError(
                    f"{MOST_ERRANDS} calls wait for the prediction journal already; "
                    "try again with fewer at once"
                )
            self._errands.append(go)
            self._changed.notify()
        return result

    def flush(self) -> Future[Standing]:
        """Write down what is queued and let go what is too much; return how it stands.

        The future raises StoreError where the disk takes nothing.
        """

        def stand(_: JournalStore) -> Standing:
            if self._trouble is not None:
                raise self._trouble
            self._trim(always=True)
            return self._standing

        return self.ask(stand)

    def close(self) -> None:
        """Write down what is queued, if the disk takes it, and end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while True:
            with self._changed:
                if not (self._closing or self._errands):
                    self._changed.wait(TURN_S)
                closing = self._closing
                errands = list(self._errands)
                self._errands.clear()
            self._turn()
            for errand in errands:
                errand()
            if closing:
                self._end()
                return

    def _turn(self) -> None:
        """Write down what is queued; a failure is a state, and what waits waits on."""
        try:
            if self._trouble is not None:
                self._on_store(JournalStore.probe)
            while self._queued:
                batch = [self._queued[i] for i in range(min(AT_ONCE, len(self._queued)))]
                added = self._write(batch)
                with self._changed:
                    for _ in batch:
                        self._queued.popleft()
                    self._count(
                        written=added.new,
                        repeated=added.repeated,
                        paired=added.paired,
                        rows=added.new,
                    )
            self._trim()
            self._goes_on()
        except StoreError as error:
            self._fails(error)
        except Exception:
            logger.exception("the prediction journal failed; it will try again")

    def _write(self, batch: list[Prediction]) -> Added:
        """Write predictions; one that cannot be written at all is counted as lost."""
        try:
            return self._on_store(partial(JournalStore.add, given=batch))
        except StoreError:
            raise
        except Exception:
            if len(batch) == 1:
                logger.exception("a prediction cannot be journalled and is left out")
                self._count(lost=1)
                return Added(0, 0, 0)
        parts = [self._write([each]) for each in batch]
        return Added(*(sum(numbers) for numbers in zip(*map(astuple, parts), strict=True)))

    def _trim(self, always: bool = False) -> None:
        now = self.now()
        if not always and 0 <= now - self._trimmed_s < TRIM_S:
            return
        self._trimmed_s = now
        retention = {model: w.retention_s for model, w in self._watches().items()}
        gone = self._on_store(lambda store: store.trim(now, retention))
        rows, nbytes, oldest_s = self._on_store(lambda store: store.size())
        with self._changed:
            self._count(
                trimmed=gone.predictions, unlabelled=gone.unlabelled, unclaimed=gone.labels
            )
            self._change(rows=rows, nbytes=nbytes, oldest_s=oldest_s)

    def _on_store(self, act: Callable[[JournalStore], T]) -> T:
        """Do something with the store, opened first; a damaged one is set aside."""
        try:
            try:
                done = act(self._opened())
            except StoreCorrupt as error:
                self._put_aside(str(error))
                done = act(self._opened())
        except StoreError as error:
            self._fails(error)
            raise
        if self._standing.state is State.OPENING:
            self._goes_on()
        return done

    def _opened(self) -> JournalStore:
        if self._store is None:
            file = JournalFile(self._folder, self._clock)
            self._store = JournalStore(file, self._bounds)
            self._change(set_aside=file.set_aside)
        return self._store

    def _put_aside(self, why: str) -> None:
        if self._store is not None:
            self._store.file.put_aside(why)
            self._change(set_aside=self._store.file.set_aside)

    def _fails(self, error: StoreError) -> None:
        self._trouble = error
        if self._standing.state is State.FULL:
            return
        self._change(state=State.FULL, why=str(error))
        words = "the prediction journal cannot be written; serving goes on: %s"
        logger.error(words, error, extra=about("journal_full"))

    def _goes_on(self) -> None:
        if self._standing.state is State.FULL:
            logger.info("the prediction journal goes on", extra=about("journal_open"))
        self._trouble = None
        self._change(state=State.OPEN, why="")

    def _count(self, **more: int) -> None:
        """Add to counters."""
        with self._changed:
            before = self._standing
            self._change(**{name: getattr(before, name) + n for name, n in more.items()})

    def _change(self, **fields: object) -> None:
        changed: dict[str, Any] = fields
        with self._changed:
            self._standing = replace(self._standing, **changed)

    def _end(self) -> None:
        with self._changed:
            left, errands = len(self._queued), list(self._errands)
            self._errands.clear()
        for errand in errands:
            errand()
        if left:
            logger.error("%d predictions were not journalled at the end", left)
        self._count(lost=left)
        if self._store is not None:
            self._store.file.close()
        self._change(state=State.CLOSED)
