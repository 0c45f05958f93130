"""Checks that any registry keeps the contract of `runtime.registry.source.Source`.

    check_source(my_stand)

runs everything and raises ConformanceError with a sentence for the first broken promise.
To see each promise as a test of its own, parametrize over `CHECKS`. A `Stand` does to the
registry what others do to it: it publishes, moves aliases, damages files, takes it away.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from runtime.registry.manifest import digest_of
from runtime.registry.source import (
    CHAMPION,
    PREVIOUS,
    DigestMismatch,
    Happened,
    Pointer,
    RegistryError,
    RegistryUnavailable,
    Use,
)
from runtime.testing.asking import ConformanceError, demand
from runtime.testing.registry_stand import (
    HEARD_S,
    NOWHERE,
    Stand,
    a_name,
    drain,
    fetched,
    hears,
    opened,
    publish_two,
    refused,
)

__all__ = ["CHECKS", "ConformanceError", "Stand", "check_source"]


def check_place(stand: Stand) -> None:
    """The place is one line of text."""
    with opened(stand) as source:
        demand(source.place.isprintable() and bool(source.place), "the place is no line")


def check_look(stand: Stand) -> None:
    """An alias is told with the number and digest of its version, and a generation."""
    model, first, _ = publish_two(stand)
    with opened(stand) as source:
        pointer = source.look(model, CHAMPION)
        demand((pointer.model, pointer.alias) == (model, CHAMPION), f"not asked: {pointer}")
        demand(pointer.number == first, f"{pointer.number} is told, {first} is set")
        demand(pointer.generation > 0, "an alias that was set has no generation")
        digest = digest_of(source.manifest(model, first))
        demand(pointer.digest == digest, "the pointer's digest is not its manifest's")
        demand(source.look(model, CHAMPION) == pointer, "two looks differ")


def check_look_follows(stand: Stand) -> None:
    """A move by others is seen, and the alias's generation grows with every move."""
    model, first, second = publish_two(stand)
    with opened(stand) as source:
        seen = [source.look(model, CHAMPION)]
        for number in (second, first):
            stand.point(model, CHAMPION, number)
            seen.append(source.look(model, CHAMPION))
        demand([p.number for p in seen] == [first, second, first], f"not followed: {seen}")
        grown = [p.generation for p in seen]
        demand(grown == sorted(set(grown)), f"generations do not grow: {grown}")
        demand(seen[0].digest == seen[2].digest, "one version has two digests")


def check_unknown(stand: Stand) -> None:
    """Unknown models, aliases and versions are refused; that is no outage."""
    model, _, _ = publish_two(stand)
    stranger = a_name()
    with opened(stand) as source, tempfile.TemporaryDirectory() as folder:
        asked: dict[str, Callable[[], object]] = {
            "look at an unknown model": lambda: source.look(stranger, CHAMPION),
            "look at an unknown alias": lambda: source.look(model, "nobody"),
            "manifest of an unknown model": lambda: source.manifest(stranger, 1),
            "manifest of an unknown version": lambda: source.manifest(model, NOWHERE),
            "fetch an unknown version": lambda: source.fetch(model, NOWHERE, Path(folder)),
        }
        told = {what: refused(RegistryError, act, what) for what, act in asked.items()}
        demand("nobody" in told["look at an unknown alias"], "the alias is not named")
        demand(not os.listdir(folder), "an unknown version left files")


def check_manifest(stand: Stand) -> None:
    """A manifest has every file with its bytes and SHA-256, the same for all who ask."""
    model, files = a_name(), stand.model_files()
    number = stand.publish(model, files)
    with opened(stand) as source, opened(stand) as other:
        manifest = source.manifest(model, number)
        found = {file.path: (file.size, file.sha256) for file in manifest.files}
        wanted = {
            name: (len(content), hashlib.sha256(content).hexdigest())
            for name, content in files.items()
        }
        demand(found == wanted, f"the manifest has {found}, published was {wanted}")
        demand(bool(manifest.framework), "the manifest has no framework")
        demand(
            digest_of(other.manifest(model, number)) == digest_of(manifest), "it changes"
        )


def check_fetch(stand: Stand) -> None:
    """What is fetched looks like a model's folder and is what was published."""
    model, files = a_name(), stand.model_files()
    number = stand.publish(model, files)
    with opened(stand) as source:
        manifest, found = fetched(source, model, number)
        demand(found == files, f"fetched was {sorted(found)}, published {sorted(files)}")
        demand(manifest == source.manifest(model, number), "fetch told another manifest")


def check_damage(stand: Stand) -> None:
    """Changed bytes never come under the digest that an alias told."""
    model, first, second = publish_two(stand)
    with opened(stand) as source:
        digest = source.look(model, CHAMPION).digest
        stand.damage(model, first)
        try:
            manifest, _ = fetched(source, model, first)
            demand(digest_of(manifest) != digest, "a damaged version was given as it was")
        except DigestMismatch as error:
            demand(bool(str(error)), "the refusal has no words")
        fetched(source, model, second)


def check_move(stand: Stand) -> None:
    """A move is seen by all who ask; ``previous`` follows ``champion``."""
    model, first, second = publish_two(stand)
    with opened(stand) as source, opened(stand) as other:
        before = source.look(model, CHAMPION)
        moved = source.move(model, CHAMPION, second, before.generation, "ann", "better")
        demand(moved.number == second, f"moved to {second}, told {moved.number}")
        demand(moved.generation > before.generation, "the generation did not grow")
        demand(moved.previous == first, f"previous is {moved.previous}, not {first}")
        demand(source.look(model, CHAMPION) == moved, "a look tells another pointer")
        seen = other.look(model, CHAMPION)
        demand((seen.number, seen.previous) == (second, first), f"others see {seen}")
        demand(other.look(model, PREVIOUS).number == first, "there is no alias `previous`")
        back = source.move(model, CHAMPION, first, moved.generation, "ann", "worse")
        demand(back.previous == second, "previous did not follow the way back")
        demand(back.generation > moved.generation, "the way back has an old generation")


