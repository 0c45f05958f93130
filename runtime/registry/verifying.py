"""Whether a registry is whole: every problem is told, none is mended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runtime.registry.collecting import blobs_of
from runtime.registry.lifecycle import NOT_IN_USE, State
from runtime.registry.logged import disagreements
from runtime.registry.manifest import ManifestError, digest_of
from runtime.registry.problems import Problem
from runtime.registry.reading import Reading
from runtime.registry.records import Version
from runtime.registry.source import CHAMPION
from runtime.store import audit
from runtime.store.errors import BlobDamaged, BlobMissing
from runtime.store.tables import aliases

if TYPE_CHECKING:
    from runtime.registry.registry import Registry


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check of a registry looked at, and what it found."""

    versions: int
    blobs: int
    size_bytes: int
    head: audit.Head
    problems: tuple[Problem, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong but what is harmless."""
        return all(problem.harmless for problem in self.problems)


def verify(registry: Registry, head: audit.Head | None = None) -> Verified:
    """Read everything and say what is missing, damaged, or points at nothing.

    `head` is one of the audit log that was kept elsewhere. All blobs are read: it takes
    as long as the disk does.
    """
    problems: list[Problem] = []
    with registry.store.blobs.keeping():
        with registry.looking() as looking:
            versions, others = looking.every_version(), looking.elsewhere()
            problems += of_manifests(versions)
            problems += of_aliases(looking)
            problems += disagreements(looking)
            log = audit.verify(looking.connection, head)
            problems += [Problem("audit", fault) for fault in log.faults]
        sizes, of_files = check_blobs(registry, needed_by(versions))
        problems += of_files
        problems += of_orphans(registry, [*versions, *others])
    return Verified(len(versions), len(sizes), sum(sizes), log.head, tuple(problems))


def of_manifests(versions: list[Version]) -> Iterator[Problem]:
    """Yield what is wrong with versions' rows."""
    for version in versions:
        try:
            digest = digest_of(version.manifest)
        except ManifestError as error:
            yield Problem(version.label, f"its manifest is damaged: {error}")
            continue
        if digest != version.digest:
            yield Problem(
                version.label,
                f"its manifest was changed: its digest is {digest}, not {version.digest}",
            )


def of_aliases(looking: Reading) -> Iterator[Problem]:
    """Yield aliases that point at no version, or at one that has no files."""
    known = {(v.model, v.number): v for v in looking.every_version()}
    rows = looking.connection.execute(looking.of(aliases)).mappings().all()
    for row in rows:
        version = known.get((row["model"], row["number"]))
        label = f"{row['model']}@{row['name']}"
        if row["number"] and version is None:
            yield Problem(label, f"it points at {row['number']}, which does not exist")
        elif version and row["name"] == CHAMPION and version.state in NOT_IN_USE:
            yield Problem(label, f"it points at {version.label}: {version.state.value}")


def needed_by(versions: list[Version]) -> dict[str, str]:
    """Return which version needs a blob, by its digest."""
    needed: dict[str, str] = {}
    for version in versions:
        if version.state not in NOT_IN_USE:
            try:
                blobs = blobs_of(version.manifest)
            except ManifestError:  # Told of elsewhere.
                continue
            needed |= dict.fromkeys(blobs, version.label)
    return needed


def check_blobs(
    registry: Registry, needed: dict[str, str]
) -> tuple[list[int], list[Problem]]:
    """Return the sizes of the blobs that are as they should be, and what is wrong."""
    sizes, problems = [], []
    for digest in sorted(needed):
        try:
            sizes.append(registry.store.blobs.verify(digest))
        except (BlobMissing, BlobDamaged) as error:
            problems.append(Problem(needed[digest], str(error)))
    return sizes, problems


def of_orphans(registry: Registry, versions: list[Version]) -> Iterator[Problem]:
    """Yield blobs that no version needs: harmless, and `gc` removes them."""
    named: set[str] = set()
    for version in versions:
        if version.state is not State.ARCHIVED:
            with suppress(ManifestError):  # Told of elsewhere.
                named |= blobs_of(version.manifest)
    orphans = [d for d in registry.store.blobs.digests() if d not in named]
    if orphans:
        text = f"{len(orphans)} belong to no version that has files; `gc` removes them"
        yield Problem("blobs", text, harmless=True)
