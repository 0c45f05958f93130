"""What a server does is shown: as a table, as lines, as JSON; also while it is gone."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
from rich.console import Console
from typer.testing import CliRunner

from runtime.cli import app
from runtime.errors import ServerError
from runtime.listing import Listed
from runtime.operating.looking import Looker, Metrics, Row, View, row_of
from runtime.operating.scrapes import Numbers, Rates, Scrape
from runtime.operating.top import (
    as_values,
    lines_of,
    look_twice,
    table_of,
    watch,
)
from tests.unit.capacity.fakes import FakeServer
from tests.unit.test_listing import index

URL = "127.0.0.1:8001"
READY = Listed("fraud", "7", "READY", "")
BROKEN = Listed("spam\x1b[2J", "1", "UNAVAILABLE", "open: no \x1b[31msuch file")
BUSY = Row(READY, Rates(1234.5, 0.25, 2469.0, 0.0012, 0.25, 2.0), 3, 2)
VIEW = View(URL, (BUSY, Row(BROKEN)), "")


def page(ok: int) -> str:
    who = 'model="fraud",version="7"'
    return (
        f'leeboard_requests_total{{{who},outcome="ok"}} {ok}\n'
        f"leeboard_rows_total{{{who}}} {2 * ok}\nleeboard_workers{{{who}}} 1\n"
    )


class Pages:
    """Answers one page after the other; None is no answer."""

    def __init__(self, *pages: str | None) -> None:
        self._pages: Iterator[str | None] = iter(pages)
        self.asked: list[str] = []

    def read(self, url: str) -> str:
        self.asked.append(url)
        found = next(self._pages)
        if found is None:
            raise ServerError(f"{url} cannot be read: timed out")
        return found


def looker_of(server: FakeServer, *pages: str | None) -> Looker:
    metrics = Metrics(URL, "http://h/metrics", Pages(*pages).read)
    ticks = iter(range(0, 100, 2))
    return Looker(URL, metrics, server.call, lambda: float(next(ticks)))


def test_two_looks_make_rates() -> None:
    looker = looker_of(FakeServer(RepositoryIndex=index(READY)), page(10), page(30))
    assert looker.look().rows[0].rates.requests_per_s is None
    (row,) = looker.look().rows
    assert (row.rates.requests_per_s, row.rates.rows_per_s, row.workers) == (10.0, 20.0, 1)


def test_a_server_that_goes_is_shown_as_gone_and_comes_back_without_false_rates() -> None:
    server = FakeServer(RepositoryIndex=index(READY))
    looker = looker_of(server, page(10), page(30), page(40))
    looker.look()
    server.answers["RepositoryIndex"] = ServerError("Connection refused")
    gone = looker.look()
    assert (gone.is_there, gone.rows) == (False, ())
    assert "Connection refused" in gone.trouble
    server.answers["RepositoryIndex"] = index(READY)
    assert looker.look().rows[0].rates.requests_per_s is None
    assert looker.look().rows[0].rates.requests_per_s == 5.0


def test_without_numbers_the_states_are_still_shown() -> None:
    view = looker_of(FakeServer(RepositoryIndex=index(READY)), None).look()
    assert (view.is_there, view.rows) == (True, (Row(READY),))
    assert view.trouble == "no numbers: http://h/metrics cannot be read: timed out"


def test_a_version_without_numbers_has_dashes() -> None:
    assert row_of(BROKEN, None, Scrape(0.0, {})) == Row(BROKEN)
    empty = Scrape(1.0, {("fraud", "7"): Numbers({}, {})})
    assert row_of(READY, Scrape(0.0, {}), empty) == Row(READY, queued=0, workers=0)


def test_metrics_are_found_and_found_again_when_they_move() -> None:
    pages = Pages(None, "nv_x 1\n", page(1), page(2), None, page(3))
    metrics = Metrics(URL, "", pages.read, lambda url: ["a", "b", "c"])
    assert metrics.page() == page(1)
    assert metrics.page() == page(2)
    assert metrics.page() == page(3)
    assert pages.asked == ["a", "b", "c", "c", "c", "a"]


def test_metrics_that_are_nowhere_are_told_with_the_remedy() -> None:
    metrics = Metrics(URL, "", Pages("x").read, lambda url: ["a"])
    with pytest.raises(ServerError, match=f"no /metrics of {URL} was found; name it with"):
        metrics.page()


def test_lines_are_aligned_and_cannot_move_the_cursor() -> None:
    head, busy, broken, reason = lines_of(VIEW)
    assert head.split() == ["model", "version", "state", "req/s", "fail/s", "p50", "p99",
                            "queue", "rows/s", "batch", "workers"]  # fmt: skip
    assert busy.split() == ["fraud", "7", "READY", "1234", "0.25", "1.2", "ms", "250.0",
                            "ms", "3", "2469", "2.00", "2"]  # fmt: skip
    assert broken.startswith("spam\\x1b[2J")
    assert busy.index("READY") == broken.index("UNAVAILABLE")
    assert reason == "spam\\x1b[2J 1: open: no \\x1b[31msuch file"


@pytest.mark.parametrize("width", [30, 60, 200])
def test_a_table_keeps_within_the_terminal(width: int) -> None:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, color_system=None).print(
        table_of(VIEW)
    )
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert "\x1b" not in out.getvalue()
    assert len(lines) == 8  # Title, frame and head, two rows, one reason.


class Twice:
    """A pause that ends after two looks."""

    def __init__(self) -> None:
        self.left = 1

    def __call__(self) -> bool:
        self.left -= 1
        return self.left >= 0


@pytest.mark.parametrize("terminal", [True, False])
def test_watching_goes_on_while_the_server_comes_and_goes(terminal: bool) -> None:
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=terminal)
    server = FakeServer(RepositoryIndex=ServerError("Connection refused"))
    looker = looker_of(server, page(1))

    class Back(Twice):
        def __call__(self) -> bool:
            server.answers["RepositoryIndex"] = index(READY)
            return super().__call__()

    watch(looker, console, Back())
    text = out.getvalue()
    assert text.index("gone: ") < text.index("fraud")


def test_one_look_can_be_had_as_json() -> None:
    looker = looker_of(FakeServer(RepositoryIndex=index(READY)), page(10), page(30))
    values = json.loads(json.dumps(as_values(look_twice(looker, Twice()))))
    (version,) = values["versions"]
    assert (values["url"], values["is_there"], values["trouble"]) == (URL, True, "")
    assert (version["name"], version["requests_per_s"], version["p99_s"]) == (
        "fraud", 10.0, None
    )  # fmt: skip


def test_the_command_says_that_nobody_is_there() -> None:
    arguments = ["top", "--url", "127.0.0.1:1", "--once", "--interval", "0.1"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1
    assert "gone: 127.0.0.1:1 cannot be reached" in done.output


def test_json_without_once_is_refused() -> None:
    done = CliRunner().invoke(app, ["top", "--json"])
    assert done.exit_code == 2
    assert "--json goes with --once" in done.output
