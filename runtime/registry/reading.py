"""Reads models, versions and aliases of one namespace from a store's connection."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, Select, Table, func, select

from runtime.registry.lifecycle import State
from runtime.registry.records import Approval, Lease, Listed, Model, Policy, Version
from runtime.registry.references import NUMBER, PREFIX, check_alias
from runtime.registry.source import PREVIOUS, Pointer, RegistryError
from runtime.store import tables


class Reading:
    """One look at the registry: what it says belongs together."""

    def __init__(self, connection: Connection, namespace: str) -> None:
        self.connection = connection
        self.namespace = namespace

    def model(self, name: str) -> Model:
        """Return a model; raises RegistryError when there is none of that name."""
        found = self._first(self.of(tables.models, name=name))
        if found is None:
            raise RegistryError(f"there is no model {name!r}; the first push makes it")
        return model_of(found)

    def models(self) -> list[Model]:
        """Return all models by name."""
        query = self.of(tables.models).order_by(tables.models.c.name)
        return [model_of(row) for row in self._all(query)]

    def has_model(self, name: str) -> bool:
        """Tell whether there is a model of that name."""
        return self._first(self.of(tables.models, name=name)) is not None

    def versions(self, name: str) -> list[Version]:
        """Return a model's versions, the lowest first; RegistryError for no model."""
        self.model(name)
        query = self.of(tables.versions, model=name).order_by(tables.versions.c.number)
        return [version_of(row) for row in self._all(query)]

    def every_version(self) -> list[Version]:
        """Return the versions of all models."""
        columns = tables.versions.c
        query = self.of(tables.versions).order_by(columns.model, columns.number)
        return [version_of(row) for row in self._all(query)]

    def elsewhere(self) -> list[Version]:
        """Return the versions of all other namespaces: blobs are shared with those."""
        versions = tables.versions
        query = select(versions).where(versions.c.namespace != self.namespace)
        return [version_of(row) for row in self._all(query)]

    def version(self, name: str, number: int) -> Version:
        """Return one version; RegistryError when there is none of that number."""
        found = self._first(self.of(tables.versions, model=name, number=number))
        if found is None:
            self.model(name)
            raise RegistryError(
                f"{name!r} has no version {number}; its highest is {self.latest(name)}"
            )
        return version_of(found)

    def by_digest(self, name: str, digest: str) -> Version | None:
        """Return the version of a manifest's digest, or None."""
        found = self._first(self.of(tables.versions, model=name, digest=digest))
        return version_of(found) if found else None

    def referred(self, name: str, reference: str) -> Version:
        """Return the version that ``3``, ``@champion`` or a digest's beginning names.

        Raises RegistryError where that is none, or more than one.
        """
        if reference.startswith("@"):
            return self.version(name, self.pointer(name, reference[1:]).number)
        if NUMBER.fullmatch(reference):
            return self.version(name, int(reference))
        prefix = PREFIX.fullmatch(reference)
        if prefix is None:
            raise RegistryError(
                f"{reference!r} is no version: a number, @ALIAS, or 6 or more digits of "
                "its digest"
            )
        found = [v for v in self.versions(name) if v.digest.startswith(prefix[2])]
        if len(found) != 1:
            many = "more than one version" if found else "no version"
            raise RegistryError(f"{name!r} has {many} whose digest begins {prefix[2]!r}")
        return found[0]

    def latest(self, name: str) -> int:
        """Return a model's highest number, 0 for no version."""
        query = select(func.max(tables.versions.c.number)).filter_by(
            namespace=self.namespace, model=name
        )
        return int(self.connection.execute(query).scalar() or 0)

    def pointer(self, name: str, alias: str) -> Pointer:
        """Return where an alias points; RegistryError when there is no such alias."""
        check_alias(alias)
        model = self.model(name)
        found = self.alias_row(name, alias)
        if found is None or not found["number"]:
            others = ", ".join(p.alias for p in self.pointers(model)) or "none"
            raise RegistryError(f"{name!r} has no alias {alias!r}; it has: {others}")
        return self._pointer_of(model, found, self._previous(name))

    def pointers(self, model: Model) -> list[Pointer]:
        """Return where all aliases of a model point, by name."""
        aliases = tables.aliases
        query = self.of(aliases, model=model.name).order_by(aliases.c.name)
        query = query.where(aliases.c.number > 0)
        previous = self._previous(model.name)
        return [self._pointer_of(model, row, previous) for row in self._all(query)]

    def alias_row(self, name: str, alias: str) -> RowMapping | None:
        """Return an alias as the store keeps it; one that was removed has number 0."""
        return self._first(self.of(tables.aliases, model=name, name=alias))

    def approvals(self, name: str, number: int) -> list[Approval]:
        """Return who approved a version, the first first."""
        query = self.of(tables.approvals, model=name, number=number)
        rows = self._all(query.order_by(tables.approvals.c.at, tables.approvals.c.approver))
        return [Approval(row["approver"], row["at"], row["note"]) for row in rows]

    def leases(self) -> list[Lease]:
        """Return what servers held when they were last seen."""
        columns = tables.leases.c
        query = self.of(tables.leases).order_by(
            columns.server, columns.model, columns.number
        )
        return [
            Lease(r["server"], r["model"], r["number"], r["use"], r["seen_at"])
            for r in self._all(query)
        ]

    def listed(self) -> list[Listed]:
        """Return all models with their aliases."""
        return [
            Listed(model, tuple(self.pointers(model)), self.latest(model.name))
            for model in self.models()
        ]

    def of(self, table: Table, **equal: object) -> Select[tuple[object, ...]]:
        """Return a query for a table's rows in this namespace that have these values."""
        return select(table).filter_by(namespace=self.namespace, **equal)

    def _previous(self, name: str) -> int:
        row = self.alias_row(name, PREVIOUS)
        return row["number"] if row else 0

    def _pointer_of(self, model: Model, row: RowMapping, previous: int) -> Pointer:
        digest = self.version(model.name, row["number"]).digest
        return Pointer(
            model=model.name,
            alias=row["name"],
            number=row["number"],
            digest=digest,
            generation=row["generation"],
            previous=previous,
            any_signature=row["any_signature"],
            frozen=model.frozen,
            moved_by=row["moved_by"],
            moved_at=row["moved_at"],
            reason=row["reason"],
        )

    def _first(self, query: Select[tuple[object, ...]]) -> RowMapping | None:
        return self.connection.execute(query).mappings().first()

    def _all(self, query: Select[tuple[object, ...]]) -> Sequence[RowMapping]:
        return self.connection.execute(query).mappings().all()


def model_of(row: RowMapping) -> Model:
    """Return a model out of its row."""
    policy = Policy(**json.loads(row["policy"]))
    return Model(row["name"], policy, row["frozen"], row["created_at"], row["created_by"])


def version_of(row: RowMapping) -> Version:
    """Return a version out of its row."""
    return Version(
        row["model"],
        row["number"],
        row["digest"],
        row["manifest"],
        State(row["state"]),
        row["reason"],
        row["source"],
        row["created_at"],
        row["created_by"],
    )
