"""One alarm: what is known of it, and what a look makes of it. Pure; time comes in.

A verdict *speaks for* an alarm while its evidence is at the limit and its effect is more
than what is tolerated. It *keeps it up* while evidence is above a share of the limit and
the effect is more than tolerated. Else it is calm. An alarm that fires is cooling after
`calm_s` of nothing but calm looks, and resolved after `settle_s` more of them. A look at
which nothing is said of an alarm is calm, too (`rest`). Time without looks is not: an alarm
that nobody can look at stays as it is. A clock that goes back loses no look: it begins the
times anew.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import Enum, auto

from runtime.monitor.lifecycle import OPEN, Event, State, advance
from runtime.monitor.signals import Blindness, Subject, Verdict

Said = Verdict | Blindness
"""What the monitor says at a look of one subject."""

MOST_COMMENTS = 50
REASON_CALM = "all was calm for the stated time"


@dataclass(frozen=True, slots=True)
class Policy:
    """When alarms change; times in seconds, by the looks' clock.

    `pending_share` is the share of the evidence's limit from which an alarm is pending.
    A blindness of `blind_s` is an alarm. `keep_resolved_s` is how long one that is over is
    shown, and `most` how many alarms there may be in all.
    """

    pending_share: float = 0.5
    calm_s: float = 600.0
    settle_s: float = 1_800.0
    blind_s: float = 60.0
    keep_resolved_s: float = 7 * 86_400.0
    most: int = 10_000


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody wrote, and when (Unix time)."""

    by: str
    time_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is known of one subject; times are Unix time, 0 for never.

    `last` is what was said last and `fired` what it was when it began to fire.
    `changed_s` is when the state began and `looked_s` when it was last looked at.
    `calm_since_s` is when the looks began to be calm, None while they are not. `episodes`
    counts how often it fired after it was not open, `refires` how often while it was
    cooling. Whoever acknowledged it is in `acknowledged` until it fires anew.
    """

    subject: Subject
    state: State
    last: Said
    changed_s: float
    looked_s: float
    fired: Said | None = None
    fired_s: float = 0.0
    resolved_s: float = 0.0
    calm_since_s: float | None = None
    episodes: int = 0
    refires: int = 0
    reason: str = ""
    owner: str = ""
    acknowledged: Comment | None = None
    comments: tuple[Comment, ...] = ()

    @property
    def id(self) -> str:
        """Twelve characters that name the alarm; the same after a restart."""
        return alarm_id(self.subject)

    @property
    def is_open(self) -> bool:
        """Whether people were told and not yet told that it is over."""
        return self.state in OPEN

    @property
    def sentence(self) -> str:
        """What people are told: of the look at which it began to fire, if it did."""
        return (self.fired or self.last).sentence

    @property
    def told(self) -> Verdict | None:
        """The verdict behind the sentence; None for a blindness."""
        said = self.fired or self.last
        return said if isinstance(said, Verdict) else None


def alarm_id(subject: Subject) -> str:
    """Return what names a subject's alarm.

    Examples
    --------
    >>> from runtime.monitor.signals import Aspect, Kind
    >>> alarm_id(Subject("housing", 3, Kind.INPUT, "Latitude", Aspect.DRIFT))
    '822eaaae2855'
    """
    parts = (subject.model, str(subject.version), subject.kind.value, subject.name,
             subject.aspect.value)  # fmt: skip
    text = "\0".join(parts).encode("utf-8", "backslashreplace")
    return hashlib.sha256(text).hexdigest()[:12]


def shown(subject: Subject) -> str:
    """Return a subject as people write it: ``housing/3 input Latitude, drift``."""
    return (
        f"{subject.model}/{subject.version} {subject.kind} {subject.name}, {subject.aspect}"
    )


class Mood(Enum):
    """What one look says of an alarm."""

    SURE = auto()  # Enough evidence, and more than is tolerated.
    OVER = auto()  # Enough evidence of what is no more.
    SUSPICIOUS = auto()
    CALM = auto()


def mood_of(policy: Policy, said: Said, blind_since_s: float) -> Mood:
    """Return what a look says; a blindness is sure once it is `blind_s` old."""
    if isinstance(said, Blindness):
        if not said.is_blind:
            return Mood.CALM
        is_old = said.time_s - blind_since_s >= policy.blind_s
        return Mood.SURE if is_old else Mood.SUSPICIOUS
    # An effect that is not a number is not known to be tolerated.
    is_tolerated = said.effect.value <= said.effect.tolerated
    if said.is_firing:
        return Mood.OVER if is_tolerated else Mood.SURE
    enough = policy.pending_share * said.evidence.log_limit
    is_growing = said.evidence.log_e >= enough and not is_tolerated
    return Mood.SUSPICIOUS if is_growing else Mood.CALM


def judge(policy: Policy, alarm: Alarm | None, said: Said) -> Alarm | None:
    """Return the alarm after a look; None where there is none, or none any more."""
    if alarm is None:
        if mood_of(policy, said, said.time_s) is Mood.CALM:
            return None
        alarm = Alarm(said.subject, State.PENDING, said, said.time_s, said.time_s)
    alarm = _at(replace(alarm, last=said), said.time_s)
    was_over = alarm.state is State.RESOLVED
    mood = mood_of(policy, said, said.time_s if was_over else alarm.changed_s)
    alarm = _with_calm(alarm, mood, said.time_s)
    event = _event(policy, alarm, mood, said.time_s)
    if event is not None:
        alarm = _moved(alarm, event, said.time_s)
    return None if is_nothing(alarm) else alarm


def rest(policy: Policy, alarm: Alarm, time_s: float) -> Alarm | None:
    """Return the alarm after a look at which nothing was said of it; as `judge`."""
    if alarm.state is State.RESOLVED:
        return alarm
    alarm = _with_calm(_at(alarm, time_s), Mood.CALM, time_s)
    event = _event(policy, alarm, Mood.CALM, time_s)
    if event is not None:
        alarm = _moved(alarm, event, time_s)
    return None if is_nothing(alarm) else alarm


def is_nothing(alarm: Alarm) -> bool:
    """Tell whether an alarm that is over was never more than a suspicion."""
    return alarm.state is State.RESOLVED and not alarm.episodes and not alarm.comments


def rebase(alarm: Alarm, time_s: float, reason: str) -> Alarm:
    """Return an alarm that is over because what it was about serves no more."""
    if alarm.state is State.RESOLVED:
        return alarm
    state = advance(shown(alarm.subject), alarm.state, Event.REBASED)
    return replace(
        alarm, state=state, changed_s=time_s, resolved_s=time_s, reason=reason,
        calm_since_s=None,
    )  # fmt: skip


def is_news(before: Alarm | None, after: Alarm | None) -> bool:
    """Tell whether more has changed than the numbers of the last look."""
    if before is None or after is None:
        return before is not after
    return replace(before, last=after.last, looked_s=after.looked_s) != after


def _at(alarm: Alarm, time_s: float) -> Alarm:
    """Return the alarm at a look's time; where the clock went back, times begin anew."""
    if time_s >= alarm.looked_s:
        return replace(alarm, looked_s=time_s)
    since_s = min(alarm.changed_s, time_s)
    return replace(alarm, looked_s=time_s, changed_s=since_s, calm_since_s=None)


