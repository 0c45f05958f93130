"""What the registry says, as JSON values and as tables for people.

Texts come from manifests and from whoever moved an alias: they are escaped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from runtime.access.tokens import moment_text
from runtime.printable import escaped

if TYPE_CHECKING:
    from runtime.registry.collecting import Collected
    from runtime.registry.diffing import Difference
    from runtime.registry.records import Approval, Listed, Model, Policy, Version
    from runtime.registry.source import Pointer
    from runtime.registry.verifying import Verified


def print_json(values: object) -> None:
    """Print values as JSON."""
    print(json.dumps(values, indent=1))


def safe(text: object) -> str:
    """Return text that neither moves a cursor nor is read as markup."""
    return escape(escaped(str(text)))


def say(text: str) -> None:
    """Print one line for people."""
    Console(soft_wrap=True, highlight=False).print(safe(text))


def print_table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print rows under their columns."""
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(safe, row))
    Console(highlight=False).print(table)


def model_values(listed: Listed) -> dict[str, Any]:
    """Return a model with its aliases as JSON values."""
    return {
        **asdict(listed.model),
        "latest": listed.latest,
        "aliases": {p.alias: pointer_values(p) for p in listed.pointers},
    }


def pointer_values(pointer: Pointer) -> dict[str, Any]:
    """Return where an alias points as JSON values."""
    return asdict(pointer)


def version_values(version: Version, approvals: Iterable[Approval] = ()) -> dict[str, Any]:
    """Return a version as JSON values."""
    return {
        "model": version.model,
        "number": version.number,
        "digest": version.digest,
        "state": version.state.value,
        "reason": version.reason,
        "source": version.source,
        "created_at": version.created_at,
        "created_by": version.created_by,
        "manifest": json.loads(version.text),
        "approvals": [asdict(approval) for approval in approvals],
    }


def collected_values(collected: Collected) -> dict[str, Any]:
    """Return what a collection did as JSON values."""
    fates = [{**asdict(fate), "state": fate.state.value} for fate in collected.fates]
    return {**asdict(collected), "fates": fates}


def verified_values(verified: Verified) -> dict[str, Any]:
    """Return what a check found as JSON values."""
    return {
        **asdict(verified),
        "head": str(verified.head),
        "is_whole": verified.is_whole,
    }


def print_models(listed: Iterable[Listed]) -> None:
    """Print models with where their aliases point."""
    rows = [
        (
            one.model.name,
            one.latest,
            ", ".join(f"{p.alias} -> {p.number}" for p in one.pointers),
            one.model.frozen,
        )
        for one in listed
    ]
    print_table(("model", "latest", "aliases", "frozen"), rows)


def print_versions(versions: Iterable[Version], pointers: Iterable[Pointer]) -> None:
    """Print a model's versions, the lowest first."""
    pointing = list(pointers)
    rows = [
        (
            version.number,
            version.state.value,
            ", ".join(p.alias for p in pointing if p.number == version.number),
            ", ".join(f"{k} {v:g}" for k, v in version.manifest.metrics.items()),
            f"{version.created_by} {moment_text(int(version.created_at))}",
            version.digest[:12],
            version.reason,
        )
        for version in versions
    ]
    columns = ("version", "state", "aliases", "metrics", "pushed", "digest", "reason")
    print_table(columns, rows)


def print_model(model: Model) -> None:
    """Print what is said of a model as a whole."""
    if model.frozen:
        say(f"{model.name} is frozen: {model.frozen}")
    if model.policy.approvals:
        say(policy_text(model.name, model.policy))


def policy_text(name: str, policy: Policy) -> str:
    """Return a policy in words."""
    eyes = ", none by who pushed it" if policy.four_eyes else ""
    return f"a champion of {name} needs {policy.approvals} approvals{eyes}"


def print_version(version: Version, approvals: Iterable[Approval]) -> None:
    """Print all that is known of a version."""
    manifest = version.manifest
    head = f"{version.label} is {version.state.value}"
    say(f"{head}: {version.reason}" if version.reason else head)
    say(f"pushed by {version.created_by} at {moment_text(int(version.created_at))}")
    if version.source:
        say(f"from {version.source}")
    say(f"digest {version.digest}, framework {manifest.framework}")
    files = [(file.path, f"{file.size:,}", file.sha256) for file in manifest.files]
    print_table(("file", "bytes", "sha256"), files)
    ways = (("input", manifest.signature.inputs), ("output", manifest.signature.outputs))
    tensors = [
        (t.name, f"{way}{' (optional)' * t.optional}", t.datatype, list(t.shape))
        for way, found in ways
        for t in found
    ]
    print_table(("tensor", "", "datatype", "shape"), tensors)
    facts: list[tuple[str, object]] = list(manifest.metrics.items())
    facts += [(f"lineage {k}", v) for k, v in asdict(manifest.lineage).items() if v]
    if manifest.contract:
        facts.append(("contract", json.dumps(manifest.contract)))
    facts += [("notes", manifest.notes)] if manifest.notes else []
    print_table(("fact", "value"), facts)
    for approval in approvals:
        at = moment_text(int(approval.at))
        say(f"approved by {approval.approver} at {at} {approval.note}".rstrip())


def print_difference(difference: Difference, names: tuple[str, str]) -> None:
    """Print what differs between two versions."""
    if not difference.changes:
        say(f"{names[0]} and {names[1]} say the same")
        return
    rows = [(c.part, c.name, c.before, c.after) for c in difference.changes]
    print_table(("part", "name", *names), rows)
    for reason in difference.incompatible:
        say(f"{names[1]} cannot take the place of {names[0]}: {reason}")


def print_collected(collected: Collected) -> None:
    """Print what a collection did, and why the rest stays."""
    does = "would go" if collected.dry_run else "gone"
    rows = [
        (f"{f.model}/{f.number}", "kept" if f.kept else f"files {does}", f.why)
        for f in collected.fates
    ]
    print_table(("version", "", "why"), rows)
    say(f"{len(collected.blobs)} blobs {does}, {collected.size_bytes:,} bytes")


def print_verified(verified: Verified) -> None:
    """Print what a check found."""
    for problem in verified.problems:
        kind = "note" if problem.harmless else "problem"
        say(f"{kind}: {problem.what}: {problem.text}")
    whole = "whole" if verified.is_whole else "NOT whole"
    say(
        f"{verified.versions} versions, {verified.blobs} blobs with "
        f"{verified.size_bytes:,} bytes: {whole}; audit head {verified.head}"
    )
