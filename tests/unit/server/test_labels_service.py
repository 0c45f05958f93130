"""leeboard.v1.Labels over a real journal: without a socket, and through a real one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime.access.decisions import Refused
from runtime.access.identities import Identity
from runtime.access.roles import Role
from runtime.messages import Message, message
from runtime.monitor.labels import MOST_AT_ONCE
from runtime.monitor.quality_books import QualityBooks
from runtime.monitor.settings import LabelsWatch
from runtime.monitor.signals import VersionPromoted
from runtime.server.control_services import Caller
from runtime.server.labels_service import LabelsService
from tests.unit.monitor.journal_desk import NOW, Desk, prediction
from tests.unit.monitor.quality_pairs import BINARY

Request = message("leeboard.v1.PutLabelsRequest")
QualityRequest = message("leeboard.v1.QualityRequest")
NOBODY_ASKED = Caller(None, "p")
LARA = Caller(Identity("lara", Role.LABELER, ("fraud",)), "p")
SPAM = Caller(Identity("sam", Role.LABELER, ("spam",)), "p")


SOON = replace(BINARY.labels, maturity_s=100.0)


class Counter(Desk):
    """A service over a journal of fraud, of which version 3 serves."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        watch = replace(BINARY, groups=("sex",), labels=SOON)
        self.books = QualityBooks(self.journal, lambda: {"fraud": watch}, self.clock)
        self.books.promoted(VersionPromoted("fraud", 3, NOW))
        self.service = LabelsService(self.journal, self.books, (str(folder),))

    def ask(self, method: str, request: Message, caller: Caller = NOBODY_ASKED) -> Any:
        (found,) = (each for each in self.service.methods if each.name == method)

        async def story() -> Message:
            assert found.answer is not None
            return await found.answer(caller, request)

        return asyncio.run(story())


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    counter = Counter(tmp_path / "journal")
    yield counter
    counter.journal.close()


def labels(*numbers: int, model: str = "fraud") -> Message:
    request = Request()
    for number in numbers:
        value = float(number % 2)
        request.labels.add(model=model, request_id=f"r{number}", number=value)
    return request


def test_labels_are_for_labelers_and_quality_for_them_and_viewers(counter: Counter) -> None:
    needs = {method.name: method.needs for method in counter.service.methods}
    assert needs == {"PutLabels": Role.LABELER, "Quality": Role.VIEWER | Role.LABELER}


def test_every_outcome_is_answered(counter: Counter) -> None:
    counter.add([prediction(n) for n in range(10)])
    request = labels(0, 1, 1)
    request.labels.add(model="fraud", request_id="r1", text="0")
    request.labels.add(model="fraud", request_id="r2", number=1, time=NOW + 9_999)
    request.labels.add(model="fraud", request_id="r3", number=float("nan"))
    request.labels.add(model="fraud", request_id="r99", number=1, row=7)
    request.labels.add(model="fraud", request_id="r98", number=1, time=NOW - 700)
    request.labels.add(model="fraud", request_id="r98", number=1, time=1)
    request.labels.add(model="fraud", request_id="r4", number=1, row=-1)
    counter.watches["fraud"] = LabelsWatch(retention_s=86_400.0)
    found = counter.ask("PutLabels", request, LARA)
    counts = {f.name: v for f, v in found.ListFields() if f.name != "problems"}
    assert counts == {
        "accepted": 2, "duplicates": 1, "contradictions": 1, "from_future": 1,
        "invalid": 2, "early": 1, "unknown": 1, "too_old": 1,
    }  # fmt: skip
    assert [(p.index, p.outcome) for p in found.problems] == [
        (3, "contradiction"), (4, "future"), (5, "invalid"), (7, "unknown"),
        (8, "too_old"), (9, "invalid"),
    ]  # fmt: skip
    assert found.problems[0].words == (
        "label 3 (fraud request 'r1' row 0): it was said to be 1 before"
    )


