"""A reference out of the first rows that a version answered, where nobody gave one.

In two steps, so that edges and the shares above them are of different rows: edges are
quantiles of the first `EDGE_ROWS`, and the rows after them are counted at these edges.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from runtime.monitor.looks import Look
from runtime.monitor.plan import WatchedTensor
from runtime.monitor.tensor_reference import TensorReference
from runtime.native.stats import TensorProfile

EDGE_ROWS = 1_000
EDGES = 15

Floats = npt.NDArray[np.float64]


def blank_profile(tensor: WatchedTensor) -> TensorProfile:
    """Return an empty profile that edges can be chosen from."""
    return TensorProfile(tensor.value_kind, len(tensor.features), quantiles=True)


def edges_of(profile: TensorProfile) -> Floats:
    """Return edges [F, K]: quantiles at equal steps, rising; NaN where there are fewer.

    A feature with one value gets that value and the next larger number, so that both
    smaller and larger values show. One without finite values has no edges.
    """
    edges = np.full((profile.features, EDGES), np.nan)
    steps = np.arange(1, EDGES + 1) / (EDGES + 1)
    single = profile.kind not in {"float64", "int64", "uint64", "int32", "uint32"}
    for feature in range(profile.features):
        found = np.array([profile.quantile(feature, float(step)) for step in steps])
        distinct = np.unique(found[np.isfinite(found)])
        if distinct.size == 1:
            value = np.float32(distinct[0]) if single else distinct[0]
            with np.errstate(over="ignore"):
                pair = np.array([value, np.nextafter(value, np.inf)], dtype=float)
            distinct = pair[np.isfinite(pair)]  # Nothing is above the largest float.
        edges[feature, : distinct.size] = distinct
    return edges


def native_edges(edges: Floats) -> Floats:
    """Return edges as profiles take them: the last of a feature fills its row.

    A feature without edges gets zeros; what is counted there is not looked at.
    """
    filled = edges.copy()
    for row in filled:
        known = row[~np.isnan(row)]
        row[known.size :] = known[-1] if known.size else 0.0
    return filled


def reference_of(tensor: WatchedTensor, edges: Floats, look: Look) -> TensorReference:
    """Return the reference that a look's rows make; none test nothing."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = look.above / look.finite[:, None]
    has_no_values = look.finite == 0
    known = np.where(has_no_values[:, None], np.nan, edges)
    return TensorReference.of_numbers(
        tensor.features,
        look.rows,
        known,
        np.where(np.isnan(known), np.nan, shares),
        look.missing / max(look.rows, 1),
        look.infinite / max(look.rows, 1),
    )


def digest_of(references: list[TensorReference]) -> str:
    """Return a digest by which references can be told apart."""
    digest = hashlib.sha256()
    for reference in references:
        digest.update("\0".join(reference.features).encode())
        for array in (reference.edges, reference.shares, reference.missing):
            digest.update(np.ascontiguousarray(array).tobytes())
    return f"sha256:{digest.hexdigest()}"
