"""One call pushes a model with all that is known of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from runtime import registry
from runtime.errors import ConfigError, ModelError
from runtime.registry.conversion import as_array, named
from runtime.registry.pushing import data_digest
from runtime.registry.records import Version
from runtime.registry.registry import Registry
from runtime.registry.source import RegistryError
from runtime.store.store import Store
from runtime.testing.models import save_mlp


@pytest.fixture
def mlp(tmp_path: Path) -> Path:
    return save_mlp(tmp_path / "scorer.onnx")


def version(folder: Path, name: str, reference: str) -> Version:
    store = Store.open(folder)
    try:
        return Registry(store, "ann").version(name, reference)
    finally:
        store.close()


def test_a_file_is_pushed_with_all_that_is_known(mlp: Path, tmp_path: Path) -> None:
    place = tmp_path / "registry"
    first = registry.push("fraud", mlp, place, check=False)
    (tmp_path / "rows.csv").write_text("1,2\n")
    pushed = registry.push(
        "fraud",
        str(mlp),
        place,
        check=False,
        alias="champion",
        metrics={"auc": 0.9},
        data=tmp_path / "rows.csv",
        parent=1,
        code="4f2a1c",
        parameters={"depth": 3},
        seed=7,
        contract={"x": {"min": 0}},
        notes="with more rows",
    )
    manifest = version(place, "fraud", "@champion").manifest
    assert (first.number, pushed.number) == (1, 2)
    assert manifest.metrics == {"auc": 0.9}
    assert manifest.notes == "with more rows"
    assert manifest.contract == {"x": {"min": 0}}
    lineage = manifest.lineage
    assert (lineage.parent, lineage.seed, lineage.code) == (first.digest, 7, "4f2a1c")
    assert lineage.data == data_digest(tmp_path / "rows.csv")


def test_pushed_again_it_keeps_its_number(mlp: Path, tmp_path: Path) -> None:
    first, again = (registry.push("fraud", mlp, tmp_path / "r") for _ in range(2))
    assert (first.number, again.number, again.is_new) == (1, 1, False)


def test_the_check_finds_the_signature(mlp: Path, tmp_path: Path) -> None:
    registry.push("fraud", mlp, tmp_path / "r")
    (x,) = version(tmp_path / "r", "fraud", "1").manifest.signature.inputs
    assert (x.name, x.datatype, x.shape) == ("x", "FP32", (-1, 32))


def test_a_notebook_has_a_loop_of_its_own(mlp: Path, tmp_path: Path) -> None:
    async def cell() -> int:
        return registry.push("fraud", mlp, tmp_path / "r").number

    assert asyncio.run(cell()) == 1


def test_a_model_that_does_not_load_is_not_registered(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"half a file")
    with pytest.raises(ModelError, match=r"model\.onnx cannot be opened"):
        registry.push("fraud", tmp_path / "model.onnx", tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_the_variable_says_where_the_registry_is(
    mlp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEEBOARD_REGISTRY", str(tmp_path / "r"))
    registry.push("fraud", mlp, check=False)
    assert version(tmp_path / "r", "fraud", "1").number == 1


def test_a_registry_must_be_named(mlp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEEBOARD_REGISTRY", raising=False)
    with pytest.raises(ConfigError, match="LEEBOARD_REGISTRY"):
        registry.push("fraud", mlp)


def test_a_parent_that_is_not_there_is_refused(mlp: Path, tmp_path: Path) -> None:
    with pytest.raises(RegistryError):
        registry.push("fraud", mlp, tmp_path / "r", check=False, parent="@champion")


@pytest.mark.parametrize("model", [3, {"a": 1}, lambda rows: rows, None])
def test_what_is_no_model_is_named_by_its_type(model: object, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{type(model).__qualname__} cannot be pushed"):
        registry.push("fraud", model, tmp_path / "r")


def test_a_sample_becomes_the_warm_up(mlp: Path, tmp_path: Path) -> None:
    rows = np.ones((100, 32), np.float32)
    registry.push("fraud", mlp, tmp_path / "r", sample=rows)
    files = {f.path for f in version(tmp_path / "r", "fraud", "1").manifest.files}
    assert files == {"model/model.onnx", "model/warmup.npz"}


def test_a_sample_of_other_names_is_refused(mlp: Path, tmp_path: Path) -> None:
    rows = np.ones((1, 32), np.float32)
    with pytest.raises(ConfigError, match="inputs are x"):
        registry.push("fraud", mlp, tmp_path / "r", sample=(rows, rows))


@pytest.mark.parametrize(
    ("sample", "names", "found"),
    [
        (None, ["x"], {}),
        ([[1.0]], ["x"], {"x": [[1.0]]}),
        (([[1]], [[2]]), ["x", "y"], {"x": [[1]], "y": [[2]]}),
        ({"y": [2]}, ["x", "y"], {"y": [2]}),
        ({"any": [2]}, [], {"any": [2]}),
    ],
)
def test_samples_go_by_name_or_by_place(
    sample: object, names: list[str], found: dict[str, list[float]]
) -> None:
    given = named(sample, names)
    assert {name: array.tolist() for name, array in given.items()} == found


def test_text_is_kept_as_text() -> None:
    assert as_array(np.array(["a", "bc"], dtype=object)).dtype.kind == "U"


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "a.csv").write_text("2"),
        lambda folder: (folder / "a.csv").rename(folder / "b.csv"),
        lambda folder: (folder / "more").write_text(""),
    ],
    ids=["content", "name", "one more"],
)
def test_a_folders_digest_is_that_of_all_its_files(
    change: Callable[[Path], object], tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("1")
    before = data_digest(tmp_path)
    assert data_digest(tmp_path) == before
    change(tmp_path)
    assert data_digest(tmp_path) != before


def test_data_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        data_digest(tmp_path / "rows.csv")


def test_an_alias_that_is_none_is_refused_before_anything_is_registered(
    mlp: Path, tmp_path: Path
) -> None:
    with pytest.raises(RegistryError, match="'a b' is no alias"):
        registry.push("fraud", mlp, tmp_path / "registry", alias="a b")
    assert not (tmp_path / "registry").exists()
