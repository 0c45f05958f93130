"""A version's reference lies among its files, and its manifest names it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from runtime import registry
from runtime.errors import ConfigError, ProfileError
from runtime.profiles import Reference
from runtime.registry.referring import read_reference
from runtime.registry.registry import Registry
from runtime.store.store import Store
from runtime.testing.models import save_mlp

KNOWN = Reference.from_rows(np.random.default_rng(2).normal(size=(300, 32)))


@pytest.fixture
def mlp(tmp_path: Path) -> Path:
    return save_mlp(tmp_path / "scorer.onnx")


def profile(place: Path, number: int) -> str:
    store = Store.open(place)
    try:
        return Registry(store, "ann").version("fraud", number).manifest.profile
    finally:
        store.close()


def test_the_manifest_names_it_by_its_own_digest(mlp: Path, tmp_path: Path) -> None:
    place = tmp_path / "registry"
    registry.push("fraud", mlp, place, check=False)
    registry.push("fraud", mlp, place, check=False, reference=KNOWN)
    assert profile(place, 1) == ""
    assert profile(place, 2) == KNOWN.digest


def test_a_file_of_one_becomes_canonical(mlp: Path, tmp_path: Path) -> None:
    place, path = tmp_path / "registry", tmp_path / "own.json"
    path.write_bytes(b" " + KNOWN.to_bytes())
    registry.push("fraud", mlp, place, check=False, reference=path)
    assert profile(place, 1) == KNOWN.digest
    assert hashlib.sha256(KNOWN.to_bytes()).hexdigest() == KNOWN.digest


def test_what_is_none_is_said_before_anything_is_pushed(mlp: Path, tmp_path: Path) -> None:
    place, path = tmp_path / "registry", tmp_path / "own.json"
    path.write_text("{}")
    with pytest.raises(ProfileError, match="no reference"):
        registry.push("fraud", mlp, place, check=False, reference=path)
    with pytest.raises(ConfigError, match=r"gone\.json cannot be read: No such file"):
        registry.push("fraud", mlp, place, check=False, reference=tmp_path / "gone.json")
    stated = {"features": {"a": {"range": [2, 1]}}}
    with pytest.raises(ProfileError, match="the range of a is not in order"):
        registry.push("fraud", mlp, place, check=False, contract=stated)
    assert not place.exists()


def test_a_reference_in_the_readers_hands(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(KNOWN.to_bytes())
    assert read_reference(path).digest == KNOWN.digest
