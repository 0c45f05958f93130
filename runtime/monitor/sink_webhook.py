"""Alarms as a JSON POST, signed with HMAC-SHA256 where a secret is given.

The header ``X-Leeboard-Signature`` is ``t=TIME,v1=HEX``: the HMAC of TIME (Unix seconds),
a dot and the body. A receiver refuses what is older than some minutes and compares with
`is_signed`. ``X-Leeboard-Delivery`` is the same when a message is sent once more.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable

from runtime.monitor.alarm_book import Change
from runtime.monitor.sink_http import checked_url, post, shown_url
from runtime.monitor.sink_values import alarm_values
from runtime.monitor.sinks import Batch, SinkError, SinkOptions

SIGNATURE, DELIVERY = "X-Leeboard-Signature", "X-Leeboard-Delivery"
FORMAT = 1


def signature(secret: bytes, time_s: int, body: bytes) -> str:
    """Return the header's value for a body.

    Examples
    --------
    >>> header = signature(b"0123456789abcdef", 1700000000, b"{}")
    >>> header[:20], is_signed(b"0123456789abcdef", header, b"{}")
    ('t=1700000000,v1=e4f8', True)
    """
    made = hmac.new(secret, b"%d." % time_s + body, hashlib.sha256).hexdigest()
    return f"t={time_s},v1={made}"


def is_signed(secret: bytes, header: str, body: bytes) -> bool:
    """Tell whether a header is a body's signature; its age is for the caller to judge."""
    fields = dict(part.partition("=")[::2] for part in header.split(","))
    if not fields.get("t", "").isdecimal():
        return False
    wanted = signature(secret, int(fields["t"]), body)
    return hmac.compare_digest(wanted.encode(), header.encode())


class WebhookSink:
    """Posts the changes of each batch; what only stays active is not posted again."""

    def __init__(
        self, options: SinkOptions, clock: Callable[[], float] = time.time
    ) -> None:
        self._url = checked_url(options.place, "webhook")
        self._options = options
        self._clock = clock
        self._is_closed = False
        self.name = f"webhook {shown_url(self._url)}"

    def send(self, batch: Batch) -> None:
        """Post one message; raises SinkError unless it was taken."""
        if self._is_closed:
            raise SinkError(f"{self.name} is closed", again=False)
        if not batch.changes:
            return
        values = {
            "format": FORMAT,
            "server": self._options.server,
            "link": self._options.link,
            "alarms": [change_values(change) for change in batch.changes],
        }
        body = json.dumps(values, allow_nan=False).encode()
        headers = {DELIVERY: hashlib.sha256(body).hexdigest()[:32]}
        if self._options.secret:
            now_s = int(self._clock())
            headers[SIGNATURE] = signature(self._options.secret, now_s, body)
        post(self._url, body, headers, self._options.timeout_s)

    def close(self) -> None:
        """Post no more."""
        self._is_closed = True


def change_values(change: Change) -> dict[str, object]:
    """Return a change as JSON values: the alarm, and the state that it came from."""
    before = change.before.value if change.before else None
    return {**alarm_values(change.alarm), "before": before}


def webhook_sink(options: SinkOptions) -> WebhookSink:
    """Return the sink; ConfigError where the place is no address."""
    return WebhookSink(options)
