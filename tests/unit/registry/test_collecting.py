"""Files that nobody needs go; nothing that somebody needs does."""

from __future__ import annotations

import threading

import pytest

from runtime.registry.collecting import Collected
from runtime.registry.lifecycle import Event, State
from runtime.registry.records import Policy
from runtime.registry.registry import Registry
from runtime.registry.source import RegistryError, Use
from runtime.store.errors import BlobMissing, StoreLocked
from runtime.store.store import Store
from tests.unit.registry.made import Clock, pushed


def five(registry: Registry) -> None:
    for content in (b"a", b"b", b"c", b"d", b"e"):
        pushed(registry, content)


def kept(collected: Collected) -> dict[int, str]:
    return {fate.number: fate.why for fate in collected.fates if fate.kept}


def archived(collected: Collected) -> list[int]:
    return [fate.number for fate in collected.archived]


def blobs_there(registry: Registry) -> list[int]:
    """The versions whose files are there."""
    return [
        version.number
        for version in registry.versions("fraud")
        if all(registry.store.blobs.has(f.sha256) for f in version.manifest.files)
    ]


def test_the_newest_stay_and_the_rest_is_archived(registry: Registry) -> None:
    five(registry)
    collected = registry.gc(keep_last=2)
    assert kept(collected) == dict.fromkeys((4, 5), "one of the newest 2")
    assert archived(collected) == [1, 2, 3]
    assert (len(collected.blobs), collected.size_bytes) == (3, 3)
    assert blobs_there(registry) == [4, 5]
    states = {v.number: v.state for v in registry.versions("fraud")}
    assert [n for n, s in states.items() if s is State.ARCHIVED] == [1, 2, 3]
    assert registry.verify().problems == ()
    assert registry.gc(keep_last=2).archived == ()


def test_a_dry_run_says_the_same_and_changes_nothing(registry: Registry) -> None:
    five(registry)
    head = registry.store.audit_head()
    planned = registry.gc(keep_last=2, dry_run=True)
    assert blobs_there(registry) == [1, 2, 3, 4, 5]
    assert registry.store.audit_head() == head
    done = registry.gc(keep_last=2)
    assert (planned.fates, planned.blobs) == (done.fates, done.blobs)
    assert (planned.dry_run, done.dry_run) == (True, False)


def test_what_an_alias_points_at_stays(registry: Registry) -> None:
    five(registry)
    registry.alias("fraud", "champion", 1)
    registry.alias("fraud", "champion", 2)
    registry.alias("fraud", "challenger", 3)
    assert kept(registry.gc(keep_last=0)) == {
        1: "previous points at it",
        2: "champion points at it",
        3: "challenger points at it",
    }
    registry.remove_alias("fraud", "challenger")
    assert archived(registry.gc(keep_last=0)) == [3]


def test_what_a_server_held_lately_stays(registry: Registry, clock: Clock) -> None:
    five(registry)
    registry.lease("a", [Use("fraud", 1, "serves"), Use("fraud", 2, "warm")])
    clock.now += 100
    assert kept(registry.gc(keep_last=0, lease_ttl_s=100)) == {
        1: "a serves it",
        2: "a keeps it",
    }
    clock.now += 1
    assert archived(registry.gc(keep_last=0, lease_ttl_s=100)) == [1, 2]
    assert registry.leases() == []


def test_what_people_began_to_approve_stays(registry: Registry) -> None:
    five(registry)
    registry.set_policy("fraud", Policy(approvals=2))
    registry.approve("fraud", 1)
    registry.approve("fraud", 2)
    Registry(registry.store, "bob").approve("fraud", 2)
    registry.report("fraud", 3, Event.SHADOWED)
    assert kept(registry.gc(keep_last=0)) == {
        1: "its approval has begun (kate)",
        2: "it is approved and was never champion",
        3: "a rollout tries it as shadow",
    }


def test_an_archived_version_comes_back_when_it_is_pushed_again(
    registry: Registry,
) -> None:
    five(registry)
    registry.gc(keep_last=0)
    with pytest.raises(RegistryError, match="is archived: fraud@champion cannot point"):
        registry.alias("fraud", "champion", 1)
    again = pushed(registry, b"a")
    assert (again.number, again.is_new, again.state) == (1, False, State.VERIFIED)
    assert registry.alias("fraud", "champion", 1).number == 1
    assert blobs_there(registry) == [1]


def test_a_rejected_version_loses_its_files_and_stays_rejected(registry: Registry) -> None:
    pushed(registry, b"a")
    registry.reject("fraud", 1, "wide")
    assert archived(registry.gc()) == [1]
    version = registry.version("fraud", 1)
    assert (version.state, version.reason) == (State.REJECTED, "wide")
    with pytest.raises(RegistryError, match="has lost its files to `gc`; push them again"):
        registry.retry("fraud", 1)
    assert pushed(registry, b"a").state is State.REJECTED
    assert registry.retry("fraud", 1) is State.VERIFIED
    assert registry.verify().problems == ()


def test_a_blob_that_another_version_or_namespace_needs_stays(registry: Registry) -> None:
    other = Registry(registry.store, "kate", "other")
    for one in (registry, other):
        one.push("fraud", {"model/model.onnx": b"a"}, "onnx")
    pushed(registry, b"b")
    registry.push("fraud", {"model/model.onnx": b"c", "model/labels": b"b"}, "onnx")
    assert registry.gc(keep_last=1).blobs == ()
    assert other.verify().problems == ()
    assert len(other.gc(keep_last=0).blobs) == 1


def test_what_nobody_registered_goes(registry: Registry) -> None:
    digest, _ = registry.store.blobs.put_bytes(b"left by a push that was killed")
    assert registry.gc().blobs == (digest,)
    with pytest.raises(BlobMissing):
        registry.store.blobs.read(digest)


def test_a_push_on_its_way_is_not_collected(registry: Registry) -> None:
    store = Store.open(registry.store.folder, timeout_s=0.05)
    begun, may_end = threading.Event(), threading.Event()

    def slow_push() -> None:
        with registry.store.blobs.keeping():
            begun.set()
            may_end.wait(10)

    pushing = threading.Thread(target=slow_push)
    pushing.start()
    begun.wait(10)
    with pytest.raises(StoreLocked, match="blobs are being put"):
        Registry(store, "bob").gc()
    may_end.set()
    pushing.join()
    Registry(store, "bob").gc()
    store.close()
