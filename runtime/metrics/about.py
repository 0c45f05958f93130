"""What this server is: its build and when it began, as metrics."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping

from runtime import __version__
from runtime.metrics.exposition import GAUGE, Family, labels


def about_families(started_s: float, build: Mapping[str, str]) -> Iterable[Family]:
    """Return the families that say what runs here, and since when (Unix time).

    `build` are labels beside our version and Python's: libraries, a commit.
    """
    info = Family("leeboard_build_info", GAUGE, "Versions of what runs here; always 1.")
    info.add(labels(version=__version__, python=platform.python_version(), **build), 1)
    since = Family(
        "leeboard_start_time_seconds", GAUGE, "When the server began, as Unix time."
    )
    since.add("", round(started_s, 3))
    return (info, since)
