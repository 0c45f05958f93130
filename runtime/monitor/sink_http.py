"""Posts JSON to an address over HTTP, for sinks: bounded in time and size, no redirects."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

from runtime.errors import ConfigError
from runtime.monitor.sinks import SinkError

MOST_READ = 4096
AGAIN = (408, 425, 429)
"""Codes below 500 after which the same message may be sent again."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Refuse: what is signed for one address must not go to another."""


def checked_url(text: str, what: str) -> str:
    """Return an address; ConfigError where it is none of HTTP's.

    Examples
    --------
    >>> checked_url("http://127.0.0.1:9093/", "alertmanager")
    'http://127.0.0.1:9093'
    """
    try:
        parts = urlsplit(text)
        is_fine = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        is_fine = False
    if not is_fine or not text.isprintable() or " " in text:
        raise ConfigError(f"{what}:{text!r} needs an address like {what}:https://HOST/PATH")
    return text.rstrip("/")


def shown_url(url: str) -> str:
    """Return an address without a password or a query, which may hold secrets.

    Examples
    --------
    >>> shown_url("https://me:secret@hooks.example:8443/T0/B1?key=secret")
    'https://hooks.example:8443/T0/B1'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> None:
    """Post JSON; raises SinkError unless the answer's code is 2xx."""
    request = urllib.request.Request(
        url, body, {"Content-Type": "application/json", **headers}, method="POST"
    )
    opener = urllib.request.build_opener(_NoRedirect)
    place = shown_url(url)
    try:
        with opener.open(request, timeout=timeout_s) as answer:
            answer.read(MOST_READ)
    except urllib.error.HTTPError as error:
        with error:
            words = error.read(200).decode("utf-8", "replace").strip()
        again = error.code >= 500 or error.code in AGAIN
        said = f"{place} answered {error.code}: {words or error.reason}"
        raise SinkError(said, again) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise SinkError(f"{place} cannot be reached: {reason}") from error
