"""Everything that late labels are for: the journal, quality by version, and harm.

`offer` is called on the control plane's loop; `look`, `promoted` and `save` may wait for
the disk and are called by one thread that is allowed to.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.atomic import write_bytes
from runtime.events import about
from runtime.monitor import alarm_blind
from runtime.monitor.alarms import Said
from runtime.monitor.harm_watch import HarmWatch
from runtime.monitor.journal import Journal
from runtime.monitor.maturity import look as maturity_of
from runtime.monitor.predictions import Prediction
from runtime.monitor.quality_books import QualityBooks
from runtime.monitor.settings import DAY_S, LabelsWatch, ModelWatch
from runtime.monitor.signals import VersionPromoted
from runtime.store.errors import StoreError

logger = logging.getLogger(__name__)

JOURNAL, QUALITY, HARM = "journal", "quality.json", "harm.npz"
COVERAGE_S = 60.0
WAIT_S = 60.0

Key = tuple[str, int]


class Labelled:
    """The journal of a folder with what is made of it."""

    def __init__(
        self,
        folder: Path,
        watches: Callable[[], Mapping[str, ModelWatch]],
        interval_s: float,
    ) -> None:
        self._folder, self._watches, self._interval_s = folder, watches, interval_s
        self.journal = Journal(folder / JOURNAL, self._labels)
        self.books = QualityBooks(self.journal, watches)
        self.books.load(folder / QUALITY)
        self._harms: dict[Key, HarmWatch] = {}
        self._looked_s = 0.0
        self._is_down = False
        self._load_harms()

    def _labels(self) -> dict[str, LabelsWatch]:
        return {model: watch.labels for model, watch in self._watches().items()}

    def offer(self, given: Sequence[Prediction]) -> None:
        """Hand predictions over to the journal; never waits."""
        self.journal.offer(given)

    def promoted(self, event: VersionPromoted) -> None:
        """Begin to judge a version that serves."""
        self.books.promoted(event)

    def look(self, time_s: float) -> list[Said]:
        """Take the labels that came, and say what they show."""
        said: list[Said] = []
        try:
            taken = self.books.look()
            if time_s - self._looked_s >= COVERAGE_S:
                self._looked_s = time_s
                said += self._coverage(time_s)
        except (StoreError, TimeoutError) as error:
            if not self._is_down:
                logger.error("labels cannot be looked at: %s", error)
            self._is_down = True
            return said
        self._is_down = False
        for book, each in taken:
            key = (book.model, book.version)
            harm = self._harms.setdefault(key, self._harm(key, book.watch))
            if each.baseline is not None:
                harm.begin(each.baseline.losses)
            said += harm.look(each.losses, each.times, time_s)
        return said

    def _harm(self, key: Key, watch: ModelWatch) -> HarmWatch:
        # Half of the promise is for drift, half for harm.
        return HarmWatch(key, watch, 2 * watch.false_alarm_days * DAY_S / self._interval_s)

    def _coverage(self, time_s: float) -> list[Said]:
        found: list[Said] = []
        for book in self.books.books:
            who = (book.model, book.version)
            ask = maturity_of(*who, book.watch, time_s)
            matured = self.journal.ask(ask).result(WAIT_S).coverage.all
            least = book.watch.labels.min_coverage
            found.append(
                alarm_blind.labels(*who, time_s, matured.n, matured.labelled, least)
            )
        return found

    def save(self) -> None:
        """Write down quality and harm, for a restart; a failure is said."""
        arrays: dict[str, npt.NDArray[Any]] = {}
        for (model, version), harm in self._harms.items():
            for name, array in harm.to_arrays().items():
                arrays[f"{version}.{name}.{model}"] = array
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **arrays)
        try:
            self.books.save(self._folder / QUALITY)
            write_bytes(self._folder / HARM, content.getvalue(), mode=0o640)
        except OSError as error:
            logger.error(
                "quality cannot be written to %s: %s", self._folder, error.strerror,
                extra=about("quality_unsaved"),
            )  # fmt: skip

    def _load_harms(self) -> None:
        path = self._folder / HARM
        if not path.exists():
            return
        watches = self._watches()
        try:
            with np.load(path, allow_pickle=False) as arrays:
                parts: dict[Key, dict[str, npt.NDArray[Any]]] = {}
                for name, array in arrays.items():
                    version, _, rest = name.partition(".")
                    of_harm, _, model = _split(rest)
                    parts.setdefault((model, int(version)), {})[of_harm] = array
            for key, part in parts.items():
                if key[0] in watches and self.books.book(*key) is not None:
                    harm = self._harm(key, watches[key[0]])
                    harm.restore(part)
                    self._harms[key] = harm
        except (OSError, ValueError, KeyError, EOFError) as error:
            logger.error("%s cannot be used (%s): harm is judged anew", path.name, error)
            self._harms = {}

    def close(self) -> None:
        """Write down what is known, and end the journal's thread."""
        self.save()
        self.journal.close()


def _split(text: str) -> tuple[str, str, str]:
    """Return the name of an array of a harm watch, and the model's, which may have dots.

    Examples
    --------
    >>> _split("losses.a.b"), _split("state.log_sums.a.b")
    (('losses', '.', 'a.b'), ('state.log_sums', '.', 'a.b'))
    """
    first, dot, rest = text.partition(".")
    if first != "state":
        return first, dot, rest
    second, dot, rest = rest.partition(".")
    return f"{first}.{second}", dot, rest
