"""What a contract may say, and what it is told when it says something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import ProfileError
from runtime.profiles.contract import FeatureContract, contract_of, read_contract


def test_ranges_values_and_missing_shares_are_read() -> None:
    contract = contract_of(
        {
            "owner": "risk",
            "features": {
                "age": {"range": [18, 120], "missing": 0},
                "income": {"range": [0, None]},
                "sex": {"values": [1, 2, 1]},
            },
        }
    )
    assert contract.features["age"] == FeatureContract(18.0, 120.0, (), 0.0)
    assert contract.features["income"].high == float("inf")
    assert contract.features["income"].missing is None
    assert contract.features["sex"].values == (1, 2)
    assert not contract.features["sex"].has_range


def test_what_is_said_of_other_things_changes_no_digest() -> None:
    plain = contract_of({"features": {"a": {"range": [0, 1]}}})
    more = contract_of({"note": "x", "features": {"a": {"range": [0, 1]}}})
    other = contract_of({"features": {"a": {"range": [0, 2]}}})
    assert plain.digest == more.digest
    assert plain.digest != other.digest


def test_nothing_about_features_promises_nothing() -> None:
    assert contract_of({"owner": "risk"}).digest == ""
    assert not contract_of({}).features


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ([], "features of a contract are an object"),
        ({"a": 3}, "the contract of a is an object"),
        ({"a": {"rnge": [0, 1]}}, "no key 'rnge'; known: missing, range, values"),
        ({"a": {"range": [0]}}, "the range of a is a list of two ends"),
        ({"a": {"range": [2, 1]}}, "the range of a is not in order"),
        ({"a": {"range": ["0", 1]}}, "'0' is no number"),
        ({"a": {"range": [True, 1]}}, "True is no number"),
        ({"a": {"range": [float("nan"), 1]}}, "nan is not finite"),
        ({"a": {"missing": 2}}, "between 0 and 1, not 2"),
        ({"a": {"values": 3}}, "a list of at most 128 whole numbers"),
        ({"a": {"values": [0.5]}}, "whole numbers, not 0.5"),
        ({"a": {"values": [2**60]}}, "whole numbers"),
        ({"a": {"values": list(range(129))}}, "a list of at most 128 whole numbers"),
    ],
)
def test_what_cannot_be_is_named(told: Any, words: str) -> None:
    with pytest.raises(ProfileError, match=words.replace("(", r"\(")):
        contract_of({"features": told})


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_file_that_is_none_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "contract.json"
    path.write_bytes(content)
    with pytest.raises(ProfileError, match=r"contract\.json"):
        read_contract(path)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "contract.json"
    path.write_text(json.dumps({"features": {"a": {"range": [0, 1]}}}))
    assert read_contract(path).features["a"].high == 1.0
    with pytest.raises(ProfileError, match=r"gone\.json cannot be read"):
        read_contract(tmp_path / "gone.json")
