"""How the live side of a tensor must count to be held to a reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runtime.errors import ProfileError
from runtime.native.stats import TensorProfile
from runtime.profiles.reference import FeatureReference, Reference

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LiveOptions:
    """Options of a tensor's profile, for TensorProfile and for the data plane.

    A row of `edges` is a feature's, filled up with its last edge; `edge_counts` say how
    many are its own. A feature without edges has zeros there, and a range without ends
    where the reference has none. `known` are category codes per feature, empty without any.
    """

    kind: str
    features: tuple[FeatureReference, ...]
    edges: Values
    edge_counts: tuple[int, ...]
    low: Values
    high: Values
    known: tuple[tuple[int, ...], ...]

    @property
    def categories(self) -> bool:
        """Whether categories are counted."""
        return bool(self.known)

    def profile(self) -> TensorProfile:
        """Return an empty profile with these options."""
        return TensorProfile(
            self.kind,
            len(self.features),
            edges=self.edges,
            ranges=(self.low, self.high),
            categories=self.categories,
            known=self.known or None,
        )


def live_options(
    reference: Reference, tensor: str, *, kind: str = "float32", features: int = 0
) -> LiveOptions:
    """Return how the live side of `tensor` counts; `kind` is its values' type.

    The tensor's features are those that the reference has for it, by place. Where it has
    none of that name, and `features` (values in a row) is the number of all it has, they
    are these in order: columns of a file that the model takes as one tensor. ProfileError
    when neither holds. Categories are counted of whole kinds; for floats edges stand in.
    """
    own = sorted(
        (f for f in reference.features if f.tensor == tensor), key=lambda f: f.place
    )
    if not own and features == len(reference.features):
        own = list(reference.features)
    if not own or (features and len(own) != features):
        raise ProfileError(
            f"tensor {tensor} has {features or 'some'} features; the reference has "
            f"{len(own)} for it and {len(reference.features)} in all"
        )
    width = max(len(feature.edges) for feature in own)
    edges = np.zeros((len(own), width))
    for row, feature in zip(edges, own, strict=True):
        if len(feature.edges):
            row[:] = feature.edges[-1]
            row[: len(feature.edges)] = feature.edges
    low = np.array([-np.inf if np.isnan(f.low) else f.low for f in own])
    high = np.array([np.inf if np.isnan(f.high) else f.high for f in own])
    is_whole = kind == "bool" or kind.lstrip("u").startswith("int")
    known: tuple[tuple[int, ...], ...] = ()
    if is_whole and any(feature.is_categorical for feature in own):
        known = tuple(tuple(c.code for c in f.categories) for f in own)
    counts = tuple(len(feature.edges) for feature in own)
    return LiveOptions(kind, tuple(own), edges, counts, low, high, known)
