"""Debian's Alertmanager is told of alarms by the server's own delivery, to their end."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.monitor.alarm_book import Book
from runtime.monitor.alarms import Policy
from runtime.monitor.lifecycle import State
from runtime.monitor.signals import VersionPromoted
from runtime.monitor.silences import Matcher
from runtime.monitor.sink_alertmanager import AlertmanagerSink
from runtime.monitor.sink_delivery import Delivery, Patience
from runtime.monitor.sink_http import post
from runtime.monitor.sinks import SinkError, SinkOptions, batch_of
from runtime.testing.waiting import wait_until
from tests.integration.programs import needed
from tests.unit.monitor.receiver import Receiver
from tests.unit.monitor.said import other, verdict

STRONG = 12.0
CONFIG = """
route: {{receiver: us, group_wait: 1s, group_interval: 1s, repeat_interval: 1h,
         group_by: [alertname, name]}}
receivers: [{{name: us, webhook_configs: [{{url: "{url}/v4", send_resolved: true}}]}}]
"""


class Alertmanager:
    """Alertmanager on a free port, which passes on to a receiver."""

    def __init__(self, program: str, folder: Path, receiver: Receiver) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = int(listener.getsockname()[1])
        config = folder / "alertmanager.yml"
        config.write_text(CONFIG.format(url=receiver.url))
        self.url = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [program, f"--config.file={config}", f"--storage.path={folder / 'data'}",
             f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(self._is_ready, "Alertmanager is not ready")

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=1):
                return True
        except (OSError, urllib.error.URLError):
            return False

    def alerts(self) -> list[Any]:
        """Return what is active, as the API tells it."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=10) as answer:
            return list(json.load(answer))

    def names(self) -> set[str]:
        """Return the subjects of what is active."""
        return {alert["labels"]["name"] for alert in self.alerts()}

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(30)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def alertmanager(tmp_path: Path, receiver: Receiver) -> Iterator[Alertmanager]:
    found = Alertmanager(needed("prometheus-alertmanager"), tmp_path, receiver)
    yield found
    found.close()


@pytest.fixture
def delivery(alertmanager: Alertmanager) -> Iterator[Delivery]:
    sink = AlertmanagerSink(SinkOptions(alertmanager.url, server="east-1"))
    delivery = Delivery(sink, Patience(first_s=0.05))
    yield delivery
    assert delivery.close()


def told(receiver: Receiver, status: str) -> list[Any]:
    """What Alertmanager has passed on, by version 4 of its messages."""
    messages = receiver.values
    assert all(message["version"] == "4" for message in messages)
    return [a for m in messages for a in m["alerts"] if a["status"] == status]


def test_an_alarm_is_an_alert_until_it_is_over(
    alertmanager: Alertmanager, receiver: Receiver, delivery: Delivery
) -> None:
    book, now_s = Book(Policy()), time.time()
    changes = book.take([verdict(now_s, STRONG)])
    delivery.tell(batch_of(book, changes, now_s))
    wait_until(lambda: alertmanager.names() == {"Latitude"}, "no alert came")
    (alert,) = alertmanager.alerts()
    assert alert["labels"]["alertname"] == "LeeboardDrift"
    assert alert["labels"]["instance"] == "east-1"
    assert alert["annotations"]["summary"].startswith("Latitude has moved")
    assert alert["status"]["state"] in ("active", "unprocessed")
    before = alert["endsAt"]
    delivery.tell(batch_of(book, [], now_s + 60))
    wait_until(lambda: alertmanager.alerts()[0]["endsAt"] > before, "not said again")
    assert len(alertmanager.alerts()) == 1
    wait_until(lambda: len(told(receiver, "firing")) == 1, "nothing was passed on")
    changes = book.promote(VersionPromoted("housing", 4, time.time()))
    assert [change.alarm.state for change in changes] == [State.RESOLVED]
    delivery.tell(batch_of(book, changes, time.time()))
    wait_until(lambda: alertmanager.names() == set(), "it is not over")
    wait_until(lambda: len(told(receiver, "resolved")) == 1, "its end was not passed on")
    assert delivery.counts.sent == 2


def test_what_is_silenced_here_is_no_alert_there(
    alertmanager: Alertmanager, delivery: Delivery
) -> None:
    book, now_s = Book(Policy()), time.time()
    book.silence(Matcher(name="Lat*"), now_s + 100, "ana", now_s, "known")
    said = [verdict(now_s, STRONG), verdict(now_s, STRONG, subject=other("RELP \u202e<b>"))]
    delivery.tell(batch_of(book, book.take(said), now_s))
    wait_until(lambda: alertmanager.names() == {"RELP \u202e<b>"}, "no alert came")
    book.unsilence("s1")
    delivery.tell(batch_of(book, [], now_s))
    wait_until(lambda: len(alertmanager.names()) == 2, "it did not come afterwards")


def test_what_alertmanager_refuses_is_said_in_its_words(
    alertmanager: Alertmanager,
) -> None:
    url = f"{alertmanager.url}/api/v2/alerts"
    with pytest.raises(SinkError, match="answered 4") as caught:
        post(url, b'[{"labels": {"a b": "x"}}]', {}, 10.0)
    assert not caught.value.again