def _with_calm(alarm: Alarm, mood: Mood, time_s: float) -> Alarm:
    if mood in (Mood.SURE, Mood.SUSPICIOUS):
        return replace(alarm, calm_since_s=None)
    return alarm if alarm.calm_since_s is not None else replace(alarm, calm_since_s=time_s)


def _event(policy: Policy, alarm: Alarm, mood: Mood, time_s: float) -> Event | None:
    """Return the event that a look is, if it is one."""
    calm_s = -1.0
    if alarm.calm_since_s is not None:
        calm_s = time_s - alarm.calm_since_s
    match alarm.state, mood:
        case (_, Mood.SURE):
            return Event.CONFIRMED
        case (State.PENDING, Mood.OVER):
            # A short and strong effect: it was there, whatever the window says since.
            return Event.CONFIRMED
        case (State.PENDING | State.RESOLVED, Mood.SUSPICIOUS):
            return Event.SUSPECTED
        case (State.PENDING, Mood.CALM):
            return Event.CALMED
        case (State.FIRING, _) if calm_s >= policy.calm_s:
            return Event.CALMED
        case (State.COOLING, _) if calm_s >= policy.calm_s + policy.settle_s:
            return Event.SETTLED
    return None


def _moved(alarm: Alarm, event: Event, time_s: float) -> Alarm:
    """Return the alarm after an event, with what belongs to its state."""
    before = alarm.state
    after = advance(shown(alarm.subject), before, event)
    if after is before:
        return alarm
    alarm = replace(alarm, state=after, changed_s=time_s)
    if after is State.RESOLVED:
        return replace(alarm, resolved_s=time_s, reason=REASON_CALM)
    if after is not State.FIRING:
        return alarm
    if before is State.COOLING:
        return replace(alarm, refires=alarm.refires + 1)
    return replace(
        alarm, fired=alarm.last, fired_s=time_s, episodes=alarm.episodes + 1, reason="",
        acknowledged=None,
    )  # fmt: skip
