"""Streams of real data that are a fair test of a monitor, with a model for each of them.

California's districts lie in their file by place, so each row foretells the next one and
everything alarms, on rows of the reference, too. `housing` shuffles them inside the south
and inside the north. In the census the first rows of a year are people in group quarters:
they are no null either. `census` shuffles two years, each inside itself, and ends with the
next year in the order of its file.

A stream begins with `learning` rows, which are to become the reference of the inputs and
the baseline of the losses; `calm` rows like them come next, and `changed` ones after that.
The model has seen none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.testing import nannyml_data as data

NORTH_OF = 36.0
HOUSING_LEARNING, HOUSING_CALM = 2_500, 1_500
CENSUS_TRAINING, CENSUS_LEARNING, CENSUS_YEAR, CENSUS_CHANGED = 30_000, 6_000, 4_000, 5_000
HOUSING_HARM_EPS, CENSUS_HARM_EPS = 0.03, 0.02
TREES, LEAVES = 100, 15
OPSET = 21
INPUT, SCORES = "x", "probabilities"

HOUSING = (
    "MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude",
    "Longitude",
)  # fmt: skip
CENSUS = (
    "AGEP", "SCHL", "MAR", "RELP", "DIS", "ESP", "CIT", "MIG", "MIL", "ANC", "NATIVITY",
    "DEAR", "DEYE", "DREM", "SEX", "RAC1P",
)  # fmt: skip

Rows = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Part:
    """Rows [n, F] of a stream, in its order, and their true classes [n], 0 or 1."""

    rows: Rows
    labels: Labels

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.rows)

    def at(self, places: Any) -> Part:  # noqa: ANN401
        """Return the rows at some places, in their order."""
        return Part(self.rows[places], self.labels[places])


@dataclass(frozen=True, slots=True)
class Stream:
    """What a model is trained on and what it meets after that.

    `features` name columns; `harm_eps` is the rise of the share of errors that is no harm.
    """

    features: tuple[str, ...]
    harm_eps: float
    training: Part
    learning: Part
    calm: Part
    changed: Part


def housing(wheel: Path, seed: int) -> Stream:
    """Return districts south of latitude 36, and after 1,500 of them those north of it.

    A model is trained on half of the south; the label is whether a district is dear.
    """
    tables = data.california_housing(wheel)
    labels = np.concatenate([tables.reference["clf_target"], tables.labels["clf_target"]])
    everything = Part(
        columns([tables.reference, tables.analysis], HOUSING), labels.astype(np.int64)
    )
    rng = np.random.default_rng(seed)
    is_north = everything.rows[:, HOUSING.index("Latitude")] >= NORTH_OF
    south = everything.at(rng.permutation(np.flatnonzero(~is_north)))
    north = everything.at(rng.permutation(np.flatnonzero(is_north)))
    half = len(south) // 2
    calm = half + HOUSING_LEARNING
    return Stream(
        HOUSING,
        HOUSING_HARM_EPS,
        south.at(slice(None, half)),
        south.at(slice(half, calm)),
        south.at(slice(calm, calm + HOUSING_CALM)),
        north,
    )


def census(wheel: Path, seed: int) -> Stream:
    """Return people of 2016 and 2017, shuffled within the year, then 2018 by its file.

    These are the first rows of each: all years have 276,000. The model is trained on 2015;
    the label is whether somebody works. At the head of 2018 the share of errors rises by
    some 0.06, so harm of 0.02 is asked about: 0.03 takes about as many rows as there are.
    Needs pyarrow.
    """
    tables = data.census(wheel)
    rng = np.random.default_rng(seed)
    first = Part(columns([tables.reference], CENSUS), tables.reference["employed"])
    later = Part(columns([tables.analysis], CENSUS), tables.labels["employed"])
    years = {y: np.flatnonzero(tables.analysis["year"] == y) for y in (2016, 2017, 2018)}
    before, after = (rng.permutation(years[year]) for year in (2016, 2017))
    calm = [before[CENSUS_LEARNING:][:CENSUS_YEAR], after[:CENSUS_YEAR]]
    return Stream(
        CENSUS,
        CENSUS_HARM_EPS,
        first.at(rng.permutation(len(first))[:CENSUS_TRAINING]),
        later.at(before[:CENSUS_LEARNING]),
        later.at(np.concatenate(calm)),
        later.at(years[2018][:CENSUS_CHANGED]),
    )


def columns(tables: Sequence[data.Columns], names: Sequence[str]) -> Rows:
    """Return some columns of tables as rows of numbers; none of them has empty cells."""
    found = [
        np.concatenate([table[name] for table in tables]).astype(np.float32)
        for name in names
    ]
    return np.stack(found, axis=1)


def save_model(stream: Stream, path: Path) -> Path:
    """Train gradient-boosted trees and write them as ONNX; returns the path.

    The input is `x` [N, F] of float32, the outputs are `label` [N] and `probabilities`
    [N, 2]. Needs scikit-learn and skl2onnx.
    """
    trees: Any = import_module("sklearn.ensemble").GradientBoostingClassifier(
        n_estimators=TREES, max_leaf_nodes=LEAVES, max_depth=None, random_state=0
    )
    trees.fit(stream.training.rows, stream.training.labels)
    kind: Any = import_module("skl2onnx.common.data_types").FloatTensorType
    made: Any = import_module("skl2onnx").to_onnx(
        trees,
        initial_types=[(INPUT, kind([None, len(stream.features)]))],
        options={"zipmap": False},
        target_opset=OPSET,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(made.SerializeToString())
    return path
