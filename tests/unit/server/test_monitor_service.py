"""leeboard.v1.Monitor, asked without a socket, over a state with knobs."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from runtime.access.decisions import Refused
from runtime.access.identities import Identity
from runtime.access.roles import Role
from runtime.errors import ConfigError, ModelError
from runtime.messages import message
from runtime.monitor.alarm_book import UnknownAlarm
from runtime.server.control_services import Caller
from runtime.server.monitor_service import MonitorService
from tests.unit.monitor.said import other, verdict
from tests.unit.monitor.statuses import FakeState, T

NOBODY_ASKED = Caller(None, "ipv4:127.0.0.1:1")
ANA = Caller(Identity("ana", Role.OPERATOR, ("housing",)), "p")
SUE = Caller(Identity("sue", Role.VIEWER, ("spam*",)), "p")


class Desk:
    """A service over a state, at a time that stands still."""

    def __init__(self) -> None:
        self.state = FakeState()
        self.now_s = T + 10
        self.service = MonitorService(self.state, lambda: self.now_s)
        self.alarm = self.state.alarm.id

    def ask(self, method: str, caller: Caller = NOBODY_ASKED, **fields: Any) -> Any:
        prefix = "MonitorStatus" if method == "Status" else method
        request = message(f"leeboard.v1.{prefix}Request")(**fields)
        (found,) = (each for each in self.service.methods if each.name == method)
        assert found.answer is not None
        assert isinstance(request, found.request)

        async def call() -> Any:
            assert found.answer is not None
            return await found.answer(caller, request)

        return asyncio.run(call())


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_all_versions_are_told_or_those_of_one_model(desk: Desk) -> None:
    housing, spam = desk.ask("Status").versions
    assert (housing.model, spam.model) == ("housing", "spam")
    assert [s.name for s in housing.subjects] == ["MedInc", "Latitude", "RELP"]
    assert housing.reference.origin == "manifest"
    assert not housing.subjects[1].HasField("bins")
    assert not spam.HasField("reference")
    (only,) = desk.ask("Status", model="housing", detailed=True).versions
    assert len(only.subjects[1].history) == 21


def test_callers_see_only_their_models(desk: Desk) -> None:
    desk.state.book.take([verdict(T, 12.0, subject=other("x", "spam"))])
    assert [v.model for v in desk.ask("Status", SUE).versions] == ["spam"]
    assert [a.model for a in desk.ask("Alarms", SUE).alarms] == ["spam"]
    for method in ("Status", "Alarms"):
        with pytest.raises(Refused, match="may not use the model 'housing'"):
            desk.ask(method, SUE, model="housing")


def test_alarms_are_told_and_those_that_are_over_when_asked_for(desk: Desk) -> None:
    (alarm,) = desk.ask("Alarms").alarms
    assert (alarm.id, alarm.state) == (desk.alarm, "firing")
    desk.state.book.forget("housing", 3, T + 5)
    assert not desk.ask("Alarms").alarms
    (over,) = desk.ask("Alarms", resolved=True).alarms
    assert over.reason == "version 3 of housing is not loaded any more"


def test_an_operator_takes_care_of_an_alarm(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    told = desk.ask("Acknowledge", ANA, id=desk.alarm, comment="looking\n").alarm
    assert (told.owner, told.acknowledged.time_s) == ("ana", T + 10)
    assert desk.state.book.alarm(desk.alarm).owner == "ana"
    (record,) = caplog.records
    assert record.getMessage().endswith(f"acknowledged alarm {desk.alarm}: looking\\n")
    told = desk.ask("Comment", ANA, id=desk.alarm, text="it is the new region").alarm
    assert [c.text for c in told.comments] == ["it is the new region"]


def test_an_operator_of_other_models_does_not_even_learn_of_an_alarm(desk: Desk) -> None:
    for method, fields in (("Acknowledge", {}), ("Comment", {"text": "x"})):
        with pytest.raises(UnknownAlarm, match=f"no alarm is called '{desk.alarm}'"):
            desk.ask(method, SUE, id=desk.alarm, **fields)
    with pytest.raises(UnknownAlarm, match="no alarm is called 'none'"):
        desk.ask("Acknowledge", id="none")


def test_a_silence_holds_from_now_and_says_for_what(desk: Desk) -> None:
    done = desk.ask(
        "Silence", ANA, matcher={"model": "housing"}, seconds=60.0, comment="known"
    )
    assert (done.alarms, done.silence.until_s) == (1, T + 70)
    assert done.silence.author == "ana"
    answer = desk.ask("Alarms")
    assert answer.alarms[0].silence == done.silence.id == answer.silences[0].id
    desk.now_s = T + 70
    assert desk.ask("Alarms").alarms[0].silence == ""
    assert desk.ask("Unsilence", ANA, id=done.silence.id).silence.id == done.silence.id
    assert not desk.ask("Alarms").silences


@pytest.mark.parametrize("model", ["", "*", "spam", "hous*"])
def test_nobody_silences_models_of_others(desk: Desk, model: str) -> None:
    with pytest.raises(Refused, match="may not use the model"):
        desk.ask("Silence", ANA, matcher={"model": model}, seconds=60.0)
    silence = desk.ask("Silence", matcher={"model": model}, seconds=60.0).silence
    assert not desk.ask("Alarms", ANA).silences
    with pytest.raises(Refused, match="may not use the model"):
        desk.ask("Unsilence", ANA, id=silence.id)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_a_silence_without_a_sensible_end_is_refused(desk: Desk, seconds: float) -> None:
    with pytest.raises(ConfigError, match="more than 0 seconds and at most a year"):
        desk.ask("Silence", matcher={"model": "housing"}, seconds=seconds)


def test_what_there_is_not_is_refused(desk: Desk) -> None:
    with pytest.raises(ConfigError, match="no aspect is called 'psi'"):
        desk.ask("Silence", matcher={"aspect": "psi"}, seconds=1.0)
    with pytest.raises(UnknownAlarm, match="no silence is called 's9'"):
        desk.ask("Unsilence", id="s9")
    desk.state.book.forget("housing", 3, T + 5)
    with pytest.raises(ModelError, match="is resolved; there is nothing to acknowledge"):
        desk.ask("Acknowledge", id=desk.alarm)
