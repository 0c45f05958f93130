"""Native histograms as Prometheus' cumulative buckets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.utils import floatToGoString

from runtime.metrics.exposition import Sample, with_label

NANOSECONDS = 1e-9


@dataclass(frozen=True, slots=True)
class Bounds:
    """Upper bounds of the histograms' buckets."""

    latency_ns: Sequence[int]
    rows: Sequence[int]


def edges(name: str, bounds: Bounds) -> list[str]:
    """Return the upper bounds of one histogram's buckets as labels, the open one last."""
    if name == "batch_rows":
        values = [float(b) for b in bounds.rows]
    else:
        values = [round(b * NANOSECONDS, 9) for b in bounds.latency_ns]
    return [*map(floatToGoString, values), "+Inf"]


def bucket_samples(
    who: str,
    values: Sequence[int],
    edges: Sequence[str],
    scale: float,
    exemplars: Mapping[int, str],
) -> list[Sample]:
    """Return one version's samples of a histogram: buckets, count and sum.

    `values` are counts by bucket and the sum of all values, which `scale` turns into the
    family's unit; `exemplars` are by the bucket's place.
    """
    running, samples = 0, []
    for place, (edge, count) in enumerate(zip(edges, values, strict=False)):
        running += count
        at = with_label(who, "le", edge)
        samples.append(Sample("_bucket", at, running, exemplars.get(place, "")))
    samples.append(Sample("_count", who, running))
    samples.append(Sample("_sum", who, values[-1] * scale))
    return samples