def check_move_conflicts(stand: Stand) -> None:
    """Who has not seen the last move moves nothing, nor to where nothing is."""
    model, first, second = publish_two(stand)
    with opened(stand) as source:
        old = source.look(model, CHAMPION)
        stand.point(model, CHAMPION, second)

        def move(number: int, generation: int) -> Pointer:
            return source.move(model, CHAMPION, number, generation, "bob", "")

        refused(
            RegistryError, lambda: move(first, old.generation), "a move of old standing"
        )
        now = source.look(model, CHAMPION)
        demand(now.number == second, "a refused move moved the alias")
        refused(RegistryError, lambda: move(NOWHERE, now.generation), "a move to nothing")
        demand(source.look(model, CHAMPION) == now, "a refused move changed the alias")


def check_new_alias(stand: Stand) -> None:
    """An alias that is not there yet has the generation 0."""
    model, first, second = publish_two(stand)
    with opened(stand) as source:
        made = source.move(model, "challenger", second, 0, "ann", "try it")
        demand(made.number == second, "a new alias points elsewhere")
        refused(
            RegistryError,
            lambda: source.move(model, "challenger", first, 0, "ann", ""),
            "a second move from nothing",
        )


def check_tell(stand: Stand) -> None:
    """What a server says changes no alias, may be said again, and may be nothing."""
    model, first, second = publish_two(stand)
    with opened(stand) as source:
        before = source.look(model, CHAMPION)
        uses = [Use(model, first, "serves"), Use(model, second, "warm")]
        news = [Happened("swapped", model, first, "leeboard", "took 0.2 s")]
        source.tell("host-1:8001", uses, news)
        source.tell("host-1:8001", uses, [])
        source.tell("host-1:8001", [], [])
        demand(source.look(model, CHAMPION) == before, "telling moved an alias")
        demand(bool(source.manifest(model, first).files), "telling harmed a version")


def check_head(stand: Stand) -> None:
    """The head of an audit log is one line that changes with a move, or there is none."""
    model, _, second = publish_two(stand)
    with opened(stand) as source:
        before, generation = source.head(), source.look(model, CHAMPION).generation
        source.move(model, CHAMPION, second, generation, "ann", "")
        demand(before.isprintable(), "the head is no line")
        demand(not before or source.head() != before, "a move left no trace in the log")


def check_watch(stand: Stand) -> None:
    """A descriptor to wait on, where there is one, tells of a move; read, it is quiet."""
    model, _, second = publish_two(stand)
    with opened(stand) as source:
        source.look(model, CHAMPION)
        descriptor = source.watch()
        if descriptor < 0:
            return
        source.look(model, CHAMPION)
        drain(descriptor)
        demand(not hears(descriptor, 0), "a descriptor that was read is still readable")
        stand.point(model, CHAMPION, second)
        demand(hears(descriptor, HEARD_S), "a move was not heard")
        drain(descriptor)
        demand(source.look(model, CHAMPION).number == second, "it was heard too early")


def check_outage(stand: Stand) -> None:
    """A registry that is gone says so at every call, and the same source finds it again."""
    model, first, _ = publish_two(stand)
    with opened(stand) as source, tempfile.TemporaryDirectory() as folder:
        before = source.look(model, CHAMPION)
        stand.stop()
        calls: dict[str, Callable[[], object]] = {
            "look": lambda: source.look(model, CHAMPION),
            "fetch": lambda: source.fetch(model, first, Path(folder)),
            "move": lambda: source.move(model, CHAMPION, first, before.generation, "a", ""),
            "tell": lambda: source.tell("host", [Use(model, first, "serves")], []),
        }
        try:
            for name, call in calls.items():
                refused(RegistryUnavailable, call, f"{name} without the registry")
        finally:
            stand.start()
        demand(source.look(model, CHAMPION) == before, "it came back as another")
        fetched(source, model, first)


def check_threads(stand: Stand) -> None:
    """Calls come from one thread at a time, though not always the same."""
    model, first, second = publish_two(stand)
    with opened(stand) as source:
        before = source.look(model, CHAMPION)
        with ThreadPoolExecutor(1) as thread:
            seen = thread.submit(source.look, model, CHAMPION).result()
            _, files = thread.submit(fetched, source, model, first).result()
        demand(seen == before and bool(files), "another thread sees another registry")
        with ThreadPoolExecutor(1) as thread:
            moved = thread.submit(
                source.move, model, CHAMPION, second, before.generation, "ann", ""
            ).result()
        demand(source.look(model, CHAMPION) == moved, "another thread's move is not seen")


def check_close(stand: Stand) -> None:
    """Closing twice is nothing, and another source goes on."""
    model, first, _ = publish_two(stand)
    with opened(stand) as other:
        source = stand.open()
        source.watch()
        source.close()
        source.close()
        demand(other.look(model, CHAMPION).number == first, "closing one closed another")


CHECKS: dict[str, Callable[[Stand], None]] = {
    check.__name__.removeprefix("check_"): check
    for check in (
        check_place,
        check_look,
        check_look_follows,
        check_unknown,
        check_manifest,
        check_fetch,
        check_damage,
        check_move,
        check_move_conflicts,
        check_new_alias,
        check_tell,
        check_head,
        check_watch,
        check_outage,
        check_threads,
        check_close,
    )
}


def check_source(stand: Stand) -> None:
    """Run every check on one registry."""
    for check in CHECKS.values():
        check(stand)
