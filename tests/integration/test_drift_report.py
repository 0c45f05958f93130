"""A report in Debian's Chromium: it is laid out, and nothing in it runs or is fetched."""

from __future__ import annotations

import html
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.monitor.report import save_report
from runtime.monitor.state_messages import alarm_message
from tests.integration.programs import needed
from tests.unit.monitor.statuses import HOUSING, YOUNG, FakeState, T, subject

LIMIT_S = 120
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-extensions", "--window-size=1000,1400",
)  # fmt: skip


class Listener:
    """Counts who connects."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"
        self.came = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.came += 1
            connection.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(30)


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


def browse(page: Path, *flags: str) -> tuple[str, str]:
    """Return what Chromium prints of a page, and what it logs."""
    done = subprocess.run(
        [needed("chromium"), *FLAGS, f"--user-data-dir={page.parent / 'profile'}",
         "--enable-logging=stderr", *flags, page.as_uri()],
        capture_output=True, text=True, timeout=LIMIT_S, check=True,
    )  # fmt: skip
    return done.stdout, done.stderr


def saved(folder: Path, name: str) -> Path:
    """Save a report with a subject of that name; return its path."""
    status = replace(
        HOUSING,
        subjects=(*HOUSING.subjects, replace(subject(name), sentence=f"{name} moved")),
    )
    state = FakeState(status, YOUNG)
    alarms = [alarm_message(alarm, None) for alarm in state.book.alarms()]
    path = folder / "report.html"
    save_report(path, state.versions(), alarms, "127.0.0.1:8003", T)
    return path


def test_a_browser_lays_the_report_out(tmp_path: Path) -> None:
    page = saved(tmp_path, "Longitude")
    # Once it is laid out, the page says in its title how large its pictures are.
    probe = (
        "<script>addEventListener('load', () => { document.title = 'widths ' +"
        "[...document.querySelectorAll('svg')].map(s => Math.round("
        "s.getBoundingClientRect().width)).join(' ') + ' page ' +"
        "document.documentElement.scrollWidth; })</script></body>"
    )
    text = page.read_text()
    assert "script-src" not in text
    probed = page.with_name("probed.html")
    allowed = text.replace("default-src 'none'", "default-src 'unsafe-inline'")
    probed.write_text(allowed.replace("</body>", probe))
    dom, log = browse(probed, "--dump-dom")
    found = re.search(r"<title>widths ([\d ]+) page (\d+)</title>", dom)
    assert found, log
    widths = [int(width) for width in found[1].split()]
    assert len(widths) == 4
    assert all(400 < width <= 1_000 for width in widths)
    assert int(found[2]) <= 1_000  # Nothing runs out of the window.


def test_a_browser_makes_a_picture_of_it(tmp_path: Path) -> None:
    page = saved(tmp_path, "Longitude")
    picture = tmp_path / "report.png"
    _, log = browse(page, f"--screenshot={picture}")
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert "CONSOLE" not in log


def test_what_names_say_is_neither_run_nor_fetched(
    tmp_path: Path, listener: Listener
) -> None:
    hostile = (
        f'<img src="{listener.url}"><script>document.title="run"</script>'
        f'"><svg onload=document.title="run"><style>@import "{listener.url}"</style>'
    )
    dom, _ = browse(saved(tmp_path, hostile), "--dump-dom")
    assert "<title>Drift report of 127.0.0.1:8003</title>" in dom
    assert html.escape(hostile, quote=False) in dom
    assert listener.came == 0


def test_the_page_forbids_what_would_slip_through(
    tmp_path: Path, listener: Listener
) -> None:
    page = saved(tmp_path, "Longitude")
    slipped = f'<img src="{listener.url}"><script>document.title = "run"</script></body>'
    page.write_text(page.read_text().replace("</body>", slipped))
    dom, log = browse(page, "--dump-dom")
    assert "<title>run</title>" not in dom
    assert "Content Security Policy" in log
    assert listener.came == 0
