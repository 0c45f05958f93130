"""leeboard.v1.Monitor: how watched models stand, their alarms, what people do to them."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence

from runtime.access.decisions import refuse_model
from runtime.access.roles import Role
from runtime.errors import ConfigError
from runtime.events import about
from runtime.messages import Message, message
from runtime.monitor.alarm_book import UnknownAlarm
from runtime.monitor.alarms import Alarm
from runtime.monitor.lifecycle import State
from runtime.monitor.silences import Matcher
from runtime.monitor.state import MonitorState
from runtime.monitor.state_messages import (
    alarm_message,
    silence_message,
    version_message,
)
from runtime.printable import escaped
from runtime.server.control_services import Caller, Method

logger = logging.getLogger(__name__)

LONGEST_S = 366 * 86_400.0

MonitorStatusRequest = message("leeboard.v1.MonitorStatusRequest")
MonitorStatusResponse = message("leeboard.v1.MonitorStatusResponse")
AlarmsRequest = message("leeboard.v1.AlarmsRequest")
AlarmsResponse = message("leeboard.v1.AlarmsResponse")
AcknowledgeRequest = message("leeboard.v1.AcknowledgeRequest")
AcknowledgeResponse = message("leeboard.v1.AcknowledgeResponse")
SilenceRequest = message("leeboard.v1.SilenceRequest")
SilenceResponse = message("leeboard.v1.SilenceResponse")
UnsilenceRequest = message("leeboard.v1.UnsilenceRequest")
UnsilenceResponse = message("leeboard.v1.UnsilenceResponse")
CommentRequest = message("leeboard.v1.CommentRequest")
CommentResponse = message("leeboard.v1.CommentResponse")


class MonitorService:
    """Answers Status, Alarms, Acknowledge, Silence, Unsilence and Comment.

    `clock` gives Unix time in seconds, as the looks have it.
    """

    name = "leeboard.v1.Monitor"

    def __init__(self, state: MonitorState, clock: Callable[[], float] = time.time) -> None:
        self._state = state
        self._clock = clock

    @property
    def methods(self) -> Sequence[Method]:
        """Viewers look, operators act."""
        see, act = Role.VIEWER | Role.OPERATOR, Role.OPERATOR
        return (
            Method("Status", see, MonitorStatusRequest, self._status),
            Method("Alarms", see, AlarmsRequest, self._alarms),
            Method("Acknowledge", act, AcknowledgeRequest, self._acknowledge),
            Method("Silence", act, SilenceRequest, self._silence),
            Method("Unsilence", act, UnsilenceRequest, self._unsilence),
            Method("Comment", act, CommentRequest, self._comment),
        )

    async def _status(self, caller: Caller, request: Message) -> Message:
        if request.model:
            refuse_model(caller.identity, request.model)
        response = MonitorStatusResponse()
        response.versions.extend(
            version_message(each, request.detailed)
            for each in self._state.versions(request.model)
            if _may_see(caller, each.model)
        )
        return response

    async def _alarms(self, caller: Caller, request: Message) -> Message:
        if request.model:
            refuse_model(caller.identity, request.model)
        book = self._state.book
        response = AlarmsResponse(dropped=book.pages.dropped)
        response.alarms.extend(
            self._told(alarm)
            for alarm in book.alarms(request.model)
            if _may_see(caller, alarm.subject.model)
            and (request.resolved or alarm.state is not State.RESOLVED)
        )
        response.silences.extend(
            silence_message(silence)
            for silence in book.pages.silences.values()
            if _may_silence(caller, silence.matcher.model)
        )
        return response

    async def _acknowledge(self, caller: Caller, request: Message) -> Message:
        self._find(caller, request.id)
        alarm = self._state.book.acknowledge(
            request.id, _who(caller), self._clock(), request.comment
        )
        _log(caller, "acknowledged", alarm, request.comment)
        return AcknowledgeResponse(alarm=self._told(alarm))

    async def _comment(self, caller: Caller, request: Message) -> Message:
        self._find(caller, request.id)
        alarm = self._state.book.comment(
            request.id, _who(caller), self._clock(), request.text
        )
        return CommentResponse(alarm=self._told(alarm))

    async def _silence(self, caller: Caller, request: Message) -> Message:
        asked, book, now_s = request.matcher, self._state.book, self._clock()
        if not (math.isfinite(request.seconds) and 0 < request.seconds <= LONGEST_S):
            raise ConfigError("a silence lasts more than 0 seconds and at most a year")
        matcher = Matcher(asked.model, asked.version, asked.kind, asked.name, asked.aspect)
        refuse_model(caller.identity, matcher.model or "*")
        silence = book.silence(
            matcher, now_s + request.seconds, _who(caller), now_s, request.comment
        )
        logger.info(
            "%s silenced %s for %g s: %s", escaped(caller.name), escaped(str(matcher)),
            request.seconds, escaped(request.comment),
            extra=about("alarms_silenced", matcher.model),
        )  # fmt: skip
        count = sum(silence.covers(alarm.subject, now_s) for alarm in book.alarms())
        return SilenceResponse(silence=silence_message(silence), alarms=count)

    async def _unsilence(self, caller: Caller, request: Message) -> Message:
        book = self._state.book
        found = book.pages.silences.get(request.id)
        if found is not None:
            refuse_model(caller.identity, found.matcher.model or "*")
        silence = book.unsilence(request.id)
        logger.info(
            "%s ended the silence %s", escaped(caller.name), silence.id,
            extra=about("alarms_unsilenced", silence.matcher.model),
        )  # fmt: skip
        return UnsilenceResponse(silence=silence_message(silence))

    def _find(self, caller: Caller, name: str) -> None:
        """Raise Refused, or UnknownAlarm, unless the caller may change an alarm."""
        alarm = self._state.book.alarm(name)
        if not _may_see(caller, alarm.subject.model):
            raise UnknownAlarm(f"no alarm is called {name!r}; `leeboard alarms list`")

    def _told(self, alarm: Alarm) -> Message:
        silence = self._state.book.silence_of(alarm.subject, self._clock())
        return alarm_message(alarm, silence)


def _who(caller: Caller) -> str:
    """Return who people are told it was: a name, or an address where nobody is asked."""
    return caller.identity.name if caller.identity else caller.peer


def _may_see(caller: Caller, model: str) -> bool:
    return caller.identity is None or caller.identity.may_use(model)


def _may_silence(caller: Caller, pattern: str) -> bool:
    """Tell whether all models of a pattern are the caller's."""
    return _may_see(caller, pattern or "*")


def _log(caller: Caller, done: str, alarm: Alarm, words: str) -> None:
    subject = alarm.subject
    logger.info(
        "%s %s alarm %s: %s", escaped(caller.name), done, alarm.id, escaped(words),
        extra=about(f"alarm_{done}", subject.model, str(subject.version)),
    )  # fmt: skip
