"""Versions under numbers and aliases, and who decided what."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.registry.lifecycle import State
from runtime.registry.manifest import ManifestError, Signature
from runtime.registry.records import Policy
from runtime.registry.registry import Registry
from runtime.registry.source import Happened, RegistryError, Use
from runtime.store import audit
from runtime.store.errors import StoreError
from tests.unit.registry.made import ROWS, Clock, pushed


def log_of(registry: Registry, about: str = "") -> list[audit.Entry]:
    with registry.store.reading() as connection:
        return list(audit.entries(connection, about))


def actions(registry: Registry, about: str = "") -> list[str]:
    return [entry.action for entry in log_of(registry, about)]


def by(registry: Registry, actor: str) -> Registry:
    return Registry(registry.store, actor, registry.namespace)


def state_of(registry: Registry, number: int) -> State:
    return registry.version("fraud", number).state


class TestPush:
    def test_numbers_count_from_one_for_each_model(self, registry: Registry) -> None:
        assert [pushed(registry, content).number for content in (b"a", b"b")] == [1, 2]
        other = registry.push("mail", {"model/model.onnx": b"a"}, "onnx")
        assert other.number == 1

    def test_the_same_is_the_same_version(self, registry: Registry) -> None:
        first = pushed(registry, b"a")
        again = pushed(registry, b"a")
        assert (first.is_new, again.is_new) == (True, False)
        assert (again.number, again.digest) == (1, first.digest)
        assert actions(registry) == ["model-made", "pushed"]

    def test_another_fact_is_another_version(self, registry: Registry) -> None:
        files: dict[str, Path | bytes] = {"model/model.onnx": b"a"}
        numbers = [
            registry.push("fraud", files, "onnx", metrics={"auc": auc}).number
            for auc in (0.9, 0.91, 0.9)
        ]
        assert numbers == [1, 2, 1]

    def test_files_of_a_disk_become_blobs(self, registry: Registry, tmp_path: Path) -> None:
        (tmp_path / "x.onnx").write_bytes(b"weights")
        registry.push("fraud", {"model/model.onnx": tmp_path / "x.onnx"}, "onnx")
        (file,) = registry.version("fraud", 1).manifest.files
        assert file.sha256 == hashlib.sha256(b"weights").hexdigest()
        assert registry.store.blobs.read(file.sha256) == b"weights"

    def test_what_is_known_is_kept(self, registry: Registry, clock: Clock) -> None:
        pushed(registry, b"a")
        version = registry.version("fraud", "1")
        assert version.state is State.VERIFIED
        assert (version.created_by, version.created_at) == ("kate", clock.now)
        assert version.manifest.signature == ROWS
        assert hashlib.sha256(version.text.encode()).hexdigest() == version.digest

    def test_without_a_signature_it_is_not_verified(self, registry: Registry) -> None:
        assert pushed(registry, b"a", Signature()).state is State.REGISTERED

    def test_a_push_that_is_refused_leaves_no_row(
        self, registry: Registry, tmp_path: Path
    ) -> None:
        with pytest.raises(ManifestError, match="no path"):
            registry.push("fraud", {"../model.onnx": b"a"}, "onnx")
        with pytest.raises(ManifestError, match="below model/"):
            registry.push("fraud", {"leeboard.yaml": b"a"}, "onnx")
        with pytest.raises(RegistryError, match="is no name"):
            registry.push("a/b", {"model/model.onnx": b"a"}, "onnx")
        with pytest.raises(RegistryError, match="no blob"):
            registry.push("fraud", {"model/model.onnx": b"a"}, "onnx", profile="ab" * 32)
        with pytest.raises(StoreError, match="cannot be read"):
            registry.push("fraud", {"model/model.onnx": tmp_path / "no"}, "onnx")
        assert (registry.models(), log_of(registry)) == ([], [])

    def test_namespaces_share_blobs_and_nothing_else(self, registry: Registry) -> None:
        other = Registry(registry.store, "kate", "other")
        pushed(registry, b"a")
        pushed(registry, b"b")
        assert pushed(other, b"a").number == 1
        assert [len(one.versions("fraud")) for one in (registry, other)] == [2, 1]
        with pytest.raises(RegistryError, match="no version 2"):
            other.version("fraud", 2)


class TestLooking:
    def test_a_version_is_found_by_number_alias_and_digest(
        self, registry: Registry
    ) -> None:
        digest = pushed(registry, b"a").digest
        registry.alias("fraud", "champion", 1)
        for reference in (1, "1", "@champion", digest, digest[:6], f"sha256:{digest[:9]}"):
            assert registry.version("fraud", reference).number == 1
        for reference in ("01", "champion", "abc", ""):
            with pytest.raises(RegistryError, match="is no version"):
                registry.version("fraud", reference)
        other = "0" * 6 if digest[0] != "0" else "f" * 6
        with pytest.raises(RegistryError, match=r"no version( whose| 0)"):
            registry.version("fraud", f"sha256:{other}")

    def test_all_models_are_listed_with_their_aliases(self, registry: Registry) -> None:
        pushed(registry, b"a")
        registry.alias("fraud", "champion", 1)
        registry.set_policy("empty", Policy(1))
        empty, fraud = registry.models()
        assert (empty.model.name, empty.latest, empty.pointers) == ("empty", 0, ())
        assert (fraud.latest, fraud.pointers[0].number) == (1, 1)
        assert registry.versions("empty") == []

    def test_words_have_a_bound(self, registry: Registry) -> None:
        pushed(registry, b"a")
        with pytest.raises(RegistryError, match="a reason has at most 2000"):
            registry.reject("fraud", 1, "a" * 2_001)


class TestServers:
    def test_what_a_server_holds_takes_the_place_of_what_it_held(
        self, registry: Registry, clock: Clock
    ) -> None:
        registry.lease("a", [Use("fraud", 1, "serves"), Use("fraud", 2, "loading")])
        registry.lease("b", [Use("fraud", 1, "warm"), Use("fraud", 1, "serves")])
        clock.now += 5
        registry.lease("a", [Use("fraud", 2, "serves")])
        found = [(x.server, x.number, x.use, x.seen_at) for x in registry.leases()]
        assert found == [("a", 2, "serves", 1_005.0), ("b", 1, "serves", 1_000.0)]
        assert log_of(registry) == []

    def test_a_word_that_is_no_use_is_refused(self, registry: Registry) -> None:
        with pytest.raises(RegistryError, match="'uses' is no use; known: loading"):
            registry.lease("a", [Use("fraud", 1, "uses")])

    def test_what_a_server_did_is_in_the_log_in_their_names(
        self, registry: Registry
    ) -> None:
        news = Happened("swapped", "fraud", 2, "server-1", "in 0.2 s")
        frozen = replace(news, action="stopped", number=0, actor="", details="x" * 3_000)
        registry.tell("a", [], [news, frozen])
        registry.note(news)
        rows = [(row.actor, row.action, row.object) for row in log_of(registry)]
        first = ("server-1", "swapped", "fraud/2")
        assert rows == [first, ("kate", "stopped", "fraud"), first]
        assert {len(row.details) for row in log_of(registry)} == {8, 2_000}
