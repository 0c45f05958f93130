"""Looks at a running server again and again: its index, and the numbers of /metrics.

The index comes from the data plane, the numbers from the control plane; each may be missing
while the other is there, and a server may go and come back between two looks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from runtime.addresses import address
from runtime.capacity.endpoint import Call, resolve
from runtime.capacity.scrape import PATH, fetch
from runtime.errors import ServerError
from runtime.listing import Listed, list_models, path_of, plain_call
from runtime.operating.here import server_here
from runtime.operating.scrapes import NO_RATES, Rates, Scrape, parse, rates_of

HTTP_PORT = 8002
OURS = "leeboard_"

Fetch = Callable[[str], str]
"""Returns a page; raises ServerError."""


@dataclass(frozen=True, slots=True)
class Row:
    """One version as it was seen; None where the numbers are missing."""

    listed: Listed
    rates: Rates = NO_RATES
    queued: int | None = None
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class View:
    """What was seen at one moment; `trouble` says what could not be."""

    url: str
    rows: tuple[Row, ...] = ()
    trouble: str = ""
    is_there: bool = True


def metrics_pages(url: str) -> list[str]:
    """Return the addresses at which a server's /metrics may be, likeliest first."""
    server = server_here(url)
    addresses = server.other_addresses() if server else []
    if not path_of(url):
        addresses.append(address(resolve(url).host, HTTP_PORT))
    return [f"http://{each}{PATH}" for each in addresses]


class Metrics:
    """Reads the /metrics of the server at `url`; finds it where `page` does not name it."""

    def __init__(
        self,
        url: str,
        page: str = "",
        read: Fetch = fetch,
        pages: Callable[[str], list[str]] = metrics_pages,
    ) -> None:
        self._url, self._named, self._known = url, page, page
        self._read, self._pages = read, pages

    def read(self, at_s: float) -> Scrape:
        """Return the numbers now; raises ServerError."""
        return parse(self.page(), at_s)

    def page(self) -> str:
        """Return the page's text; raises ServerError."""
        if self._known:
            try:
                return self._read(self._known)
            except ServerError:
                self._known = self._named
                if self._named:
                    raise
        trouble = f"no /metrics of {self._url} was found; name it with --metrics"
        for page in dict.fromkeys(self._pages(self._url)):
            try:
                text = self._read(page)
            except ServerError as error:
                trouble = str(error)
                continue
            if OURS in text:
                self._known = page
                return text
        raise ServerError(trouble)


class Looker:
    """Remembers the last look, so that the next one can tell rates."""

    def __init__(
        self,
        url: str,
        metrics: Metrics,
        call: Call = plain_call,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._metrics = metrics
        self._index = partial(list_models, url, call)
        self._clock = clock
        self._before: Scrape | None = None

    def look(self) -> View:
        """Return what the server is doing; a server that is gone is no error."""
        try:
            listed = self._index()
        except ServerError as error:
            self._before = None
            return View(self._url, trouble=f"gone: {error}", is_there=False)
        try:
            now = self._metrics.read(self._clock())
        except ServerError as error:
            self._before = None
            return View(self._url, tuple(map(Row, listed)), f"no numbers: {error}")
        rows = tuple(row_of(each, self._before, now) for each in listed)
        self._before = now
        return View(self._url, rows)


def row_of(listed: Listed, before: Scrape | None, now: Scrape) -> Row:
    """Return one version's row out of two looks."""
    key = (listed.name, listed.version)
    numbers = now.versions.get(key)
    if numbers is None:
        return Row(listed)
    old = before.versions.get(key) if before else None
    elapsed_s = now.at_s - before.at_s if before else 0.0
    return Row(
        listed,
        rates_of(old, numbers, elapsed_s),
        int(numbers.plain.get("queued", 0)),
        int(numbers.plain.get("workers", 0)),
    )
