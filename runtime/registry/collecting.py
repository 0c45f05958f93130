"""Garbage: files of versions that nobody needs go; what is known of them stays for ever.

Needed is what an alias points at, what a server held lately, what a rollout tries or
people have begun to approve, and the newest few. Everything else is archived, and blobs
that no manifest with files needs are removed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runtime.registry.changing import Changing
from runtime.registry.lifecycle import NOT_IN_USE, TRYING, Event, State
from runtime.registry.manifest import Manifest
from runtime.registry.reading import Reading
from runtime.registry.records import Version
from runtime.store.points import reached

if TYPE_CHECKING:
    from runtime.registry.registry import Registry

LEASE_TTL_S = 24 * 3600.0
KEEP_LAST = 5

BEFORE_USE = (State.REGISTERED, State.VERIFIED, State.BLESSED, State.NOT_BLESSED)


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one version that has files: kept, and why, or archived."""

    model: str
    number: int
    state: State
    kept: bool
    why: str


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection did, or would do: versions' fates, and blobs that went."""

    fates: tuple[Fate, ...]
    blobs: tuple[str, ...]
    size_bytes: int
    dry_run: bool

    @property
    def archived(self) -> tuple[Fate, ...]:
        """The versions whose files are not kept."""
        return tuple(fate for fate in self.fates if not fate.kept)


def collect(
    registry: Registry,
    keep_last: int = KEEP_LAST,
    lease_ttl_s: float = LEASE_TTL_S,
    dry_run: bool = False,
) -> Collected:
    """Archive versions that nobody needs and remove blobs that none needs.

    Nothing that is being pushed is touched: a push that is on its way is waited for, and
    StoreLocked raised when it takes too long.
    """
    if dry_run:
        with registry.looking() as looking:
            fates = fates_of(looking, keep_last, registry.store.clock() - lease_ttl_s)
            needed = needed_blobs(looking, fates)
        going = [d for d in registry.store.blobs.digests() if d not in needed]
        return _collected(registry, fates, going, dry_run=True)
    with registry.store.blobs.removing():
        # Archived first: a version whose files are gone must never look as if it had them.
        with registry.changing() as changing:
            seen_since = registry.store.clock() - lease_ttl_s
            fates = fates_of(changing, keep_last, seen_since)
            archive(changing, fates)
            changing.forget_leases(seen_since)
        reached("gc.archived")
        with registry.looking() as looking:
            needed = needed_blobs(looking, fates)
        going = [d for d in registry.store.blobs.digests() if d not in needed]
        collected = _collected(registry, fates, going, dry_run=False)
        for digest in going:
            registry.store.blobs.remove(digest)
    registry.store.blobs.sweep()
    return collected


def fates_of(reading: Reading, keep_last: int, seen_since: float) -> tuple[Fate, ...]:
    """Return what becomes of each version that is not archived yet, and why."""
    by_model: dict[str, list[Version]] = defaultdict(list)
    for version in reading.every_version():
        by_model[version.model].append(version)
    held = reasons_to_keep(reading, seen_since)
    fates = []
    for versions in by_model.values():
        alive = [v.number for v in versions if v.state not in NOT_IN_USE]
        newest = set(alive[-keep_last:] if keep_last > 0 else ())
        for version in versions:
            if version.state is State.ARCHIVED:
                continue
            why = held.get((version.model, version.number), "")
            if not why and version.number in newest:
                why = f"one of the newest {keep_last}"
            fates.append(_fate(reading, version, why))
    return tuple(fates)


def reasons_to_keep(reading: Reading, seen_since: float) -> Mapping[tuple[str, int], str]:
    """Return why aliases and servers need a version's files, by model and number."""
    reasons = {
        (lease.model, lease.number): f"{lease.server} {HOLDS[lease.use]} it"
        for lease in reading.leases()
        if lease.seen_at >= seen_since
    }
    for model in reading.models():
        for pointer in reading.pointers(model):
            reasons[model.name, pointer.number] = f"{pointer.alias} points at it"
    return reasons


HOLDS = {"serves": "serves", "warm": "keeps", "loading": "loads"}
"""What a server does with a version, by the word of its lease."""


def _fate(reading: Reading, version: Version, why: str) -> Fate:
    approvals = reading.approvals(version.model, version.number)
    if not why and version.state in TRYING:
        why = f"a rollout tries it as {version.state.value}"
    if not why and version.state is State.APPROVED:
        why = "it is approved and was never champion"
    if not why and version.state in BEFORE_USE and approvals:
        why = f"its approval has begun ({approvals[0].approver})"
    kept = bool(why)
    gone = "rejected" if version.state is State.REJECTED else "nobody needs it"
    return Fate(version.model, version.number, version.state, kept, why or gone)


def archive(changing: Changing, fates: Iterable[Fate]) -> None:
    """Let versions that are not kept hear that their files go."""
    for fate in fates:
        if not fate.kept:
            version = changing.version(fate.model, fate.number)
            changing.report(version, Event.ARCHIVED, version.reason, "archived")


def needed_blobs(reading: Reading, fates: Iterable[Fate]) -> set[str]:
    """Return the digests of all blobs that kept versions need, of all namespaces."""
    kept = {(fate.model, fate.number) for fate in fates if fate.kept}
    here = [v for v in reading.every_version() if (v.model, v.number) in kept]
    others = [v for v in reading.elsewhere() if v.state is not State.ARCHIVED]
    return {digest for v in (*here, *others) for digest in blobs_of(v.manifest)}


def blobs_of(manifest: Manifest) -> set[str]:
    """Return the digests of the blobs that a manifest names."""
    profile = {manifest.profile} if manifest.profile else set()
    return {file.sha256 for file in manifest.files} | profile


def _collected(
    registry: Registry, fates: tuple[Fate, ...], going: list[str], dry_run: bool
) -> Collected:
    size = sum(registry.store.blobs.size(digest) for digest in going)
    return Collected(fates, tuple(going), size, dry_run)
