"""The first tables: models, versions, aliases, approvals, leases and the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NO_CHANGE = """
CREATE TRIGGER audit_no_{event} BEFORE {event} ON audit BEGIN
  SELECT RAISE(ABORT, 'the audit log takes no {event}');
END
"""

FOLLOWS = """
CREATE TRIGGER audit_follows BEFORE INSERT ON audit
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit)
  OR NEW.previous_hash <> coalesce(
    (SELECT hash FROM audit ORDER BY seq DESC LIMIT 1),
    '{nothing}')
BEGIN
  SELECT RAISE(ABORT, 'a row of the audit log must follow the last one');
END
"""


def upgrade() -> None:
    """Make everything."""
    op.create_table(
        "model",
        sa.Column("namespace", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("frozen", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
    )
    op.create_table(
        "version",
        sa.Column("namespace", sa.String, primary_key=True),
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.UniqueConstraint("namespace", "model", "digest"),
    )
    op.create_table(
        "alias",
        sa.Column("namespace", sa.String, primary_key=True),
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("any_signature", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("moved_at", sa.Float, nullable=False),
        sa.Column("moved_by", sa.String, nullable=False),
    )
    op.create_table(
        "approval",
        sa.Column("namespace", sa.String, primary_key=True),
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("approver", sa.String, primary_key=True),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_table(
        "lease",
        sa.Column("namespace", sa.String, primary_key=True),
        sa.Column("server", sa.String, primary_key=True),
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("use", sa.String, nullable=False),
        sa.Column("seen_at", sa.Float, nullable=False),
    )
    make_audit()


def make_audit() -> None:
    """Make the log, and what keeps anyone from changing it through SQL."""
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("namespace", sa.String, nullable=False),
        sa.Column("object", sa.String, nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.String, nullable=False),
        sa.Column("hash", sa.String, nullable=False, unique=True),
        sqlite_autoincrement=True,
    )
    op.create_index("audit_object", "audit", ["namespace", "object"])
    op.execute(NO_CHANGE.format(event="UPDATE"))
    op.execute(NO_CHANGE.format(event="DELETE"))
    op.execute(FOLLOWS.format(nothing="0" * 64))
