"""Reads our server's own counters, to confirm what a client cannot see."""

from __future__ import annotations

import re
import urllib.request

from benchmarks.processes import Server

TIMEOUT_S = 10.0


def page(server: Server) -> str:
    """Return the text of /metrics."""
    url = f"http://127.0.0.1:{server.address.http}/metrics"
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as reply:
        text: bytes = reply.read()
    return text.decode()


def total(text: str, name: str, labels: str = "") -> float:
    r"""Return the sum of a family's samples whose labels contain `labels`.

    Examples
    --------
    >>> total('a_total{outcome="ok"} 3.0\na_total{outcome="bad"} 1.0', "a_total", "ok")
    3.0
    """
    pattern = re.compile(rf"^{re.escape(name)}(\{{[^}}]*\}})? (\S+)$", re.MULTILINE)
    return sum(float(value) for found, value in pattern.findall(text) if labels in found)


def answered_well(server: Server) -> int | None:
    """Return how many requests our server answered without error; None for another's."""
    if not server.address.http:
        return None
    return int(total(page(server), "leeboard_requests_total", 'outcome="ok"'))


def rows_per_batch(server: Server) -> float:
    """Return the mean size of all batches so far."""
    text = page(server)
    batches = total(text, "leeboard_batches_total")
    return total(text, "leeboard_rows_total") / batches if batches else 0.0
