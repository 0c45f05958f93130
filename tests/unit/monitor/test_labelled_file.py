"""What labels have shown, on disk: restarts, crashes, damage, disks that take nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.monitor.labelled import STATE
from runtime.monitor.labelled_file import Content, LabelledFile
from runtime.monitor.signals import Verdict
from tests.unit.monitor.labels_desk import LabelsDesk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[LabelsDesk]:
    desk = LabelsDesk(tmp_path)
    yield desk
    desk.labelled.close()


@pytest.mark.parametrize("cut", [30, 50, 70, 150])
def test_a_restart_goes_on_exactly(cut: int, tmp_path: Path) -> None:
    whole, ended = LabelsDesk(tmp_path / "a"), LabelsDesk(tmp_path / "b")
    for desk in (whole, ended):
        desk.serve(0, cut, wrong=0.1)
        desk.look()
    ended.restart()
    after = []
    for desk in (whole, ended):
        desk.serve(cut, 200, wrong=0.5)
        after.append([each for each in desk.look() if isinstance(each, Verdict)])
        desk.labelled.close()
    assert after[0] == after[1]
    assert after[0]


def test_a_crash_judges_again_what_was_not_written_and_nothing_twice(
    tmp_path: Path,
) -> None:
    whole, killed = LabelsDesk(tmp_path / "a"), LabelsDesk(tmp_path / "b")
    for desk in (whole, killed):
        desk.serve(0, 100, wrong=0.1)
        desk.look()
    state = (tmp_path / "b" / STATE).read_bytes()
    for desk in (whole, killed):
        desk.serve(100, 30, wrong=0.5)
        desk.look()
    killed.labelled.close()
    (tmp_path / "b" / STATE).write_bytes(state)  # As it was before the last look.
    killed.labelled = killed.opened()
    after = []
    for desk in (whole, killed):
        desk.look()
        desk.serve(130, 50, wrong=0.5)
        after.append(desk.verdicts())
        desk.labelled.close()
    assert after[0][0].counts == after[1][0].counts
    assert after[0][0].evidence.rows == after[1][0].evidence.rows == 130


def test_what_is_known_is_written_each_minute(desk: LabelsDesk) -> None:
    path = desk.folder / STATE
    desk.look()
    first = path.stat().st_mtime_ns
    desk.look(30.0)
    assert path.stat().st_mtime_ns == first
    desk.look(30.0)
    assert path.stat().st_mtime_ns != first


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_cannot_be_used_is_set_aside_and_told(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    desk = LabelsDesk(tmp_path)
    desk.serve(0, 100)
    desk.look()
    desk.labelled.close()
    (tmp_path / STATE).write_bytes(content)
    desk.labelled = desk.opened()
    assert desk.labelled.books.books == ()
    assert "quality is judged anew" in caplog.text
    assert (tmp_path / f"{STATE}.unusable").read_bytes() == content
    desk.labelled.close()


def test_state_that_does_not_fit_together_begins_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = LabelsDesk(tmp_path)
    desk.serve(0, 100)
    desk.look()
    desk.labelled.close()
    file = LabelledFile(tmp_path / STATE)
    found = file.read()
    parts = {who: dict(list(arrays.items())[:2]) for who, arrays in found.parts.items()}
    file.write(Content(found.books, parts))
    desk.labelled = desk.opened()
    assert desk.labelled.books.books == ()
    assert "quality is judged anew" in caplog.text
    desk.labelled.close()


def test_a_folder_that_takes_nothing_is_told_once(
    desk: LabelsDesk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*args: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, caplog.at_level(logging.ERROR):
        patched.setattr("runtime.monitor.labelled_file.write_bytes", refuse)
        desk.labelled.save()
        desk.labelled.save()
    assert caplog.text.count("quality cannot be written") == 1
    desk.labelled.save()
    assert (desk.folder / STATE).exists()
