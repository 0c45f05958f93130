"""What a run of the load generator found, as a value and as JSON.

The keys of the JSON are a contract: scripts read them. None is renamed or loses its
meaning within one `FORMAT`; new ones may be added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

FORMAT = "leeboard.load/1"


@dataclass(frozen=True, slots=True)
class ServerUse:
    """What a server used during the measured part.

    `cpu_us_per_request` is the processor time of all its threads and processes over the
    requests answered meanwhile; `pss_bytes` their memory at the end, each shared page
    divided by its users. Both are None, and `processes` 0, when the server is not local.
    `rows_per_batch` comes from ``/metrics`` and is None without.
    """

    processes: int
    cpu_us_per_request: float | None
    pss_bytes: int | None
    rows_per_batch: float | None = None
    metrics_url: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """One run. Counts are of requests that were due within the measured part.

    Every such request is `ok`, `wrong` (answered, but not as the golden file says), in
    `errors` by the name of its gRPC code, or `unsent`. `throughput_rps` is the rate of ok
    answers within the measured part; `latency_us` is of the ok ones: mean, min, p50, p90,
    p99, p999, max. `partial` runs ended before their time.

    Parameters
    ----------
    scenario
        What was asked and how, option by option.
    send_lag_us
        How late requests left that nothing held back: p50, p99, max. The client's fault.
    client_busy
        Share of the measured time in which the client's thread was not waiting.
    client_saturated
        The client was the bottleneck: the figures are not a measurement of the server.
    notes
        Sentences that a reader must know.
    """

    scenario: Mapping[str, Any]
    requests: int
    ok: int
    wrong: int
    unsent: int
    errors: Mapping[str, int]
    error_messages: Mapping[str, str]
    duration_s: float
    answered: int
    throughput_rps: float
    latency_us: Mapping[str, float]
    send_lag_us: Mapping[str, float]
    series: Sequence[Mapping[str, float]]
    client_busy: float
    client_cpu_us_per_request: float
    client_saturated: bool
    connections_lost: int
    retried: int
    ended: str
    partial: bool
    server: ServerUse | None = None
    notes: Sequence[str] = ()
    histogram_ns: Sequence[tuple[int, int]] = field(default=(), repr=False)

    @property
    def failed(self) -> int:
        """Requests without a good answer."""
        return self.requests - self.ok

    def as_json(self) -> dict[str, Any]:
        """Return everything for a file."""
        use = self.server.cpu_us_per_request if self.server else None
        return {"format": FORMAT, **asdict(self), "server_cpu_us_per_request": use}
