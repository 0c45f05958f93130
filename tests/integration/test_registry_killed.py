"""kill -9 at every point of push, alias, gc and decisions: nothing acknowledged is lost.

Nor is anything half-written visible: each version that is there has all its files, each
move has its row in the log, `previous` agrees with `champion`, and `verify` passes.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from runtime.registry.lifecycle import State
from runtime.registry.registry import Registry
from runtime.store import audit
from runtime.store.store import Store
from tests.integration.killing import Run, Victims, at_every_point, at_random_times

RANDOM_KILLS = 40


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    with Victims("tests.integration.registry_acts") as victims:
        yield victims


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    store = Store.create(tmp_path / "registry")
    yield Registry(store, "me")
    store.close()


def told(run: Run) -> list[Any]:
    return [json.loads(line) for line in run.told]


def rows_of(registry: Registry, action: str, about: str) -> list[audit.Entry]:
    with registry.store.reading() as connection:
        return [e for e in audit.entries(connection, about) if e.action == action]


def check_whole(registry: Registry) -> None:
    verified = registry.verify()
    assert [p for p in verified.problems if not p.harmless] == []


def check_push(registry: Registry, run: Run) -> None:
    """What was acknowledged has its number, and numbers have no gap."""
    models = registry.models()
    versions = registry.versions("fraud") if models else []
    assert [v.number for v in versions] == list(range(1, len(versions) + 1))
    by_number = {version.number: version.digest for version in versions}
    for pushed in told(run):
        assert by_number[pushed["number"]] == pushed["digest"]
    of_this_run = [v for v in versions if v.manifest.notes.startswith(f"{run.seed} ")]
    acknowledged = {pushed["number"] for pushed in told(run)}
    assert len(of_this_run) - len(acknowledged) in (0, 1)
    for version in of_this_run:
        for file in version.manifest.files:
            assert registry.store.blobs.verify(file.sha256) == file.size
        assert len(rows_of(registry, "pushed", version.label)) == 1


def test_pushes_survive_a_kill_at_every_point(victims: Victims, registry: Registry) -> None:
    folder = registry.store.folder
    every = at_every_point(victims, "push", lambda seed: folder)
    moments = at_random_times(victims, "push", lambda seed: folder, RANDOM_KILLS)
    runs = 0
    for run in itertools.chain(every, moments):
        check_push(registry, run)
        runs += 1
    assert runs > 100
    check_whole(registry)
    registry.gc(keep_last=runs * 2)
    assert registry.verify().problems == ()


def check_alias(registry: Registry, run: Run) -> None:
    """The alias is at or after the last move told, each move with one row in the log."""
    with registry.looking() as looking:  # Others may move it meanwhile.
        pointer = looking.pointer("fraud", "champion")
        states = [version.state for version in looking.versions("fraud")]
        entries = audit.entries(looking.connection, "fraud@champion")
        moves = [entry for entry in entries if entry.action == "alias-moved"]
    for move in told(run):
        assert move["generation"] <= pointer.generation
        assert move["number"] == (1 if move["generation"] % 2 else 2)
    assert pointer.number == (1 if pointer.generation % 2 else 2)
    assert len(moves) == pointer.generation
    if pointer.generation > 1:
        assert pointer.previous == 3 - pointer.number
        assert states[pointer.number - 1] is State.STABLE
        assert states[pointer.previous - 1] is State.SUPERSEDED


def with_two_versions(registry: Registry) -> None:
    for content in (b"one", b"two"):
        registry.push("fraud", {"model/model.onnx": content}, "onnx")
    registry.alias("fraud", "champion", 1)


def test_moves_survive_a_kill_at_every_point(victims: Victims, registry: Registry) -> None:
    with_two_versions(registry)
    folder = registry.store.folder
    every = at_every_point(victims, "alias", lambda seed: folder)
    moments = at_random_times(victims, "alias", lambda seed: folder, RANDOM_KILLS)
    runs = 0
    for run in itertools.chain(every, moments):
        check_alias(registry, run)
        runs += 1
    assert runs > 60
    check_whole(registry)


def test_two_move_while_one_of_them_is_killed(victims: Victims, registry: Registry) -> None:
    with_two_versions(registry)
    folder = registry.store.folder
    with Victims("tests.integration.registry_acts") as others:
        for seed in range(30):
            victims.begin("alias", folder, seed, after_s=seed / 1_000)
            others.begin("alias", folder, seed)
            check_alias(registry, victims.end())
            check_alias(registry, others.end())
    check_whole(registry)


@pytest.fixture
def copies(registry: Registry, tmp_path: Path) -> Path:
    """A folder in which `made` makes copies of one registry, one for each run."""
    with_two_versions(registry)
    for content in (b"three", b"four"):
        registry.push("fraud", {"model/model.onnx": content}, "onnx")
    registry.store.close()
    return tmp_path


def made(copies: Path, seed: int) -> Path:
    copytree(copies / "registry", copies / str(seed))
    return copies


def runs_on_copies(
    victims: Victims, act: str, copies: Path
) -> Iterator[tuple[Run, Registry]]:
    every = at_every_point(victims, act, lambda seed: made(copies, seed))
    moments = at_random_times(victims, act, lambda seed: made(copies, seed), 20)
    for run in itertools.chain(every, moments):
        store = Store.open(copies / str(run.seed))
        yield run, Registry(store, "me")
        store.close()


def test_a_collection_leaves_no_version_without_its_files(
    victims: Victims, copies: Path
) -> None:
    for run, registry in runs_on_copies(victims, "gc", copies):
        check_whole(registry)
        states = [version.state for version in registry.versions("fraud")]
        assert states[0] is State.STABLE
        assert states[3] is State.REGISTERED
        if told(run):
            assert told(run) == [[2, 3]]
            assert states[1:3] == [State.ARCHIVED] * 2
        registry.gc(keep_last=1)
        assert registry.verify().problems == ()
        assert len(list(registry.store.blobs.digests())) == 2


def test_decisions_survive_a_kill_at_every_point(victims: Victims, copies: Path) -> None:
    store = Store.open(copies / "registry")
    Registry(store, "me").alias("fraud", "champion", 4)
    store.close()
    for run, registry in runs_on_copies(victims, "decide", copies):
        first, second, *_ = registry.versions("fraud")
        has = {
            "approved": bool(registry.approvals("fraud", 2)),
            "rejected": first.state is State.REJECTED,
            "frozen": bool(registry.model("fraud").frozen),
        }
        assert set(run.told) <= {name for name, there in has.items() if there}
        assert has["approved"] == (second.state is State.APPROVED)
        for name, about in (("rejected", "fraud/1"), ("approved", "fraud/2")):
            assert len(rows_of(registry, name, about)) == int(has[name])
        check_whole(registry)
