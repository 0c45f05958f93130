"""The prediction journal over a real file: joining, bounds, restarts, trouble."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.errors import ServerError
from runtime.monitor.journal import State
from runtime.monitor.journal_file import FILE, Bounds
from runtime.monitor.journal_store import JournalStore
from runtime.monitor.labels import EARLY_S, Outcome
from runtime.monitor.settings import LabelsWatch
from runtime.store.errors import StoreError, StoreFull
from tests.unit.monitor.journal_desk import NOW, WAIT_S, Desk, label, prediction


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "journal")
    yield desk
    desk.journal.close()


def pairs(desk: Desk, after: int = 0) -> list[tuple[int, str, object]]:
    found = desk.journal.ask(lambda store: store.pairs("fraud", after, 1_000))
    return [(p.seq, p.request_id, p.value) for p in found.result(WAIT_S)]


def test_predictions_and_labels_become_pairs(desk: Desk) -> None:
    given = prediction(
        1, groups={"sex": "f"}, outputs={"a": np.arange(3.0), "b": np.ones(1)}
    )
    standing = desk.add([given, prediction(2)])
    assert (standing.state, standing.written, standing.rows) == (State.OPEN, 2, 2)
    summary = desk.put([label(2, "yes"), label(1, 0.0)])
    assert summary.counts == {Outcome.ACCEPTED: 2}
    assert pairs(desk) == [(1, "r2", "yes"), (2, "r1", 0.0)]
    [_, pair] = desk.journal.ask(lambda s: s.pairs("fraud", 0, 9)).result(WAIT_S)
    assert (pair.version, pair.row, pair.time_s) == (3, 0, NOW + 1)
    assert pair.groups == {"sex": "f"}
    assert pair.outputs["a"].tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_any_order_gives_the_same_pairs(desk: Desk, order: tuple[int, ...]) -> None:
    acts: list[Callable[[], object]] = [
        lambda: desk.add([prediction(1)]),
        lambda: desk.add([prediction(2)]),
        lambda: desk.put([label(1)]),
        lambda: desk.put([label(2, 0.0)]),
    ]
    for number in order:
        acts[number]()
    assert sorted(p[1:] for p in pairs(desk)) == [("r1", 1.0), ("r2", 0.0)]
    assert desk.journal.standing.paired == 2


def test_every_outcome_is_counted(desk: Desk) -> None:
    desk.watches["fraud"] = LabelsWatch(retention_s=86_400.0, share=0.5)
    desk.add([prediction(n) for n in range(4)])
    desk.clock.now = NOW + 4
    summary = desk.put(
        [
            label(0),
            label(0),  # Twice in one batch.
            label(0, 0.0),
            label(1, time_s=NOW + 9_999),
            label(2, float("nan")),
            label(1_002),  # Its id is beyond half.
            label(1_003, time_s=NOW - 700),
            label(1_003, time_s=NOW - 86_500),
            label(1_003),
            replace(label(1), model="spam"),
        ]
    )
    assert {outcome: summary.count(outcome) for outcome in Outcome} == {
        Outcome.ACCEPTED: 1,
        Outcome.DUPLICATE: 1,
        Outcome.CONTRADICTION: 1,
        Outcome.FUTURE: 1,
        Outcome.INVALID: 1,
        Outcome.UNSAMPLED: 1,
        Outcome.UNKNOWN: 2,
        Outcome.TOO_OLD: 1,
        Outcome.EARLY: 1,
    }
    assert [p.index for p in summary.problems] == [2, 3, 4, 6, 7, 9]
    assert "no such model is watched" in summary.problems[-1].words
    assert desk.journal.standing.outcomes == {o: summary.count(o) for o in Outcome}


def test_what_was_said_first_stays_also_later(desk: Desk) -> None:
    desk.add([prediction(1)])
    desk.put([label(1), label(5)])
    assert desk.put([label(1), label(5)]).counts == {Outcome.DUPLICATE: 2}
    assert desk.put([label(1, 0.0), label(5, 0.0)]).counts == {Outcome.CONTRADICTION: 2}
    assert pairs(desk) == [(1, "r1", 1.0)]


def test_a_prediction_that_is_repeated_stays_as_it_was(desk: Desk) -> None:
    desk.add([prediction(1, 0.25)])
    standing = desk.add([prediction(1, 0.75), prediction(1, 0.5, row=1)])
    assert (standing.written, standing.repeated, standing.rows) == (2, 1, 2)
    desk.put([label(1)])
    [pair] = desk.journal.ask(lambda s: s.pairs("fraud", 0, 9)).result(WAIT_S)
    assert pair.outputs["score"].tolist() == [0.25]


def test_a_prediction_without_an_id_is_counted_and_left_out(desk: Desk) -> None:
    standing = desk.add([prediction(1, request_id=""), prediction(2)])
    assert (standing.unnamed, standing.written) == (1, 1)


def test_a_prediction_that_cannot_be_written_stops_no_other(desk: Desk) -> None:
    bad = prediction(2, request_id="half \ud800")
    standing = desk.add([prediction(1), bad, prediction(3)])
    assert (standing.written, standing.lost, standing.state) == (2, 1, State.OPEN)


def test_early_labels_wait_for_a_bounded_time(desk: Desk) -> None:
    desk.put([label(1), label(2)])
    desk.clock.now = NOW + EARLY_S - 1
    assert desk.add([prediction(1)]).paired == 1
    desk.clock.now = NOW + EARLY_S + 1
    assert desk.journal.flush().result(WAIT_S).unclaimed == 1
    assert desk.add([prediction(2)]).paired == 1


def test_early_labels_are_bounded_in_number(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Bounds(waiting=2))
    summary = desk.put([label(n) for n in range(3)])
    assert summary.counts == {Outcome.EARLY: 2, Outcome.UNKNOWN: 1}
    assert "too many labels wait" in summary.problems[0].words
    desk.journal.close()


def test_all_is_there_after_a_restart_and_pairs_go_on_counting(desk: Desk) -> None:
    desk.add([prediction(1), prediction(2)])
    desk.put([label(1), label(9)])
    desk.reopen()
    assert desk.put([label(1), label(2)]).counts == {
        Outcome.DUPLICATE: 1, Outcome.ACCEPTED: 1
    }  # fmt: skip
    desk.add([prediction(9)])
    assert [p[:2] for p in pairs(desk)] == [(1, "r1"), (2, "r2"), (3, "r9")]
    assert [p[0] for p in pairs(desk, after=2)] == [3]


def test_pairs_never_count_backwards_though_all_are_gone(desk: Desk) -> None:
    desk.add([prediction(1)])
    desk.put([label(1)])
    desk.clock.now = NOW + 100_000
    assert desk.journal.flush().result(WAIT_S).rows == 0
    desk.reopen()
    desk.add([prediction(100_001)])
    desk.put([label(100_001)])
    assert [p[0] for p in pairs(desk)] == [2]
    assert desk.journal.ask(lambda s: s.last_pair()).result(WAIT_S) == 2


def test_old_predictions_go_and_those_without_a_label_are_counted(desk: Desk) -> None:
    desk.add([prediction(n) for n in range(10)])
    desk.put([label(0), label(1)])
    desk.clock.now = NOW + 86_405
    standing = desk.journal.flush().result(WAIT_S)
    assert (standing.trimmed, standing.unlabelled, standing.rows) == (5, 3, 5)
    assert pairs(desk) == []


def test_a_clock_that_goes_back_lets_nothing_go_and_stops_nothing(desk: Desk) -> None:
    desk.add([prediction(1)])
    desk.clock.now = NOW - 1e6
    assert desk.put([label(1)]).counts == {Outcome.ACCEPTED: 1}
    assert desk.add([prediction(2, time_s=NOW - 9_000)]).rows == 2


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Bounds(rows=100))
    standing = desk.add([prediction(n) for n in range(250)])
    assert (standing.rows, standing.trimmed) == (95, 155)
    summary = desk.put([label(154), label(155)])
    assert summary.counts == {Outcome.EARLY: 1, Outcome.ACCEPTED: 1}
    desk.journal.close()


def test_the_oldest_go_when_they_are_too_large(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Bounds(nbytes=600_000))
    wide = {"score": np.zeros(500)}
    for start in range(0, 1_000, 100):
        numbers = range(start, start + 100)
        standing = desk.add([prediction(n, outputs=wide) for n in numbers])
    assert standing.nbytes <= 1_000_000
    assert 100 <= standing.rows <= 250
    desk.journal.close()
    assert (tmp_path / FILE).stat().st_size < 2_000_000


def test_a_damaged_file_is_set_aside_and_told(desk: Desk) -> None:
    desk.add([prediction(1)])
    desk.journal.close()
    (desk.folder / FILE).write_bytes(b"no database" * 1_000)
    desk.journal = desk.opened()
    standing = desk.add([prediction(2)])
    assert (standing.state, standing.rows) == (State.OPEN, 1)
    assert standing.set_aside == f"{FILE}.damaged-{int(NOW)}"
    kept = desk.folder / standing.set_aside
    assert kept.read_bytes().startswith(b"no database")


def test_a_file_that_is_damaged_while_it_is_used_is_set_aside(desk: Desk) -> None:
    desk.add([prediction(n, outputs={"s": np.zeros(100)}) for n in range(2_000)])
    desk.reopen()
    desk.journal.flush().result(WAIT_S)
    path = desk.folder / FILE
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4_096)
        file.write(b"\xff" * (size - 4_096))
    (desk.folder / f"{FILE}-wal").unlink(missing_ok=True)
    desk.reopen()
    standing = desk.add([prediction(2_001)])
    assert (standing.state, standing.rows) == (State.OPEN, 1)
    assert standing.set_aside


def test_a_folder_that_cannot_be_made_is_a_state_until_it_can(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in the way")
    desk = Desk(tmp_path / "state" / "journal")
    desk.journal.offer([prediction(1)])
    with pytest.raises(StoreError, match="cannot be used"):
        desk.journal.flush().result(WAIT_S)
    assert desk.journal.standing.state is State.FULL
    (tmp_path / "state").unlink()
    standing = desk.journal.flush().result(WAIT_S)
    assert (standing.state, standing.rows, standing.lost) == (State.OPEN, 1, 0)
    desk.journal.close()


def test_a_journal_of_another_format_is_set_aside(desk: Desk) -> None:
    desk.add([prediction(1)])

    def age(store: JournalStore) -> None:
        with store.transaction() as connection:
            connection.exec_driver_sql("PRAGMA user_version = 99")

    desk.journal.ask(age).result(WAIT_S)
    desk.reopen()
    assert desk.journal.flush().result(WAIT_S).set_aside


def test_nothing_is_taken_after_the_end(desk: Desk) -> None:
    desk.journal.close()
    assert desk.journal.standing.state is State.CLOSED
    with pytest.raises(ServerError, match="the prediction journal is closed"):
        desk.journal.put([label(1)])
    desk.journal.offer([prediction(1)])
    assert desk.journal.standing.lost == 1


def test_what_was_handed_over_is_written_at_the_end(desk: Desk) -> None:
    desk.journal.offer([prediction(n) for n in range(5_000)])
    desk.reopen()
    assert desk.journal.flush().result(WAIT_S).rows == 5_000


def fill_up(disk: Path) -> None:
    with open(disk / "filler", "wb", buffering=0) as filler:
        while True:
            filler.write(bytes(1_000))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two mebibytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this user may not mount a tmpfs")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_is_a_state_and_the_journal_goes_on_when_there_is_room(
    disk: Path,
) -> None:
    desk = Desk(disk / "journal")
    desk.add([prediction(1)])
    with pytest.raises(OSError, match="No space"):
        fill_up(disk)
    wide = {"score": np.zeros(500)}
    desk.journal.offer([prediction(n, outputs=wide) for n in range(2, 102)])
    with pytest.raises(StoreFull, match="is full"):
        desk.journal.flush().result(WAIT_S)
    with pytest.raises(StoreFull):
        desk.put([label(n) for n in range(1, 2_000)])
    assert desk.journal.standing.state is State.FULL
    assert "is full" in desk.journal.standing.why
    (disk / "filler").unlink()
    standing = desk.journal.flush().result(WAIT_S)
    assert (standing.state, standing.rows, standing.lost) == (State.OPEN, 101, 0)
    assert desk.put([label(1)]).counts == {Outcome.ACCEPTED: 1}
    desk.journal.close()


def test_what_is_held_and_what_was_passed_over_is_told(desk: Desk) -> None:
    desk.journal.pass_over(unnamed=1, unsampled=2, dropped=3)
    assert desk.add([]).oldest_s == 0.0
    standing = desk.add([prediction(5), prediction(3), prediction(9)])
    # The one that has been here the longest, not the one of the earliest answer.
    assert (standing.rows, standing.oldest_s) == (3, NOW + 5)
    counts = standing.unnamed, standing.unsampled, standing.dropped
    assert counts == (1, 2, 3)
    assert standing.nbytes > 0
