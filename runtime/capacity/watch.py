"""Watches a server over the measured part of a run: processor time, memory, batches.

Processor time and answers are read together at both ends, so it does not matter how
exactly those moments meet the measured part. Nothing is asked of the server in between.
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.capacity.endpoint import Endpoint
from runtime.capacity.local import (
    LocalServer,
    cpu_by_process,
    find_server,
    pss_bytes,
    used_ns,
)
from runtime.capacity.report import ServerUse
from runtime.capacity.scenario import Ask
from runtime.capacity.scrape import Served, check_metrics, find_metrics, read_served

MICROSECOND = 1_000


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at one moment."""

    cpu: dict[int, int]
    answered: int


def rows_per_batch(before: Served | None, after: Served | None) -> float | None:
    """Return the mean size of the batches between two looks, or None without any."""
    if before is None or after is None or after.batches <= before.batches:
        return None
    return (after.rows - before.rows) / (after.batches - before.batches)


class Watch:
    """Looks at a server when the measured part begins and when it ends.

    Parameters
    ----------
    server
        Its processes, or None when they are not on this machine.
    metrics_url
        Its /metrics, or nothing.
    """

    def __init__(self, ask: Ask, server: LocalServer | None, metrics_url: str) -> None:
        self._ask, self._server, self._url = ask, server, metrics_url
        self._begun: Look | None = None
        self._ended: Look | None = None
        self._pss_bytes: int | None = None
        self._served: list[Served | None] = []

    @property
    def is_begun(self) -> bool:
        """Whether the measured part's begin was seen."""
        return self._begun is not None

    @property
    def is_ended(self) -> bool:
        """Whether its end was seen, too."""
        return self._ended is not None

    def count_rows(self) -> None:
        """Read /metrics before the measured part; the first time counts.

        The answer costs the server some milliseconds, which should not be measured.
        """
        if not self._served:
            self._served.append(self._read_served())

    def begin(self, answered: int) -> None:
        """Look at the begin of the measured part."""
        self.count_rows()
        self._begun = self._look(answered)

    def end(self, answered: int) -> None:
        """Look at its end."""
        self._ended = self._look(answered)
        if self._server is not None:
            self._pss_bytes = pss_bytes(self._ended.cpu)
        self._served.append(self._read_served())

    def use(self) -> ServerUse | None:
        """Return what the server used, as far as that is known."""
        if self._begun is None or self._ended is None:
            return None
        rows = rows_per_batch(self._served[0], self._served[-1])
        if not self._ended.cpu:
            return ServerUse(0, None, None, rows, self._url) if rows else None
        count = len(self._ended.cpu)
        return ServerUse(count, self._cpu_us(), self._pss_bytes, rows, self._url)

    def notes(self) -> list[str]:
        """Say what is not known, and why."""
        gone = len(self._gone())
        return [f"{gone} of the server's processes ended: what it used is not known"][:gone]

    def _gone(self) -> set[int]:
        if self._begun is None or self._ended is None:
            return set()
        return self._begun.cpu.keys() - self._ended.cpu.keys()

    def _cpu_us(self) -> float | None:
        assert self._begun is not None
        assert self._ended is not None
        answered = self._ended.answered - self._begun.answered
        if not answered or self._gone():
            return None
        return used_ns(self._begun.cpu, self._ended.cpu) / MICROSECOND / answered

    def _look(self, answered: int) -> Look:
        pids = self._server.processes() if self._server else []
        return Look(cpu_by_process(pids), answered)

    def _read_served(self) -> Served | None:
        return read_served(self._url, self._ask.model, self._ask.version)


def watch_server(ask: Ask, endpoint: Endpoint, metrics_url: str = "") -> Watch:
    """Find the server's processes and its /metrics; `metrics_url` is a person's choice.

    Raises ServerError when that page has no counters.
    """
    server = find_server(endpoint.host, endpoint.port)
    if metrics_url:
        url = check_metrics(metrics_url, ask.model, ask.version)
    else:
        addresses = server.other_addresses() if server else []
        url = find_metrics(addresses, ask.model, ask.version)
    return Watch(ask, server, url)
