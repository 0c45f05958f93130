"""Rows and batches are read from the metrics of servers that we know."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from runtime.capacity.scrape import (
    Served,
    check_metrics,
    find_metrics,
    parse_served,
    read_served,
)
from runtime.errors import ServerError

OURS = """# TYPE leeboard_rows_total counter
leeboard_rows_total{model="mlp",version="1"} 30.0
leeboard_rows_total{model="mlp",version="2"} 12.0
leeboard_rows_total{model="other",version="1"} 500.0
# TYPE leeboard_batches_total counter
leeboard_batches_total{model="mlp",version="1"} 10.0
leeboard_batches_total{model="mlp",version="2"} 4.0
"""
TRITON = """nv_inference_count{model="mlp",version="1"} 64
nv_inference_exec_count{model="mlp",version="1"} 8
nv_inference_request_success{model="mlp",version="1"} 64
"""


@contextmanager
def serving(*pages: str, status: int = 200) -> Iterator[int]:
    """Serve one page after the other, then the last again; yields the port."""
    left = list(pages)

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write((left.pop(0) if len(left) > 1 else left[0]).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("page", "version", "served"),
    [
        (OURS, "", Served(42, 14)),
        (OURS, "2", Served(12, 4)),
        (TRITON, "", Served(64, 8)),
        (OURS, "9", Served(0, 0)),
        ("# TYPE leeboard_batches_total counter\n", "", Served(0, 0)),
        ("python_gc_collections_total 7\n", "", None),
        ("", "", None),
    ],
)
def test_counters_are_summed_for_the_model(
    page: str, version: str, served: Served | None
) -> None:
    assert parse_served(page, "mlp", version) == served


def test_the_page_is_found_among_the_ports() -> None:
    with (
        serving("nothing") as other,
        serving("", status=404) as missing,
        serving(OURS) as port,
    ):
        addresses = [f"127.0.0.1:{at}" for at in (1, other, missing, port)]
        assert find_metrics(addresses, "mlp", "") == f"http://{addresses[-1]}/metrics"
        assert find_metrics(addresses[:-1], "mlp", "") == ""


@pytest.mark.parametrize("form", ["http://127.0.0.1:{}/metrics", "127.0.0.1:{}"])
def test_a_person_may_write_the_page_short(form: str) -> None:
    with serving(TRITON) as port:
        url = form.format(port)
        assert check_metrics(url, "mlp", "") == url
        assert read_served(url, "mlp", "") == Served(64, 8)


def test_a_page_that_a_person_named_must_have_the_counters() -> None:
    with serving("nothing") as port, pytest.raises(ServerError, match="has no counters"):
        check_metrics(f"127.0.0.1:{port}", "mlp", "")
    with (
        serving("", status=503) as port,
        pytest.raises(ServerError, match="answered 503 Service"),
    ):
        check_metrics(f"127.0.0.1:{port}", "mlp", "")


@pytest.mark.parametrize("url", ["127.0.0.1:1", "http://", "http://127.0.0.1:port"])
def test_a_page_that_cannot_be_read_is_named(url: str) -> None:
    with pytest.raises(ServerError, match=f"^{url} cannot be read: "):
        check_metrics(url, "mlp", "")
    assert read_served(url, "mlp", "") is None


def test_no_page_is_no_answer() -> None:
    assert read_served("", "mlp", "") is None
