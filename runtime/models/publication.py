"""What the data plane is told: one route table out of the manager's books."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from runtime.access.words import hide_paths
from runtime.models.describe import server_metadata, with_parameters, with_versions
from runtime.models.lifecycle import State
from runtime.models.version import Version
from runtime.native.server import Table
from runtime.printable import escaped

Key = tuple[str, str]
"""A model's name and a version's number."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One version in a route table; `state` is the data plane's number for it."""

    model: str
    version: str
    state: int
    reason: str
    metadata: bytes = b""
    config: bytes = b""
    preferred: bool = False


@dataclass
class Books:
    """What is known beside the versions that are there.

    `notes` say what is not served, or is still the old one. `preferred` are the versions
    that answer those who name none; of a model without one the highest does. `told` are
    parameters of a version's configuration that change while it serves. `announce` is
    called before the data plane hears of what has changed.
    """

    notes: dict[Key, str] = field(default_factory=dict)
    preferred: dict[str, str] = field(default_factory=dict)
    told: dict[Key, Mapping[str, str]] = field(default_factory=dict)
    announce: Callable[[], None] = lambda: None


def entry_of(version: Version, note: str = "", versions: Sequence[str] = ()) -> Entry:
    """Return the row of the route table for a version as it is now.

    `versions` are all that are served of its model.
    """
    description = version.description
    return Entry(
        version.source.name,
        version.source.version,
        version.state.value,
        escaped(version.reason or version.trouble or note),
        with_versions(description.metadata, versions) if description else b"",
        description.config if description else b"",
    )


def make_table(
    versions: Sequence[Version], books: Books, ready: bool, hidden: Sequence[str]
) -> Table:
    """Return a table of versions and notes; `hidden` are paths that nobody is told."""
    table = Table(server_metadata(), ready)
    there = {(v.source.name, v.source.version) for v in versions}
    for key, note in sorted(books.notes.items()):
        if key not in there:
            reason = hide_paths(escaped(note), hidden)
            table.add(Entry(*key, State.UNAVAILABLE.value, reason), None)
    served: dict[str, list[str]] = {}
    for version in versions:
        if version.state is State.READY:
            served.setdefault(version.source.name, []).append(version.source.version)
    for version in versions:
        name, number = key = (version.source.name, version.source.version)
        entry = entry_of(version, books.notes.get(key, ""), served.get(name, ()))
        told = books.told.get(key)
        row = replace(
            entry,
            reason=hide_paths(entry.reason, hidden),
            config=with_parameters(entry.config, told) if told else entry.config,
            preferred=books.preferred.get(name) == number,
        )
        table.add(row, version.served)
    return table
