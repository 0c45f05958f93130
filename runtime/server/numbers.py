"""What a scrape of /metrics reads: the data plane's counters, and what this server is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from runtime.metrics import (
    Bounds,
    VersionCounters,
    server_families,
    version_families,
)
from runtime.metrics.about import about_families
from runtime.metrics.exemplars import Exemplars
from runtime.metrics.exposition import Family
from runtime.metrics.machine import Machine
from runtime.metrics.triton import machine_families, triton_families
from runtime.models.lifecycle import State
from runtime.models.manager import ModelManager
from runtime.native.served import latency_bounds_ns, library_versions, row_bounds
from runtime.native.server import Server as Plane


class Numbers:
    """Reads all counters for a scrape, on any thread."""

    def __init__(
        self,
        plane: Plane,
        manager: ModelManager,
        exemplars: Exemplars,
        others: Callable[[], Iterable[Family]] = tuple,
        triton_names: bool = True,
    ) -> None:
        self._plane = plane
        self._manager = manager
        self._exemplars = exemplars
        self._others = others
        self._machine = Machine() if triton_names else None
        self._bounds = Bounds(latency_bounds_ns(), row_bounds())
        self._started_s = time.time()
        self._libraries = library_versions()

    def families(self) -> Iterable[Family]:
        """Return all families as they are now."""
        versions = self.versions()
        yield from about_families(self._started_s, self._libraries)
        yield from version_families(versions, self._bounds, self._exemplars)
        counts = {name.decode(): n for name, n in self._plane.counts().items()}
        yield from server_families(counts)
        yield from self._others()
        if self._machine is not None:
            yield from triton_families(versions)
            yield from machine_families(self._machine.use())

    def versions(self) -> list[VersionCounters]:
        """Return the counters of all versions that a table names."""
        found = []
        for version in self._manager.versions:
            served, loaded = version.served, version.loaded
            if served is None:
                continue
            histograms = {name.decode(): v for name, v in served.histograms().items()}
            found.append(
                VersionCounters(
                    version.source.name,
                    version.source.version,
                    version.state is State.READY,
                    version.counts(),
                    histograms,
                    loaded.load_s if loaded is not None else 0.0,
                )
            )
        return found
