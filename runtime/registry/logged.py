"""Whether versions and aliases are as the audit log tells: a row changed by hand is not.

Each change writes what came of it into the log, in its own transaction. What the tables
say must therefore be what the last rows of the log say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select

from runtime.registry.problems import Problem
from runtime.registry.reading import Reading
from runtime.store.tables import aliases, audit, versions

Told = dict[str, dict[str, Any]]
"""By ``fraud/3`` or ``fraud@champion``: the columns that the log tells."""


def disagreements(looking: Reading) -> Iterator[Problem]:
    """Yield versions and aliases that are not as the log tells; it is read once."""
    told, found = told_by_log(looking), in_tables(looking)
    for label in sorted({*told, *found}):
        said, is_so = told.get(label), found.get(label)
        if is_so is None:
            yield Problem(label, "the audit log knows of it, and it is not there")
        elif said is None:
            yield Problem(label, "it is there, and the audit log does not know of it")
        elif said != is_so:
            words = ", ".join(
                f"{name} {is_so[name]}, and in the audit log {said.get(name)}"
                for name in is_so
                if is_so[name] != said.get(name)
            )
            yield Problem(label, f"it was changed without a row of the audit log: {words}")


def told_by_log(looking: Reading) -> Told:
    """Return what the last rows say; a row that holds no JSON is the chain's to tell of."""
    told: Told = {}
    columns = (audit.c.object, audit.c.after)
    query = select(*columns).filter_by(namespace=looking.namespace)
    query = query.where(audit.c.after != "").order_by(audit.c.seq)
    for label, after in looking.connection.execute(query):
        if "/" not in label and "@" not in label:
            continue
        try:
            value = json.loads(after)
        except ValueError:
            continue
        said = value if isinstance(value, dict) else {"state": value}
        told.setdefault(label, {}).update(said)
    return told


def in_tables(looking: Reading) -> Told:
    """Return the same columns as versions and aliases have them."""
    found: Told = {}
    for row in looking.connection.execute(looking.of(versions)).mappings():
        values = {"digest": row["digest"], "state": row["state"]}
        found[f"{row['model']}/{row['number']}"] = values
    for row in looking.connection.execute(looking.of(aliases)).mappings():
        values = {"number": row["number"], "generation": row["generation"]}
        found[f"{row['model']}@{row['name']}"] = values
    return found
