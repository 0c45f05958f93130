"""Rows and batches out of a server's /metrics: how many rows shared a run of the model.

Leeboard's counters and Triton's are known. A page that cannot be read within a second, or
has neither, is no answer; only one that a person named must be there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from runtime.errors import ServerError

LIMIT_S = 1.0
PATH = "/metrics"
COUNTERS = (
    ("leeboard_rows_total", "leeboard_batches_total"),
    ("nv_inference_count", "nv_inference_exec_count"),
)


@dataclass(frozen=True, slots=True)
class Served:
    """What a model has computed so far."""

    rows: float
    batches: float


def total(page: str, name: str, labels: Iterable[str]) -> float:
    r"""Return the sum of a family's samples that carry all of these labels.

    Examples
    --------
    >>> total('a{model="x",gpu="0"} 3\na{model="y"} 5\n', "a", ['model="x"'])
    3.0
    """
    pattern = re.compile(rf"^{re.escape(name)}\{{([^}}]*)\}} (\S+)", re.MULTILINE)
    return sum(
        float(value)
        for carried, value in pattern.findall(page)
        if all(label in carried for label in labels)
    )


def parse_served(page: str, model: str, version: str) -> Served | None:
    """Return a model's counters, or None when the page has none that we know."""
    labels = [f'model="{model}"', *([f'version="{version}"'] if version else [])]
    for rows, batches in COUNTERS:
        if re.search(rf"^(# TYPE )?{batches}\b", page, re.MULTILINE):
            return Served(total(page, rows, labels), total(page, batches, labels))
    return None


def fetch(url: str) -> str:
    """Return a page; raises ServerError when there is none within a second."""
    parts = urlsplit(url if "//" in url else f"http://{url}")
    try:
        connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=LIMIT_S)
        try:
            connection.request("GET", parts.path or PATH)
            answer = connection.getresponse()
            page = answer.read()
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError) as error:
        raise ServerError(f"{url} cannot be read: {error}") from error
    if answer.status != 200:
        raise ServerError(f"{url} answered {answer.status} {answer.reason}")
    return page.decode(errors="replace")


def read_served(url: str, model: str, version: str) -> Served | None:
    """Return a model's counters now, or None."""
    try:
        return parse_served(fetch(url), model, version) if url else None
    except ServerError:
        return None


def find_metrics(addresses: Iterable[str], model: str, version: str) -> str:
    """Return the first page, at some ``HOST:PORT``, that has the counters, or nothing."""
    urls = (f"http://{address}{PATH}" for address in addresses)
    return next((url for url in urls if read_served(url, model, version)), "")


def check_metrics(url: str, model: str, version: str) -> str:
    """Return a page that a person named; raises ServerError if it has no counters."""
    if parse_served(fetch(url), model, version) is None:
        raise ServerError(f"{url} has no counters of rows and batches that are known")
    return url
