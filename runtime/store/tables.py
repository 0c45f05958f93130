"""The tables of the store. Times are Unix seconds; every key begins with a namespace.

A change here needs a migration in `runtime.store.migrations`; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

models = Table(
    "model",
    metadata,
    Column("namespace", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("policy", Text, nullable=False),  # JSON: what a version must have shown.
    Column("frozen", Text, nullable=False),  # Why no server may swap it; empty: it may.
    Column("created_at", Float, nullable=False),
    Column("created_by", String, nullable=False),
)

versions = Table(
    "version",
    metadata,
    Column("namespace", String, primary_key=True),
    Column("model", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("digest", String, nullable=False),  # SHA-256 of the manifest.
    Column("manifest", Text, nullable=False),  # Canonical JSON: what the digest is of.
    Column("state", String, nullable=False),
    Column("reason", Text, nullable=False),  # Why it is in that state.
    Column("source", Text, nullable=False),  # Where it came from, in a person's words.
    Column("created_at", Float, nullable=False),
    Column("created_by", String, nullable=False),
    UniqueConstraint("namespace", "model", "digest"),
)

aliases = Table(
    "alias",
    metadata,
    Column("namespace", String, primary_key=True),
    Column("model", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("generation", Integer, nullable=False),  # One more with each move.
    Column("any_signature", Boolean, nullable=False),  # The signature may change.
    Column("reason", Text, nullable=False),
    Column("moved_at", Float, nullable=False),
    Column("moved_by", String, nullable=False),
)

approvals = Table(
    "approval",
    metadata,
    Column("namespace", String, primary_key=True),
    Column("model", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("approver", String, primary_key=True),
    Column("note", Text, nullable=False),
    Column("at", Float, nullable=False),
)

leases = Table(
    "lease",
    metadata,
    Column("namespace", String, primary_key=True),
    Column("server", String, primary_key=True),
    Column("model", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("use", String, nullable=False),  # serves, warm, loading.
    Column("seen_at", Float, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("actor", String, nullable=False),
    Column("action", String, nullable=False),
    Column("namespace", String, nullable=False),
    Column("object", String, nullable=False),  # As fraud, fraud/3, fraud@champion.
    Column("before", Text, nullable=False),  # JSON, or empty.
    Column("after", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("previous_hash", String, nullable=False),
    Column("hash", String, nullable=False, unique=True),
    sqlite_autoincrement=True,
)

Index("audit_object", audit.c.namespace, audit.c.object)
