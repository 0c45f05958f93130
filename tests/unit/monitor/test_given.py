"""References and contracts that somebody gave find their tensors, or say why not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.errors import ProfileError
from runtime.monitor import given
from runtime.monitor.settings import DEFAULT
from runtime.profiles import Reference
from tests.unit.monitor.filled import plan

ROWS = np.random.default_rng(5).normal(size=(2_000, 3))
THREE = [("x", "FP32", 3)]
NAMES = ("age", "income", "debt")


def table(*names: str) -> Reference:
    columns = {name: ROWS[:, place] for place, name in enumerate(names)}
    return Reference.from_rows(columns)


def write(path: Path, reference: Reference) -> Path:
    path.write_bytes(reference.to_bytes())
    return path


def test_columns_of_a_table_are_the_values_of_the_one_input_that_has_as_many() -> None:
    watched, found = given.placed(plan(THREE, [("y", "FP32", 1)]), table(*NAMES))
    assert watched.tensors[0].features == NAMES
    assert found[0] is not None
    assert found[0].rows == 2_000
    assert found[1] is None


def test_shares_at_or_above_an_edge_are_those_of_the_rows() -> None:
    _, found = given.placed(plan(THREE), table(*NAMES))
    assert found[0] is not None
    kept = ROWS.astype(np.float32).astype(float)
    for place in range(3):
        edges, shares = found[0].edges[place], found[0].shares[place]
        above = (kept[:, place, None] >= edges).mean(axis=0)
        assert above == pytest.approx(shares, abs=1e-12)


def test_names_that_a_person_gave_to_values_are_found_in_any_order() -> None:
    settings = replace(DEFAULT, features=("debt", "age", "income"))
    watched, found = given.placed(plan(THREE, settings=settings), table(*NAMES))
    assert watched.tensors[0].features == ("debt", "age", "income")
    assert found[0] is not None
    alone = given.placed(plan([("debt", "FP32", 1)]), table("debt"))[1][0]
    assert alone is not None
    first = Reference.from_rows({"debt": ROWS[:, 2]}).features[0]
    assert found[0].edges[0] == pytest.approx(first.edges, rel=1e-6)


def test_inputs_and_outputs_of_an_npz_are_found_by_their_tensors() -> None:
    made = Reference.from_rows({"x": ROWS, "y": ROWS[:, :1]})
    watched, found = given.placed(plan(THREE, [("y", "FP32", 1)]), made)
    assert [one is not None for one in found] == [True, True]
    assert watched.tensors[0].features == ("x[0]", "x[1]", "x[2]")


def test_an_output_is_no_place_for_a_table_of_inputs() -> None:
    with pytest.raises(ProfileError, match="3 features that the model has not: age"):
        given.placed(plan([("x", "FP32", 4)], [("y", "FP32", 3)]), table(*NAMES))


def test_two_inputs_that_fit_are_one_too_many() -> None:
    with pytest.raises(ProfileError, match="make the reference of the columns"):
        given.placed(plan([("a", "FP32", 3), ("b", "FP32", 3)]), table(*NAMES))


def test_whole_numbers_are_categories_where_the_reference_says_so() -> None:
    codes = np.repeat([1, 2, 7], [500, 1_000, 500])
    made = Reference.from_rows({"c": codes}, categorical=["c"])
    _, whole = given.placed(plan([("c", "INT64", 1)]), made)
    _, floats = given.placed(plan([("c", "FP32", 1)]), made)
    assert whole[0] is not None
    assert floats[0] is not None
    assert whole[0].known() == ((2, 1, 7),)
    assert whole[0].category_shares[0].tolist() == [0.5, 0.25, 0.25]
    assert not floats[0].is_categorical.any()
    assert floats[0].is_numeric.all()  # Edges stand in.


def test_a_file_that_is_no_reference_is_said_and_the_version_learns(tmp_path: Path) -> None:
    path = tmp_path / "reference.json"
    path.write_bytes(b"{}")
    _, found = given.read(plan(THREE), DEFAULT, path, None)
    assert found.references == (None,)
    assert found.digest == ""
    assert "its reference is not used, its first rows are" in found.trouble
    assert "these bytes are no reference" in found.trouble


def test_wrong_columns_are_said_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "reference.json", table("age", "income"))
    watched, found = given.read(plan(THREE), DEFAULT, path, None)
    assert "2 features that the model has not: age, income" in found.trouble
    assert watched.tensors[0].features == ("x[0]", "x[1]", "x[2]")


def test_the_settings_file_comes_before_the_versions(tmp_path: Path) -> None:
    own = write(tmp_path / "own.json", table("a", "b", "c"))
    beside = write(tmp_path / "reference.json", table(*NAMES))
    watched, found = given.read(
        plan(THREE), replace(DEFAULT, reference=str(own)), beside, None
    )
    assert watched.tensors[0].features == ("a", "b", "c")
    assert found.origin == "own.json"
    assert found.digest == f"sha256:{table('a', 'b', 'c').digest}"
    _, other = given.read(plan(THREE), DEFAULT, beside, None)
    assert other.origin == given.MANIFEST


def test_a_reference_that_is_not_there_is_named(tmp_path: Path) -> None:
    chosen = replace(DEFAULT, reference=str(tmp_path / "gone.json"))
    _, found = given.read(plan(THREE), chosen, None, None)
    assert "gone.json cannot be read: No such file" in found.trouble


def test_a_contract_is_held_without_a_reference(tmp_path: Path) -> None:
    path = tmp_path / "contract.json"
    path.write_text(json.dumps({"features": {"x[1]": {"range": [0, 1]}}}))
    _, found = given.read(plan(THREE), DEFAULT, None, path)
    assert found.contract.features["x[1]"].high == 1.0
    assert not found.trouble


def test_what_of_a_contract_cannot_be_held_is_said(tmp_path: Path) -> None:
    path = tmp_path / "contract.json"
    promises = {"x[0]": {"values": [1, 2]}, "height": {"range": [0, 1]}}
    path.write_text(json.dumps({"features": promises}))
    _, found = given.read(plan(THREE), DEFAULT, None, path)
    assert "its contract names what the model has not: height" in found.trouble
    assert "single values of x[0] cannot be told apart" in found.trouble


def test_a_broken_contract_is_said(tmp_path: Path) -> None:
    path = tmp_path / "contract.json"
    path.write_text("[]")
    _, found = given.read(plan(THREE), DEFAULT, None, path)
    assert "its contract is not held: contract.json is no JSON object" in found.trouble
    assert not found.contract.features
