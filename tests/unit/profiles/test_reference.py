"""What references are made of, and what live rows are held to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.errors import ProfileError
from runtime.profiles import Profile, Reference, live_options, read_columns
from runtime.profiles.columns import code_of


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def test_edges_cut_continuous_data_into_equal_parts(rng: np.random.Generator) -> None:
    values = rng.normal(size=(11_000, 1))
    feature = Reference.from_rows(values).features[0]
    assert len(feature.edges) == 10
    assert feature.below == pytest.approx(np.arange(1, 11) / 11, abs=1e-3)
    expected = [(values < edge).mean() for edge in feature.edges]
    assert feature.below.tolist() == expected


def test_edges_of_discrete_data_are_its_values_once() -> None:
    rows = {"rooms": np.repeat([1.0, 2.0, 5.0], [80, 15, 5])}
    feature = Reference.from_rows(rows).features[0]
    assert feature.edges.tolist() == [2.0, 5.0]
    assert feature.below.tolist() == [0.8, 0.95]


def test_a_skewed_feature_keeps_edges_that_say_something(rng: np.random.Generator) -> None:
    values = np.where(rng.random(5_000) < 0.95, 0.0, rng.integers(1, 40, 5_000))
    feature = Reference.from_rows({"claims": values}).features[0]
    assert len(feature.edges) >= 1
    assert np.all(np.diff(feature.edges) > 0)
    assert np.all(feature.below > 0)


def test_a_constant_is_held_from_both_sides() -> None:
    feature = Reference.from_rows({"c": np.full(10, 0.1)}).features[0]
    assert feature.edges.tolist() == [0.1, np.nextafter(0.1, 1.0)]
    assert feature.below.tolist() == [0.0, 1.0]


def test_missing_rate_and_moments_are_of_all_and_of_finite_values() -> None:
    rows = {"a": [1.0, np.nan, 3.0, np.inf]}
    feature = Reference.from_rows(rows).features[0]
    assert (feature.rows, feature.finite, feature.missing_rate) == (4, 2, 0.5)
    assert (feature.mean, feature.std) == (2.0, 1.0)
    assert (feature.low, feature.high, feature.range_is_given) == (1.0, 3.0, False)


def test_text_becomes_categories_with_shares() -> None:
    rows = {"town": ["York", "Lynn", "York", None]}
    feature = Reference.from_rows(rows).features[0]
    assert feature.kind == "categorical"
    assert [(c.label, c.code) for c in feature.categories] == [
        ("York", code_of("York")),
        ("Lynn", code_of("Lynn")),
    ]
    assert feature.categories[0].share == pytest.approx(2 / 3)
    assert feature.missing_rate == 0.25
    assert len(feature.edges) == 0


def test_more_categories_than_are_kept_leave_a_rest() -> None:
    labels = [f"id{i}" for i in range(300)]
    feature = Reference.from_rows({"id": labels}).features[0]
    assert len(feature.categories) == 128
    assert feature.rest == pytest.approx(172 / 300)


def test_the_same_rows_have_the_same_digest_and_others_another() -> None:
    rows = {"a": [1.0, 2.0, 3.0], "b": ["x", "y", "x"]}
    one, two = Reference.from_rows(rows), Reference.from_rows(dict(rows))
    assert one.digest == two.digest
    assert len(one.digest) == 64
    assert Reference.from_rows({**rows, "a": [1.0, 2.0, 4.0]}).digest != one.digest


def test_bytes_give_back_everything(rng: np.random.Generator) -> None:
    rows = {
        "a": rng.normal(size=500),
        "x": rng.normal(size=(500, 3)),
        "t": ["q", "r"] * 250,
    }
    reference = Reference.from_rows(rows, ranges={"a": (-5.0, 5.0)})
    again = Reference.from_bytes(reference.to_bytes())
    assert again.to_bytes() == reference.to_bytes()
    assert again.digest == reference.digest
    assert again.feature("a").range_is_given
    assert again.feature("t").categories == reference.feature("t").categories


def changed(data: bytes, **about: Any) -> bytes:
    whole = json.loads(data)
    whole["features"][0].update(about)
    return json.dumps(whole).encode()


@pytest.mark.parametrize(
    "about",
    [
        {"edges": [3.0, 2.0], "below": [0.1, 0.2]},
        {"edges": [2.0], "below": [1.5]},
        {"edges": [2.0, 3.0], "below": [0.5]},
        {"rows": 4},
        {"finite": 0},
        {"kind": "other"},
        {"categories": [[1, "x", 99]]},
        {"place": None},
    ],
)
def test_a_reference_that_cannot_be_is_refused(about: dict[str, object]) -> None:
    data = Reference.from_rows({"a": [1.0, 2.0, 3.0]}).to_bytes()
    with pytest.raises(ProfileError):
        Reference.from_bytes(changed(data, **about))


def test_bytes_of_something_else_are_refused() -> None:
    for data in (b"", b"\xff", b"[]", b"{}", b'{"version":2}', b'{"version":1,"rows":1}'):
        with pytest.raises(ProfileError):
            Reference.from_bytes(data)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ({"a": []}, "there are none"),
        ({"a": [np.nan, np.nan]}, "column a has no finite value"),
        ({"a": [None, None]}, "column a has no finite value"),
    ],
)
def test_rows_without_values_make_no_reference(
    rows: dict[str, object], reason: str
) -> None:
    with pytest.raises(ProfileError, match=reason):
        Reference.from_rows(rows)


def test_ranges_must_be_of_columns_and_in_order() -> None:
    with pytest.raises(ProfileError, match="given for b"):
        Reference.from_rows({"a": [1.0]}, ranges={"b": (0.0, 1.0)})
    with pytest.raises(ProfileError, match="range of a"):
        Reference.from_rows({"a": [1.0]}, ranges={"a": (1.0, 0.0)})


def test_the_live_side_of_the_reference_itself_has_its_shares(
    rng: np.random.Generator,
) -> None:
    rows = rng.gamma(2.0, size=(4_000, 5)).astype(np.float32)
    rows[:, 4] = np.round(rows[:, 4])
    reference = Reference.from_rows({"input": rows})
    options = live_options(reference, "input", features=5)
    live = options.profile()
    live.add(rows)
    read = live.read()
    for i, feature in enumerate(reference.features):
        own = options.edge_counts[i]
        below = 1.0 - read.cumulative[i, :own] / read.counts[i]
        assert below == pytest.approx(feature.below, abs=1e-12)
    assert read.below.sum() == read.above.sum() == 0


def test_columns_of_a_file_are_the_features_of_the_only_tensor() -> None:
    reference = Reference.from_rows({"lat": [1.0, 2.0], "lon": [3.0, 4.0]})
    options = live_options(reference, "float_input", features=2)
    assert [feature.name for feature in options.features] == ["lat", "lon"]
    with pytest.raises(ProfileError, match="tensor float_input has 3 features"):
        live_options(reference, "float_input", features=3)


def test_unseen_categories_of_whole_numbers_are_counted_apart() -> None:
    reference = Reference.from_rows({"code": [1, 1, 2, 5]}, categorical=("code",))
    live = live_options(reference, "code", kind="int64", features=1).profile()
    live.add(np.array([1, 5, 9, 9, 9], np.int64))
    top, rest, error = live.categories(0)
    unseen = sum(c.count for c in top if not c.is_known) + rest
    assert (unseen, error) == (3, 0)


def test_files_of_every_sort_give_the_same_reference(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    a, t = rng.normal(size=50), np.array(["u", "v"] * 25)
    np.savez(tmp_path / "rows.npz", a=a, t=t)
    lines = ["a,t", *(f"{x!r},{y}" for x, y in zip(a.tolist(), t.tolist(), strict=True))]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    parquet.write_table(pyarrow.table({"a": a, "t": t.tolist()}), tmp_path / "rows.parquet")
    digests = {
        Reference.from_rows(read_columns(tmp_path / f"rows.{suffix}")).digest
        for suffix in ("npz", "csv", "parquet")
    }
    assert len(digests) == 1


def test_a_csv_says_which_line_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n3\n")
    with pytest.raises(ProfileError, match="line 3 has 1 values for 2 columns"):
        read_columns(path)
    path.write_text("a,a\n1,2\n")
    with pytest.raises(ProfileError, match="a name for each column"):
        read_columns(path)


def test_absent_values_of_a_csv_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,x\n,NA\nnan,y\n")
    summary = Profile(read_columns(path)).summary()
    assert (summary["a"].missing, summary["b"].missing) == (2, 1)


def test_files_that_are_not_what_they_are_called_are_refused(tmp_path: Path) -> None:
    for name in ("rows.npy", "rows.npz", "rows.csv", "rows.parquet"):
        (tmp_path / name).write_bytes(b"\xff\xfe nonsense")
        with pytest.raises(ProfileError, match=name.replace(".", r"\.")):
            read_columns(tmp_path / name)
    with pytest.raises(ProfileError, match=r"only \.npy"):
        read_columns(tmp_path / "rows.xlsx")
    with pytest.raises(ProfileError, match="cannot be read"):
        read_columns(tmp_path / "none.npy")


def test_an_array_file_is_one_tensor(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.eye(3))
    reference = Reference.from_rows(read_columns(tmp_path / "rows.npy"))
    assert [feature.name for feature in reference.features] == ["x[0]", "x[1]", "x[2]"]
