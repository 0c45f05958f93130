"""What people decide about versions, as they type it."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.store.errors import StoreError
from tests.unit.test_registry_commands import command, done, values, wrong


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A registry with one version of ``fraud``, by kate."""
    (tmp_path / "x.onnx").write_bytes(b"xx")
    folder = tmp_path / "registry"
    done(folder, "push", "fraud", tmp_path / "x.onnx", "--no-check")
    return folder


def state(folder: Path) -> str:
    return str(values(folder, "show", "fraud/1")["state"])


def test_two_people_approve(folder: Path) -> None:
    said = done(folder, "policy", "fraud", "--approvals", 2)
    assert said == "a champion of fraud needs 2 approvals\n"
    said = done(folder, "approve", "fraud", 1, "--note", "fine")
    assert said == "fraud/1 has 1 of 2 approvals: registered\n"
    assert "needs 2 approvals" in str(wrong(folder, "alias", "fraud", "champion", 1))
    said = done(folder, "approve", "fraud", 1, actor="bob")
    assert said == "fraud/1 has 2 of 2 approvals: approved\n"
    done(folder, "alias", "fraud", "champion", 1)
    assert "approved by kate at" in done(folder, "show", "fraud/1")


def test_a_policy_is_set_in_parts_and_said(folder: Path) -> None:
    done(folder, "policy", "fraud", "--approvals", 1)
    done(folder, "policy", "fraud", "--four-eyes")
    assert values(folder, "policy", "fraud") == {"approvals": 1, "four_eyes": True}
    assert "was pushed by kate" in str(wrong(folder, "approve", "fraud", 1))
    assert "none by who pushed it" in done(folder, "list", "fraud")
    assert "no model 'mail'" in str(wrong(folder, "policy", "mail"))
    done(folder, "policy", "mail", "--approvals", 1)
    assert values(folder, "policy", "mail")["approvals"] == 1


def test_a_version_is_rejected_and_tried_again(folder: Path, tmp_path: Path) -> None:
    assert command(folder, "reject", "fraud", 1).exit_code == 2
    said = done(folder, "reject", "fraud", 1, "--reason", "too\nwide")
    assert said == "fraud/1 is rejected: too\\nwide\n"
    again = command(folder, "push", "fraud", tmp_path / "x.onnx", "--no-check")
    assert "fraud/1 was rejected" in again.stderr
    assert state(folder) == "rejected"
    assert done(folder, "retry", "fraud", 1) == "fraud/1 is registered\n"


def test_a_model_is_frozen_until_it_is_not(folder: Path) -> None:
    said = done(folder, "freeze", "fraud", "--reason", "sale")
    assert said == "fraud is frozen: sale\n"
    assert "is frozen (sale)" in str(wrong(folder, "alias", "fraud", "champion", 1))
    assert "fraud is frozen: sale" in done(folder, "list", "fraud")
    assert done(folder, "unfreeze", "fraud") == "fraud is not frozen\n"
    done(folder, "alias", "fraud", "champion", 1)


def test_a_registry_comes_back_from_its_backup(folder: Path, tmp_path: Path) -> None:
    done(folder, "alias", "fraud", "champion", 1)
    said = done(folder, "backup", tmp_path / "b.tar")
    head = values(folder, "verify")["head"]
    assert f"audit head {head}" in said
    again = tmp_path / "again"
    assert "and 1 blobs" in done(again, "restore", tmp_path / "b.tar")
    assert values(again, "verify")["head"] == head
    assert values(again, "list") == values(folder, "list")
    assert isinstance(wrong(again, "restore", tmp_path / "b.tar"), StoreError)
