"""The registry of one store: versions under numbers, aliases, and who decided what.

Every change is one transaction with its rows in the audit log, in the actor's name. Any
number of processes may use one store: numbers are made, and aliases compared and set,
inside of the transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Unpack

from runtime.registry.changing import USES, Changing, Registration
from runtime.registry.collecting import KEEP_LAST, LEASE_TTL_S, Collected, collect
from runtime.registry.compatible import is_known
from runtime.registry.diffing import Difference, differences
from runtime.registry.layout import REFERENCE
from runtime.registry.lifecycle import Event, State
from runtime.registry.manifest import MODEL_FOLDER, File, Manifest, to_json
from runtime.registry.manifest_bounds import check_path
from runtime.registry.moving import Move
from runtime.registry.reading import Reading
from runtime.registry.records import (
    Approval,
    Facts,
    Lease,
    Listed,
    Model,
    Policy,
    Pushed,
    Version,
)
from runtime.registry.references import check_alias, check_name
from runtime.registry.source import Happened, Pointer, RegistryError, Use
from runtime.registry.verifying import Verified, verify
from runtime.store.audit import Head, storable
from runtime.store.points import reached
from runtime.store.store import Store, Writing

MOST_APPROVALS = 100
LONGEST_WORDS = 2_000


class Registry:
    """Models and versions of one namespace of a store.

    Calls raise RegistryError for what the registry refuses, ManifestError for what no
    manifest may say, and StoreError where the store cannot be used. The store stays the
    caller's to close.
    """

    def __init__(self, store: Store, actor: str, namespace: str = "default") -> None:
        self.store = store
        self.actor = words(actor, "an actor") or "unknown"
        self.namespace = namespace

    def push(
        self,
        name: str,
        files: Mapping[str, Path | bytes],
        framework: str,
        *,
        source: str = "",
        **facts: Unpack[Facts],
    ) -> Pushed:
        """Register a version: its files by their path in the manifest, and what is known.

        The same content with the same facts is the same version and keeps its number,
        also when it was rejected or archived; archived, its files are put again.
        """
        check_name(name)
        for path in files:
            check_path(path)
        blobs = self.store.blobs
        with blobs.keeping():
            listed = tuple(self._put(path, files[path]) for path in sorted(files))
            facts.setdefault("profile", profile_among(listed))
            manifest = Manifest(listed, framework, **facts)
            text = to_json(manifest)
            if manifest.profile and not blobs.has(manifest.profile):
                raise RegistryError(f"there is no blob {manifest.profile} for a profile")
            reached("push.put")
            verified = is_known(manifest.signature)
            wanted = Registration(
                hashlib.sha256(text).hexdigest(),
                text.decode(),
                verified,
                words(source, "a source"),
            )
            with self.changing() as changing:
                return changing.push(name, wanted)

    def alias(
        self,
        name: str,
        alias: str,
        number: int,
        *,
        expected: int | None = None,
        any_signature: bool = False,
        reason: str = "",
    ) -> Pointer:
        """Point an alias at a version, if its generation is `expected` where that is given.

        0 is the generation of an alias that never was. ``previous`` follows ``champion``.
        A move to where it points already changes nothing.
        """
        check_alias(alias)
        with self.changing() as changing:
            model, version = changing.model(name), changing.version(name, number)
            wanted = Move(model, alias, version, any_signature)
            return changing.set_alias(wanted, expected, words(reason, "a reason"))

    def remove_alias(
        self, name: str, alias: str, *, expected: int | None = None, reason: str = ""
    ) -> None:
        """Let an alias point at nothing; its generation goes on when it is set again."""
        check_alias(alias)
        with self.changing() as changing:
            changing.remove_alias(name, alias, expected, words(reason, "a reason"))

    def pointer(self, name: str, alias: str) -> Pointer:
        """Return where an alias points; RegistryError when it points at nothing."""
        with self.looking() as looking:
            return looking.pointer(name, alias)

    def models(self) -> list[Listed]:
        """Return all models with their aliases, by name."""
        with self.looking() as looking:
            return looking.listed()

    def model(self, name: str) -> Model:
        """Return one model; RegistryError when there is none of that name."""
        with self.looking() as looking:
            return looking.model(name)

    def versions(self, name: str) -> list[Version]:
        """Return a model's versions, the lowest first."""
        with self.looking() as looking:
            return looking.versions(name)

    def version(self, name: str, reference: str | int) -> Version:
        """Return the version that ``3``, ``@champion`` or a digest's beginning names."""
        with self.looking() as looking:
            return looking.referred(name, str(reference))

    def approvals(self, name: str, number: int) -> list[Approval]:
        """Return who approved a version, the first first."""
        with self.looking() as looking:
            return looking.approvals(name, number)

    def approve(self, name: str, number: int, note: str = "") -> State:
        """Approve a version as the actor; returns its state, `APPROVED` when all have."""
        with self.changing() as changing:
            version = changing.version(name, number)
            return changing.approve(version, words(note, "a note"))

    def reject(self, name: str, number: int, reason: str) -> None:
        """Let nobody serve a version, nor its digest when it is pushed again."""
        if not reason:
            raise RegistryError("a rejection needs a reason: whoever comes next asks why")
        with self.changing() as changing:
            changing.reject(changing.version(name, number), words(reason, "a reason"))

    def retry(self, name: str, number: int, reason: str = "") -> State:
        """Give a rejected version another try; returns its state."""
        with self.store.blobs.keeping(), self.changing() as changing:
            version = changing.version(name, number)
            manifest = version.manifest
            gone = [f for f in manifest.files if not self.store.blobs.has(f.sha256)]
            if version.state is State.REJECTED and gone:
                raise RegistryError(
                    f"{version.label} has lost its files to `gc`; push them again first"
                )
            why = words(reason, "a reason")
            state = changing.report(version, Event.RETRIED, why, "retried")
            if not is_known(manifest.signature):
                return state
            again = changing.version(name, number)
            return changing.report(again, Event.VERIFIED, "", "verified")

    def report(self, name: str, number: int, event: Event, reason: str = "") -> State:
        """Let a version hear of an event of its evaluation or rollout."""
        with self.changing() as changing:
            version = changing.version(name, number)
            action = event.name.lower().replace("_", "-")
            return changing.report(version, event, words(reason, "a reason"), action)

    def set_policy(self, name: str, policy: Policy) -> None:
        """Say what a model's versions must have shown; the model is made if need be."""
        check_name(name)
        if not 0 <= policy.approvals <= MOST_APPROVALS:
            raise RegistryError(f"approvals: 0 to {MOST_APPROVALS}, not {policy.approvals}")
        with self.changing() as changing:
            changing.set_policy(name, policy)

    def freeze(self, name: str, reason: str = "") -> None:
        """Let no alias of a model move, and no server swap it, until `unfreeze`."""
        with self.changing() as changing:
            changing.set_frozen(name, words(reason, "a reason") or f"by {self.actor}")

    def unfreeze(self, name: str) -> None:
        """Let a frozen model's aliases move again."""
        with self.changing() as changing:
            changing.set_frozen(name, "")

    def note(self, happened: Happened) -> None:
        """Keep in the audit log what a server did, in the name of who made it do so."""
        actor = happened.actor or self.actor
        with self.store.writing(actor, self.namespace) as writing:
            record(writing, happened)

    def lease(self, server: str, uses: Iterable[Use]) -> None:
        """Say what a server holds from now on; `gc` keeps it for as long as it says so."""
        self.tell(server, uses, ())

    def tell(self, server: str, uses: Iterable[Use], news: Iterable[Happened]) -> None:
        """Say what a server holds and what it did, in one transaction."""
        held, happened = checked(uses), tuple(news)
        store, namespace = self.store, self.namespace
        with store.writing(self.actor, namespace, quiet=not happened) as writing:
            Changing(writing).lease(server, held)
            for one in happened:
                writing.actor = one.actor or self.actor
                record(writing, one)

    def leases(self) -> list[Lease]:
        """Return what servers held when they were last seen."""
        with self.looking() as looking:
            return looking.leases()

    def gc(
        self,
        keep_last: int = KEEP_LAST,
        lease_ttl_s: float = LEASE_TTL_S,
        dry_run: bool = False,
    ) -> Collected:
        """Archive versions that nobody needs and remove their blobs; see `collecting`."""
        return collect(self, keep_last, lease_ttl_s, dry_run)

    def verify(self, head: Head | None = None) -> Verified:
        """Read everything and return what is wrong; see `verifying`."""
        return verify(self, head)

    def diff(self, name: str, a: str | int, b: str | int) -> Difference:
        """Return what differs between two versions of a model."""
        with self.looking() as looking:
            before, after = (looking.referred(name, str(one)) for one in (a, b))
        return differences(before.manifest, after.manifest)

    @contextmanager
    def looking(self) -> Iterator[Reading]:
        """Look at the registry as it is at one moment."""
        with self.store.reading() as connection:
            yield Reading(connection, self.namespace)

    @contextmanager
    def changing(self) -> Iterator[Changing]:
        """Change the registry in one transaction, as the actor."""
        with self.store.writing(self.actor, self.namespace) as writing:
            yield Changing(writing)

    def _put(self, path: str, content: Path | bytes) -> File:
        blobs = self.store.blobs
        if isinstance(content, Path):
            digest, size = blobs.put_file(content)
        else:
            digest, size = blobs.put_bytes(content)
        return File(path, size, digest)


def profile_among(files: Iterable[File]) -> str:
    """Return the digest of the reference profile among a version's files, or ""."""
    wanted = f"{MODEL_FOLDER}/{REFERENCE}"
    return next((file.sha256 for file in files if file.path == wanted), "")


def words(text: str, what: str) -> str:
    """Return a person's words for the log; raises RegistryError where they do not fit."""
    if len(text) > LONGEST_WORDS:
        raise RegistryError(f"{what} has at most {LONGEST_WORDS} characters")
    return storable(text)


def record(writing: Writing, happened: Happened) -> None:
    """Write down what a server did; it must not fail for many words."""
    what = f"{happened.model}/{happened.number}" if happened.number else happened.model
    writing.record(happened.action, what, details=happened.details[:LONGEST_WORDS])


def checked(uses: Iterable[Use]) -> tuple[Use, ...]:
    """Return what a server says that it holds; RegistryError for a word that is none."""
    held = tuple(uses)
    for use in held:
        if use.use not in USES:
            raise RegistryError(f"{use.use!r} is no use; known: {', '.join(USES)}")
    return held
