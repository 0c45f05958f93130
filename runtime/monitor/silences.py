"""Silences: which alarms are told to nobody, until when, by whom and why. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runtime.errors import ConfigError
from runtime.monitor.signals import Aspect, Kind, Subject

MOST_SILENCES = 1_000


@dataclass(frozen=True, slots=True)
class Matcher:
    """Which subjects are meant; an empty field (version 0) means any.

    In `model` and `name` a star stands for any characters; all else is meant literally.

    Examples
    --------
    >>> latitude = Subject("housing", 3, Kind.INPUT, "x[3]", Aspect.DRIFT)
    >>> Matcher(model="hous*", name="x[3]").matches(latitude)
    True
    >>> Matcher(model="housing", version=4).matches(latitude)
    False
    """

    model: str = ""
    version: int = 0
    kind: str = ""
    name: str = ""
    aspect: str = ""

    def matches(self, subject: Subject) -> bool:
        """Tell whether a subject is meant."""
        return (
            _fits(self.model, subject.model)
            and self.version in (0, subject.version)
            and self.kind in ("", subject.kind)
            and _fits(self.name, subject.name)
            and self.aspect in ("", subject.aspect)
        )


def checked(matcher: Matcher) -> Matcher:
    """Return a matcher; ConfigError for a kind or an aspect that there is not."""
    for value, known in ((matcher.kind, Kind), (matcher.aspect, Aspect)):
        if value and value not in {each.value for each in known}:
            words = ", ".join(each.value for each in known)
            raise ConfigError(
                f"no {known.__name__.lower()} is called {value!r}; known: {words}"
            )
    return matcher


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence; times are Unix time. It is over at `until_s`."""

    id: str
    matcher: Matcher
    until_s: float
    author: str
    comment: str
    made_s: float

    def covers(self, subject: Subject, time_s: float) -> bool:
        """Tell whether it holds for a subject at a time."""
        return time_s < self.until_s and self.matcher.matches(subject)


def _fits(pattern: str, text: str) -> bool:
    if not pattern:
        return True
    literal = ".*".join(re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(literal, text, re.DOTALL) is not None
