"""From late labels to verdicts, over a real journal: trouble, promotions, restarts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime.monitor.alarm_book import Book
from runtime.monitor.journal_rows import Pair
from runtime.monitor.journal_store import JournalStore
from runtime.monitor.labelled import detectors_of
from runtime.monitor.labels import Outcome
from runtime.monitor.lifecycle import State
from runtime.monitor.settings import Control
from runtime.monitor.signals import Aspect, Verdict, VersionPromoted
from runtime.store.errors import StoreFull
from tests.unit.monitor.journal_desk import NOW, label, prediction
from tests.unit.monitor.labels_desk import WATCH, LabelsDesk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[LabelsDesk]:
    desk = LabelsDesk(tmp_path)
    yield desk
    desk.labelled.close()


def test_harm_is_said_once_there_is_a_baseline(desk: LabelsDesk) -> None:
    desk.serve(0, 50, wrong=0.1)
    assert desk.verdicts() == []
    desk.serve(50, 50, wrong=0.1)
    [calm] = desk.verdicts()
    assert not calm.is_firing
    assert calm.counts == {"loss": pytest.approx(0.1), "baseline loss": 0.1}
    desk.serve(100, 200, wrong=0.7)
    [harm] = desk.verdicts()
    assert harm.is_firing
    assert harm.since is not None
    assert harm.since.row == pytest.approx(50, abs=20)


def test_the_promise_of_labels_is_shared_by_harm_and_gaps(desk: LabelsDesk) -> None:
    desk.serve(0, 100)
    said = [each for each in desk.look() if isinstance(each, Verdict)]
    looks = 2 * 30 * 86_400.0 / 60.0
    assert {each.subject.aspect for each in said} == {Aspect.HARM, Aspect.GAP}
    assert {each.evidence.arl_looks for each in said} == {looks * detectors_of(WATCH)}
    assert detectors_of(WATCH) == 3
    assert detectors_of(replace(WATCH, groups=())) == 1


def test_a_gap_goes_the_same_way_as_harm(desk: LabelsDesk) -> None:
    desk.serve(0, 100, wrong=0.5)
    assert not any(each.is_firing for each in desk.verdicts(Aspect.GAP))
    for start in range(100, 500, 20):
        chosen = [prediction(k, 0.9, groups={"sex": "m"}) for k in range(start, start + 10)]
        others = [
            prediction(k, 0.1, groups={"sex": "f"}) for k in range(start + 10, start + 20)
        ]
        mixed = [each for two in zip(chosen, others, strict=True) for each in two]
        desk.add(mixed)
        desk.put([label(k, 1.0) for k in range(start, start + 20)])
    found = desk.verdicts(Aspect.GAP)
    assert {each.subject.name for each in found if each.is_firing} == {
        "sex: demographic_parity",
        "sex: equal_opportunity",
    }


def test_labels_in_any_order_and_long_after_show_the_same(
    desk: LabelsDesk, tmp_path: Path
) -> None:
    other = LabelsDesk(tmp_path / "other")
    desk.serve(0, 150, wrong=0.3)
    numbers = list(range(150))
    other.put([label(k, float(k // 10 % 2)) for k in numbers[:30]])  # Before predictions.
    other.serve(0, 30, wrong=0.3)  # Their labels come twice.
    given = [
        prediction(k, 0.9 if (k // 10 % 2 == 1) != (k % 10 < 3) else 0.1,
                   groups={"sex": "m" if k % 2 else "f"}, time_s=NOW)
        for k in numbers[30:]
    ]  # fmt: skip
    other.add(given)
    other.clock.now = NOW + 9_000.0
    late = [label(k, float(k // 10 % 2)) for k in numbers[30:]]
    assert other.put(late).count(Outcome.ACCEPTED) == 120
    ours, theirs = desk.verdicts(), other.verdicts()
    other.labelled.close()
    assert [(v.evidence, v.counts) for v in ours] == [
        (v.evidence, v.counts) for v in theirs
    ]


def test_what_is_no_label_of_a_prediction_changes_nothing(desk: LabelsDesk) -> None:
    desk.models["fraud"] = replace(WATCH, labels=replace(WATCH.labels, share=0.5))
    desk.serve(0, 100, wrong=0.1)
    desk.look()
    ids = range(10_000, 10_050)
    summary = desk.put(
        [
            *(label(k, 0.0, NOW - 3_600.0) for k in ids),  # No such prediction.
            label(5, 1.0 - (5 // 10 % 2)),  # Something else was said.
            label(5, float(5 // 10 % 2)),  # The same again.
            label(6, 1.0, time_s=NOW + 3_600.0),
        ]
    )
    assert summary.count(Outcome.CONTRADICTION) == 1
    assert summary.count(Outcome.DUPLICATE) == 1
    assert summary.count(Outcome.FUTURE) == 1
    unsampled, unknown = (summary.count(o) for o in (Outcome.UNSAMPLED, Outcome.UNKNOWN))
    assert unsampled + unknown == 50
    assert min(unsampled, unknown) > 10
    assert desk.verdicts() == []


def test_labels_of_older_versions_go_to_their_own_book(desk: LabelsDesk) -> None:
    desk.serve(0, 100, wrong=0.1)
    desk.look()
    desk.clock.now += 10.0
    desk.labelled.promoted(VersionPromoted("fraud", 4, desk.clock.now))
    desk.serve(100, 40, wrong=0.8, version=3)
    desk.serve(200, 100, wrong=0.1, version=4)
    found = {v.subject.version: v for v in desk.verdicts()}
    assert found[3].counts["loss"] > 0.5
    assert found[4].counts["loss"] == pytest.approx(0.1)


def test_only_the_version_that_serves_is_said_to_be_blind(desk: LabelsDesk) -> None:
    desk.add([prediction(k) for k in range(150)])
    desk.look(200.0)
    desk.labelled.promoted(VersionPromoted("fraud", 4, desk.clock.now))
    said = desk.look(200.0)
    assert {each.subject.version for each in said} == {4}


def test_labels_that_do_not_come_are_an_alarm_until_they_come(desk: LabelsDesk) -> None:
    book = Book()
    states: list[State] = []
    desk.add([prediction(k) for k in range(150)])

    def look(after_s: float) -> None:
        for each in desk.look(after_s):
            changes = book.take([each])
            states.extend(
                c.alarm.state for c in changes if c.alarm.subject.name == "labels"
            )

    look(300.0)
    look(60.0)
    assert states == [State.PENDING, State.FIRING]
    desk.put([label(k) for k in range(150)])
    look(60.0)
    look(book.policy.calm_s)
    look(book.policy.settle_s)
    assert states[2:] == [State.COOLING, State.RESOLVED]


def test_uneven_labels_are_an_alarm(desk: LabelsDesk) -> None:
    given = [prediction(k, groups={"sex": "m" if k % 2 else "f"}) for k in range(400)]
    desk.add(given)
    desk.put([label(k) for k in range(1, 400, 2)])
    assert desk.blind(600.0) == {"labels": False, "uneven labels": True, "journal": False}
    desk.put([label(k) for k in range(0, 400, 2)])
    assert desk.blind(60.0)["uneven labels"] is False


def test_coverage_is_asked_each_minute_also_when_the_clock_goes_back(
    desk: LabelsDesk,
) -> None:
    assert "labels" in desk.blind()
    assert "labels" not in desk.blind(59.0)
    assert "labels" in desk.blind(1.0)
    assert "labels" in desk.blind(-3_600.0)
    assert "labels" not in desk.blind(1.0)


def test_losses_go_on_when_the_clock_goes_back(desk: LabelsDesk) -> None:
    desk.serve(0, 60, wrong=0.1)
    desk.look()
    desk.clock.now -= 30.0
    desk.serve(60, 40, wrong=0.1)
    found = desk.verdicts()
    # Those predicted before the promotion, by that clock, are not judged.
    assert found == []
    desk.clock.now += 60.0
    desk.serve(100, 40, wrong=0.1)
    [verdict] = desk.verdicts()
    assert verdict.evidence.rows == 50


def test_a_disk_that_takes_nothing_is_an_alarm_and_what_waits_is_judged_later(
    desk: LabelsDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.serve(0, 60)

    def refuse(store: JournalStore, *args: object, **more: object) -> None:
        raise StoreFull("the disk of the journal is full")

    with monkeypatch.context() as patched:
        for act in ("add", "probe", "put", "last_pair"):
            patched.setattr(JournalStore, act, refuse)
        with pytest.raises(StoreFull):
            desk.put([label(1)])
        assert desk.blind()["journal"] is True
        desk.labelled.offer([prediction(k, time_s=NOW) for k in range(60, 100)])
        assert desk.blind(30.0)["journal"] is True
    desk.labelled.journal.flush().result(60.0)
    assert desk.put([label(k) for k in range(60, 100)]).count(Outcome.ACCEPTED) == 40
    assert desk.blind(30.0)["journal"] is False
    assert desk.labelled.books.books[0].taken == 100


def test_error_over_patience_lowers_the_limit_when_much_is_wrong_at_once(
    tmp_path: Path,
) -> None:
    desk = LabelsDesk(tmp_path, replace(WATCH, control=Control.ERROR_OVER_PATIENCE))
    desk.serve(0, 50)
    desk.look()
    desk.serve(50, 20, wrong=0.0)
    calm = [each for each in desk.look() if isinstance(each, Verdict)]
    alone = calm[0].evidence.log_limit
    desk.add([
        prediction(k, 0.1 if k % 2 else 0.9, groups={"sex": "f" if k % 2 else "m"})
        for k in range(100, 300)
    ])  # fmt: skip
    desk.put([label(k) for k in range(100, 300)])
    much = [each for each in desk.look() if isinstance(each, Verdict)]
    desk.labelled.close()
    assert [each.is_firing for each in much] == [True] * 3
    assert much[0].evidence.log_limit == pytest.approx(alone - 1.0986, abs=1e-4)
    assert all("The share of false ones among" in each.sentence for each in much)


def test_a_promotion_waits_for_no_disk(
    desk: LabelsDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, may_go = threading.Event(), threading.Event()
    pairs = JournalStore.pairs

    def slow(store: JournalStore, **more: Any) -> list[Pair]:
        asked.set()
        assert may_go.wait(60.0)
        return pairs(store, **more)

    monkeypatch.setattr(JournalStore, "pairs", slow)
    look = threading.Thread(target=desk.look)
    look.start()
    assert asked.wait(60.0)
    desk.labelled.promoted(VersionPromoted("fraud", 4, NOW))
    assert look.is_alive()
    assert [book.version for book in desk.labelled.books.books] == [3, 4]
    may_go.set()
    look.join(60.0)
