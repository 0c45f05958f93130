"""Traces that stand beside a histogram's buckets, as OpenMetrics shows them.

Examples
--------
>>> exemplars = Exemplars(bounds_ns=[1_000_000, 50_000_000])
>>> exemplars.note("mlp", "1", took_ns=20_000_000, trace_id=0xABC, at_s=1700000000.5)
>>> exemplars.of("mlp", "1")[1]
' # {trace_id="00000000000000000000000000000abc"} 0.02 1700000000.500'
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from types import MappingProxyType

MOST = 4096
"""Models and versions that are remembered; beyond, the eldest is forgotten."""

NOTHING: Mapping[int, str] = MappingProxyType({})


class Exemplars:
    """The last trace of each bucket, by model and version.

    Written by one thread and read by any.
    """

    def __init__(self, bounds_ns: Sequence[int]) -> None:
        self._bounds_ns = bounds_ns
        self._seen: dict[tuple[str, str], dict[int, str]] = {}

    def note(
        self, model: str, version: str, took_ns: int, trace_id: int, at_s: float
    ) -> None:
        """Remember a request that took `took_ns` and was over at `at_s`, Unix time."""
        key = (model, version)
        if key not in self._seen and len(self._seen) >= MOST:
            del self._seen[next(iter(self._seen))]
        place = bisect_left(self._bounds_ns, took_ns)
        text = f' # {{trace_id="{trace_id:032x}"}} {took_ns / 1e9} {at_s:.3f}'
        # A new dict each time: a scrape may be reading the old one.
        self._seen[key] = {**self._seen.get(key, {}), place: text}

    def of(self, model: str, version: str) -> Mapping[int, str]:
        """Return what stands behind a bucket's value, by the bucket's place."""
        return self._seen.get((model, version), NOTHING)


NO_EXEMPLARS = Exemplars(())
"""For servers that trace nothing: nobody writes into it."""
