"""Profiles of rows: what they say, how they merge, what they refuse."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pytest

from runtime.errors import ProfileError
from runtime.profiles import Profile
from runtime.profiles.columns import code_of

Floats = npt.NDArray[np.float64]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def people(rng: np.random.Generator, rows: int) -> dict[str, object]:
    age = rng.normal(40.0, 9.0, rows)
    age[::50] = np.nan
    town = rng.choice(np.array(["York", "Lynn", None]), rows, p=[0.6, 0.3, 0.1])
    return {"age": age, "town": town, "children": rng.integers(0, 5, rows)}


def test_says_what_numpy_says(rng: np.random.Generator) -> None:
    rows = rng.lognormal(1.0, 0.7, (5_000, 6)).astype(np.float32)
    summary = Profile(rows).summary()["x[4]"]
    column = rows[:, 4].astype(np.float64)
    assert summary.mean == pytest.approx(column.mean(), rel=1e-12)
    assert summary.std == pytest.approx(column.std(), rel=1e-9)
    assert (summary.min, summary.max) == (column.min(), column.max())
    assert summary.quantiles[0.95] == pytest.approx(np.quantile(column, 0.95), rel=0.035)


def test_counts_missing_numbers_and_text_apart_from_values(
    rng: np.random.Generator,
) -> None:
    rows = people(rng, 1_000)
    summary = Profile(rows).summary()
    town = np.array(rows["town"])
    assert summary["age"].missing == 20
    assert summary["town"].missing == sum(value is None for value in town.tolist())
    assert summary["town"].top["York"] == sum(value == "York" for value in town.tolist())
    assert summary["town"].distinct == pytest.approx(2.0, abs=0.1)
    assert not summary["children"].is_categorical


def test_frames_tables_and_dicts_are_the_same(rng: np.random.Generator) -> None:
    pandas = pytest.importorskip("pandas")
    pyarrow = pytest.importorskip("pyarrow")
    rows = people(rng, 500)
    frame = pandas.DataFrame(rows)
    table = pyarrow.Table.from_pandas(frame, preserve_index=False)
    expected = Profile(rows).to_bytes()
    assert Profile(frame).to_bytes() == expected
    assert Profile(table).summary()["town"] == Profile(rows).summary()["town"]
    assert Profile(table).summary()["age"].mean == Profile(rows).summary()["age"].mean


def test_pandas_types_of_its_own_are_taken() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "a": pandas.array([1, None, 3], dtype="Int64"),
            "b": pandas.Categorical(["x", "y", None]),
            "c": [True, False, True],
        }
    )
    summary = Profile(frame).summary()
    assert (summary["a"].mean, summary["a"].missing) == (2.0, 1)
    assert (summary["b"].top, summary["b"].missing) == ({"x": 1, "y": 1}, 1)
    assert summary["c"].top == {"1": 2, "0": 1}


def test_any_cut_merged_in_any_order_is_the_same(rng: np.random.Generator) -> None:
    rows = people(rng, 3_000)
    frame = [{k: np.asarray(v)[part] for k, v in rows.items()}
             for part in (slice(2_000, 3_000), slice(0, 1), slice(1, 2_000))]  # fmt: skip
    merged = Profile()
    for part in frame:
        merged.merge(Profile(part))
    whole, parts = Profile(rows).summary(), merged.summary()
    assert merged.rows == 3_000
    assert parts["town"] == whole["town"]
    assert parts["age"].missing == whole["age"].missing
    assert parts["age"].quantiles == whole["age"].quantiles
    assert parts["age"].std == pytest.approx(whole["age"].std, rel=1e-9)


def test_bytes_give_back_everything(rng: np.random.Generator) -> None:
    profile = Profile(people(rng, 300))
    again = Profile.from_bytes(profile.to_bytes())
    assert again.to_bytes() == profile.to_bytes()
    assert again.summary()["town"] == profile.summary()["town"]
    again.add(people(rng, 10))
    assert again.rows == 310


def test_damaged_bytes_are_refused(rng: np.random.Generator) -> None:
    data = Profile(people(rng, 50)).to_bytes()
    for at in range(0, len(data), 37):
        damaged = data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]
        try:
            found = Profile.from_bytes(damaged)
        except ProfileError:
            continue
        assert found.rows == 50, "only names and labels may differ unseen"
    for size in (0, 4, 20, len(data) - 1):
        with pytest.raises(ProfileError):
            Profile.from_bytes(data[:size])


def test_other_columns_are_refused_and_nothing_is_added() -> None:
    profile = Profile({"a": [1.0, 2.0]})
    with pytest.raises(ProfileError, match=r"missing \['a'\], not expected \['b'\]"):
        profile.add({"b": [1.0]})
    with pytest.raises(ProfileError, match="column a had numbers before"):
        profile.add({"a": ["text"]})
    assert profile.rows == 2


def test_columns_of_other_lengths_are_refused() -> None:
    with pytest.raises(ProfileError, match="a has 2, b has 1"):
        Profile({"a": [1.0, 2.0], "b": [1.0]})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (np.zeros(3), "two dimensions"),
        ({}, "no columns"),
        ({"a": np.zeros(2, complex)}, "no numbers"),
        ({"a": 1.0}, "one value"),
    ],
)
def test_what_is_no_rows_is_refused_with_the_reason(data: object, reason: str) -> None:
    with pytest.raises(ProfileError, match=reason):
        Profile(data)


def test_rows_of_nothing_but_nan_and_infinity_have_no_figures() -> None:
    rows = np.array([[np.nan], [np.inf], [-np.inf]])
    summary = Profile(rows).summary()["x[0]"]
    assert summary.missing == summary.rows == 3
    assert np.isnan([summary.mean, summary.std, summary.min, summary.quantiles[0.5]]).all()


def test_names_are_of_a_bare_arrays_columns() -> None:
    profile = Profile(np.eye(2), names=("lat", "lon"))
    assert profile.features == ("lat", "lon")
    with pytest.raises(ProfileError, match="2 values; 1 names"):
        Profile(np.eye(2), names=("lat",))


def test_a_texts_code_never_changes() -> None:
    assert code_of("York") == -8996740395583703453


def test_whole_numbers_become_categories_on_demand() -> None:
    rows = {"room": np.array([1.0, 1.0, np.nan, 7.0])}
    summary = Profile(rows, categorical=("room",)).summary()["room"]
    assert (summary.top, summary.missing) == ({"1": 2, "7": 1}, 1)
    with pytest.raises(ProfileError, match="not of whole numbers"):
        Profile({"room": [1.5]}, categorical=("room",))
    with pytest.raises(ProfileError, match="no column rom"):
        Profile(rows, categorical=("rom",))


def test_bytes_begin_with_what_they_are() -> None:
    data = Profile({"a": [1.0]}).to_bytes()
    size = int.from_bytes(data[5:9], "little")
    assert json.loads(data[9 : 9 + size])["order"] == ["a"]
