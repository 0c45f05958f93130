"""``leeboard registry`` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from runtime.errors import ConfigError, LeeboardError, ModelError
from runtime.registry.source import RegistryError
from runtime.registry_commands import parse_metric, registry
from runtime.store.errors import StoreMissing
from runtime.testing.models import save_mlp

WIDE = {"COLUMNS": "220", "TERM": "dumb", "NO_COLOR": "1", "LEEBOARD_ACTOR": "kate"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "registry"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_mlp(tmp_path / "x.onnx", (4, 2))


def command(folder: Path, *arguments: object, actor: str = "kate") -> Any:
    given = ["--dir", str(folder), *map(str, arguments)]
    return CliRunner(env={**WIDE, "LEEBOARD_ACTOR": actor}).invoke(registry, given)


def done(folder: Path, *arguments: object, actor: str = "kate") -> str:
    """What a command that works prints."""
    result = command(folder, *arguments, actor=actor)
    assert result.exit_code == 0, (result.output, result.exception)
    return str(result.stdout)


def values(folder: Path, *arguments: object) -> Any:
    return json.loads(done(folder, *arguments, "--json"))


def wrong(folder: Path, *arguments: object) -> LeeboardError:
    """The error of a command that fails."""
    error = command(folder, *arguments).exception
    assert isinstance(error, LeeboardError), error
    return error


def push(folder: Path, model: Path, *arguments: object) -> str:
    return done(folder, "push", "fraud", model, *arguments)


def test_the_first_push_makes_the_registry(folder: Path, model: Path) -> None:
    assert isinstance(wrong(folder, "list"), StoreMissing)
    said = push(folder, model, "--alias", "champion")
    assert said == "fraud/1 is registered\nfraud@champion points at 1\n"
    said = push(folder, model)
    assert said == "fraud/1 was there already\n"


def test_what_is_known_is_pushed_along(folder: Path, model: Path, tmp_path: Path) -> None:
    contract = tmp_path / "contract.json"
    contract.write_text('{"x": {"min": 0}}')
    push(folder, model)
    pushed = values(
        folder, "push", "fraud", model, "--metric", "auc=0.9", "--metric", "n=3",
        "--notes", "fine", "--parent", "1", "--data-digest", "d1", "--code", "c1",
        "--contract", contract,
    )  # fmt: skip
    manifest = pushed["manifest"]
    assert (pushed["number"], pushed["is_new"], pushed["state"]) == (2, True, "verified")
    assert manifest["metrics"] == {"auc": 0.9, "n": 3.0}
    assert manifest["contract"] == {"x": {"min": 0}}
    assert manifest["lineage"]["parent"] == values(folder, "show", "fraud/1")["digest"]
    assert (manifest["lineage"]["data"], manifest["lineage"]["code"]) == ("d1", "c1")
    assert manifest["signature"]["inputs"][0]["shape"] == [-1, 4]
    assert (pushed["source"], pushed["created_by"]) == (str(model), "kate")


def test_a_file_that_does_not_load_is_not_registered(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"xx")
    error = wrong(folder, "push", "fraud", tmp_path / "bad.onnx")
    assert isinstance(error, ModelError)
    assert "cannot be opened" in str(error)
    assert not folder.exists()


def test_without_a_check_the_signature_is_unknown(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"xx")
    result = command(folder, "push", "fraud", tmp_path / "bad.onnx", "--no-check")
    assert "not checked: whether it loads, and what it takes, is unknown" in result.stderr
    shown = values(folder, "show", "fraud/1")
    assert shown["state"] == "registered"
    assert "signature" not in shown["manifest"]


def test_an_alias_moves_from_the_generation_that_was_seen(
    folder: Path, model: Path
) -> None:
    push(folder, model, "--alias", "champion", "--if-generation", "0")
    push(folder, model, "--notes", "two")
    moved = "fraud", "champion", "2", "--if-generation"
    assert "its generation is 1, not 7" in str(wrong(folder, "alias", *moved, "7"))
    said = done(folder, "alias", *moved, "1", "--reason", "better")
    assert said == "fraud@champion points at 2 (generation 2, before at 1)\n"
    pointer = values(folder, "alias", "fraud", "champion", "@previous")
    assert (pointer["number"], pointer["generation"]) == (1, 3)
    said = done(folder, "alias", "fraud", "champion", "none")
    assert said == "fraud@champion points at nothing\n"


def test_another_signature_must_be_allowed(
    folder: Path, model: Path, tmp_path: Path
) -> None:
    push(folder, model, "--alias", "champion")
    other = save_mlp(tmp_path / "y.onnx", (5, 2))
    error = wrong(folder, "push", "fraud", other, "--alias", "champion")
    assert "--allow-signature-change" in str(error)
    push(folder, other, "--alias", "champion", "--allow-signature-change")
    assert values(folder, "list", "fraud")[1]["state"] == "stable"


def test_models_and_versions_are_listed(folder: Path, model: Path) -> None:
    push(folder, model, "--alias", "champion", "--metric", "auc=0.9")
    assert "champion -> 1" in done(folder, "list")
    (listed,) = values(folder, "list")
    assert (listed["name"], listed["aliases"]["champion"]["number"]) == ("fraud", 1)
    said = done(folder, "list", "fraud")
    assert "auc 0.9" in said
    assert "stable" in said
    assert "no model 'mail'" in str(wrong(folder, "list", "mail"))


def test_a_version_is_shown_by_number_alias_and_digest(folder: Path, model: Path) -> None:
    push(folder, model, "--alias", "champion", "--notes", "fine")
    whole = values(folder, "show", "fraud/1")
    for reference in ("fraud@champion", f"fraud/{whole['digest'][:8]}"):
        assert values(folder, "show", reference) == whole
    assert values(folder, "show", "fraud") == [whole]
    said = done(folder, "show", "fraud@champion")
    for part in ("fraud/1 is stable", whole["digest"], "model/model.onnx", "fine", "FP32"):
        assert part in said


def test_words_of_others_neither_move_the_cursor_nor_are_markup(
    folder: Path, model: Path
) -> None:
    push(folder, model, "--notes", "\x1b[2J[bold]x[/bold]\u202e")
    said = done(folder, "show", "fraud/1")
    assert r"\x1b[2J[bold]x[/bold]\u202e" in said


def test_two_versions_are_compared(folder: Path, model: Path) -> None:
    push(folder, model, "--metric", "auc=0.9")
    push(folder, model, "--metric", "auc=0.91")
    (change,) = values(folder, "diff", "fraud", 1, 2)["changes"]
    assert change == {"part": "metrics", "name": "auc", "before": "0.9", "after": "0.91"}
    assert "0.91" in done(folder, "diff", "fraud", 1, 2)
    assert done(folder, "diff", "fraud", 1, 1) == "fraud 1 and fraud 1 say the same\n"


def test_a_registry_that_is_not_whole_is_status_one(folder: Path, model: Path) -> None:
    push(folder, model)
    assert "1 versions, 1 blobs" in done(folder, "verify")
    head = values(folder, "verify")["head"]
    assert done(folder, "verify", "--head", head)
    (blob,) = (folder / "blobs" / "sha256").glob("*/*")
    blob.unlink()
    result = command(folder, "verify")
    assert result.exit_code == 1
    assert "problem: fraud/1: the store" in result.stdout
    assert "NOT whole" in result.stdout
    assert "is no head" in str(wrong(folder, "verify", "--head", "x"))


def test_what_nobody_needs_goes_and_is_said_before(folder: Path, model: Path) -> None:
    push(folder, model, "--alias", "champion")
    push(folder, model, "--notes", "two")
    planned = values(folder, "gc", "--keep", 0, "--dry-run")
    assert [fate["kept"] for fate in planned["fates"]] == [True, False]
    assert "champion points at it" in done(folder, "gc", "--keep", 0)
    assert values(folder, "list", "fraud")[1]["state"] == "archived"


def test_somebody_must_say_where_the_registry_is() -> None:
    result = CliRunner(env={**WIDE, "LEEBOARD_REGISTRY": ""}).invoke(registry, ["list"])
    assert isinstance(result.exception, ConfigError)
    assert "set LEEBOARD_REGISTRY" in str(result.exception)


def test_the_variable_names_the_registry(folder: Path, model: Path) -> None:
    push(folder, model)
    env = {**WIDE, "LEEBOARD_REGISTRY": str(folder)}
    assert "fraud" in CliRunner(env=env).invoke(registry, ["list"]).stdout


@pytest.mark.parametrize("text", ["auc", "=1", "auc=", "auc=high", ""])
def test_a_metric_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no metric; it is NAME=NUMBER"):
        parse_metric(text)


@pytest.mark.parametrize("text", ["[]", "{", "3"])
def test_a_contract_that_is_none_is_refused(
    folder: Path, model: Path, tmp_path: Path, text: str
) -> None:
    (tmp_path / "c.json").write_text(text)
    given = ("push", "fraud", model, "--contract", tmp_path / "c.json")
    assert isinstance(wrong(folder, *given), ConfigError)


def test_a_name_that_is_none_is_refused(folder: Path, model: Path) -> None:
    assert isinstance(wrong(folder, "push", "a/b", model, "--no-check"), RegistryError)
    assert not folder.exists()


def test_an_alias_that_is_none_is_refused_before_anything_is_registered(
    folder: Path, model: Path
) -> None:
    error = wrong(folder, "push", "fraud", model, "--alias", "a b")
    assert "'a b' is no alias" in str(error)
    assert not folder.exists()
