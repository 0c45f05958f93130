"""Brings versions of another registry here: a plan of what would come, and its doing.

Versions come lowest first and get numbers of here; the same content comes once, whatever
it was called there. Aliases come too, unless they point at something here already: what is
served is not changed by an import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from runtime.errors import ConfigError, ModelError
from runtime.registry.copying import described
from runtime.registry.layout import Laid
from runtime.registry.manifest import Manifest, ManifestError, Signature, digest_of
from runtime.registry.records import Facts
from runtime.registry.references import check_alias, check_name
from runtime.registry.registry import Registry
from runtime.registry.source import CHAMPION, PREVIOUS, RegistryError

Judge = Callable[[Laid], Signature]
"""Returns what a version takes and gives; raises ModelError or ConfigError."""

NOTHING = Laid({}, "")
REFUSALS = (ConfigError, ModelError, ManifestError, RegistryError)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version elsewhere: its files and facts, or in `reason` why it cannot come."""

    model: str
    number: int
    laid: Laid = NOTHING
    facts: Facts = field(default_factory=lambda: Facts())
    source: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What there is elsewhere: candidates, and aliases by model with their numbers."""

    candidates: tuple[Candidate, ...]
    aliases: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became, or would become, of one version elsewhere.

    `number` is the one it has here, 0 where it does not come: `reason` says why.
    """

    model: str
    theirs: int
    number: int = 0
    digest: str = ""
    is_new: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Alias:
    """What became, or would become, of an alias; `reason` says why it stays as it is."""

    model: str
    alias: str
    number: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """All that came, or would come."""

    arrivals: tuple[Arrival, ...]
    aliases: tuple[Alias, ...]


def judged(candidate: Candidate, judge: Judge | None) -> Candidate:
    """Return a candidate with its signature, or with the reason why it cannot be served."""
    if candidate.reason:
        return candidate
    try:
        check_name(candidate.model)
        signature = judge(candidate.laid) if judge else Signature()
        facts: Facts = {**candidate.facts, "signature": signature}
        made = replace(candidate, facts=facts)
        digest_of(manifest_of(made))
        return made
    except REFUSALS as error:
        return replace(candidate, reason=str(error))
    except OSError as error:
        return replace(candidate, reason=f"its files cannot be read: {error}")


def manifest_of(candidate: Candidate) -> Manifest:
    """Return the manifest that a candidate gets here; raises OSError."""
    files = sorted(candidate.laid.files.items())
    listed = tuple(described(path, name) for name, path in files)
    return Manifest(listed, candidate.laid.framework, **candidate.facts)


def foretold(registry: Registry | None, candidates: Iterable[Candidate]) -> list[Arrival]:
    """Return what would become of candidates; None is a registry that is not there yet."""
    known: dict[str, dict[str, int]] = {}
    arrivals = []
    for one in ordered(candidates):
        if one.reason:
            arrivals.append(Arrival(one.model, one.number, reason=one.reason))
            continue
        if one.model not in known:
            known[one.model] = digests_here(registry, one.model)
        numbers = known[one.model]
        digest = digest_of(manifest_of(one))
        is_new = digest not in numbers
        number = numbers.setdefault(digest, max(numbers.values(), default=0) + 1)
        arrivals.append(Arrival(one.model, one.number, number, digest, is_new))
    return arrivals


def brought(registry: Registry, candidates: Iterable[Candidate]) -> list[Arrival]:
    """Push candidates; one that the registry refuses does not keep the others away."""
    arrivals = []
    for one in ordered(candidates):
        reason = one.reason
        if not reason:
            try:
                pushed = registry.push(
                    one.model,
                    one.laid.files,
                    one.laid.framework,
                    source=one.source,
                    **one.facts,
                )
            except (RegistryError, ManifestError) as error:
                reason = str(error)
            else:
                came = (pushed.number, pushed.digest, pushed.is_new, pushed.note)
                arrivals.append(Arrival(one.model, one.number, *came))
                continue
        arrivals.append(Arrival(one.model, one.number, reason=reason))
    return arrivals


def wanted_aliases(
    registry: Registry | None, found: Found, arrivals: Iterable[Arrival], newest: str = ""
) -> list[Alias]:
    """Return which aliases come: theirs, and `newest` for the highest of each model."""
    numbers = {(a.model, a.theirs): a.number for a in arrivals if a.number}
    taken = aliases_here(registry)
    aliases = []
    for model in sorted({model for model, _ in numbers} | set(found.aliases)):
        theirs = dict(found.aliases.get(model, {}))
        of_model = [their for name, their in numbers if name == model]
        if newest and of_model:
            theirs.setdefault(newest, max(of_model))
        for alias, their in sorted(theirs.items()):
            number = numbers.get((model, their), 0)
            reason = why_alias_stays(alias, number, their, taken.get((model, alias), 0))
            aliases.append(Alias(model, alias, number, reason))
    return aliases


def why_alias_stays(alias: str, number: int, theirs: int, here: int) -> str:
    """Return why an alias does not come, empty if it does."""
    try:
        check_alias(alias)
    except RegistryError as error:
        return str(error)
    if not number:
        return f"its version {theirs} does not come"
    if here:
        return "points there already" if here == number else f"points at {here} here"
    return ""


def set_aliases(registry: Registry, aliases: Iterable[Alias]) -> tuple[Alias, ...]:
    """Point aliases that come at their versions; says of each what became of it.

    ``previous`` comes first, by pointing ``champion`` there if that comes as well.
    """
    done = []
    every = list(aliases)
    led = {one.model for one in every if one.alias == CHAMPION and not one.reason}
    for one in sorted(every, key=lambda one: (one.model, one.alias != PREVIOUS, one.alias)):
        if one.reason:
            done.append(one)
        elif one.alias == PREVIOUS and one.model in led:
            done.append(_set(registry, one, CHAMPION))
        else:
            done.append(_set(registry, one, one.alias))
    return tuple(done)


def _set(registry: Registry, one: Alias, alias: str) -> Alias:
    try:
        registry.alias(one.model, alias, one.number, any_signature=True, reason="imported")
    except RegistryError as error:
        return replace(one, reason=str(error))
    return one


def ordered(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return candidates by model, the lowest version first."""
    return sorted(candidates, key=lambda one: (one.model, one.number))


def digests_here(registry: Registry | None, model: str) -> dict[str, int]:
    """Return the numbers of a model's versions by their digests."""
    if registry is None:
        return {}
    try:
        return {version.digest: version.number for version in registry.versions(model)}
    except RegistryError:
        return {}


def aliases_here(registry: Registry | None) -> dict[tuple[str, str], int]:
    """Return where each alias of each model points."""
    models = registry.models() if registry else []
    return {(p.model, p.alias): p.number for one in models for p in one.pointers}
