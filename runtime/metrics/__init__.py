"""Counters as Prometheus reads them, under our names and under Triton's."""

from runtime.metrics.families import (
    VersionCounters,
    certificate_family,
    control_family,
    identity_families,
    server_families,
    version_families,
)
from runtime.metrics.histograms import Bounds

__all__ = [
    "Bounds",
    "VersionCounters",
    "certificate_family",
    "control_family",
    "identity_families",
    "server_families",
    "version_families",
]
