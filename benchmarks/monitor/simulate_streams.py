"""Streams without drift, and what a look at them shows, many streams at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from benchmarks.monitor.streams import CENSUS
from runtime.testing import nannyml_data as data

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]

ROWS = 20
DECILES = np.arange(1, 10) / 10
YEARS = (2016, 2017, 2018)


@dataclass(frozen=True, slots=True)
class Reference:
    """Edges [S, K] of S streams, and the shares [S, K] of their references above them."""

    edges: Floats
    shares: Floats
    rows: float


def gaussian(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Return standard normal values."""
    return rng.standard_normal(shape)


def heavy_tailed(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Return Cauchy values, which have neither mean nor variance."""
    return rng.standard_cauchy(shape)


def discrete(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Return Poisson counts with a mean of three: few distinct values, many ties."""
    return rng.poisson(3.0, shape).astype(float)


KINDS: dict[str, Draw] = {
    "gaussian": gaussian,
    "heavy-tailed": heavy_tailed,
    "discrete": discrete,
}


def census(wheel: Path) -> Draw:
    """Return people of three years, shuffled within their year; needs pyarrow.

    Stream s has one feature of one year. Rows are drawn with replacement, since a stream is
    longer than a year's file.
    """
    people = data.census(wheel).analysis
    years = [np.flatnonzero(people["year"] == year) for year in YEARS]
    pools = [people[name][rows].astype(float) for name in CENSUS for rows in years]

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        chosen = (pools[stream % len(pools)] for stream in range(shape[0]))
        return np.stack([pool[rng.integers(len(pool), size=shape[1:])] for pool in chosen])

    return draw


def referred(
    draw: Draw,
    rng: np.random.Generator,
    streams: int,
    rows: int,
    quantiles: Floats = DECILES,
) -> Reference:
    """Return a reference of its own, of so many rows, for each stream.

    Edges are quantiles of the rows; equal ones are one edge, the others are not a number.
    """
    values = draw(rng, (streams, rows))
    edges = np.quantile(values, quantiles, axis=1).T
    shares = np.stack([(values >= edge[:, None]).mean(axis=1) for edge in edges.T], axis=1)
    is_same = np.zeros(edges.shape, dtype=bool)
    is_same[:, 1:] = edges[:, 1:] == edges[:, :-1]
    return Reference(edges, np.where(is_same, np.nan, shares), rows)


def exact_normal(streams: int, quantiles: Floats = DECILES) -> Reference:
    """Return the reference of normal streams that is known exactly."""
    edges = np.array([NormalDist().inv_cdf(float(each)) for each in quantiles])
    shares = 1.0 - quantiles
    return Reference(np.tile(edges, (streams, 1)), np.tile(shares, (streams, 1)), np.inf)


def above(values: Floats, edges: Floats) -> Counts:
    """Count the values [S, n] at or above each edge [S, K]; returns [S, K]."""
    counts = [(values >= edge[:, None]).sum(axis=1) for edge in edges.T]
    return np.stack(counts, axis=1).astype(np.int64)


def looks(
    draw: Draw, rng: np.random.Generator, reference: Reference, count: int, block: int = 50
) -> Iterator[Counts]:
    """Yield so many looks of `ROWS` rows of every stream, as counts [S, K]."""
    streams = len(reference.edges)
    for first in range(0, count, block):
        size = min(block, count - first)
        values = draw(rng, (streams, size, ROWS))
        edges = reference.edges.T[:, :, None, None]
        counts = np.stack([(values >= edge).sum(axis=2) for edge in edges], axis=2)
        yield from np.moveaxis(counts.astype(np.int64), 1, 0)
