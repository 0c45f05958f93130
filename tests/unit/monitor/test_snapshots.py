"""What is known of versions outlives a restart, and a damaged file stops nothing."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.atomic import write_bytes
from runtime.monitor.settings import DEFAULT
from runtime.monitor.snapshots import KEPT, SUFFIX, Snapshots, prune
from runtime.monitor.version_watch import Phase, VersionWatch
from tests.unit.monitor.filled import look, plan, watch_of

SMALL = replace(DEFAULT, reference_rows=1_000)
WRITE = "runtime.monitor.snapshots.write_bytes"
PLAN = plan([("x", "FP32", 2)])


def seen(looks: int) -> VersionWatch:
    watch = watch_of(PLAN, settings=SMALL)
    for step in range(looks):
        rows = np.random.default_rng(step).normal(size=(500, 2))
        look(watch, float(step), rows.astype(np.float32))
    return watch


def kept(folder: Path) -> Path:
    [path] = folder.glob(f"*{SUFFIX}")
    return path


def test_a_version_goes_on_where_it_was_written(tmp_path: Path) -> None:
    files, before = Snapshots(tmp_path), seen(6)
    files.write(before)
    assert files.close()
    after = watch_of(PLAN, settings=SMALL)
    assert Snapshots(tmp_path).read(after)
    assert (after.phase, after.seen) == (Phase.WATCHING, before.seen)


def test_what_still_waits_for_the_disk_is_read_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    files = Snapshots(tmp_path)
    files.write(seen(2))
    assert files.settle()
    monkeypatch.setattr(WRITE, full)
    files.write(seen(6))
    files.settle()
    after = watch_of(PLAN, settings=SMALL)
    assert files.read(after)
    assert after.phase is Phase.WATCHING


def test_a_full_disk_is_said_once_and_mended_by_the_next_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    files = Snapshots(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(WRITE, full)
    with caplog.at_level(logging.ERROR):
        for looks in (2, 3):
            files.write(seen(looks))
            files.settle()
    [line] = [r for r in caplog.records if "cannot write" in r.getMessage()]
    assert "No space left on device; a restart begins anew" in line.getMessage()
    monkeypatch.setattr(WRITE, write_bytes)
    files.write(seen(6))
    assert files.close()
    after = watch_of(PLAN, settings=SMALL)
    assert Snapshots(tmp_path).read(after)
    assert after.phase is Phase.WATCHING


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: b"PK\x03\x04" + bytes(200),
        lambda content: content[:300] + b"\xff" * 40 + content[340:],
        lambda content: b"\x93NUMPY" + content[6:],
    ],
    ids=["empty", "cut", "no archive", "bytes changed", "an array alone"],
)
def test_a_damaged_file_is_set_aside_and_said(
    damage: object, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = Snapshots(tmp_path)
    files.write(seen(6))
    files.close()
    path = kept(tmp_path)
    assert callable(damage)
    path.write_bytes(damage(path.read_bytes()))
    after = watch_of(PLAN, settings=SMALL)
    with caplog.at_level(logging.ERROR):
        assert not Snapshots(tmp_path).read(after)
    assert after.phase is Phase.EDGES
    assert after.seen.rows == 0
    assert path.with_name(f"{path.name}.unusable").exists()
    assert "watching begins anew" in caplog.text


def test_without_a_folder_nothing_is_kept() -> None:
    files = Snapshots(None)
    files.write(seen(2))
    assert not files.read(watch_of(PLAN, settings=SMALL))
    assert files.close()


def test_names_of_models_do_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    files = Snapshots(tmp_path)
    watch = VersionWatch(("../a b/c", 1), PLAN, SMALL, 1.0)
    path = files.path_of(watch)
    assert path is not None
    assert path.parent == tmp_path


def test_the_oldest_files_go_but_not_of_versions_that_serve(tmp_path: Path) -> None:
    paths = [tmp_path / f"m-{n}{SUFFIX}" for n in range(KEPT + 5)]
    for age, path in enumerate(paths):
        path.write_bytes(b"")
        os.utime(path, (age, age))
    prune(tmp_path, serving=paths[:2])
    assert [path.exists() for path in paths[:6]] == [True, True, False, False, False, True]
