"""Whether a registry is whole: each way in which it might not be is told."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from runtime.registry.records import Policy
from runtime.registry.registry import Registry
from runtime.registry.source import Happened, Use
from runtime.store.audit import Head
from runtime.store.engine import DATABASE
from tests.unit.registry.made import pushed

SWAPPED = Happened("swapped", "fraud", 1, "host")


def spoil(registry: Registry, statement: str) -> None:
    """Change the database behind the registry's back."""
    with closing(sqlite3.connect(registry.store.folder / DATABASE)) as raw:
        raw.execute(statement)
        raw.commit()


def told(registry: Registry, head: Head | None = None) -> list[tuple[str, str]]:
    verified = registry.verify(head)
    assert not verified.is_whole
    return [(problem.what, problem.text) for problem in verified.problems]


def one_champion(registry: Registry) -> str:
    digest = pushed(registry, b"abc").digest
    registry.alias("fraud", "champion", 1)
    return digest


def test_a_whole_registry_has_no_problem(registry: Registry) -> None:
    one_champion(registry)
    verified = registry.verify(registry.store.audit_head())
    assert verified.is_whole
    assert verified.problems == ()
    assert (verified.versions, verified.blobs, verified.size_bytes) == (1, 1, 3)
    assert verified.head == registry.store.audit_head()


def test_a_missing_and_a_damaged_blob_are_told_with_their_version(
    registry: Registry,
) -> None:
    one_champion(registry)
    pushed(registry, b"d")
    blobs = registry.store.blobs
    first, second = (
        blobs.path(registry.version("fraud", number).manifest.files[0].sha256)
        for number in (1, 2)
    )
    first.unlink()
    second.chmod(0o600)
    second.write_bytes(b"D")
    (missing, damaged) = sorted(told(registry))
    assert missing[0] == "fraud/1"
    assert "no blob" in missing[1]
    assert damaged[0] == "fraud/2"
    assert "is damaged" in damaged[1]


def test_a_changed_manifest_is_told(registry: Registry) -> None:
    one_champion(registry)
    spoil(registry, "UPDATE version SET manifest = replace(manifest, 'FP32', 'FP16')")
    ((what, text),) = told(registry)
    assert what == "fraud/1"
    assert text.startswith("its manifest was changed: its digest is")


def test_a_manifest_that_is_none_is_told(registry: Registry) -> None:
    one_champion(registry)
    spoil(registry, "UPDATE version SET manifest = '{'")
    (what, text), orphans = told(registry)
    assert what == "fraud/1"
    assert text.startswith("its manifest is damaged: this manifest cannot be read")
    assert orphans[0] == "blobs"


def test_an_alias_to_nothing_is_told(registry: Registry) -> None:
    one_champion(registry)
    spoil(registry, "UPDATE alias SET number = 7")
    assert ("fraud@champion", "it points at 7, which does not exist") in told(registry)


def test_a_champion_without_files_is_told(registry: Registry) -> None:
    one_champion(registry)
    spoil(registry, "UPDATE version SET state = 'rejected'")
    assert ("fraud@champion", "it points at fraud/1: rejected") in told(registry)


def test_a_log_that_is_not_the_one_kept_is_told(registry: Registry) -> None:
    one_champion(registry)
    head = registry.store.audit_head()
    other = Head(head.seq, "0" * 64)
    (what, text), *_ = told(registry, other)
    assert what == "audit"
    assert "another one than the head" in text


def test_what_a_killed_push_left_is_harmless(registry: Registry) -> None:
    one_champion(registry)
    registry.store.blobs.put_bytes(b"left")
    verified = registry.verify()
    assert verified.is_whole
    (problem,) = verified.problems
    assert problem.harmless
    assert problem.text == "1 belong to no version that has files; `gc` removes them"


@pytest.mark.parametrize(
    ("statement", "label", "words"),
    [
        (
            "UPDATE alias SET number = 2",
            "fraud@champion",
            "number 2, and in the audit log 1",
        ),
        ("UPDATE alias SET generation = 9", "fraud@champion", "generation 9, and in"),
        ("DELETE FROM alias", "fraud@champion", "the audit log knows of it"),
        (
            "UPDATE version SET state = 'approved' WHERE number = 2",
            "fraud/2",
            "approved, and",
        ),
        ("DELETE FROM version WHERE number = 2", "fraud/2", "the audit log knows of it"),
        (
            "INSERT INTO alias SELECT namespace, model, 'canary', 2, 1, 0, '', 0, 'eve' "
            "FROM alias",
            "fraud@canary",
            "the audit log does not know of it",
        ),
    ],
)
def test_what_was_changed_past_the_audit_log_is_told(
    registry: Registry, statement: str, label: str, words: str
) -> None:
    one_champion(registry)
    pushed(registry, b"d")
    spoil(registry, statement)
    assert any(what == label and words in text for what, text in told(registry))


def test_every_change_is_as_the_log_tells(registry: Registry) -> None:
    one_champion(registry)
    pushed(registry, b"d")
    registry.set_policy("fraud", Policy(approvals=1))
    registry.approve("fraud", 2, "yes")
    registry.alias("fraud", "champion", 2)
    registry.alias("fraud", "challenger", 1)
    registry.remove_alias("fraud", "challenger")
    registry.alias("fraud", "champion", 1)
    registry.reject("fraud", 2, "worse")
    registry.retry("fraud", 2, "mended")
    registry.freeze("fraud", "holidays")
    registry.tell("host", [Use("fraud", 1, "serves")], [SWAPPED])
    pushed(registry, b"e")
    registry.gc(keep_last=0)
    pushed(registry, b"e")
    assert registry.verify().problems == ()
