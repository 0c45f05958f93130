"""The figures of a report: how they are named, which way is better, which can be trusted.

A figure is named by its path in the JSON, ``latency_us.p99``. Of those that a load report
has the better direction is known; any other number can be compared against a plain limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from runtime.capacity.report import FORMAT
from runtime.errors import ConfigError, MeasurementError

CPU = "server_cpu_us_per_request"
MEDIAN = "latency_us.p50"


class Flaw(StrEnum):
    """What makes a report's figures doubtful.

    It was stopped before its time, its client was the bottleneck, or some of its requests
    got no good answer.
    """

    PARTIAL = "partial"
    SATURATED = "saturated"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of figure: which direction is better, and its unit."""

    better: Literal["lower", "higher"]
    unit: str


KINDS: dict[str, Kind] = {
    "latency_us.": Kind("lower", "us"),
    "send_lag_us.": Kind("lower", "us"),
    "throughput_rps": Kind("higher", "requests/s"),
    CPU: Kind("lower", "us"),
    "server.cpu_us_per_request": Kind("lower", "us"),
    "server.pss_bytes": Kind("lower", "bytes"),
    "client_cpu_us_per_request": Kind("lower", "us"),
}
"""By path, or by the beginning of a path where the key ends with a dot."""


def kind_of(path: str) -> Kind | None:
    """Return what is known about a figure, or None.

    Examples
    --------
    >>> kind_of("latency_us.p99").better
    'lower'
    >>> kind_of("server.rows_per_batch") is None
    True
    """
    return KINDS.get(path) or KINDS.get(path[: path.find(".") + 1])


def numbers(report: Mapping[str, Any], before: str = "") -> dict[str, float]:
    """Return every number of a report by its path; lists are left out.

    Examples
    --------
    >>> numbers({"ok": 5, "latency_us": {"p50": 80.0}, "partial": False})
    {'ok': 5.0, 'latency_us.p50': 80.0}
    """
    found: dict[str, float] = {}
    for key, value in report.items():
        if isinstance(value, Mapping):
            found |= numbers(value, f"{before}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[f"{before}{key}"] = float(value)
    return found


def read_figure(report: Mapping[str, Any], path: str, name: str) -> float:
    """Return one figure of the report called `name`.

    Raises MeasurementError naming the report when the figure is missing or not above zero:
    no ratio can be made of it.
    """
    found = numbers(report)
    if path not in found:
        has = ", ".join(known for known in found if kind_of(known)) or "none that is known"
        raise MeasurementError(f"{name} has no number {path}; it has {has}")
    if found[path] <= 0:
        raise MeasurementError(f"{path} of {name} is {found[path]:g}; a ratio needs more")
    return found[path]


def choose_metric(reports: Sequence[Mapping[str, Any]]) -> str:
    """Return the figure to compare by when none is named.

    The server's processor time, where every report has it, because it stays steady when
    wall time does not; else the median latency. Raises ConfigError where that is missing.
    """
    for path in (CPU, MEDIAN):
        if all(path in numbers(report) for report in reports):
            return path
    raise ConfigError(f"neither {CPU} nor {MEDIAN} is in every report; give --metric")


def find_flaws(report: Mapping[str, Any]) -> dict[Flaw, str]:
    """Return what makes a load report doubtful, in words; nothing for other JSON.

    Examples
    --------
    >>> find_flaws({"format": FORMAT, "requests": 10, "ok": 9})
    {<Flaw.FAILED: 'failed'>: '1 of 10 requests failed'}
    """
    if report.get("format") != FORMAT:
        return {}
    found: dict[Flaw, str] = {}
    if report.get("partial"):
        found[Flaw.PARTIAL] = "ended before its time"
    if report.get("client_saturated"):
        found[Flaw.SATURATED] = "was bounded by its client, not by the server"
    failed = report.get("requests", 0) - report.get("ok", 0)
    if failed:
        found[Flaw.FAILED] = f"{failed} of {report['requests']} requests failed"
    return found


def refuse_flaws(report: Mapping[str, Any], name: str, allowed: Sequence[Flaw]) -> None:
    """Raise MeasurementError naming the report and its first flaw that is not allowed."""
    for flaw, words in find_flaws(report).items():
        if flaw not in allowed:
            raise MeasurementError(f"{name}: {words}; --allow {flaw} takes it")
