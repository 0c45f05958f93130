"""What a run of the load generator does: a value, checked when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Literal

from runtime.errors import ConfigError

Arrivals = Literal["poisson", "constant"]
Profile = Literal["packed", "ordinary"]

MOST_CONNECTIONS = 8
"""Connections by default, if there are as many requests in flight."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked: a model of a server, and where the inputs come from.

    Parameters
    ----------
    target
        ``HOST:PORT`` of any KServe v2 gRPC server.
    batch
        Rows of one request; 1 for a model without a batch dimension.
    data
        ``.npy``, ``.npz`` or JSON with the inputs; random ones when None.
    golden
        ``.npz`` or JSON with the outputs that answer `data`, row by row.
    shapes
        Sizes of an input's free dimensions, without the batch dimension.
    headers
        Added to every request, e.g. ``("authorization", "Bearer ...")``.
    """

    target: str
    model: str
    version: str = ""
    batch: int = 1
    data: Path | None = None
    golden: Path | None = None
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise ConfigError(f"--batch is {self.batch}; a request has at least one row")
        if self.golden is not None and self.data is None:
            raise ConfigError("--golden answers --data, which is missing")


@dataclass(frozen=True, slots=True)
class Load:
    """How it is asked. Exactly one of `rate` and `concurrency` is above zero.

    With `rate` the loop is open: requests are due at moments that the server has no say in,
    and latency counts from the moment a request was due. With `concurrency` it is closed.

    Parameters
    ----------
    rate
        Requests a second.
    concurrency
        Requests in flight, over all connections.
    requests
        When above zero the measured part ends after so many answers instead of
        `duration_s`; `warmup_requests` likewise.
    timeout_s
        After so long a request counts as DEADLINE_EXCEEDED. The server is told, as
        ``grpc-timeout``, only when `tells_deadline`.
    max_in_flight
        Bound of the open loop; requests that are due beyond it wait in the client, and
        their latency grows.
    """

    rate: float = 0.0
    concurrency: int = 0
    arrivals: Arrivals = "poisson"
    duration_s: float = 10.0
    warmup_s: float = 1.0
    requests: int = 0
    warmup_requests: int = 0
    connections: int = 0
    profile: Profile = "ordinary"
    timeout_s: float = 60.0
    tells_deadline: bool = False
    max_in_flight: int = 10_000

    def __post_init__(self) -> None:
        times = (self.duration_s, self.warmup_s, self.timeout_s)
        if not all(isfinite(number) for number in (self.rate, *times)):
            raise ConfigError("--rate and times must be finite numbers")
        if (self.rate > 0) == (self.concurrency > 0) or min(
            self.rate, self.concurrency
        ) < 0:
            raise ConfigError("give either --rate or --concurrency, above zero")
        if self.duration_s <= 0 or self.warmup_s < 0 or self.timeout_s <= 0:
            raise ConfigError(
                "--duration and --timeout must be above zero, --warmup not below"
            )
        if min(self.requests, self.warmup_requests, self.connections) < 0:
            raise ConfigError("--requests and --connections cannot be below zero")

    @property
    def in_flight(self) -> int:
        """Requests that may be open at once."""
        return self.concurrency or self.max_in_flight

    @property
    def wanted_connections(self) -> int:
        """Connections to make; never more than requests in flight."""
        return min(self.connections or MOST_CONNECTIONS, self.in_flight)
