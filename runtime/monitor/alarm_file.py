"""Alarms and silences on disk: a restart finds them exactly as they were.

The file is JSON with a version and a digest of what it holds. One that is damaged is set
aside under another name, which is said, and the book begins empty.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.atomic import write_bytes
from runtime.events import about
from runtime.monitor.alarm_book import Book, Pages
from runtime.monitor.alarms import Alarm, Comment, Policy, Said
from runtime.monitor.last_writer import LastWriter
from runtime.monitor.lifecycle import State
from runtime.monitor.signals import (
    Aspect,
    Blindness,
    Effect,
    Evidence,
    Kind,
    Since,
    Subject,
    Verdict,
    VersionPromoted,
)
from runtime.monitor.silences import Matcher, Silence

if TYPE_CHECKING:
    import numpy as np

logger = logging.getLogger(__name__)

Plain = Alarm | Comment | Said | Subject | Evidence | Effect | Since

FORMAT = 1
MOST_ASIDE = 100


def encode(pages: Pages) -> bytes:
    """Return a file's content."""
    held = {
        "alarms": [_alarm_values(alarm) for alarm in pages.alarms.values()],
        "silences": [asdict(s) for s in pages.silences.values()],
        "promoted": [asdict(p) for p in pages.promoted.values()],
        "made": pages.made,
        "dropped": pages.dropped,
    }
    text = json.dumps(held, separators=(",", ":"), default=_number)
    head = {"format": FORMAT, "sha256": hashlib.sha256(text.encode()).hexdigest()}
    return f"{json.dumps(head)}\n{text}\n".encode()


def decode(content: bytes) -> Pages:
    """Return what a file holds; ValueError where it is not what was written."""
    first, _, text = content.partition(b"\n")
    try:
        head = json.loads(first)
        if head["format"] != FORMAT:
            raise ValueError(f"its format is {head['format']!r}, known is {FORMAT}")
        if head["sha256"] != hashlib.sha256(text.removesuffix(b"\n")).hexdigest():
            raise ValueError("its digest is another one")
        return _pages_from(json.loads(text))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it lacks what belongs into it: {error!r}") from error


class AlarmFile:
    """Keeps a book's pages in a file, on a thread that may wait for the disk.

    Calls come from the thread that owns the book, and never wait but for `close`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_failing = False
        self._writer = LastWriter("alarms", self._write)
        self.aside: Path | None = None
        """Where a damaged file was put, if it was."""

    def open(self, policy: Policy | None = None) -> Book:
        """Return the book as it was; it is saved after every change that must survive."""
        book = Book(policy, self._read(), lambda: self.save(book))
        return book

    def save(self, book: Book) -> None:
        """Have all pages written as they are now; the last ones win."""
        pages = book.pages
        self._writer.put(
            replace(
                pages,
                alarms=dict(pages.alarms),
                silences=dict(pages.silences),
                promoted=dict(pages.promoted),
            )
        )

    def settle(self) -> bool:
        """Wait until what was saved was tried; tell whether it is on the disk."""
        return self._writer.settle()

    def close(self) -> bool:
        """Write what is still to be written; tell whether all is on the disk."""
        return self._writer.close()

    def _write(self, pages: Pages) -> bool:
        """Write pages; a disk that does not take them is told once, and tried again."""
        try:
            write_bytes(self._path, encode(pages), mode=0o600)
        except OSError as error:
            if not self._is_failing:
                logger.error(
                    "alarms cannot be written to %s (%s); a restart would not know of them",
                    self._path, error, extra=about("alarms_not_saved"),
                )  # fmt: skip
            self._is_failing = True
            return False
        if self._is_failing:
            logger.info("alarms can be written to %s again", self._path)
        self._is_failing = False
        return True

    def _read(self) -> Pages:
        try:
            return decode(self._path.read_bytes())
        except FileNotFoundError:
            return Pages()
        except (OSError, ValueError) as error:
            self.aside = self._set_aside()
            logger.error(
                "%s cannot be read (%s); it is kept as %s, and the alarms begin anew",
                self._path, error, self.aside or "it is", extra=about("alarms_lost"),
            )  # fmt: skip
            return Pages()

    def _set_aside(self) -> Path | None:
        """Give the file another name, the next that is free; None where that fails."""
        for number in range(1, MOST_ASIDE + 1):
            aside = self._path.with_name(f"{self._path.name}.damaged-{number}")
            if not aside.exists():
                try:
                    return self._path.rename(aside)
                except OSError:
                    return None
        return None


def _number(value: np.generic) -> object:
    """Return a number of numpy's, which verdicts may hold, as one of Python's."""
    found: object = value.item()
    return found


def _plain(source: Plain) -> dict[str, Any]:
    """Return a dataclass's own fields; `asdict` copies, and takes ten times as long."""
    return {name: getattr(source, name) for name in source.__slots__}


def _alarm_values(alarm: Alarm) -> dict[str, Any]:
    done = alarm.acknowledged
    return {
        **_plain(alarm),
        "subject": _plain(alarm.subject),
        "state": alarm.state.value,
        "last": _said_values(alarm.last),
        "fired": _said_values(alarm.fired),
        "comments": [_plain(each) for each in alarm.comments],
        "acknowledged": _plain(done) if done else None,
    }


def _said_values(said: Said | None) -> dict[str, Any] | None:
    if said is None:
        return None
    values = {**_plain(said), "subject": _plain(said.subject)}
    if isinstance(said, Verdict):
        values["evidence"] = _plain(said.evidence)
        values["effect"] = _plain(said.effect)
        values["since"] = _plain(said.since) if said.since else None
        values["counts"] = dict(said.counts)  # A mapping of another kind is no JSON.
    return values


def _pages_from(held: Mapping[str, Any]) -> Pages:
    pages = Pages(made=int(held["made"]), dropped=int(held["dropped"]))
    for values in held["alarms"]:
        alarm = _alarm_from(values)
        pages.alarms[alarm.subject] = alarm
    for values in held["silences"]:
        silence = Silence(**{**values, "matcher": Matcher(**values["matcher"])})
        pages.silences[silence.id] = silence
    for values in held["promoted"]:
        pages.promoted[values["model"]] = VersionPromoted(**values)
    return pages


def _alarm_from(values: Mapping[str, Any]) -> Alarm:
    last = _said_from(values["last"])
    if last is None:
        raise ValueError("an alarm has no last word")
    done = values["acknowledged"]
    return Alarm(**{
        **values,
        "subject": _subject_from(values["subject"]),
        "state": State(values["state"]),
        "last": last,
        "fired": _said_from(values["fired"]),
        "comments": tuple(Comment(**each) for each in values["comments"]),
        "acknowledged": Comment(**done) if done else None,
    })  # fmt: skip


def _said_from(values: Mapping[str, Any] | None) -> Said | None:
    if values is None:
        return None
    subject = _subject_from(values["subject"])
    if "is_blind" in values:
        return Blindness(**{**values, "subject": subject})
    since = values["since"]
    return Verdict(**{
        **values,
        "subject": subject,
        "evidence": Evidence(**values["evidence"]),
        "effect": Effect(**values["effect"]),
        "since": Since(**since) if since else None,
    })  # fmt: skip


def _subject_from(values: Mapping[str, Any]) -> Subject:
    return Subject(**{
        **values, "kind": Kind(values["kind"]), "aspect": Aspect(values["aspect"])
    })  # fmt: skip
