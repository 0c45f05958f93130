"""All alarms and silences of a server. Pure: time and looks come in, changes go out.

A book is not safe on several threads: the control plane's loop owns it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from runtime.errors import ConfigError, ModelError
from runtime.monitor.alarms import (
    MOST_COMMENTS,
    Alarm,
    Comment,
    Policy,
    Said,
    alarm_id,
    is_news,
    judge,
    rebase,
    rest,
    shown,
)
from runtime.monitor.lifecycle import State
from runtime.monitor.signals import Kind, Subject, VersionPromoted
from runtime.monitor.silences import MOST_SILENCES, Matcher, Silence, checked

LONGEST_TEXT = 2_000
MOST_MODELS = 10_000


class UnknownAlarm(ModelError):
    """There is no alarm or silence of that name; list them."""


@dataclass(frozen=True, slots=True)
class Change:
    """An alarm came into another state; `before` is None where there was none."""

    alarm: Alarm
    before: State | None


@dataclass(frozen=True, slots=True)
class Looked:
    """That the detectors of some kinds had rows of a version to look at, and when.

    A subject of these kinds that is not spoken of is calm.
    """

    model: str
    version: int
    kinds: frozenset[Kind]
    time_s: float


@dataclass(slots=True)
class Pages:
    """What a book remembers: alarms by subject, silences and promotions by name.

    `dropped` counts words about subjects for which there was no room.
    """

    alarms: dict[Subject, Alarm] = field(default_factory=dict)
    silences: dict[str, Silence] = field(default_factory=dict)
    promoted: dict[str, VersionPromoted] = field(default_factory=dict)
    made: int = 0
    dropped: int = 0


class Book:
    """Holds the alarms; `on_news` is called after every change that must survive."""

    def __init__(
        self,
        policy: Policy | None = None,
        pages: Pages | None = None,
        on_news: Callable[[], None] = lambda: None,
    ) -> None:
        self.policy = policy or Policy()
        self.pages = pages or Pages()
        self._on_news = on_news
        self._ids = {alarm.id: subject for subject, alarm in self.pages.alarms.items()}

    # What looks say.

    def take(self, said: Iterable[Said], looked: Iterable[Looked] = ()) -> list[Change]:
        """Take what was said at a look; return the alarms that changed their state.

        Detectors need not speak of what is calm; see `Looked`.
        """
        changes: list[Change] = []
        has_news, named = False, set()
        for each in said:
            named.add(each.subject)
            before = self.pages.alarms.get(each.subject)
            if self._is_stale(each) or (before is None and not self._has_room(each)):
                continue
            after = judge(self.policy, before, each)
            has_news |= self._changed(each.subject, before, after, changes)
        for subject, look in self._silent(named, looked):
            alarm = self.pages.alarms[subject]
            calm = rest(self.policy, alarm, look.time_s)
            has_news |= self._changed(subject, alarm, calm, changes)
        if has_news:
            self._on_news()
        return changes

    def promote(self, promoted: VersionPromoted) -> list[Change]:
        """End the alarms about all other versions of a model, and look back no further.

        What is said later of another version, a canary perhaps, is taken.
        """
        known = self.pages.promoted
        if promoted.model not in known and len(known) >= MOST_MODELS:
            del known[next(iter(known))]
        known[promoted.model] = promoted
        reason = f"version {promoted.version} of {promoted.model} was promoted"
        return self._end(
            lambda s: s.model == promoted.model and s.version != promoted.version,
            promoted.time_s,
            reason,
        )

    def forget(self, model: str, version: int, time_s: float) -> list[Change]:
        """End the alarms about a version that was unloaded."""
        return self._end(
            lambda s: (s.model, s.version) == (model, version),
            time_s,
            f"version {version} of {model} is not loaded any more",
        )

    def prune(self, time_s: float) -> None:
        """Forget alarms that have long been over, and silences that have ended."""
        oldest_s = time_s - self.policy.keep_resolved_s
        gone = [
            subject
            for subject, alarm in self.pages.alarms.items()
            if alarm.state is State.RESOLVED and alarm.resolved_s < oldest_s
        ]
        for subject in gone:
            self._put(subject, None)
        ended = [s.id for s in self.pages.silences.values() if s.until_s <= time_s]
        for name in ended:
            del self.pages.silences[name]
        if gone or ended:
            self._on_news()

    # What people do.

    def acknowledge(self, name: str, by: str, time_s: float, text: str = "") -> Alarm:
        """Note that somebody takes care of an alarm, which makes him its owner."""
        alarm = self.alarm(name)
        if alarm.state is State.RESOLVED:
            raise ModelError(
                f"the alarm {name} ({shown(alarm.subject)}) is resolved; there is nothing "
                "to acknowledge"
            )
        said = Comment(by, time_s, _bounded(text))
        return self._noted(replace(alarm, owner=by, acknowledged=said))

    def comment(self, name: str, by: str, time_s: float, text: str) -> Alarm:
        """Add a comment; beyond 50 the eldest goes."""
        alarm = self.alarm(name)
        if not text.strip():
            raise ConfigError(f"a comment on the alarm {name} needs words")
        comments = (*alarm.comments, Comment(by, time_s, _bounded(text)))
        return self._noted(replace(alarm, comments=comments[-MOST_COMMENTS:]))

    def silence(
        self, matcher: Matcher, until_s: float, by: str, time_s: float, comment: str
    ) -> Silence:
        """Have alarms told to nobody until a time; they go on changing."""
        if not until_s > time_s:
            raise ConfigError("a silence must end later than now")
        if len(self.pages.silences) >= MOST_SILENCES:
            raise ConfigError(f"there are {MOST_SILENCES} silences already; end one first")
        self.pages.made += 1
        name = f"s{self.pages.made}"
        made = Silence(name, checked(matcher), until_s, by, _bounded(comment), time_s)
        self.pages.silences[name] = made
        self._on_news()
        return made

    def unsilence(self, name: str) -> Silence:
        """End a silence."""
        found = self.pages.silences.pop(name, None)
        if found is None:
            raise UnknownAlarm(f"no silence is called {name!r}; it may have ended")
        self._on_news()
        return found

    # What is asked.

    def alarm(self, name: str) -> Alarm:
        """Return an alarm by its id; UnknownAlarm where there is none."""
        subject = self._ids.get(name)
        if subject is None:
            raise UnknownAlarm(f"no alarm is called {name!r}; `leeboard alarms list`")
        return self.pages.alarms[subject]

    def alarms(self, model: str = "") -> list[Alarm]:
        """Return alarms, open ones first and then by their last change, latest first."""
        # A copy: people change alarms on the loop, and scrapes come from other threads.
        kept = list(self.pages.alarms.values())
        found = [each for each in kept if model in ("", each.subject.model)]
        return sorted(found, key=lambda a: (not a.is_open, -a.changed_s, a.subject))

    def silence_of(self, subject: Subject, time_s: float) -> Silence | None:
        """Return a silence that holds for a subject, if there is one."""
        for silence in self.pages.silences.values():
            if silence.covers(subject, time_s):
                return silence
        return None

    def _end(
        self, is_meant: Callable[[Subject], bool], time_s: float, reason: str
    ) -> list[Change]:
        changes = []
        for subject, alarm in list(self.pages.alarms.items()):
            if is_meant(subject) and alarm.state is not State.RESOLVED:
                after = rebase(alarm, time_s, reason)
                self._put(subject, after if after.episodes or after.comments else None)
                changes.append(Change(after, alarm.state))
        self._on_news()
        return changes

    def _is_stale(self, said: Said) -> bool:
        """Tell whether it was said of a version before another one took its place."""
        promoted = self.pages.promoted.get(said.subject.model)
        return (
            promoted is not None
            and said.subject.version != promoted.version
            and said.time_s <= promoted.time_s
        )

    def _has_room(self, said: Said) -> bool:
        """Make room for another alarm, if it is one: what is over goes first."""
        alarms = self.pages.alarms
        if len(alarms) < self.policy.most or judge(self.policy, None, said) is None:
            return True
        for state in (State.RESOLVED, State.PENDING):
            those = [a for a in alarms.values() if a.state is state]
            if those:
                self._put(min(those, key=lambda a: a.changed_s).subject, None)
                return True
        self.pages.dropped += 1
        return False

    def _noted(self, alarm: Alarm) -> Alarm:
        self._put(alarm.subject, alarm)
        self._on_news()
        return alarm

    def _silent(
        self, named: set[Subject], looked: Iterable[Looked]
    ) -> list[tuple[Subject, Looked]]:
        """Return the alarms that were looked at and not spoken of, with their looks."""
        by_kind = {
            (look.model, look.version, kind): look for look in looked for kind in look.kinds
        }
        found = []
        for subject in self.pages.alarms if by_kind else ():
            look = by_kind.get((subject.model, subject.version, subject.kind))
            if look is not None and subject not in named:
                found.append((subject, look))
        return found

    def _changed(
        self,
        subject: Subject,
        before: Alarm | None,
        after: Alarm | None,
        changes: list[Change],
    ) -> bool:
        """Keep an alarm and note a change of its state; tell whether it must be saved."""
        self._put(subject, after)
        if after is not None and (before is None or after.state is not before.state):
            changes.append(Change(after, before.state if before else None))
        return is_news(before, after)

    def _put(self, subject: Subject, alarm: Alarm | None) -> None:
        if alarm is not None:
            self.pages.alarms[subject] = alarm
            self._ids[alarm.id] = subject
        elif self.pages.alarms.pop(subject, None) is not None:
            del self._ids[alarm_id(subject)]


def _bounded(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise ConfigError(f"{len(text)} characters are too many; {LONGEST_TEXT} fit")
    return text
