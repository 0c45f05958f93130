"""Tracing: what it costs a server per request, beside the same server without it.

Small requests from the packed client, as in `mlp-packed`: the cheapest there are, so that
what tracing adds is seen best. Spans go over HTTP to a sink in the bench's process that
answers at once. All that the server uses is counted, the exporter's thread included.

Differs from real use: the sink is on the same machine and never slow.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from benchmarks.load.question import make_question
from benchmarks.measure import Bench, Block, as_blocks, measure
from benchmarks.models import model
from benchmarks.processes import Server
from benchmarks.promises.contest import Pairs, packed
from benchmarks.results import Row
from runtime.capacity.pairs import pairs
from runtime.statistics.intervals import Interval, Limit, median_interval, ratio_interval

UNBOUNDED = 1e6
SIDES = {
    "all-bounded": ("1.0", "100"),
    "1-percent": ("0.01", f"{UNBOUNDED:g}"),
    "all": ("1.0", f"{UNBOUNDED:g}"),
}
"""A name -> the share of requests that are traced, and how many a second at most."""

LIMIT = 1.1


class SpanSink:
    """Answers every export with an empty success; entering gives its address."""

    def __enter__(self) -> str:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1/traces"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def cpu_ratio(made: Pairs) -> Interval:
    """Return the ratio of both sides' processor time a request, traced over not."""
    return ratio_interval([(a.server_cpu_us, b.server_cpu_us) for a, b in made])


def cpu(blocks: list[Block]) -> Interval:
    """Return the processor time of a request."""
    return median_interval([block.server_cpu_us for block in blocks])


def traces(bench: Bench) -> list[Row]:
    """Compare servers that trace with one that does not, in pairs of blocks."""
    path = model("mlp", bench.folder)
    question = make_question(path, bench.folder)
    program = ["-m", "benchmarks.traced", str(path)]
    made: dict[str, Pairs] = {}
    with ExitStack() as running:
        endpoint = running.enter_context(SpanSink())
        off = running.enter_context(Server("leeboard-untraced", program, bench.folder))
        bare = partial(measure, "off", off, packed(bench, off, question))
        bare()
        for name, (share, rate) in SIDES.items():
            options = ["--endpoint", endpoint, "--share", share, "--rate", rate]
            with Server(f"leeboard-traced-{name}", program + options, bench.folder) as on:
                traced = partial(measure, name, on, packed(bench, on, question))
                traced()
                made[name] = pairs(bench.plan.pairs, traced, bare)
    bounded = made["all-bounded"]
    beside = {
        "off us": cpu([b for _, b in bounded]),
        **{f"{name} us": cpu([a for a, _ in blocks]) for name, blocks in made.items()},
    }
    return [
        Row(
            "traces",
            "small requests, all traced, 100 a second at most: server CPU a request "
            f"<= {LIMIT:g} x no tracing",
            "x",
            Limit("at most", LIMIT),
            cpu_ratio(bounded),
            beside=beside,
            notes={f"ratio {name}": cpu_ratio(blocks) for name, blocks in made.items()},
            blocks=[block for blocks in made.values() for block in as_blocks(blocks)],
        )
    ]