def test_unsampled_is_apart_from_unknown(counter: Counter) -> None:
    counter.watches["fraud"] = LabelsWatch(share=0.0)
    found = counter.ask("PutLabels", labels(1, 2, 3))
    assert (found.unsampled, found.unknown, len(found.problems)) == (3, 0, 0)


def test_a_label_without_a_value_refuses_all_of_them(counter: Counter) -> None:
    counter.add([prediction(1)])
    request = labels(1)
    request.labels.add(model="fraud", request_id="r2")
    with pytest.raises(Refused, match=r"label 1 \(fraud request 'r2' row 0\) has neither"):
        counter.ask("PutLabels", request)
    assert counter.ask("PutLabels", labels(1)).accepted == 1


def test_too_many_at_once_are_refused(counter: Counter) -> None:
    request = Request()
    for _ in range(MOST_AT_ONCE + 1):
        request.labels.add(number=1)
    with pytest.raises(Refused, match=f"send at most {MOST_AT_ONCE}"):
        counter.ask("PutLabels", request)


def test_nobody_labels_or_sees_models_that_are_not_theirs(counter: Counter) -> None:
    with pytest.raises(Refused, match="may not use the model 'fraud'"):
        counter.ask("PutLabels", labels(1), SPAM)
    with pytest.raises(Refused, match="may not use the model 'fraud'"):
        counter.ask("Quality", QualityRequest(model="fraud"), SPAM)
    assert len(counter.ask("Quality", QualityRequest(), SPAM).versions) == 0
    assert len(counter.ask("Quality", QualityRequest(), LARA).versions) == 1


def test_quality_is_told_whole(counter: Counter) -> None:
    given = [
        prediction(n, 0.9 if n % 2 else 0.1, groups={"sex": "fm"[n // 2 % 2]})
        for n in range(200)
    ]
    counter.add(given)
    counter.ask("PutLabels", labels(*range(150)))
    counter.books.look()
    counter.clock.now = NOW + 1_000
    found = counter.ask("Quality", QualityRequest(model="fraud"))
    assert (found.journal, found.journal_why) == ("open", "")
    [version] = found.versions
    assert (version.model, version.version, version.task) == ("fraud", 3, "binary")
    assert version.labels == 150
    assert version.baseline_labels == version.baseline_wanted == 100
    now = {each.name: each for each in version.now}
    assert (now["accuracy"].value, now["accuracy"].high, now["accuracy"].n) == (1, 1, 150)
    assert now["accuracy"].low > 0.9
    assert {each.name for each in version.promised} >= {"accuracy", "auc", "f1"}
    assert (version.coverage.matured, version.coverage.labelled) == (200, 150)
    assert [place.name for place in version.coverage_by_group[0].places] == ["f", "m"]
    assert len(version.coverage_by_score) >= 2
    parity, chance = version.gaps
    assert (parity.key, parity.name, parity.over) == ("sex", "demographic_parity", False)
    assert chance.name == "equal_opportunity"
    assert parity.gap.value < 0.05
    assert (version.since, version.until) == (NOW, NOW + 149)


def test_what_the_journal_holds_is_for_those_who_may_use_every_model(
    counter: Counter,
) -> None:
    counter.add([prediction(n) for n in range(5)])
    counter.journal.pass_over(unnamed=2, unsampled=30, dropped=4)
    counter.ask("PutLabels", labels(1, 2))
    counter.journal.flush().result(60.0)
    standing = counter.ask("Quality", QualityRequest()).standing
    assert (standing.rows, standing.oldest) == (5, NOW)
    assert standing.bytes > 0
    told = {name: count for name, count in standing.predictions.items() if count}
    assert told == {"written": 5, "without_id": 2, "unsampled": 30, "dropped": 4}
    assert standing.labels["accepted"] == 2
    assert not counter.ask("Quality", QualityRequest(), LARA).HasField("standing")
